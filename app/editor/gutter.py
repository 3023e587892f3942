"""Gutter: line numbers beside the text. A click takes the line, a drag takes lines."""

from collections.abc import Iterator

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.theme import LIGHT, Colours

_LEAST_DIGITS = 3
_BEFORE, _BEHIND = 16, 12  # pixels beside the numbers


class Gutter(QWidget):
    """`lines_taken`: from this line to that; the second is where the mouse is."""

    lines_taken = Signal(int, int)

    def __init__(self, editor: QPlainTextEdit) -> None:
        super().__init__(editor)
        self._editor = editor
        self._colours = LIGHT
        self._taken_from = -1
        self._shown: list[tuple[int, float]] = []
        self.setAccessibleName("Line numbers")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setCursor(Qt.CursorShape.ArrowCursor)

    def set_colours(self, colours: Colours) -> None:
        self._colours = colours
        self.update()

    def needed_width(self) -> int:
        digits = max(_LEAST_DIGITS, len(str(self._editor.blockCount())))
        return _BEFORE + digits * self._editor.fontMetrics().horizontalAdvance("9") + _BEHIND

    def sizeHint(self) -> QSize:
        return QSize(self.needed_width(), 0)

    def follow(self) -> None:
        """The text was painted: the numbers are painted again only if they stand elsewhere now."""
        shown = [(number, top) for number, top, _ in self._numbers()]
        if shown != self._shown:
            self._shown = shown
            self.update()

    def _numbers(self) -> Iterator[tuple[int, float, float]]:
        """Of the lines in sight: number from 0, top, and bottom."""
        editor = self._editor
        block, number = editor.firstVisibleBlock(), editor.firstVisibleBlock().blockNumber()
        top, height = editor.blockBoundingGeometry(block).top() + editor.contentOffset().y(), self.height()
        while block.isValid() and top <= height:
            bottom = top + editor.blockBoundingRect(block).height()
            yield number, top, bottom
            block, number, top = block.next(), number + 1, bottom

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(self._colours.ground))
        painter.setFont(self._editor.font())
        current = self._editor.textCursor().blockNumber()
        line_height = self._editor.fontMetrics().height()
        usual, chosen = QColor(self._colours.line_number), QColor(self._colours.text)
        for number, top, bottom in self._numbers():
            if bottom >= event.rect().top() and top <= event.rect().bottom():
                painter.setPen(chosen if number == current else usual)
                place = QRect(0, round(top), self.width() - _BEHIND, line_height)
                painter.drawText(place, Qt.AlignmentFlag.AlignRight, str(number + 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        line = self._line_at(event.position().toPoint())
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            cursor = self._editor.textCursor()
            self._taken_from = cursor.document().findBlock(cursor.anchor()).blockNumber()
        else:
            self._taken_from = line
        self.lines_taken.emit(self._taken_from, line)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._taken_from >= 0 and event.buttons() & Qt.MouseButton.LeftButton:
            self.lines_taken.emit(self._taken_from, self._line_at(event.position().toPoint()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._taken_from = -1

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._editor.wheelEvent(event)

    def _line_at(self, point: QPoint) -> int:
        return self._editor.cursorForPosition(QPoint(0, point.y())).blockNumber()
