"""Notice: a line above a text that says what is unusual about its file, with what can be done about it."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from app.naming import label
from app.questions import Choice


class Notice(QFrame):
    """`chosen`: the id of a choice."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self._text = label("", wraps=True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._buttons: list[QPushButton] = []
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(16, 8, 8, 8)
        self._row.setSpacing(8)
        self._row.addWidget(self._text, 1)
        self.hide()

    @property
    def text(self) -> str:
        return self._text.text()

    @property
    def choices(self) -> list[str]:
        """What its buttons say."""
        return [button.text() for button in self._buttons]

    def say(self, text: str, choices: Sequence[Choice]) -> None:
        """An empty text says nothing, and takes no room."""
        for button in self._buttons:
            button.hide()
            button.deleteLater()
        self._buttons = [self._button(choice) for choice in choices]
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def _button(self, choice: Choice) -> QPushButton:
        button = QPushButton(choice.label)
        button.setAccessibleName(choice.label)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # who clicks goes on where they were
        button.clicked.connect(lambda: self.chosen.emit(choice.id))
        self._row.addWidget(button)
        return button
