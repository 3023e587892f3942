"""Where a person's stop texts end an answer that comes in pieces."""

from collections.abc import Iterable, Iterator


def until_stop(pieces: Iterable[str], stops: tuple[str, ...]) -> Iterator[str]:
    """Holds back what may be the beginning of a stop text, so that none of it is ever shown."""
    held = ""
    kept_back = max(map(len, stops), default=1) - 1
    for piece in pieces:
        held += piece
        # the stop that is complete first counts, however the text was cut into pieces
        found = [(held.index(stop) + len(stop), held.index(stop)) for stop in stops if stop in held]
        if found:
            yield held[: min(found)[1]]
            return
        safe = len(held) - kept_back
        if safe > 0:
            yield held[:safe]
            held = held[safe:]
    if held:
        yield held
