"""Room: how much of what a model can hold a question and its conversation take, told while it is written.

Counted by the engine where a model is ready; where none is, and of texts that no request can hold, told from
the letters, and said so.
"""

from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from app.chat.conversation import LETTERS_PER_TOKEN, MOST_LETTERS, Attachment, Conversation, fenced
from app.engines import RoleEngine
from core.spec.messages import Count, Counted, Failed, Reply

_AFTER_MS = 250
_REMEMBERED = 32


@dataclass(frozen=True)
class Taken:
    """Tokens. `room`: for all that is read, without what is kept for the answer; 0 where it is not known."""

    question: int
    conversation: int
    room: int
    is_exact: bool = True

    @property
    def total(self) -> int:
        return self.question + self.conversation

    @property
    def is_tight(self) -> bool:
        return bool(self.room) and self.total > self.room

    @property
    def sentence(self) -> str:
        about = "" if self.is_exact else "about "
        if not self.room:
            return f"{about}{self.total:,} tokens".capitalize() if self.total else ""
        if not self.total:
            return f"Room for {self.room:,} tokens"
        if self.question > self.room:
            return f"{about}{self.question:,} tokens: only the last {self.room:,} will be read".capitalize()
        if self.is_tight:
            said = f"{about}{self.total:,} tokens, with room for {self.room:,}: the oldest is left out"
            return said.capitalize()
        return f"{about}{self.total:,} of {self.room:,} tokens".capitalize()

    @property
    def arithmetic(self) -> str:
        parts = f"Question {self.question:,} + conversation {self.conversation:,} tokens"
        return f"{parts}; {self.room:,} have room beside the answer" if self.room else parts


class Room(QObject):
    """`changed`: what is Taken now."""

    changed = Signal(object)

    def __init__(self, engine: RoleEngine, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self._question = ""
        self._attachments: tuple[Attachment, ...] = ()
        self._texts: list[str] = []  # as they are counted; made when one pauses, as they may be long
        self._known: dict[str, int] = {}
        self._asked: dict[int, str] = {}
        self._conversation = 0
        self._kept_for_answer = 0
        self._later = QTimer(self, singleShot=True, interval=_AFTER_MS)
        self._later.timeout.connect(self._count)
        engine.replied.connect(self._hear)

    def look(
        self, question: str, attachments: tuple[Attachment, ...], talk: Conversation, answer_tokens: int
    ) -> None:
        self._question, self._attachments = question, attachments
        self._conversation = _read_so_far(talk)
        self._kept_for_answer = answer_tokens
        self._later.start()

    def forget(self) -> None:
        """Another model counts otherwise."""
        self._known.clear()
        self._tell()

    def stop(self) -> None:
        self._later.stop()

    def _count(self) -> None:
        self._texts = [text for text in (self._question, *map(fenced, self._attachments)) if text]
        for id in [*self._asked]:
            if self._asked[id] not in self._texts:
                del self._asked[id]
                self._engine.cancel(id)
        if self._engine.is_ready:
            for text in self._texts:
                is_new = text not in self._known and text not in self._asked.values()
                if is_new and len(text) <= MOST_LETTERS:
                    id = self._engine.new_id()
                    self._asked[id] = text
                    self._engine.ask(Count(id, text))
        self._tell()

    def _hear(self, reply: Reply) -> None:
        if not isinstance(reply, Counted | Failed) or reply.id is None:
            return
        text = self._asked.pop(reply.id, None)
        if text is not None and isinstance(reply, Counted):
            self._known[text] = reply.tokens
            while len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._tell()

    def _tell(self) -> None:
        facts = self._engine.state.facts
        room = max(0, facts.context_tokens - self._kept_for_answer) if facts is not None else 0
        counts = [self._known.get(text) for text in self._texts]
        estimates = [
            round(len(text) / LETTERS_PER_TOKEN) if count is None else count
            for text, count in zip(self._texts, counts, strict=True)
        ]
        self.changed.emit(Taken(sum(estimates), self._conversation, room, is_exact=None not in counts))


def _read_so_far(talk: Conversation) -> int:
    """As the engine counted it for the last answer, with that answer."""
    for message in reversed(talk.messages):
        figures = message.figures
        if figures.prompt_tokens:
            return figures.prompt_tokens + figures.dropped_tokens + figures.new_tokens
    return 0
