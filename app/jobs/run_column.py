"""RunColumn: what is read from top to bottom, no wider than is comfortable, from the left."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLayout, QWidget

from app.naming import named
from app.theme import Theme

_WIDTH = 752
_MARGINS = (32, 32, 32, 32)


class RunColumn(QWidget):
    def __init__(self, theme: Theme, content: QLayout) -> None:
        super().__init__()
        named(self, style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._content = QWidget(self)
        self._content.setLayout(content)
        row = QHBoxLayout(self)
        row.setContentsMargins(*_MARGINS)
        row.addWidget(self._content, 100)
        row.addStretch(1)
        theme.changed.connect(self._set_width)
        self._set_width()

    def _set_width(self) -> None:
        self._content.setMaximumWidth(self._theme.scaled(_WIDTH))
