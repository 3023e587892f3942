"""Composer: where a question is written, with what goes along with it and how much room it takes.

What can go along is offered from outside (`offer`); what the person takes becomes a chip. Enter asks,
Shift+Enter begins a new line, Esc stops the answer. A long text that is pasted becomes a chip, too: it would
hide the question.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QMimeData, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.conversation import Attachment
from app.chat.unasked import Draft
from app.layouts import empty
from app.naming import label, named, set_role, tip
from app.theme import Theme

_LONG_PASTE = 4000  # letters
_LARGEST_PASTE = 4_000_000
_EDITING = "An earlier question: asked anew, it takes the place of all that follows it."
_LEAST_LINES, _MOST_LINES = 2, 9


@dataclass(frozen=True)
class Offer:
    """Something that can go along. `refused`: why it cannot, for a person."""

    attachment: Attachment
    refused: str = ""


class QuestionField(QPlainTextEdit):
    """`asked`: Enter. `stopped`: Esc. `pasted`: a text too long to stand here."""

    asked = Signal()
    stopped = Signal()
    pasted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Question", style="question_field")
        self.setPlaceholderText("Ask about your code; Enter sends, Shift+Enter begins a line")
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.document().setDocumentMargin(6)
        self.document().documentLayout().documentSizeChanged.connect(self._fit)
        self._fit()

    def _fit(self) -> None:
        lines = round(self.document().size().height())  # of a plain text edit it is counted in lines
        lines = min(_MOST_LINES, max(_LEAST_LINES, lines))
        self.setFixedHeight(lines * self.fontMetrics().lineSpacing() + 16)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        is_enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if is_enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.asked.emit()
        elif event.key() == Qt.Key.Key_Escape:
            self.stopped.emit()
        else:
            super().keyPressEvent(event)
            return
        event.accept()

    def insertFromMimeData(self, source: QMimeData) -> None:
        if not source.hasText():
            return
        if len(text := source.text()) > _LONG_PASTE:
            self.pasted.emit(text)
        else:
            self.insertPlainText(text)


class Composer(QFrame):
    """
    Signals:
        asked: the question, and a tuple of Attachments.
        stop_requested: the answer that is being written is to end.
        editing_ended: the question is a new one after all.
        changed: the question or what goes along with it is another.
        refused: a sentence for the person.
    """

    asked = Signal(str, object)
    stop_requested = Signal()
    editing_ended = Signal()
    changed = Signal()
    refused = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, style="composer")
        self._theme = theme
        self._offers: list[Offer] = []
        self._taken: list[Attachment] = []
        self._chips: list[QToolButton] = []
        self._is_answering = False
        self.field = QuestionField(self)
        self.room = label("", "muted", wraps=True)
        self._send = named(QToolButton(self), "Ask", role="send")
        self._editing = self._make_editing_line()
        self._chip_row = QHBoxLayout()
        self._chip_row.setSpacing(4)
        self._arrange()
        self.field.asked.connect(self._ask)
        self.field.stopped.connect(self.stop_requested)
        self.field.pasted.connect(self._take_paste)
        self.field.textChanged.connect(self._follow_text)
        self._send.clicked.connect(self._press)
        theme.changed.connect(self._draw)
        self._draw()

    @property
    def question(self) -> str:
        return self.field.toPlainText().strip()

    @property
    def taken(self) -> tuple[Attachment, ...]:
        return tuple(self._taken)

    def offer(self, offers: Sequence[Offer]) -> None:
        """What is in front of the person now. What they have taken stays as it was then."""
        if [*offers] != self._offers:
            self._offers = [*offers]
            self._draw_chips()

    def take(self, attachment: Attachment) -> None:
        if attachment not in self._taken:
            self._taken.append(attachment)
            self._draw_chips()
            self.changed.emit()

    @property
    def draft(self) -> Draft:
        """All that is written here, blanks too."""
        return Draft(self.field.toPlainText(), self.taken)

    def put(self, draft: Draft) -> None:
        """In the place of what is there, which is kept elsewhere."""
        self._taken = [*draft.attachments]
        self._draw_chips()
        if draft.question != self.field.toPlainText():
            self.field.setPlainText(draft.question)
            self.field.moveCursor(self.field.textCursor().MoveOperation.End)
        self.changed.emit()

    def fill(self, question: str, attachments: Sequence[Attachment] = ()) -> None:
        """Something to begin with, to be changed or sent; what was written comes back with an undo."""
        self._taken = [*attachments]
        self._draw_chips()
        cursor = self.field.textCursor()
        cursor.select(cursor.SelectionType.Document)
        cursor.insertText(question)
        self.field.setTextCursor(cursor)
        self.field.setFocus()
        self.changed.emit()

    def show_editing(self, is_editing: bool) -> None:
        """An earlier question is written anew."""
        self._editing.setVisible(is_editing)

    def show_answering(self, is_answering: bool) -> None:
        self._is_answering = is_answering
        self._draw()

    def show_room(self, sentence: str, *, is_tight: bool = False) -> None:
        self.room.setText(sentence)
        set_role(self.room, "warning" if is_tight else "muted")

    def _arrange(self) -> None:
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.room, 1)
        foot.addWidget(self._send)
        box = named(QFrame(self), style="question_box")
        inner = QVBoxLayout(box)
        inner.setContentsMargins(4, 4, 8, 8)
        inner.setSpacing(4)
        inner.addWidget(self.field)
        foot.setContentsMargins(8, 0, 0, 0)
        inner.addLayout(foot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 12)
        layout.setSpacing(8)
        layout.addWidget(self._editing)
        layout.addLayout(self._chip_row)
        layout.addWidget(box)

    def _make_editing_line(self) -> QFrame:
        line = QFrame(self)
        words = label(_EDITING, "muted", wraps=True)
        end = named(QPushButton("Cancel", line), "Leave the earlier question as it was", role="link")
        end.clicked.connect(self.editing_ended)
        row = QHBoxLayout(line)
        row.setContentsMargins(4, 0, 4, 0)
        row.setSpacing(8)
        row.addWidget(words, 1)
        row.addWidget(end)
        line.hide()
        return line

    def _press(self) -> None:
        if self._is_answering:
            self.stop_requested.emit()
        else:
            self._ask()

    def _ask(self) -> None:
        if self._is_answering:
            self.refused.emit("An answer is being written; stop it first, or wait for its end.")
        elif self.question:
            self.asked.emit(self.question, self.taken)
        elif self._taken:
            self.refused.emit("Write what you want to know about it.")

    def _take_paste(self, text: str) -> None:
        if len(text) > _LARGEST_PASTE:
            self.refused.emit(
                f"The text has {len(text):,} characters, and no model reads more than a few thousand lines; "
                "paste the part that matters."
            )
            return
        self.take(Attachment("pasted", f"Pasted text, {_size(len(text))}", text))

    def _follow_text(self) -> None:
        self._draw()
        self.changed.emit()

    def _draw_chips(self) -> None:
        empty(self._chip_row)
        offered = [offer for offer in self._offers if offer.attachment not in self._taken]
        self._chips = [self._taken_chip(attachment) for attachment in self._taken]
        self._chips += [self._offered_chip(offer) for offer in offered]
        for chip in self._chips:
            self._chip_row.addWidget(chip)
            chip.show()
        self._chip_row.addStretch(1)

    def _taken_chip(self, attachment: Attachment) -> QToolButton:
        chip = self._chip(attachment.name, "close", f"Leave {attachment.name} out again")
        set_role(chip, "chip_taken")
        chip.clicked.connect(lambda: self._leave_out(attachment))
        return chip

    def _offered_chip(self, offer: Offer) -> QToolButton:
        name = offer.attachment.name
        text = name if offer.refused else f"Add {name}"
        chip = self._chip(text, "plus", offer.refused or f"Let the model read {name} with your question")
        chip.setEnabled(not offer.refused)
        chip.clicked.connect(lambda: self.take(offer.attachment))
        return chip

    def _chip(self, text: str, icon: str, about: str) -> QToolButton:
        chip = named(QToolButton(self), about, role="chip")
        shown = chip.fontMetrics().elidedText(text, Qt.TextElideMode.ElideMiddle, self._theme.scaled(150))
        chip.setText(shown.replace("&", "&&"))  # which would underline a letter
        chip.setToolTip(tip(about))
        chip.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        chip.setIcon(self._theme.icon(icon))
        chip.setIconSize(QSize(self._theme.scaled(12), self._theme.scaled(12)))
        return chip

    def _leave_out(self, attachment: Attachment) -> None:
        self._taken.remove(attachment)
        self._draw_chips()
        self.field.setFocus()
        self.changed.emit()

    def _draw(self) -> None:
        about = "Stop the answer (Esc)" if self._is_answering else "Ask (Enter)"
        can_press = self._is_answering or bool(self.question)
        colour = "on_accent" if can_press else "faint"
        self._send.setIcon(self._theme.icon("stop" if self._is_answering else "send", colour))
        self._send.setEnabled(can_press)
        self._send.setToolTip(about)
        self._send.setAccessibleName(about)


def _size(letters: int) -> str:
    return f"{letters / 1000:,.0f} kB" if letters < 10**6 else f"{letters / 10**6:,.1f} MB"
