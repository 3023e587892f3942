"""What one record of a data set teaches: to go on with a text, to answer, or to prefer one answer.

The shapes in which people write this down are read here; what becomes of it is decided in passages.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.spec.errors import DataError
from core.text.chat import ROLES
from trainer.data.layout import DataKind

Message = Mapping[str, str]


@dataclass(frozen=True)
class Plain:
    text: str
    kind: DataKind = "text"


@dataclass(frozen=True)
class Lesson:
    """A conversation; what the assistant says in it is learnt."""

    messages: tuple[Message, ...]
    kind: DataKind = "lesson"


@dataclass(frozen=True)
class Choice:
    question: tuple[Message, ...]
    chosen: str
    rejected: str
    kind: DataKind = "choice"


Sample = Plain | Lesson | Choice
FIELDS = (
    *("messages", "prompt", "completion", "chosen", "rejected"),
    *("instruction", "input", "output", "text"),
)
_SHAPES = "text; prompt and completion; messages; instruction and output; or prompt, chosen and rejected"


def sample_of(record: object) -> Sample:
    if not isinstance(record, Mapping):
        raise DataError("it is no JSON object")
    given = {name: record[name] for name in FIELDS if record.get(name) is not None}
    if "messages" in given:
        return _lesson(_messages(given["messages"], "messages"))
    if {"prompt", "chosen", "rejected"} <= given.keys():
        chosen, rejected = _answer(given["chosen"], "chosen"), _answer(given["rejected"], "rejected")
        return Choice(_question(given["prompt"]), chosen, rejected)
    if {"prompt", "completion"} <= given.keys():
        return lesson(_question(given["prompt"]), _answer(given["completion"], "completion"))
    if {"instruction", "output"} <= given.keys():
        asked = [_text(given[name], name) for name in ("instruction", "input") if given.get(name)]
        return lesson(_question("\n\n".join(asked)), _text(given["output"], "output"))
    if "text" in given:
        return Plain(_filled(_text(given["text"], "text"), "text"))
    raise DataError(f"it has none of the known shapes ({_SHAPES})")


def record_of(sample: Sample) -> dict[str, Any]:
    """What `sample_of` makes the same sample of."""
    if isinstance(sample, Plain):
        return {"text": sample.text}
    if isinstance(sample, Lesson):
        return {"messages": sample.messages}
    return {"prompt": sample.question, "chosen": sample.chosen, "rejected": sample.rejected}


def lesson(question: tuple[Message, ...], answer: str) -> Lesson:
    return _lesson((*question, {"role": "assistant", "content": _filled(answer, "the answer")}))


def texts_of(sample: Sample) -> tuple[str, ...]:
    if isinstance(sample, Plain):
        return (sample.text,)
    if isinstance(sample, Lesson):
        return tuple(message["content"] for message in sample.messages)
    return (*(message["content"] for message in sample.question), sample.chosen, sample.rejected)


def _lesson(messages: tuple[Message, ...]) -> Lesson:
    if not any(message["role"] == "assistant" and number for number, message in enumerate(messages)):
        raise DataError("no assistant answers in it")
    return Lesson(messages)


def _question(prompt: Any) -> tuple[Message, ...]:
    if isinstance(prompt, str):
        return ({"role": "user", "content": _filled(prompt, "prompt")},)
    return _messages(prompt, "prompt")


def _answer(value: Any, name: str) -> str:
    """Also where it is written as messages, the last of which is the answer."""
    return _filled(value if isinstance(value, str) else _messages(value, name)[-1]["content"], name)


def _messages(value: Any, name: str) -> tuple[Message, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise DataError(f"{name!r} is no list of messages")
    for message in value:
        if not isinstance(message, Mapping) or message.get("role") not in ROLES:
            raise DataError(f"{name!r} holds a message without one of the roles {', '.join(ROLES)}")
        _text(message.get("content"), "content")
    return tuple({"role": message["role"], "content": message["content"]} for message in value)


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{name!r} is no text")
    return value


def _filled(text: str, name: str) -> str:
    if not text.strip():
        raise DataError(f"{name!r} is empty")
    return text
