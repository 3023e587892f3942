"""What the tests' process and the sample's process say to each other: values, as JSON in frames.

Only plain values travel, each rebuilt here from its exact kind, so that what arrives cannot compare, print or
count in its own way. What is no plain value travels as a number that stands for it; both ends decide what
that is (link.py, sample_host.py). A frame is hostile until it is read: its length and depth are bounded, and
a kind that is not in the table is refused.
"""

import json
import os
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import Path
from typing import Any

MAX_FRAME_BYTES = 16 << 20
MAX_DEPTH = 100
_WORD = 1 << 63
_LENGTH_BYTES = 4

Frame = dict[str, Any]
Unusual = Callable[[Any], Any]


class ProtocolError(Exception):
    """The other side said something that cannot be meant."""


class TooDeep(Exception):
    """A value that holds values that hold values, further down than is carried."""


class Channel:
    """Two pipes between two processes, a frame at a time."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming, self._outgoing = incoming, outgoing

    def send(self, frame: Frame) -> None:
        data = json.dumps(frame, separators=(",", ":")).encode()
        if len(data) > MAX_FRAME_BYTES:
            raise ProtocolError(f"a message of {len(data) >> 20} MB is more than is carried")
        view = memoryview(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        while view:
            view = view[os.write(self._outgoing, view) :]

    def receive(self) -> Frame | None:
        """None where the other side has ended."""
        head = self._exactly(_LENGTH_BYTES)
        if head is None:
            return None
        length = int.from_bytes(head, "big")
        if length > MAX_FRAME_BYTES:
            raise ProtocolError(f"a message of {length >> 20} MB is more than is carried")
        data = self._exactly(length)
        if data is None:
            return None
        try:
            frame = json.loads(data)
        except (ValueError, RecursionError):
            raise ProtocolError("a message is not JSON") from None
        if not isinstance(frame, dict):
            raise ProtocolError("a message is not an object")
        return frame

    def _exactly(self, length: int) -> bytes | None:
        data = bytearray()
        while len(data) < length:
            part = os.read(self._incoming, min(length - len(data), 1 << 20))
            if not part:
                return None
            data += part
        return bytes(data)


@dataclass(frozen=True)
class _Shape:
    """How one kind of value is taken apart into a list or a text, and put together again."""

    kind: type
    apart: Callable[[Any], list[Any] | str]
    together: Callable[[Any], Any]
    is_text: bool = False


def _dict(parts: list[Any]) -> dict[Any, Any]:
    return {key: value for key, value in parts}  # noqa: C416 - dict() would take texts of two letters


class _Named:
    """Stands for every kind of named tuple: each is a class of its own."""


def _named(parts: list[Any]) -> tuple[Any, ...]:
    names, values = parts
    return namedtuple("Named", names)(*values)  # it checks the names


_SHAPES = {
    "tuple": _Shape(tuple, list, tuple),
    "dict": _Shape(dict, lambda value: [list(pair) for pair in value.items()], _dict),
    "set": _Shape(set, list, set),
    "frozenset": _Shape(frozenset, list, frozenset),
    "deque": _Shape(deque, list, deque),
    "range": _Shape(range, lambda value: [value.start, value.stop, value.step], lambda parts: range(*parts)),
    "complex": _Shape(complex, lambda value: [value.real, value.imag], lambda parts: complex(*parts)),
    "fraction": _Shape(
        Fraction, lambda value: [value.numerator, value.denominator], lambda parts: Fraction(*parts)
    ),
    "named": _Shape(_Named, lambda value: [list(value._fields), list(value)], _named),
    "int": _Shape(int, hex, lambda text: int(text, 16), is_text=True),
    "bytes": _Shape(
        bytes, lambda value: str(value, "latin-1"), lambda text: bytes(text, "latin-1"), is_text=True
    ),
    "bytearray": _Shape(
        bytearray, lambda value: str(value, "latin-1"), lambda text: bytearray(text, "latin-1"), is_text=True
    ),
    "decimal": _Shape(Decimal, str, Decimal, is_text=True),
    "path": _Shape(type(Path()), str, Path, is_text=True),
}
_TAGS = {shape.kind: tag for tag, shape in _SHAPES.items()}


def encode(value: Any, unusual: Unusual, depth: int = 0) -> Any:
    """JSON for a plain value; `unusual` gives the JSON for any other."""
    kind = type(value)
    if value is None or kind is str or kind is bool or kind is float:
        return value
    if kind is int and -_WORD <= value < _WORD:
        return value
    if depth > MAX_DEPTH:
        raise TooDeep
    if kind is list:
        return [encode(item, unusual, depth + 1) for item in value]
    tag = _TAGS.get(kind)
    if tag is None:
        return unusual(value)
    parts = _SHAPES[tag].apart(value)
    return {tag: parts if isinstance(parts, str) else encode(parts, unusual, depth + 1)}


def encode_below(value: Any, unusual: Unusual) -> Any:
    """JSON for a value whose class says little more than the plain one below it; None where there is none."""
    if isinstance(value, Enum):
        return None
    if isinstance(value, Counter | OrderedDict | defaultdict):
        return encode(dict(value), unusual)
    for plain in (int, float, str):
        if isinstance(value, plain):
            return encode(plain(value), unusual)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {"named": encode(_SHAPES["named"].apart(value), unusual)}
    return None


def decode(data: Any, unusual: Callable[[Frame], Any], depth: int = 0) -> Any:
    """The value again; `unusual` is asked about any object whose tag is not a plain value's."""
    kind = type(data)
    if data is None or kind in (str, bool, int, float):
        return data
    if depth > 2 * MAX_DEPTH:  # a dict is two deep
        raise ProtocolError("a value is too deep")
    if kind is list:
        return [decode(item, unusual, depth + 1) for item in data]
    if len(data) == 1:
        [(tag, parts)] = data.items()
        if tag in _SHAPES:
            return _together(_SHAPES[tag], parts, unusual, depth)
    return unusual(data)


def _together(shape: _Shape, parts: Any, unusual: Callable[[Frame], Any], depth: int) -> Any:
    if type(parts) is not (str if shape.is_text else list):
        raise ProtocolError("a value is not in its form")
    try:
        return shape.together(decode(parts, unusual, depth + 1))
    except (TypeError, ValueError, ArithmeticError):
        raise ProtocolError("a value is not in its form") from None
