"""What pages have in common: a column that is comfortable to read, and rows that are filled anew."""

from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLayout, QWidget

from app.naming import named
from app.theme import Theme

_WIDTH, _NARROW_BELOW = 752, 640
_MARGINS, _NARROW = (32, 32, 32, 32), (16, 32, 16, 32)


class Column(QWidget):
    """What is read from top to bottom, no wider than is comfortable at any scale."""

    def __init__(
        self, theme: Theme, content: QLayout, width: int = _WIDTH, place: Literal["left", "middle"] = "left"
    ) -> None:
        """`width` is in pixels of the grid."""
        super().__init__()
        named(self, style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._width = theme, width
        self._content = QWidget(self)
        self._content.setLayout(content)
        row = self._row = QHBoxLayout(self)
        if place == "middle":
            row.addStretch(1)
        row.addWidget(self._content, 100)
        row.addStretch(1)
        theme.changed.connect(self._set_width)
        self._set_width()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, what is read gets it."""
        super().resizeEvent(event)
        is_wide = self.width() >= self._theme.scaled(_NARROW_BELOW)
        self._row.setContentsMargins(*(_MARGINS if is_wide else _NARROW))

    def _set_width(self) -> None:
        self._content.setMaximumWidth(self._theme.scaled(self._width))


def empty(layout: QLayout) -> None:
    """At once to see, and for good once Qt has time: what asks for it may be in there."""
    while (item := layout.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
