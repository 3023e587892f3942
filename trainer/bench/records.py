"""Records of files that strangers wrote: .jsonl or .json, either with .gz, read without letting them grow."""

import contextlib
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from core.spec.errors import DataError

Record = dict[str, Any]
_MAX_FILE_BYTES = 256 << 20
_MAX_LINES = 250_000
_MAX_LINE_BYTES = 4 << 20
_PART_BYTES = 1 << 20


def records(path: Path, what: str) -> Iterator[tuple[str, object]]:
    """One a line, or all in one list, each with its place in words; what is no JSON is None. `what` the file
    should be, for the sentence that says it is not."""
    name = path.name.removesuffix(".gz")
    is_packed = path.suffix == ".gz"
    if not name.endswith((".json", ".jsonl")):
        raise DataError(f"{path} should end in .jsonl, .json, or either with .gz.")
    try:
        with contextlib.closing(cast(IO[bytes], gzip.open(path) if is_packed else path.open("rb"))) as file:
            if name.endswith(".json"):
                yield from ((f"Task {place}", item) for place, item in enumerate(_list(file, path, what), 1))
            else:
                yield from ((f"Line {place}", _json(line)) for place, line in _lines(file, path, what))
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); check the file.") from None


def named(record: object, place: str) -> str:
    name = record.get("task_id") if isinstance(record, dict) else None
    return f"{place} ({str(name)[:60]})" if name is not None else place


def _list(file: IO[bytes], path: Path, what: str) -> list[object]:
    data = b"".join(_parts(file, path, what))
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise DataError(f"{path} is not a JSON list of tasks.")
    return found


def _lines(file: IO[bytes], path: Path, what: str) -> Iterator[tuple[int, bytes]]:
    place, rest = 0, b""
    for part in _parts(file, path, what):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > _MAX_LINE_BYTES or place + len(lines) > _MAX_LINES:
            raise DataError(f"{path} has a longer line, or more lines, than {what} has.")
        for line in lines:
            place += 1
            if line.strip():
                yield place, line
    if rest.strip():
        yield place + 1, rest


def _parts(file: IO[bytes], path: Path, what: str) -> Iterator[bytes]:
    total = 0
    while part := file.read(_PART_BYTES):
        total += len(part)
        if total > _MAX_FILE_BYTES:
            raise DataError(f"{path} holds more than {_MAX_FILE_BYTES >> 20} MB; {what} is smaller.")
        yield part


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
