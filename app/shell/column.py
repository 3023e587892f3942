"""A column in the middle of a page, no wider than is comfortable to read, at any scale."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLayout, QWidget

from app.naming import named
from app.theme import Theme

_MARGINS = (32, 40, 32, 32)


class Column(QWidget):
    def __init__(self, theme: Theme, width: int, content: QLayout, *, is_centred: bool = False) -> None:
        """`width` is in pixels of the grid; `is_centred`: from top to bottom too."""
        super().__init__()
        named(self, style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._width = theme, width
        self._content = QWidget(self)
        self._content.setLayout(content)
        row = QHBoxLayout(self)
        row.setContentsMargins(*_MARGINS)
        row.addStretch(1)
        if is_centred:
            row.addWidget(self._content, 100, Qt.AlignmentFlag.AlignVCenter)
        else:
            row.addWidget(self._content, 100)
        row.addStretch(1)
        theme.changed.connect(self._set_width)
        self._set_width()

    def _set_width(self) -> None:
        self._content.setMaximumWidth(self._theme.scaled(self._width))
