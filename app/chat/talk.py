"""Talk: the conversation that is open. Asks, streams the answer, and writes all of it down as it comes."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.chat.archive import Archive
from app.chat.conversation import (
    Answering,
    Asked,
    Attachment,
    Conversation,
    Cut,
    Ended,
    Message,
    Record,
    Renamed,
    Sent,
    Wrote,
    all_told,
    to_send,
    told,
)
from app.engine_client import EngineState, model_name
from app.engines import RoleEngine
from app.settings import Chat as ChatSettings
from core.spec.errors import sentence_about
from core.spec.messages import Chat, Done, Failed, Reading, Reply, Text
from core.spec.sampling import Sampling

_WRITE_EVERY_S = 0.5
_TOP_P, _PENALTY = 0.95, 1.05
_SEED = 42
_MISTAKE = "SmallCoder made a mistake; Help, What Went Wrong tells more. Please report it."

Start = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]


class Talk(QObject):
    """
    Signals:
        changed: the Conversation has other messages, or is another one.
        wrote: a message's number, and the next piece of its text.
        progressed: a message's number, and what is being done for it, in words.
        ended: a message's number; its text is whole.
        failed: a sentence for the person.
    """

    changed = Signal(object)
    wrote = Signal(int, str)
    progressed = Signal(int, str)
    ended = Signal(int)
    failed = Signal(str)

    def __init__(
        self,
        archive: Archive,
        engine: RoleEngine,
        settings: Callable[[], ChatSettings],
        start: Start,
        parent: QObject | None = None,
    ) -> None:
        """`start`: how a coroutine is started that nobody waits for."""
        super().__init__(parent)
        self._archive, self._engine, self._settings, self._start = archive, engine, settings, start
        self.conversation = Conversation(archive.new_id())
        self._answer: _Answer | None = None
        self._opening: _Opening | None = None
        self._could_write = True
        engine.state_changed.connect(self._tell_loading)

    @property
    def answering(self) -> int | None:
        """The number of the answer that is being written."""
        return None if self._answer is None else self._answer.number

    @property
    def is_opening(self) -> bool:
        """Until another one is there, nothing can be asked."""
        return self._opening is not None

    def begin(self) -> None:
        """A new one, which has no file before something is asked."""
        self.stop()
        self._opening = None
        self._show(Conversation(self._archive.new_id()))

    async def open(self, id: str) -> None:
        """Read by a thread: somebody may have let a model read many megabytes."""
        if self._opening is None and id == self.conversation.id:
            return
        self.stop()
        opening = self._opening = _Opening(id)
        try:
            reading = self._archive.reading(id)
            talk, strange = await asyncio.get_event_loop().run_in_executor(None, reading)
        except OSError as error:
            if self._opening is opening:
                self._opening = None
                self.failed.emit(f"The conversation cannot be read: {sentence_about(error) or error}")
            return
        if self._opening is not opening:  # another one was wanted meanwhile
            return
        self._opening = None
        if strange:
            self.failed.emit(
                f"{strange:,} lines of this conversation could not be understood and are not shown; "
                "they stay in its file."
            )
        self._show(all_told(talk, opening.meanwhile))

    def ask(self, text: str, attachments: Sequence[Attachment] = ()) -> None:
        self._note(Asked(self.conversation.next_number, text, time.time(), tuple(attachments)))
        self._begin_answer()

    def ask_again(self, number: int) -> None:
        """Another answer in the place of this one; what came after it is taken back."""
        self.stop()
        if self.conversation.message(number) is not None:
            self._note(Cut(number))
            self._begin_answer()

    def take_back(self, number: int) -> Message | None:
        """The question with this number, to be changed. It and what follows leave the conversation."""
        self.stop()
        question = self.conversation.message(number)
        if question is not None:
            self._note(Cut(number))
            self.changed.emit(self.conversation)
        return question

    def rename(self, id: str, title: str) -> None:
        if id == self.conversation.id:
            self._note(Renamed(title))
            self.changed.emit(self.conversation)
        else:
            self._write(id, Renamed(title))

    def stop(self) -> None:
        """The answer ends where it is."""
        if self._answer is not None:
            self._answer.stop()

    def _show(self, talk: Conversation) -> None:
        self.conversation = talk
        self.changed.emit(talk)

    def _note(self, record: Record) -> None:
        self.conversation = told(self.conversation, record)
        self._write(self.conversation.id, record)

    def _write(self, id: str, record: Record) -> None:
        """Said once when it begins to fail; what could not be written is written as soon as it can be."""
        if self._opening is not None and self._opening.id == id:
            self._opening.meanwhile.append(record)
        try:
            self._archive.add(id, record)
        except OSError as error:
            if self._could_write:
                self.failed.emit(
                    f"The conversation cannot be written down ({error.strerror}); free some space. It is "
                    "kept while SmallCoder is open, and written as soon as that works."
                )
            self._could_write = False
        else:
            self._could_write = True

    def _begin_answer(self) -> None:
        talk = self.conversation
        self._note(Answering(talk.next_number, model_name(self._engine.state), time.time()))
        self._answer = _Answer(self, talk)
        self.changed.emit(self.conversation)
        self._answer.begin(self._start)

    def _tell_loading(self, state: EngineState) -> None:
        if self.answering is not None and state.phase in ("starting", "loading"):
            self.progressed.emit(self.answering, f"Loading the model: {state.step or 'starting the engine'}")


class _Opening:
    """A conversation on its way from the disk, and what is told of it meanwhile: its answer may just end."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.meanwhile: list[Record] = []


