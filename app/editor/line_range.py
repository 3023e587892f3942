"""LineRange: the lines a command acts on, and edits of them that are one step of undo."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument


@dataclass(frozen=True)
class LineRange:
    """Lines count from 0; `last` is one of them."""

    first: int
    last: int

    @classmethod
    def of(cls, cursor: QTextCursor) -> "LineRange":
        """A selection that ends before a line's first character does not mean that line."""
        document = cursor.document()
        first = document.findBlock(cursor.selectionStart())
        last = document.findBlock(cursor.selectionEnd())
        if last.blockNumber() > first.blockNumber() and cursor.selectionEnd() == last.position():
            last = last.previous()
        return cls(first.blockNumber(), last.blockNumber())

    def blocks(self, document: QTextDocument) -> Iterator[QTextBlock]:
        block = document.findBlockByNumber(self.first)
        for _ in range(self.first, self.last + 1):
            yield block
            block = block.next()

    def start(self, document: QTextDocument) -> int:
        return document.findBlockByNumber(self.first).position()

    def end(self, document: QTextDocument) -> int:
        """Before the last line's end."""
        return end_of(document.findBlockByNumber(self.last))


def end_of(block: QTextBlock) -> int:
    return block.position() + block.length() - 1


@contextmanager
def one_step(cursor: QTextCursor) -> Iterator[QTextCursor]:
    """Another cursor, whose edits are undone together; undo goes back to where the person's stood."""
    edit = QTextCursor(cursor)  # Qt keeps the place at which a step begins, and a new cursor is at the top
    edit.beginEditBlock()
    try:
        yield edit
    finally:
        edit.endEditBlock()


def replace(cursor: QTextCursor, start: int, stop: int, text: str) -> None:
    cursor.setPosition(start)
    cursor.setPosition(stop, QTextCursor.MoveMode.KeepAnchor)
    cursor.insertText(text)


def select(cursor: QTextCursor, anchor: int, position: int) -> None:
    cursor.setPosition(anchor)
    cursor.setPosition(position, QTextCursor.MoveMode.KeepAnchor)
