"""Where samples come from: folders of code, text, JSON lines and Parquet, all read as streams.

What cannot be used is left out and counted, the first few by file and line. Each document has an identity, on
which depends whether it is held out: a hash of the file's name below its folder, else of what it says.
"""

import gzip
import hashlib
import json
import os
import stat
import zlib
from collections import Counter
from collections.abc import Container, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, cast

from core.spec.errors import DataError, UsageError
from trainer.data.collect import collect
from trainer.data.downloaded import files_of
from trainer.data.duplicates import Duplicates
from trainer.data.layout import DataKind
from trainer.data.pairs import pairs
from trainer.data.parquet import rows
from trainer.data.reasons import Reason
from trainer.data.samples import Plain, Sample, sample_of, texts_of
from trainer.data.secrets import find_secrets
from trainer.data.texts import decoded
from trainer.spec.data import Pairs, ScanSpec

Format = Literal["folder", "text", "records", "parquet"]

MAX_LINE_BYTES = 16 << 20
_WHOLE_FILE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 16
_TEXT_END = b"<|endoftext|>"
_MOST_PROBLEMS = 20
_MOST_CONTAINERS = 1 << 18


@dataclass(frozen=True)
class Document:
    """`source`: the path that was named, or a file of what was downloaded."""

    source: str
    identity: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Problem:
    """`place`: the line of a file, the row of a table, or the block of a text, counted from 1."""

    path: str
    place: int
    why: str


@dataclass
class Rejections:
    """What was left out. `problems` holds the first few of the `broken` records."""

    reasons: Counter[Reason] = field(default_factory=Counter)
    broken: int = 0
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: Path, place: int, why: str) -> None:
        self.broken += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(Problem(str(path), place, why))


@dataclass(frozen=True)
class Sources:
    paths: tuple[Path, ...]
    scan: ScanSpec
    pairs: Pairs = "no"

    def kind(self) -> DataKind:
        """Told from the first record of each source that can be used."""
        kinds = {kind for path in self._files() if (kind := self._first_kind(path)) is not None}
        if "choice" in kinds and len(kinds) > 1:
            raise UsageError("Records with chosen and rejected answers go by themselves; prepare them apart.")
        return "lesson" if "lesson" in kinds else "choice" if "choice" in kinds else "text"

    def documents(self, kind: DataKind, rejections: Rejections) -> Iterator[Document]:
        """The same ones in the same order each time, as long as nobody changes the files."""
        allowed: set[DataKind] = {"text", "lesson"} if kind == "lesson" else {kind}
        duplicates = Duplicates()
        for path in self._files():
            if format_of(path) == "folder":
                yield from self._code(path, duplicates, rejections)
            else:
                yield from _accepted(path, allowed, rejections)

    def _files(self) -> Iterator[Path]:
        """What was downloaded stands for its files."""
        for path in self.paths:
            yield from files_of(path) or [path]

    def _first_kind(self, path: Path) -> DataKind | None:
        if format_of(path) == "folder":
            return "text" if self.pairs == "no" else "lesson"
        with closing(_read(path)) as found:
            return next((sample.kind for _, sample in found if not isinstance(sample, DataError)), None)

    def _code(self, folder: Path, duplicates: Duplicates, rejections: Rejections) -> Iterator[Document]:
        for file in collect([folder], self.scan, duplicates):
            if file.reason is not None:
                rejections.reasons[file.reason] += 1
                continue
            samples: list[Sample] = [] if self.pairs == "only" else [Plain(file.text)]
            if self.pairs != "no" and file.name.endswith(".py"):
                samples += pairs(file.text)
            if samples:
                yield Document(str(folder), identity_of(os.fsencode(file.name)), tuple(samples))


