"""Lexing: what the two ways to lex a changing text, Checkpoints and Whole, have in common."""

from typing import Protocol

from pygments.token import _TokenType

Span = tuple[int, int, _TokenType]  # column, length, kind


class Lines(Protocol):
    """Who counts the lines of the text: it, too, has been told of each change."""

    def start_of(self, line: int) -> int: ...
    def line_at(self, position: int) -> int: ...


class Lexing(Protocol):
    """Lines count from 0, positions are those of Python's text, which has no line end at its end."""

    pause_ms: int  # to wait after an edit before going on is worth it

    @property
    def is_settled(self) -> bool: ...

    def set_text(self, text: str) -> None:
        """All of it is new."""

    def replace(self, line: int, start: int, count: int, added: str) -> None:
        """`count` whole lines from `line` on, which begins at `start`, become these."""

    def work(self, seconds: float) -> tuple[int, int] | None:
        """Goes on for about that long. Returns which lines may have changed: first, and one past the last."""

    def spans(self, first: int, last: int) -> list[list[Span]]:
        """What stands in the lines from first to last, both included, as far as is known."""


def end_of_lines(text: str, start: int, count: int) -> int:
    """Where the last of `count` lines ends, before its line end."""
    end = start - 1
    for _ in range(count):
        end = text.index("\n", end + 1)
    return end
