"""The about box: which version this is, and the licences of all that it is made of."""

import sys

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named
from app.shell.licences import licence_of, parts
from app.theme import Theme
from core.spec.version import version


class AboutDialog(QDialog):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("About SmallCoder")
        self.resize(theme.scaled(880), theme.scaled(600))
        sign = label("")
        sign.setPixmap(theme.icon("smallcoder").pixmap(theme.icon_size(48)))
        title = label(f"SmallCoder {version()}", "title")
        words = label(
            "Writes code with you, with a small language model that runs on your own machine. "
            f"Nothing you type leaves it. Python {sys.version.split()[0]}, Qt {qVersion()}.",
            "muted",
            wraps=True,
        )
        texts = QVBoxLayout()
        texts.addWidget(title)
        texts.addWidget(words)
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(texts, 1)
        self.parts = named(QListWidget(self), "Parts of SmallCoder")
        self.parts.addItems(parts())
        self.licence = named(QPlainTextEdit(self, readOnly=True), "Licence")
        self.licence.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.licence.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.parts.currentTextChanged.connect(self._show)
        self.parts.setCurrentRow(0)
        both = QSplitter(self)
        both.addWidget(self.parts)
        both.addWidget(self.licence)
        both.setSizes([200, 520])
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 24, 24, 16)
        layout.setSpacing(16)
        layout.addLayout(top)
        layout.addWidget(both, 1)
        layout.addWidget(buttons)

    def _show(self, name: str) -> None:
        self.licence.setPlainText(licence_of(name))
