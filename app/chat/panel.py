"""ChatPanel: the chat beside the editor: a conversation, those before it, and the next question.

Its parts tell it what a person wants; what lies outside, such as the editor, is a wish of its own.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.archive import Archive
from app.chat.beginning import Beginning
from app.chat.composer import Composer, Offer
from app.chat.conversation import Attachment, Conversation, first_read, written
from app.chat.drafting import Drafting
from app.chat.history import History
from app.chat.markdown import presentable
from app.chat.model_line import ModelLine
from app.chat.room import Room, Taken
from app.chat.talk import Start, Talk, answer_tokens
from app.chat.transcript import Transcript
from app.chat.unasked import NEW, UnaskedFiles, key_of
from app.elided import Elided
from app.engine_client import EngineState
from app.engines import RoleEngine
from app.naming import label, named
from app.settings import Settings
from app.theme import Theme

_ANNOUNCED_LETTERS = 500
_LEAST_WIDTH, _LEAST_HEIGHT = 320, 64


class ChatPanel(QFrame):
    """
    Signals:
        insert_requested: this code at the cursor. replace_requested: in the place of what is selected.
        link_requested: the address of a link in an answer.
        export_requested: the id of a conversation.
        choice_requested: another model is to be chosen. download_requested: one that was taught to answer.
        said: a sentence for the person.
    """

    insert_requested = Signal(str)
    replace_requested = Signal(str)
    link_requested = Signal(str)
    export_requested = Signal(str)
    choice_requested = Signal()
    download_requested = Signal(str)
    load_anyway_requested = Signal()
    said = Signal(str)

    def __init__(
        self,
        theme: Theme,
        archive: Archive,
        engine: RoleEngine,
        settings: Callable[[], Settings],
        start: Start,
    ) -> None:
        """`start`: how a coroutine is started that nobody waits for."""
        super().__init__()
        named(self, "Chat", style="chat_panel")
        self._theme, self._engine, self._settings, self._start = theme, engine, settings, start
        self._archive, self._files = archive, UnaskedFiles(archive.folder)
        self.talk = Talk(archive, engine, lambda: settings().chat, start, self)
        self.room = Room(engine, self)
        self.transcript = Transcript(theme, self)
        self.history = History(theme, archive, self)
        self.beginning = Beginning(theme, self)
        self.composer = Composer(theme, self)
        self.model = ModelLine(theme, self)
        self.drafting = Drafting(self.composer, self._files, lambda: settings().safety.keep_unsaved, self)
        self._offers: list[Offer] = []
        self._title = named(Elided("Chat", self), style="side_bar_title")
        self._buttons: dict[str, QToolButton] = {}
        self._problem = named(label("", wraps=True), style="chat_problem")
        self._stack = QStackedWidget(self)
        self._arrange()
        self._connect_parts()
        self._connect_talk()
        theme.changed.connect(self._draw)
        self._draw()
        self._show_conversation(self.talk.conversation)
        self._show_engine(engine.state)

    def offer(self, offers: Sequence[Offer]) -> None:
        """What is in front of the person in the editor."""
        self._offers = [*offers]
        self.composer.offer(offers)
        self.beginning.show_offers(offers)

    def restore(self) -> None:
        """The conversation that was open when SmallCoder ended."""
        id = self._files.read_open() if self._settings().safety.restore_session else ""
        if id and self._archive.has(id):
            self.drafting.expect(id)
            self._start(self.talk.open(id))

    def begin(self) -> None:
        """What is written for a new one already stays."""
        if self.talk.is_opening or key_of(self.talk.conversation) != NEW:
            self.talk.begin()
        self.show_history(False)
        self.composer.field.setFocus()

    def show_history(self, is_shown: bool = True) -> None:
        self._stack.setCurrentWidget(self.history if is_shown else self._usual_page())
        self._buttons["history"].setChecked(is_shown)
        if is_shown:
            self.history.look(self.talk.conversation.id)
            self.history.search.setFocus()

    def stop(self) -> None:
        """For the window's end."""
        self.talk.stop()
        self.room.stop()
        self.history.stop()
        self.drafting.stop()

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(16, 4, 8, 4)
        top.setSpacing(4)
        top.addWidget(self._title, 1)
        for name, about, do in (
            ("plus", "New conversation", self.begin),
            ("history", "Earlier conversations", self._turn_history),
        ):
            button = named(QToolButton(self), about, role="quiet")
            button.setToolTip(about)
            button.clicked.connect(do)
            self._buttons[name] = button
            top.addWidget(button)
        self._buttons["history"].setCheckable(True)
        for page in (self.beginning, self.transcript, self.history):
            self._stack.addWidget(page)
        self._problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.model)
        layout.addWidget(self._problem)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.composer)

    def _connect_parts(self) -> None:
        transcript, composer, history = self.transcript, self.composer, self.history
        transcript.insert_requested.connect(self.insert_requested)
        transcript.replace_requested.connect(self.replace_requested)
        transcript.link_requested.connect(self.link_requested)
        transcript.edit_requested.connect(self._edit)
        transcript.again_requested.connect(self.talk.ask_again)
        transcript.copy_requested.connect(self._copy)
        composer.asked.connect(self._ask)
        composer.stop_requested.connect(self._stop)
        composer.editing_ended.connect(self.drafting.end_editing)
        composer.changed.connect(self.look_at_room)
        composer.refused.connect(self.say)
        history.opened.connect(self._open)
        history.renamed.connect(self.talk.rename)
        history.deleted.connect(self._forget)
        history.export_requested.connect(self.export_requested)
        history.failed.connect(self.say)
        self.beginning.chosen.connect(self._fill)
        self.model.choice_requested.connect(self.choice_requested)
        self.model.download_requested.connect(self.download_requested)
        self.model.load_anyway_requested.connect(self.load_anyway_requested)

    def _connect_talk(self) -> None:
        talk = self.talk
        talk.changed.connect(self._show_conversation)
        talk.wrote.connect(self._add)
        talk.progressed.connect(self._show_progress)
        talk.ended.connect(self._show_end)
        talk.failed.connect(self.say)
        self.drafting.failed.connect(self.say)
        self.room.changed.connect(self._show_room)
        self._engine.state_changed.connect(self._show_engine)

    def say(self, sentence: str) -> None:
        """Until the next question."""
        self._problem.setText(sentence)
        self._problem.setVisible(bool(sentence))

    def _usual_page(self) -> QWidget:
        return self.transcript if self.talk.conversation.messages else self.beginning

    def _turn_history(self) -> None:
        self.show_history(self._stack.currentWidget() is not self.history)

    def _ask(self, question: str, attachments: tuple[Attachment, ...]) -> None:
        if self.talk.is_opening:
            self.say("The conversation is still being opened; ask in a moment.")
            return
        self.say("")
        self.show_history(False)
        earlier = self.drafting.take()
        if earlier is not None:
            self.talk.take_back(earlier)
        self.talk.ask(question, attachments)
        self.transcript.go_to_end()

    def _fill(self, question: str, attachments: tuple[Attachment, ...]) -> None:
        """A question to begin with, beside what goes along already."""
        taken = self.composer.taken
        self.composer.fill(question, (*taken, *(one for one in attachments if one not in taken)))

    def _edit(self, number: int) -> None:
        question = self.talk.conversation.message(number)
        if question is not None:
            self.drafting.edit(question)

    def _stop(self) -> None:
        """Esc: the answer, else the editing."""
        if self.talk.answering is not None:
            self.talk.stop()
        elif self.drafting.editing is not None:
            self.drafting.end_editing()

    def _copy(self, number: int) -> None:
        message = self.talk.conversation.message(number)
        if message is not None:
            QGuiApplication.clipboard().setText(written(message))

    def _open(self, id: str) -> None:
        self._start(self.talk.open(id))
        self.show_history(False)
        self.composer.field.setFocus()

    def _forget(self, id: str) -> None:
        if id == self.talk.conversation.id:
            self.talk.begin()
            self.show_history()

    def _show_conversation(self, talk: Conversation) -> None:
        self.drafting.show(talk)
        self._title.show_text(presentable(talk.title) if talk.messages else "Chat")
        self.transcript.show_conversation(talk)
        self.show_history(False)
        self.composer.show_answering(self.talk.answering is not None)
        answering = self.transcript.view(self.talk.answering or 0)
        message = talk.message(self.talk.answering or 0)
        if answering is not None and message is not None:
            answering.show_state(message, progress="Waiting for the engine")
        self._show_mark(talk)
        self._show_engine(self._engine.state)
        self.look_at_room()

    def _add(self, number: int, piece: str) -> None:
        view = self.transcript.view(number)
        if view is not None:
            view.add(piece)

    def _show_progress(self, number: int, progress: str) -> None:
        view = self.transcript.view(number)
        if view is not None:
            view.show_progress(progress)

    def _show_end(self, number: int) -> None:
        talk = self.talk.conversation
        view, message = self.transcript.view(number), talk.message(number)
        if view is not None and message is not None:
            view.show_state(message)
            self._announce(message.problem or message.text)
        self.composer.show_answering(self.talk.answering is not None)
        self._show_mark(talk)
        self.look_at_room()

    def _announce(self, text: str) -> None:
        """To who hears the screen instead of seeing it."""
        if QAccessible.isActive():
            said = f"Answer: {presentable(text[:_ANNOUNCED_LETTERS])}"
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, said))

    def _show_mark(self, talk: Conversation) -> None:
        """Where the last answer's reading began, if not at the top."""
        last = talk.messages[-1] if talk.messages else None
        first = None if last is None else first_read(talk, last.number)
        if last is None or first is None:
            self.transcript.mark(None)
            return
        figures = last.figures
        if figures.dropped_messages:
            said = f"What stands above had no room (about {figures.dropped_tokens:,} tokens)"
        else:
            said = f"The beginning of the next message had no room (about {figures.dropped_tokens:,} tokens)"
        self.transcript.mark(first, f"{said}: the last answer was written without it.")

    def look_at_room(self) -> None:
        kept = answer_tokens(self._settings().chat, self._engine.state)
        self.room.look(self.composer.question, self.composer.taken, self.talk.conversation, kept)

    def _show_room(self, taken: Taken) -> None:
        self.composer.show_room(taken.sentence, is_tight=taken.is_tight)
        self.composer.room.setToolTip(taken.arithmetic)

    def _show_engine(self, state: EngineState) -> None:
        has_begun = bool(self.talk.conversation.messages)
        was_other = self.model.show_engine(state, has_begun=has_begun)
        if was_other:
            self.room.forget()
            self.look_at_room()

    def _draw(self) -> None:
        self.setMinimumWidth(self._theme.scaled(_LEAST_WIDTH))
        self._stack.setMinimumHeight(self._theme.scaled(_LEAST_HEIGHT))  # what is said above it comes first
        for name, button in self._buttons.items():
            button.setIcon(self._theme.icon(name))