def format_of(path: Path) -> Format:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name is not allowed"
        raise UsageError(f"{path} cannot be read ({reason}); check the name and your access.") from None
    if stat.S_ISDIR(mode):
        return "folder"
    if not stat.S_ISREG(mode):
        raise UsageError(f"{path} is neither a file nor a folder; choose one.")
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")):
        return "records"
    if name.endswith((".json", ".json.gz", ".csv", ".tsv", ".arrow", ".zip", ".gz", ".zst")):
        raise UsageError(f"{path} is of a kind that is not read; write JSON with one object a line (.jsonl).")
    return "parquet" if name.endswith(".parquet") else "text"


def _accepted(path: Path, allowed: Container[DataKind], rejections: Rejections) -> Iterator[Document]:
    for place, sample in _read(path):
        try:
            if isinstance(sample, DataError):
                raise sample
            if sample.kind not in allowed:
                raise DataError("it is of another kind than the first of its file")
            written = "\0".join(texts_of(sample)).encode("utf-8", "replace")
            secrets = find_secrets(written)
            if secrets:
                raise DataError(f"something in it looks like a secret ({secrets[0].kind})")
        except DataError as error:
            rejections.add(path, place, str(error))
        else:
            yield Document(str(path), identity_of(written), (sample,))


def _read(path: Path) -> Generator[tuple[int, Sample | DataError]]:
    """Each sample of a file and its place, or what is wrong there."""
    if format_of(path) == "text":
        yield from _blocks(path)
        return
    found = _lines(path) if format_of(path) == "records" else enumerate(rows(path), start=1)
    for place, record in found:
        try:
            yield place, record if isinstance(record, DataError) else sample_of(record)
        except DataError as error:
            yield place, error


def _lines(path: Path) -> Iterator[tuple[int, object]]:
    """Of each line that is not empty its number and the object, or what is wrong with it."""
    number = 0
    with _opened(path) as file:
        try:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(line) > MAX_LINE_BYTES:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(_BLOCK_BYTES)
                    yield number, DataError(f"it is longer than {MAX_LINE_BYTES >> 20} MB")
                elif line.strip():
                    yield number, _parsed(line)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise DataError(f"{path} is damaged behind line {number}; get it again.") from None


def _parsed(line: bytes) -> object:
    try:
        if line.count(b"{") + line.count(b"[") > _MOST_CONTAINERS:
            return DataError("it holds more lists and objects than a record can have")
        return json.loads(line)
    except (ValueError, RecursionError):
        return DataError("it is not JSON in UTF-8")


def _opened(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def _blocks(path: Path) -> Iterator[tuple[int, Sample | DataError]]:
    for place, block in enumerate(_cut(path), start=1):
        text, reason = decoded(block)
        if reason is None:
            yield place, Plain(text)
        elif reason != "empty":
            yield place, DataError("it is not text in UTF-8")


def _cut(path: Path) -> Iterator[bytes]:
    """Where a line says that a text ends; a large file also into blocks that end with a line, best with an
    empty one, so that something can be held out of a file that is all there is."""
    limit = _BLOCK_BYTES if path.stat().st_size > _WHOLE_FILE_BYTES else _WHOLE_FILE_BYTES
    block = bytearray()
    with path.open("rb") as file:
        while line := file.readline(limit):
            half = _begun_letter(line)
            if half and len(line) == limit:
                file.seek(-half, os.SEEK_CUR)
                line = line[:-half]
            is_end = line.strip() == _TEXT_END
            if not is_end:
                block += line
            is_long = len(block) >= limit and not line.strip()
            if is_end or is_long or len(block) >= 2 * limit:
                yield bytes(block)
                block.clear()
    yield bytes(block)


def _begun_letter(line: bytes) -> int:
    """How many bytes at the end begin a letter that goes on behind them."""
    for count in range(1, min(4, len(line) + 1)):
        if line[-count] >= 0xC0:
            return count if count < 2 + (line[-count] >= 0xE0) + (line[-count] >= 0xF0) else 0
        if line[-count] < 0x80:
            break
    return 0


def identity_of(written: bytes) -> str:
    return hashlib.blake2b(written, digest_size=16).hexdigest()
