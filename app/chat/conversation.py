"""A conversation, and the records it is made of: each is one line of its file, and only ever added.

Pure. What is shown live and what is read from a file goes the same way: record by record through `told`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from core.spec.errors import UsageError
from core.spec.fields import from_json, setting, to_json
from core.spec.messages import Role, Statistics, Turn

FORMAT = 1
_TITLE_LETTERS = 60
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


def told(talk: Conversation, record: Record) -> Conversation:
    """The conversation once this has happened, too."""
    match record:
        case Asked():
            question = Message(record.number, "user", record.text, record.attachments, record.at)
            return _with(talk, question)
        case Answering():
            # until it is said otherwise, which a program that was killed never does
            answer = Message(record.number, "assistant", at=record.at, model=record.model, end="broken off")
            return _with(talk, answer)
        case Wrote():
            return _changed(talk, record.number, lambda answer: {"text": answer.text + record.text})
        case Ended():
            how = {"end": record.end, "problem": record.problem, "figures": record.figures}
            return _changed(talk, record.number, lambda _: how)
        case Cut():
            kept = tuple(message for message in talk.messages if message.number < record.number)
            changes: dict[str, Any] = {"messages": kept}
        case Began():
            changes = {"at": record.at}
        case Renamed():
            changes = {"name": record.title}
    return replace(talk, **changes)


def turns(talk: Conversation, system: str = "") -> tuple[Turn, ...]:
    """As a model reads it. Answers of which there is nothing are left out, and questions that then follow
    each other become one: many templates want the two to take turns."""
    made = [Turn("system", system)] if system.strip() else []
    made += [Turn(group[0].role, "\n\n".join(map(written, group))) for group in _groups(talk)]
    return tuple(made)


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
        if written(message).strip():
            if groups and groups[-1][0].role == message.role:
                groups[-1].append(message)
            else:
                groups.append([message])
    return groups


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


def _with(talk: Conversation, message: Message) -> Conversation:
    following = max(talk.next_number, message.number + 1)
    return replace(talk, messages=(*talk.messages, message), at=message.at, next_number=following)


def _changed(talk: Conversation, number: int, changes: Callable[[Message], dict[str, Any]]) -> Conversation:
    messages = [*talk.messages]
    for place in reversed(range(len(messages))):  # it is the last one, as good as always
        if messages[place].number == number:
            messages[place] = replace(messages[place], **changes(messages[place]))
            break
    return replace(talk, messages=tuple(messages))