class _Answer:
    """One answer under way. It is written down to its end, whichever conversation is open by then."""

    def __init__(self, talk: Talk, before: Conversation) -> None:
        self.number = before.next_number
        self._task: asyncio.Task[Any] | None = None
        self._talk, self._before = talk, before
        self._question_id: int | None = None
        self._unwritten: list[str] = []
        self._written_at = time.monotonic()
        self._first: tuple[float, int] | None = None  # when the first text came, after how many tokens
        self._ended = Ended(self.number, "cancelled")
        self._sent = Sent(())

    def stop(self) -> None:
        """An engine that is at work is told, and has a last word; before that, nobody need be."""
        if self._question_id is not None:
            self._talk._engine.cancel(self._question_id)
        elif self._task is not None:
            self._task.cancel()

    def begin(self, start: Start) -> None:
        self._task = start(self._run())
        self._task.add_done_callback(self._finish)  # one that is called off before it has run ends, too

    async def _run(self) -> None:
        engine = self._talk._engine
        state = await engine.ready()
        self._sent = to_send(self._before, self._talk._settings().system)
        question = Chat(engine.new_id(), self._sent.turns, self._sampling(state))
        self._question_id = question.id
        async for reply in engine.answers(question):
            self._hear(reply)

    def _finish(self, task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and task.exception() is not None:
            self._ended = Ended(self.number, "failed", _MISTAKE)
        self._keep_text()
        self._keep(self._ended)
        if self._talk._answer is self:
            self._talk._answer = None
        self._talk.ended.emit(self.number)

    def _sampling(self, state: EngineState) -> Sampling:
        """Each answer to a question differs from those before it, where it is not always the likeliest."""
        settings = self._talk._settings()
        most = answer_tokens(settings, state)
        return Sampling(
            temperature=settings.temperature,
            top_p=_TOP_P,
            repetition_penalty=_PENALTY,
            max_tokens=most,
            seed=_SEED + self.number,
        )

    def _hear(self, reply: Reply) -> None:
        match reply:
            case Reading():
                self._say(f"Reading: {reply.done:,} of {reply.total:,} tokens")
            case Text():
                self._take(reply)
            case Done():
                figures = self._sent.counted(reply.statistics)
                self._ended = Ended(self.number, _END.get(reply.ending, "end"), "", figures)
            case Failed():
                self._ended = Ended(self.number, "failed", reply.message)

    def _take(self, reply: Text) -> None:
        now = time.monotonic()
        self._unwritten.append(reply.text)
        self._talk.wrote.emit(self.number, reply.text)
        if self._first is None:
            self._first = now, reply.tokens
        since, tokens = now - self._first[0], reply.tokens - self._first[1]
        self._say(f"Writing: {tokens / since:,.0f} tokens/s" if since > 0.2 else "Writing")
        if now - self._written_at > _WRITE_EVERY_S:
            self._keep_text()
            self._written_at = now

    def _say(self, progress: str) -> None:
        self._talk.progressed.emit(self.number, progress)

    def _keep_text(self) -> None:
        text, self._unwritten = "".join(self._unwritten), []
        if text:
            self._keep(Wrote(self.number, text))

    def _keep(self, record: Record) -> None:
        if self._talk.conversation.id == self._before.id:
            self._talk._note(record)
        else:
            self._talk._write(self._before.id, record)


_END: dict[str, Any] = {"stop": "stop", "length": "length", "context": "context", "cancelled": "cancelled"}


def answer_tokens(settings: ChatSettings, state: EngineState) -> int:
    """As many as are set, and no more than half of what the model can hold."""
    if state.facts is None:
        return settings.max_tokens
    return max(1, min(settings.max_tokens, state.facts.context_tokens // 2))
