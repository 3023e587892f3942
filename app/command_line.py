"""CommandLine: a command in one line that a person can read and copy, for what the window does itself."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QToolButton, QWidget

from app.naming import named
from app.theme import Theme


class CommandLine(QWidget):
    def __init__(self, theme: Theme, about: str, parent: QWidget | None = None) -> None:
        """`about` is read aloud."""
        super().__init__(parent)
        self._theme = theme
        self._line = named(QLineEdit(self, readOnly=True), about)
        self._copy = named(QToolButton(self), "Copy the command")
        self._copy.setToolTip("Copy")
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.text()))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self._line, 1)
        row.addWidget(self._copy)
        theme.changed.connect(self._draw)
        self._draw()

    def text(self) -> str:
        return self._line.text()

    def show_command(self, command: str) -> None:
        self._line.setText(command)
        self._line.setCursorPosition(0)

    def _draw(self) -> None:
        self._copy.setIcon(self._theme.icon("copy"))
        self._line.setFont(self._theme.fixed_font())
