"""What stands where a part of the program has nothing to show: what it is for, and what can be done today."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from app.naming import label, named
from app.shell.column import Column
from app.theme import Theme

_TEXT_WIDTH = 608


class EmptyPage(QWidget):
    def __init__(self, theme: Theme, icon: str, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, title, style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._icon = theme, icon
        self._sign = QLabel(self, alignment=Qt.AlignmentFlag.AlignCenter)
        heading = label(title, "section", wraps=True)
        explanation = label(text, "muted", wraps=True)
        self._column = QVBoxLayout()
        self._column.setSpacing(16)
        for words in (self._sign, heading, explanation):
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._column.addWidget(words)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(Column(theme, _TEXT_WIDTH, self._column, is_centred=True))
        self._copiers: list[QToolButton] = []
        theme.changed.connect(self._draw)
        self._draw()

    def add_command(self, command: str) -> None:
        """One that a person can type in a terminal today."""
        row = QHBoxLayout()
        row.setSpacing(4)
        line = named(QLineEdit(command, self, readOnly=True), "Command to type in a terminal")
        line.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        line.setCursorPosition(0)
        copier = named(QToolButton(self), f"Copy {command}")
        copier.setToolTip("Copy")
        copier.clicked.connect(lambda: QGuiApplication.clipboard().setText(command))
        self._copiers.append(copier)
        row.addWidget(line, 1)
        row.addWidget(copier)
        self._column.addLayout(row)
        self._draw()

    def _draw(self) -> None:
        self._sign.setPixmap(self._theme.icon(self._icon, "faint").pixmap(self._theme.icon_size(48)))
        for copier in self._copiers:
            copier.setIcon(self._theme.icon("copy"))
