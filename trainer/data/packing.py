"""Passages one behind the other in rows of equal length, such that few are cut."""

from collections.abc import Callable, Sequence

from trainer.data.passages import Passage

MOST_WAITING = 64

Write = Callable[[Sequence[int], Sequence[bool] | None], None]


class Packer:
    """A row is `row_tokens` of the stream. What may be cut flows over into the next row; what is whole waits
    until a row has room for it. `pads`: rows are filled up rather than anything whole be cut."""

    def __init__(self, row_tokens: int, end: int, write: Write, *, pads: bool) -> None:
        self._row_tokens = row_tokens
        self._end = end
        self._write = write
        self._pads = pads
        self._filled = 0
        self._waiting: list[Passage] = []

    def add(self, passage: Passage) -> None:
        if not passage.is_whole or self._fits(passage):
            self._put(passage)
        else:
            self._waiting.append(passage)
            if len(self._waiting) > MOST_WAITING:
                self._put_oldest()
        while fitting := [waiting for waiting in self._waiting if self._fits(waiting)]:
            largest = max(fitting, key=lambda waiting: len(waiting.tokens))
            self._waiting.remove(largest)
            self._put(largest)

    def add_as_row(self, passage: Passage) -> None:
        self._put(passage)
        self._fill_row()

    def finish(self) -> None:
        while self._waiting:
            self._put_oldest()
        if self._pads:
            self._fill_row()

    def _fits(self, passage: Passage) -> bool:
        return len(passage.tokens) <= self._row_tokens - self._filled

    def _put_oldest(self) -> None:
        oldest = self._waiting.pop(0)
        if self._pads and not self._fits(oldest):
            self._fill_row()
        self._put(oldest)

    def _put(self, passage: Passage) -> None:
        self._write(passage.tokens, passage.counted)
        self._filled = (self._filled + len(passage.tokens)) % self._row_tokens

    def _fill_row(self) -> None:
        room = -self._filled % self._row_tokens
        if room:
            self._put(Passage([self._end] * room, [False] * room))
