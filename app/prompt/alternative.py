"""One of the answers to a prompt: the code as it comes, how fast, and what can be done with it."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import (
    QAbstractButton,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.languages import Language
from app.naming import label, named, set_role
from app.prompt.asking import Asked
from app.prompt.code_in_answer import Code, code_in, visible
from app.prompt.code_view import CodeView
from app.theme import Theme
from core.spec.messages import Chat, Done, Ending, Failed, Reading, Reply, Text

_ENDINGS: dict[Ending, str] = {
    "length": "ended at the length that was set",
    "stop": "ended at a stop text",
    "context": "ended where the model has no more room",
    "cancelled": "stopped",
}
_SURE_AFTER_S = 0.2
_NOTHING = "The model wrote nothing; put the prompt otherwise, or raise the temperature."


@dataclass(frozen=True)
class Written:
    """What an answer is good for: `code` in this language."""

    code: str
    language: Language


class Alternative(QFrame):
    """`insert_requested` and `open_requested`: Written. `seed_requested`: the seed it was written with."""

    insert_requested = Signal(object)
    open_requested = Signal(object)
    seed_requested = Signal(int)

    def __init__(self, theme: Theme, number: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, f"Alternative {number}", style="alternative")
        self._theme, self._number = theme, number
        self._asked: Asked | None = None
        self._answer = ""
        self._seed = 0
        self._first: tuple[float, int] | None = None  # when words came first, and how many tokens they were
        self._title = label(f"Alternative {number}", "heading")
        self._seed_button = named(QPushButton(self), role="link")
        self._seed_button.clicked.connect(lambda: self.seed_requested.emit(self._seed))
        self._whole = named(QToolButton(self), "Show the whole answer")
        self._whole.setToolTip("Show the whole answer")
        self._whole.setCheckable(True)
        self._whole.toggled.connect(self._show_answer)
        self.code = CodeView(theme, self)
        self.said = label("", wraps=True)
        self.insert = self._deed("Insert", "Insert at the cursor", self.insert_requested.emit)
        self.open_it = self._deed("", "Open as a new file", self.open_requested.emit)
        self.copy = self._deed("", "Copy", _copy)
        self._arrange()
        theme.changed.connect(self._draw)
        self._draw()
        self.show_waiting(0)

    @property
    def written(self) -> Written | None:
        """None until there is something."""
        if self._asked is None or not self._answer:
            return None
        code = self._code()
        return Written(self._asked.lead + code.text, code.language or self._asked.language)

    @property
    def seed(self) -> int:
        return self._seed

    def show_waiting(self, seed: int, sentence: str = "") -> None:
        """Its turn comes later."""
        self._asked, self._answer, self._seed = None, "", seed
        self._seed_button.setText(f"Seed {seed}")
        self._seed_button.setToolTip("Use this seed again")
        self._seed_button.setAccessibleName(f"Use seed {seed} again")
        self.code.clear()
        self._whole.hide()
        self._say(sentence)
        self._enable()

    def begin(self, asked: Asked) -> None:
        self._asked, self._first = asked, None
        self.code.set_language(asked.language)
        self.code.show_text(asked.lead)
        self._say("Asked; waiting for the first word…")

    def hear(self, reply: Reply) -> None:
        match reply:
            case Reading():
                self._say(f"Reading the prompt: {reply.done:,} of {reply.total:,} tokens…")
            case Text():
                self._answer += visible(reply.text)
                self._show_answer()
                self._say(self._pace(reply.tokens))
            case Done():
                has_something = self._answer.strip() or reply.ending == "cancelled"
                self._say(_figures(reply) if has_something else _NOTHING)
                self._end()
            case Failed():
                self._say(reply.message, "danger")
                self._end()

    def _end(self) -> None:
        """Said aloud too: nobody can see when it is done who does not see."""
        self._enable()
        if QAccessible.isActive():
            text = f"{self._title.text()}: {self.said.text()}"
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))

    def _pace(self, tokens: int) -> str:
        """Since the first words, which come when the prompt has been read."""
        now = time.monotonic()
        if self._first is None:
            self._first = (now, tokens)
        since, before = now - self._first[0], self._first[1]
        return f"Writing: {(tokens - before) / since:,.0f} tokens/s" if since > _SURE_AFTER_S else "Writing…"

    def _code(self) -> Code:
        is_chat = self._asked is not None and isinstance(self._asked.question, Chat)
        return code_in(self._answer) if is_chat else Code(self._answer)

    def _show_answer(self) -> None:
        if self._asked is None:
            return
        code = self._code()
        self._whole.setVisible(code.is_fenced)
        if self._whole.isChecked() and code.is_fenced:
            self.code.show_text(self._answer)
            return
        self.code.set_language(code.language or self._asked.language)
        self.code.show_text(self._asked.lead + code.text)

    def _say(self, sentence: str, role: str = "muted") -> None:
        self.said.setText(sentence)
        if self.said.property("role") != role:
            set_role(self.said, role)

    def _enable(self) -> None:
        for deed in (self.insert, self.open_it, self.copy):
            deed.setEnabled(self.written is not None)

    def _draw(self) -> None:
        self.open_it.setIcon(self._theme.icon("file-new"))
        self.copy.setIcon(self._theme.icon("copy"))
        self._whole.setIcon(self._theme.icon("chat"))

    def _deed(self, text: str, about: str, do: Callable[[Written | None], object]) -> QAbstractButton:
        button = named(QPushButton(text) if text else QToolButton(), f"{about}: alternative {self._number}")
        button.setToolTip(about)
        button.clicked.connect(lambda: do(self.written))
        return button

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self._title)
        top.addStretch()
        top.addWidget(self._seed_button)
        deeds = QHBoxLayout()
        deeds.setSpacing(8)
        for deed in (self.insert, self.open_it, self.copy):
            deeds.addWidget(deed)
        deeds.addStretch()
        deeds.addWidget(self._whole)
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 12, 12)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(self.code, 1)
        column.addWidget(self.said)
        column.addLayout(deeds)


def _copy(written: Written | None) -> None:
    if written is not None:
        QGuiApplication.clipboard().setText(written.code)


def _figures(done: Done) -> str:
    """How much, how fast, and why it ended."""
    figures = done.statistics
    said = f"{figures.new_tokens:,} tokens"
    if figures.new_tokens > 1:
        said += f" at {figures.tokens_per_s:,.0f} tokens/s"
    if done.ending in _ENDINGS:
        said += f", {_ENDINGS[done.ending]}"
    if figures.dropped_tokens:
        said += f". The first {figures.dropped_tokens:,} tokens of the prompt had no room and were left out"
    return f"{said}."
