"""MessageView: one question or answer, with what a person can do with it.

What they want of it is a wish; it is shown what it is told.
"""

import time

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.body import Body
from app.chat.conversation import Attachment, Message
from app.chat.markdown import presentable
from app.elided import Elided
from app.naming import label, named, set_role
from app.theme import Theme

_MOST_LETTERS = 4000  # of a question; the rest is told by its size
_ENDS = {
    "cancelled": "Stopped",
    "length": "Cut off: it reached the length set in Settings, or half of what the model can read",
    "context": "Ended because the model's context is full; begin a new conversation",
    "broken off": "Broken off: SmallCoder ended before the answer did",
}


class MessageView(QFrame):
    """
    Signals:
        edit_requested: of the question with this number.
        again_requested: another answer in the place of that with this number.
        copy_requested: of the message with this number.
        drawn: it may be higher now.
    """

    edit_requested = Signal(int)
    again_requested = Signal(int)
    copy_requested = Signal(int)
    link_requested = Signal(str)
    insert_requested = Signal(str)
    replace_requested = Signal(str)
    drawn = Signal()

    def __init__(self, theme: Theme, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.number, self.role = theme, message.number, message.role
        named(self, style="question" if message.role == "user" else "answer")
        self.body: Body | None = None
        self._buttons: dict[str, QToolButton] = {}
        self._foot = label("", "muted", wraps=True)
        self._problem = label("", "danger", wraps=True)
        self._again = named(QPushButton("Try Again", self), "Try this answer again", role="link")
        self._again.clicked.connect(lambda: self.again_requested.emit(self.number))
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(16, 12, 16, 12)
        self._layout.setSpacing(8)
        self._layout.addLayout(self._head(message))
        if message.attachments:
            self._layout.addLayout(_chips(message.attachments))
        self._add_text(message)
        self._layout.addWidget(self._problem)
        self._layout.addWidget(self._again, 0, Qt.AlignmentFlag.AlignLeft)
        self._layout.addWidget(self._foot)
        self.show_state(message)
        self.draw_again()

    def show_state(self, message: Message, progress: str = "") -> None:
        """`progress`: what is being done for it now."""
        is_over = not progress
        self._problem.setText(message.problem if is_over else "")
        self._problem.setVisible(bool(is_over and message.problem))
        self._again.setVisible(is_over and message.end in ("failed", "broken off"))
        self._foot.setText(progress or _figures(message))
        self._foot.setVisible(bool(self._foot.text()))
        set_role(self._foot, "busy" if progress else "muted")
        for button in self._buttons.values():
            button.setVisible(is_over)
        if is_over and self.body is not None:
            self.body.show_text(message.text)
            self.body.setVisible(bool(message.text))

    def add(self, piece: str) -> None:
        if self.body is not None:
            self.body.show()
            self.body.add(piece)

    def show_progress(self, progress: str) -> None:
        self._foot.setText(progress)

    def draw_again(self) -> None:
        """In the theme's new colours."""
        for name, button in self._buttons.items():
            button.setIcon(self._theme.icon(name))
        if self.body is not None:
            self.body.draw_again()

    def _head(self, message: Message) -> QHBoxLayout:
        is_question = message.role == "user"
        speaker = named(Elided("You" if is_question else message.model or "Answer"), role="heading")
        when = label(_moment(message.at), "faint")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(speaker)
        row.addWidget(when)
        row.addStretch(1)
        if is_question:
            row.addWidget(self._button("edit", "Edit this question and ask again", self.edit_requested))
        else:
            row.addWidget(self._button("refresh", "Answer again", self.again_requested))
        row.addWidget(self._button("copy", "Copy as Markdown", self.copy_requested))
        return row

    def _button(self, icon: str, about: str, wish: object) -> QToolButton:
        button = named(QToolButton(self), about, role="quiet")
        button.setToolTip(about)
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # or the text would move at an answer's end
        button.setSizePolicy(policy)
        button.clicked.connect(lambda: wish.emit(self.number))  # type: ignore[attr-defined]
        self._buttons[icon] = button
        return button

    def _add_text(self, message: Message) -> None:
        if message.role == "user":
            shown = presentable(message.text[:_MOST_LETTERS])
            if len(message.text) > _MOST_LETTERS:
                shown += f"…\n({len(message.text):,} characters in all)"
            text = label(shown, wraps=True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setMinimumWidth(0)
            self._layout.addWidget(text)
            return
        self.body = Body(self._theme, self)
        self.body.drawn.connect(self.drawn)
        self.body.link_requested.connect(self.link_requested)
        self.body.insert_requested.connect(self.insert_requested)
        self.body.replace_requested.connect(self.replace_requested)
        self._layout.addWidget(self.body)


def _chips(attachments: tuple[Attachment, ...]) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(4)
    for attachment in attachments:
        chip = label(attachment.name, "chip")
        chip.setToolTip(f"{len(attachment.text):,} characters went along")
        row.addWidget(chip)
    row.addStretch(1)
    return row


def _figures(message: Message) -> str:
    """How an answer went."""
    if message.role == "user":
        return ""
    figures, said = message.figures, []
    if message.end in _ENDS:
        said.append(_ENDS[message.end])
    if figures.new_tokens:
        said.append(f"{figures.new_tokens:,} tokens")
        if figures.new_tokens > 1:
            said.append(f"{figures.tokens_per_s:,.0f} tokens/s")
        said.append(f"first after {figures.first_token_ms / 1000:.1f} s")
    return " · ".join(said)


def _moment(at: float) -> str:
    if not at:
        return ""
    then, now = time.localtime(at), time.localtime()
    is_today = then[:3] == now[:3]
    return time.strftime("%H:%M" if is_today else "%d %b %Y, %H:%M", then)
