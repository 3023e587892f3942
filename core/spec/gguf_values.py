"""The values in a GGUF header: a cursor that reads them from a hostile file, and the mapping they end in.

Every count is checked against the file's size before anything is made for it. Lists, which can be long, are
decoded when they are first asked for. What the keys mean is not known here.
"""

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.spec.errors import ModelFormatError
from core.spec.headers import shown

_MAX_HEADER_BYTES = 128 * 2**20
_MAX_LIST = 2**22
MAX_NAME_BYTES = 65_535
_FIRST_READ_BYTES = 2**18

UINT32, UINT64 = struct.Struct("<I"), struct.Struct("<Q")
_STRING, _LIST = 8, 9
_NUMBERS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: UINT32,
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: UINT64,
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}


@dataclass(frozen=True)
class _UnreadList:
    kind: int
    count: int
    data: bytes


class GgufMetadata(Mapping[str, Any]):
    """Numbers, booleans, texts, and lists of one of them; a list is decoded when it is first asked for."""

    def __init__(self, path: Path, values: dict[str, Any]) -> None:
        self._path = path
        self._values = values

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        if isinstance(value, _UnreadList):
            value = self._values[key] = _decoded(self._path, key, value)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def list_contains(self, key: str, text: str) -> bool:
        """Whether a list of texts has this one, without decoding the list."""
        value = self._values.get(key)
        if isinstance(value, _UnreadList):
            spelled = text.encode()
            return value.kind == _STRING and UINT64.pack(len(spelled)) + spelled in value.data
        return isinstance(value, list) and text in value


class Cursor:
    """Reads a file forward, never beyond its end, and holds little more of it than was asked for."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file_size = os.fstat(file.fileno()).st_size
        self.position = 0
        self._file = file
        self._data = bytearray(file.read(_FIRST_READ_BYTES))

    def bytes(self, length: int) -> bytes:
        self._need(self.position + length)
        start, self.position = self.position, self.position + length
        return bytes(self._data[start : self.position])

    def number(self, form: struct.Struct) -> Any:
        self._need(self.position + form.size)
        (value,) = form.unpack_from(self._data, self.position)
        self.position += form.size
        return value

    def text(self, what: str, max_bytes: int = _MAX_HEADER_BYTES) -> str:
        length = self.number(UINT64)
        if length > max_bytes:
            raise ModelFormatError(f"{self.path} holds {what} of {length:,} bytes; download it again.")
        return _text(self.path, what, self.bytes(length))

    def count(self, what: str, smallest_bytes: int, limit: int) -> int:
        """A count that the rest of the file has room for."""
        count: int = self.number(UINT64)
        if count > min(limit, (self.file_size - self.position) // smallest_bytes):
            raise ModelFormatError(
                f"{self.path} cannot hold the {count:,} {what} it claims; download it again."
            )
        return count

    def list(self, key: str) -> _UnreadList:
        kind = self.number(UINT32)
        what = f"values of {shown(key)}"
        if kind == _STRING:
            count = self.count(what, UINT64.size, _MAX_LIST)
            start = self.position
            self._skip_strings(count)
            return _UnreadList(kind, count, bytes(self._data[start : self.position]))
        if kind == _LIST:
            raise ModelFormatError(
                f"{shown(key)} in {self.path} is a list of lists; get the model as safetensors."
            )
        if kind not in _NUMBERS:
            raise _unknown_kind(self.path, key, kind)
        count = self.count(what, _NUMBERS[kind].size, _MAX_LIST)
        return _UnreadList(kind, count, self.bytes(count * _NUMBERS[kind].size))

    def _skip_strings(self, count: int) -> None:
        """A vocabulary has very many: only a length beyond what is held costs a check."""
        data, position, length_at = self._data, self.position, UINT64.unpack_from
        for _ in range(count):
            try:
                (length,) = length_at(data, position)
            except (struct.error, OverflowError):
                self._need(position + UINT64.size)
                (length,) = length_at(data, position)
            position += UINT64.size + length
        self._need(position)
        self.position = position

    def _need(self, end: int) -> None:
        held = len(self._data)
        if end <= held:
            return
        if end > self.file_size:
            raise ModelFormatError(f"{self.path} ends in the middle of its header; download it again.")
        if end > _MAX_HEADER_BYTES:
            raise ModelFormatError(
                f"The header of {self.path} is larger than a model's can be; download it again."
            )
        self._data += self._file.read(min(max(end, 2 * held), _MAX_HEADER_BYTES) - held)
        if end > len(self._data):
            raise ModelFormatError(f"{self.path} became shorter while it was read; download it again.")


def read_pairs(cursor: Cursor, count: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _ in range(count):
        key = cursor.text("a key", MAX_NAME_BYTES)
        if not key:
            raise ModelFormatError(f"{cursor.path} holds a key without a name; download it again.")
        if key in values:
            raise ModelFormatError(f"{cursor.path} holds the key {shown(key)} twice; download it again.")
        values[key] = _read_value(cursor, key)
    return values


def _read_value(cursor: Cursor, key: str) -> Any:
    kind = cursor.number(UINT32)
    if kind == _STRING:
        return cursor.text(f"a value of {shown(key)}")
    if kind == _LIST:
        return cursor.list(key)
    if kind not in _NUMBERS:
        raise _unknown_kind(cursor.path, key, kind)
    return cursor.number(_NUMBERS[kind])


def _decoded(path: Path, key: str, unread: _UnreadList) -> list[Any]:
    if unread.kind != _STRING:
        form = _NUMBERS[unread.kind].format[1:]
        return list(struct.unpack(f"<{unread.count}{form}", unread.data))
    data, position, length_at = unread.data, 0, UINT64.unpack_from
    texts = []
    try:
        for _ in range(unread.count):
            start = position + UINT64.size
            position = start + length_at(data, position)[0]
            texts.append(str(data[start:position], "utf-8"))
    except UnicodeDecodeError:
        raise _not_utf8(path, f"a text of {shown(key)}") from None
    return texts


def _text(path: Path, what: str, data: bytes) -> str:
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError:
        raise _not_utf8(path, what) from None


def _not_utf8(path: Path, what: str) -> ModelFormatError:
    return ModelFormatError(f"{path} holds {what} that is not UTF-8 text; download it again.")


def _unknown_kind(path: Path, key: str, kind: int) -> ModelFormatError:
    return ModelFormatError(f"{shown(key)} in {path} has the unknown value type {kind}; download it again.")
