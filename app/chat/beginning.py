"""Beginning: what an empty conversation shows: questions to begin with, about what is in front now."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.chat.composer import Offer
from app.chat.conversation import Attachment
from app.naming import label, named
from app.theme import Theme

_ABOUT_SELECTION = ("Explain this code", "Find mistakes in this code", "Make this code simpler")
_ABOUT_FILE = ("Explain this file", "Find mistakes in this file", "Write tests for this file")
_ABOUT_NOTHING = (
    "Write a function that reads a CSV file",
    "Explain what a generator is, with an example",
    "Show how to test for an exception",
)


class Beginning(QScrollArea):
    """`chosen`: a question to begin with, and what goes along with it."""

    chosen = Signal(str, object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, widgetResizable=True)
        named(self, "Questions to begin with", style="page")
        self.setFrameShape(QFrame.Shape.NoFrame)
        page = named(QWidget(self), style="page")
        page.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._sign = label("")
        self._about = label("", "muted", wraps=True)
        self._questions = [self._button() for _ in _ABOUT_NOTHING]
        self._attachments: tuple[Attachment, ...] = ()
        layout = QVBoxLayout(page)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(8)
        layout.addStretch(2)
        layout.addWidget(self._sign)
        layout.addWidget(label("Ask about your code", "section", wraps=True))
        layout.addWidget(self._about)
        layout.addSpacing(8)
        for question in self._questions:
            layout.addWidget(question)
        layout.addStretch(3)
        self.setWidget(page)
        theme.changed.connect(self._draw)
        self._draw()
        self.show_offers([])

    def show_offers(self, offers: Sequence[Offer]) -> None:
        usable = [offer.attachment for offer in offers if not offer.refused]
        selection = next((one for one in usable if one.kind == "selection"), None)
        chosen = selection or next(iter(usable), None)
        self._attachments = (chosen,) if chosen else ()
        if chosen is None:
            texts, about = _ABOUT_NOTHING, "The answer is written on this machine; nothing leaves it."
        else:
            texts = _ABOUT_SELECTION if selection else _ABOUT_FILE
            about = f"For instance about {chosen.name}. It is written on this machine; nothing leaves it."
        self._about.setText(about)
        for button, text in zip(self._questions, texts, strict=True):
            button.setText(text)

    def _button(self) -> QPushButton:
        button = named(QPushButton(self), role="link")
        button.clicked.connect(lambda _=False: self.chosen.emit(button.text(), self._attachments))
        return button

    def _draw(self) -> None:
        self._sign.setPixmap(self._theme.icon("chat", "faint").pixmap(self._theme.icon_size(48)))
