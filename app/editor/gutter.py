"""Gutter: line numbers beside the text. A click takes the line, a drag takes lines."""

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

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(event.rect(), QColor(self._colours.ground))
        painter.setFont(self._editor.font())
        editor = self._editor
        current = editor.textCursor().blockNumber()
        block = editor.firstVisibleBlock()
        area = editor.blockBoundingGeometry(block).translated(editor.contentOffset())
        line_height = editor.fontMetrics().height()
        while block.isValid() and area.top() <= event.rect().bottom():
            if block.isVisible() and area.bottom() >= event.rect().top():
                is_current = block.blockNumber() == current
                painter.setPen(QColor(self._colours.text if is_current else self._colours.line_number))
                place = QRect(0, round(area.top()), self.width() - _BEHIND, line_height)
                painter.drawText(place, Qt.AlignmentFlag.AlignRight, str(block.blockNumber() + 1))
            block = block.next()
            area = editor.blockBoundingGeometry(block).translated(editor.contentOffset())

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
