"""Whole: for lexers that cannot be resumed. A text is lexed from its top, in slices, after a pause.

What was found for a line stays until it is found anew, so that colours move with their lines while one types.
"""

import time
from collections.abc import Iterator

from pygments.lexer import Lexer
from pygments.token import _TokenType

from app.lexing.lexing import Span, end_of_lines


class Whole:
    pause_ms = 150

    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._at: Iterator[tuple[int, _TokenType, str]] | None = None
        self._found: list[Span] = []  # in the line that the lexer has come to
        self._line = self._start = self._end = 0
        self.set_text("")

    @property
    def is_settled(self) -> bool:
        return self._at is None

    def set_text(self, text: str) -> None:
        self._text = text + "\n"
        self._spans: list[list[Span]] = [[] for _ in range(self._text.count("\n"))]
        self._begin()

    def replace(self, line: int, start: int, count: int, added: str) -> None:
        end = end_of_lines(self._text, start, count)
        self._text = self._text[:start] + added + self._text[end:]
        fresh: list[list[Span]] = [[] for _ in range(added.count("\n"))]
        self._spans[line + 1 : line + count] = fresh
        self._begin()

    def work(self, seconds: float) -> tuple[int, int] | None:
        deadline = time.perf_counter() + seconds
        if self._at is None:
            return None
        first = self._line
        for place, (start, kind, value) in enumerate(self._at):
            self._take(start, kind, start + len(value))
            if place % 64 == 63 and time.perf_counter() >= deadline:
                return first, self._line
        self._at = None
        for line in range(self._line, len(self._spans)):
            self._spans[line], self._found = self._found, []
        return first, len(self._spans)

    def spans(self, first: int, last: int) -> list[list[Span]]:
        return self._spans[first : last + 1]

    def settle(self) -> None:
        while not self.is_settled:
            self.work(1.0)

    def _begin(self) -> None:
        self._at = self._lexer.get_tokens_unprocessed(self._text)
        self._line = self._start = 0
        self._end = self._text.index("\n")
        self._found = []

    def _take(self, start: int, kind: _TokenType, stop: int) -> None:
        while True:
            while start > self._end and self._end + 1 < len(self._text):
                self._spans[self._line], self._found = self._found, []
                self._line, self._start = self._line + 1, self._end + 1
                self._end = self._text.index("\n", self._start)
            length = min(stop, self._end) - start
            if length > 0:
                self._found.append((start - self._start, length, kind))
            if stop <= self._end + 1:
                return
            start = self._end + 1
