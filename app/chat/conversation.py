"""A conversation, and the records it is made of: each is one line of its file, and only ever added.

Pure. What is shown live and what is read from a file goes the same way: record by record through `told`.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.spec.errors import UsageError
from core.spec.fields import from_json, setting, to_json
from core.spec.lines import MAX_LINE_BYTES
from core.spec.messages import Role, Statistics, Turn

FORMAT = 1
LETTERS_PER_TOKEN = 3.6  # of code and what is said about it, where nobody has counted
_TITLE_LETTERS = 60
# in a request, of which each letter takes six bytes at most; no model here reads as much
MOST_LETTERS = MAX_LINE_BYTES // 6 - 2**16
_MOST_TURNS = 2000
_NO_FIGURES = Statistics()

Kind = Literal["file", "selection", "pasted"]
# how an answer ended; "broken off": the program ended before the answer did
End = Literal["", "end", "stop", "length", "context", "cancelled", "failed", "broken off"]


@dataclass(frozen=True)
class Attachment:
    """Text that goes along with a question. `language`: as code fences call it."""

    kind: Kind = setting(..., "Where it is from")
    name: str = setting(..., "What a person knows it by")
    text: str = setting(..., "The text")
    language: str = setting("", "The language it is written in")


@dataclass(frozen=True)
class Message:
    """`number` is its own in the conversation for good. What follows `at` is of answers only."""

    number: int
    role: Role
    text: str = ""
    attachments: tuple[Attachment, ...] = ()
    at: float = 0.0
    model: str = ""
    end: End = ""
    problem: str = ""
    figures: Statistics = _NO_FIGURES


@dataclass(frozen=True)
class Began:
    at: float = setting(..., "When, in seconds since 1970")
    format: int = setting(FORMAT, "Of the records", low=1, high=FORMAT)


@dataclass(frozen=True)
class Asked:
    number: int
    text: str
    at: float
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True)
class Answering:
    number: int
    model: str
    at: float


@dataclass(frozen=True)
class Wrote:
    """The next piece of an answer."""

    number: int
    text: str


@dataclass(frozen=True)
class Ended:
    number: int
    end: End
    problem: str = ""
    figures: Statistics = _NO_FIGURES


@dataclass(frozen=True)
class Cut:
    """From this message on all was taken back, to be asked or answered anew."""

    number: int


@dataclass(frozen=True)
class Renamed:
    title: str


Record = Began | Asked | Answering | Wrote | Ended | Cut | Renamed
_KINDS: dict[str, type[Record]] = {
    kind.__name__.lower(): kind for kind in (Began, Asked, Answering, Wrote, Ended, Cut, Renamed)
}
_PIECE = b'{"type": "wrote"'


@dataclass(frozen=True)
class Conversation:
    """`next_number` was never used, not even by a message that was taken back."""

    id: str
    messages: tuple[Message, ...] = ()
    name: str = ""
    at: float = 0.0
    next_number: int = 1

    @property
    def title(self) -> str:
        """The name that a person gave it, else how it began."""
        first = next((message.text for message in self.messages if message.role == "user"), "")
        words = " ".join(first[: 4 * _TITLE_LETTERS].split())
        shown = words if len(words) <= _TITLE_LETTERS else words[: _TITLE_LETTERS - 1].rstrip() + "…"
        return self.name or shown or "New conversation"

    def message(self, number: int) -> Message | None:
        return next((message for message in self.messages if message.number == number), None)


@dataclass(frozen=True)
class Sent:
    """What is given to a model. The oldest `left_out_turns` are not in it, as one request cannot hold them;
    `left_out_letters` counts theirs, and what was cut off the beginning of a single one that is too long."""

    turns: tuple[Turn, ...]
    left_out_turns: int = 0
    left_out_letters: int = 0

    def counted(self, figures: Statistics) -> Statistics:
        """What the engine says of what it was given, as if it had been given all."""
        tokens = round(self.left_out_letters / LETTERS_PER_TOKEN)
        return replace(
            figures,
            dropped_messages=figures.dropped_messages + self.left_out_turns,
            dropped_tokens=figures.dropped_tokens + tokens,
        )


def told(talk: Conversation, record: Record) -> Conversation:
    """The conversation once this has happened, too."""
    return all_told(talk, (record,))


def all_told(talk: Conversation, records: Iterable[Record]) -> Conversation:
    """The same of many, in one go: a file may hold very much."""
    telling = _Telling(talk)
    for record in records:
        telling.hear(record)
    return telling.conversation


class _Telling:
    """A conversation that is changed in place while it is told; pieces of a text are joined in the end."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk
        self._messages = [*talk.messages]
        self._places = {message.number: place for place, message in enumerate(self._messages)}
        self._pieces: dict[int, list[str]] = {}
        self._name, self._at, self._next_number = talk.name, talk.at, talk.next_number

    @property
    def conversation(self) -> Conversation:
        for number, pieces in self._pieces.items():
            self._change(number, text="".join(pieces))
        return replace(
            self._talk,
            messages=tuple(self._messages),
            name=self._name,
            at=self._at,
            next_number=self._next_number,
        )

    def hear(self, record: Record) -> None:
        match record:
            case Asked():
                self._add(Message(record.number, "user", record.text, record.attachments, record.at))
            case Answering():
                # until it is said otherwise, which a program that was killed never does
                self._add(
                    Message(record.number, "assistant", at=record.at, model=record.model, end="broken off")
                )
            case Wrote():
                self._write(record)
            case Ended():
                self._change(record.number, end=record.end, problem=record.problem, figures=record.figures)
            case Cut():
                self._cut(record.number)
            case Began():
                self._at = record.at
            case Renamed():
                self._name = record.title

    def _add(self, message: Message) -> None:
        if message.number in self._pieces:  # of a strange file, which uses a number twice
            self._change(message.number, text="".join(self._pieces.pop(message.number)))
        self._places[message.number] = len(self._messages)
        self._messages.append(message)
        self._at = message.at
        self._next_number = max(self._next_number, message.number + 1)

    def _write(self, record: Wrote) -> None:
        if record.number in self._places:
            begun = self._messages[self._places[record.number]].text
            self._pieces.setdefault(record.number, [begun]).append(record.text)

    def _change(self, number: int, **changes: Any) -> None:
        if number in self._places:
            place = self._places[number]
            self._messages[place] = replace(self._messages[place], **changes)

    def _cut(self, number: int) -> None:
        self._messages = [message for message in self._messages if message.number < number]
        self._places = {message.number: place for place, message in enumerate(self._messages)}
        self._pieces = {kept: pieces for kept, pieces in self._pieces.items() if kept < number}


