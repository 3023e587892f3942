"""What went wrong and what the engine said, to be read and to be copied into a report."""

import platform

from PySide6.QtCore import qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.naming import label, named
from app.theme import Theme
from core.spec.version import version


class LogDialog(QDialog):
    def __init__(self, mistakes: str, engine: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("What Went Wrong")
        self.resize(theme.scaled(760), theme.scaled(520))
        about = f"SmallCoder {version()}, Python {platform.python_version()}, Qt {qVersion()}"
        parts = [
            f"{about}, {platform.platform()}",
            f"The window:\n{mistakes or 'Nothing.'}",
            f"The engine:\n{engine or 'Nothing.'}",
        ]
        self.text = named(QPlainTextEdit("\n\n".join(parts), self), "What went wrong")
        self.text.setReadOnly(True)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        copy = QPushButton("Copy", self)
        copy.clicked.connect(lambda _=False: QGuiApplication.clipboard().setText(self.text.toPlainText()))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(
            label(
                "Nothing of this is sent anywhere. Copy it into a report, if you make one.",
                "muted",
                wraps=True,
            )
        )
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)
