"""Where a person's stop texts end an answer that comes in pieces."""

from collections.abc import Generator, Iterable


def until_stop(pieces: Iterable[str], stops: tuple[str, ...]) -> Generator[str, None, bool]:
    """Holds back what may be the beginning of a stop text, so that none of it is ever shown.

    Ends with whether there was one.
    """
    held = ""
    kept_back = max(map(len, stops), default=1) - 1
    for piece in pieces:
        held += piece
        # the stop that is complete first counts, however the text was cut into pieces
        found = [(held.index(stop) + len(stop), held.index(stop)) for stop in stops if stop in held]
        if found:
            yield held[: min(found)[1]]
            return True
        safe = len(held) - kept_back
        if safe > 0:
            yield held[:safe]
            held = held[safe:]
    if held:
        yield held
    return False
