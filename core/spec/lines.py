"""A message as one line: a JSON object, `type` first, in UTF-8; and back, whatever has been sent.

It can come from a program that is not ours, so that nothing of it is taken for granted but the pipe.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar, get_args

from core.spec.errors import UsageError
from core.spec.fields import from_json, suggestion, to_json
from core.spec.messages import Event, Reply, Request

MAX_LINE_BYTES = 8 * 2**20
_MAX_KEY_LETTERS = 64

T = TypeVar("T")


def _by_type(union: Any) -> dict[str, Any]:
    return {_type_of(kind): kind for kind in get_args(union)}


def _type_of(kind: type) -> str:
    return kind.__name__.lower()


REQUESTS: Mapping[str, type[Request]] = _by_type(Request)
REPLIES: Mapping[str, type[Reply]] = _by_type(Reply)
EVENTS: Mapping[str, type[Event]] = _by_type(Event)


def to_line(message: Request | Reply | Event) -> bytes:
    text = json.dumps({"type": _type_of(type(message))} | to_json(message), ensure_ascii=False)
    # half a surrogate pair, which editors hold for a moment, becomes \udxxx: JSON's own way to write it
    return text.encode("utf-8", "backslashreplace") + b"\n"


def from_line(line: bytes, kinds: Mapping[str, type[T]]) -> T:
    """`kinds` is one of REQUESTS, REPLIES and EVENTS. What is not exactly such a message is a UsageError."""
    return from_object(parse(line), kinds)


def parse(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE_BYTES:
        raise UsageError(f"A message has more than {MAX_LINE_BYTES:,} bytes; send less text at once.")
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        raise UsageError("A message is not JSON in UTF-8; send one object a line.") from None
    if not isinstance(content, dict):
        raise UsageError("A message must be a JSON object; send one a line.")
    return content


def from_object(content: dict[str, Any], kinds: Mapping[str, type[T]]) -> T:
    name = content.get("type")
    if not isinstance(name, str):
        raise UsageError(f"A message must say its type in words; send one of {', '.join(kinds)}.")
    if name not in kinds:
        near = suggestion(name[:_MAX_KEY_LETTERS], kinds)
        raise UsageError(f"A message has the unknown type {name[:_MAX_KEY_LETTERS]!r}{near}.")
    values = {key[:_MAX_KEY_LETTERS]: value for key, value in content.items() if key != "type"}
    try:
        return from_json(kinds[name], values, f"the message {name!r}")
    except OverflowError:
        raise UsageError(f"The message {name!r} holds a number that is too large; send a smaller.") from None


def id_of(content: dict[str, Any]) -> int | None:
    """Of a message that may be wrong in all else."""
    found = content.get("id")
    return found if type(found) is int and 0 <= found <= 2**53 else None
