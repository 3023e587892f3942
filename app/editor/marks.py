"""Marks: what is painted on the ground below the text: current line, ruler, brackets, and what was found.

Not by the editor's extra selections: those cover only the first part of a broken line, cost a relayout, and
stand in the wrong place beside grey text, which is in a layout without being in the document.
"""

import bisect
from collections.abc import Iterator, Sequence
from typing import cast

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QTextBlock, QTextLine
from PySide6.QtWidgets import QPlainTextEdit

from app.lexing.document_lines import LONGEST_LINE
from app.theme import LIGHT, Colours

Span = tuple[int, int]  # positions in the document: first, and one past the last


class Marks:
    def __init__(self, editor: QPlainTextEdit) -> None:
        self._editor = editor
        self._colours = LIGHT
        self._found: Sequence[Span] = ()
        self._current: Span | None = None
        self._brackets: tuple[int, ...] = ()
        self.ruler_columns: tuple[int, ...] = ()
        editor.document().contentsChange.connect(self._move_brackets)

    def set_colours(self, colours: Colours) -> None:
        self._colours = colours
        self._again()

    def set_found(self, found: Sequence[Span], current: Span | None) -> None:
        """Sorted, and none inside another."""
        self._found, self._current = found, current
        self._again()

    def set_brackets(self, positions: tuple[int, ...]) -> None:
        if positions != self._brackets:
            self._brackets = positions
            self._again()

    def paint(self, painter: QPainter, event: QPaintEvent) -> None:
        """Before the text is."""
        self._paint_rulers(painter, event)
        editor, colours = self._editor, self._colours
        current = editor.textCursor().block()
        area = self._area_of(current)
        if area.intersects(QRectF(event.rect())):
            width = editor.viewport().width()
            painter.fillRect(QRectF(0, area.top(), width, area.height()), colours.colour("current_line"))
            self._paint_rulers(painter, event, area)
        if self._found:
            for block, area in self._blocks_in(event):
                if block.length() <= LONGEST_LINE:
                    self._paint_found(painter, block, area)
        for position in self._brackets:
            block = editor.document().findBlock(position)
            column = position - block.position()
            if not block.isValid() or block.length() > LONGEST_LINE or _is_behind_grey(block, column):
                continue
            for rectangle in areas_of(block, self._area_of(block), column, column + 1):
                painter.fillRect(rectangle, colours.colour("bracket"))

    def _move_brackets(self, position: int, removed: int, added: int) -> None:
        """They are looked for anew soon; until then they must not be drawn on other letters."""
        self._brackets = tuple(
            bracket + added - removed if bracket >= position else bracket
            for bracket in self._brackets
            if not position <= bracket < position + removed
        )

    def paint_above(self, painter: QPainter, event: QPaintEvent) -> None:
        """After the text: the selection hides the ground of what is found, so that one has an edge."""
        if self._current is None or self._current[0] == self._current[1]:
            return
        painter.setPen(self._colours.colour("warning"))
        for block, area in self._blocks_in(event):
            start = block.position()
            if (
                start <= self._current[1]
                and self._current[0] < start + block.length() <= LONGEST_LINE + start
            ):
                first, last = (
                    max(0, self._current[0] - start),
                    min(self._current[1] - start, block.length() - 1),
                )
                for rectangle in areas_of(block, area, first, last):
                    painter.drawRect(rectangle.adjusted(-1, -1, 0, 0))

    def _again(self) -> None:
        self._editor.viewport().update()

    def _area_of(self, block: QTextBlock) -> QRectF:
        editor = self._editor
        return editor.blockBoundingGeometry(block).translated(editor.contentOffset())

    def _blocks_in(self, event: QPaintEvent) -> Iterator[tuple[QTextBlock, QRectF]]:
        editor = self._editor
        block = editor.firstVisibleBlock()
        while block.isValid():
            area = self._area_of(block)
            if area.top() > event.rect().bottom():
                return
            if block.isVisible() and area.bottom() >= event.rect().top():
                yield block, area
            block = block.next()

    def _paint_rulers(self, painter: QPainter, event: QPaintEvent, area: QRectF | None = None) -> None:
        top, height = (area.top(), area.height()) if area else (event.rect().top(), event.rect().height())
        start = self._editor.contentOffset().x() + self._editor.document().documentMargin()
        advance = self._editor.fontMetrics().horizontalAdvance("9")
        for column in self.ruler_columns:
            painter.fillRect(
                QRectF(round(start + column * advance), top, 1, height), QColor(self._colours.border)
            )

    def _paint_found(self, painter: QPainter, block: QTextBlock, area: QRectF) -> None:
        first, last = _columns_in_sight(block, area, QRectF(self._editor.viewport().rect()))
        start, end = block.position() + first, block.position() + last
        place = bisect.bisect_left(self._found, (start, -1))
        if place and self._found[place - 1][1] > start:
            place -= 1
        while place < len(self._found) and self._found[place][0] <= end:
            span = self._found[place]
            token = "current_match" if span == self._current else "match"
            begin, stop = max(span[0], start) - block.position(), min(span[1], end) - block.position()
            for rectangle in areas_of(block, area, begin, stop):
                painter.fillRect(rectangle, self._colours.colour(token))
            place += 1


def _columns_in_sight(block: QTextBlock, area: QRectF, sight: QRectF) -> tuple[int, int]:
    """First and last: a line may be far longer than the window is wide."""
    layout, last = block.layout(), block.length() - 1
    if layout.preeditAreaText():
        return 0, last
    lines = [layout.lineAt(number) for number in range(layout.lineCount())]
    seen = [line for line in lines if -line.height() <= area.top() + line.y() <= sight.bottom()]
    if not seen:
        return 0, last
    left, right = sight.left() - area.left(), sight.right() - area.left()
    return _column_at(seen[0], left), min(last, _column_at(seen[-1], right) + 1)


def _column_at(line: QTextLine, x: float) -> int:
    return line.xToCursor(x)


def _is_behind_grey(block: QTextBlock, column: int) -> bool:
    """Where a bracket is perhaps not seen at all, as the grey text says it itself."""
    layout = block.layout()
    return bool(layout.preeditAreaText()) and column >= layout.preeditAreaPosition()


def areas_of(block: QTextBlock, area: QRectF, first: int, last: int) -> Iterator[QRectF]:
    """Where columns of a block stand, a rectangle a visual line. Grey text moves what is behind it."""
    layout = block.layout()
    preedit = layout.preeditAreaText()
    if preedit:
        length, place = len(preedit.encode("utf-16-le")) // 2, layout.preeditAreaPosition()
        first, last = (column + length if column >= place else column for column in (first, last - 1))
        last += 1
    for number in range(layout.lineCount()):
        line = layout.lineAt(number)
        begin, end = max(first, line.textStart()), min(last, line.textStart() + line.textLength())
        if begin < end or (first == last == begin):
            left, right = _x_of(line, begin), _x_of(line, end)
            x, width = min(left, right), max(abs(right - left), 2.0)
            yield QRectF(area.left() + x, area.top() + line.y(), width, line.height())


def _x_of(line: QTextLine, column: int) -> float:
    x, _ = cast(tuple[float, int], line.cursorToX(column))  # its stub says object
    return x
