"""What went wrong and what the engine said, to be read and to be copied into a report."""

from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.naming import label, named
from app.theme import Theme


class LogDialog(QDialog):
    def __init__(self, text: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("What Went Wrong")
        self.resize(theme.scaled(760), theme.scaled(520))
        self.text = named(QPlainTextEdit(text, self), "What went wrong")
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
                "Nothing of this is sent anywhere. Copy it into a report, if you make one; your name and "
                "your home folder are not in it.",
                "muted",
                wraps=True,
            )
        )
        layout.addWidget(self.text, 1)
        layout.addWidget(buttons)