def to_send(talk: Conversation, system: str = "", most_letters: int = MOST_LETTERS) -> Sent:
    """As a model reads it. Answers of which there is nothing are left out, and questions that then follow
    each other become one: many templates want the two to take turns."""
    groups, turns = _groups(talk), list[Turn]()
    room = max(1, most_letters - len(system))
    left_out = 0
    for group in reversed(groups):
        text = "\n\n".join(map(written, group))
        if turns and (len(text) > room or len(turns) == _MOST_TURNS):
            left_out += len(text)
            break
        turns.insert(0, Turn(group[0].role, text[-room:]))  # of one that is too long the end, as the engine
        left_out += max(0, len(text) - room)
        room -= len(text)
    older = groups[: len(groups) - len(turns)]
    left_out += sum(_letters(message) for group in older[:-1] for message in group)
    made = [Turn("system", system)] if system.strip() else []
    return Sent((*made, *turns), len(older), left_out)


def first_read(talk: Conversation, number: int) -> int | None:
    """The oldest message for which there was room when this answer was written; None where all had room."""
    answer = talk.message(number)
    if answer is None or not answer.figures.dropped_tokens:
        return None
    before = tuple(message for message in talk.messages if message.number < number)
    groups = _groups(replace(talk, messages=before))
    dropped = answer.figures.dropped_messages
    return groups[dropped][0].number if dropped < len(groups) else None


def _groups(talk: Conversation) -> list[list[Message]]:
    """Messages that a model reads as one."""
    groups: list[list[Message]] = []
    for message in talk.messages:
        if message.attachments or not _is_blank(message.text):
            if groups and groups[-1][0].role == message.role:
                groups[-1].append(message)
            else:
                groups.append([message])
    return groups


def _letters(message: Message) -> int:
    return len(message.text) + sum(len(attachment.text) for attachment in message.attachments)


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def written(message: Message) -> str:
    """A message with what goes along with it, as Markdown."""
    return "\n\n".join([*map(fenced, message.attachments), message.text])


def fenced(attachment: Attachment) -> str:
    """In a fence that is longer than any within."""
    longest = max(map(len, re.findall("`+", attachment.text)), default=0)
    fence = "`" * max(3, longest + 1)
    end = "" if attachment.text.endswith("\n") else "\n"
    return f"{attachment.name}:\n{fence}{attachment.language}\n{attachment.text}{end}{fence}"


def as_markdown(talk: Conversation) -> str:
    """For a file that a person reads elsewhere."""
    parts = [f"# {talk.title}"]
    for message in talk.messages:
        speaker = "You" if message.role == "user" else message.model or "Answer"
        parts += [f"## {speaker}", written(message).strip()]
        if message.problem:
            parts.append(f"> {message.problem}")
    return "\n\n".join(part for part in parts if part) + "\n"


def to_record_line(record: Record) -> bytes:
    kind = type(record).__name__.lower()
    return json.dumps({"type": kind} | to_json(record)).encode("ascii") + b"\n"


def is_piece(line: bytes) -> bool:
    """Told without reading it: most lines of a long conversation are pieces of its answers."""
    return line.startswith(_PIECE)


def from_record_line(line: bytes) -> Record:
    """UsageError where it is no record that this version knows."""
    try:
        content: Any = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("A line of a conversation is not JSON.") from None
    kind = _KINDS.get(str(content.pop("type", ""))) if isinstance(content, dict) else None
    if kind is None:
        raise UsageError("A line of a conversation is of an unknown type.")
    return from_json(kind, content, "a line of a conversation")
