"""Archive: the conversations of a person, a file each, in a folder beside their models and runs.

Files are only added to, by one thread, so that what was said survives whatever ends the program; half a last
line is set aside when a file is next added to. Any thread may read. What is deleted can be brought back until
the program ends. No Qt here.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from app.chat.conversation import (
    Began,
    Conversation,
    Record,
    all_told,
    from_record_line,
    is_piece,
    to_record_line,
)
from core.spec.errors import UsageError

DRAFT_ENDING = ".draft"  # of what was written in a conversation and not asked yet; see unasked.py
_ENDING, _DELETED, _HALF = ".jsonl", ".deleted", ".half-line"
_SNIPPET_LETTERS = 80


@dataclass(frozen=True)
class Summary:
    """`snippet`: where the words that were looked for stand."""

    id: str
    title: str
    at: float
    snippet: str = ""


class Archive:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unwritten: dict[str, list[bytes]] = {}  # of conversations whose disk was full

    def new_id(self) -> str:
        return time.strftime("%Y-%m-%d %H.%M.%S ") + secrets.token_hex(2)

    def has(self, id: str) -> bool:
        return self._path(id).exists()

    def read(self, id: str) -> tuple[Conversation, int]:
        """And how many lines could not be understood. OSError where it cannot be read."""
        return self.reading(id)()

    def reading(self, id: str) -> Callable[[], tuple[Conversation, int]]:
        """`read`, to be done by a thread: the conversation as it is now, without what is added meanwhile."""
        path = self._path(id)
        size, unwritten = path.stat().st_size, b"".join(self._unwritten.get(id, []))
        return lambda: _understood(id, chain(_whole_lines(path, size), unwritten.splitlines()))

    def add(self, id: str, *records: Record) -> None:
        """OSError where it cannot be written: it is kept, and written with the next that can."""
        path = self._path(id)
        lines = self._unwritten.setdefault(id, [])
        if not lines and not path.exists():
            lines.append(to_record_line(Began(time.time())))
        lines += map(to_record_line, records)
        self.folder.mkdir(parents=True, exist_ok=True)
        _mend(path)
        _append(path, b"".join(lines))
        del self._unwritten[id]

    def summaries(self, words: str = "", is_wanted: Callable[[], bool] = lambda: True) -> list[Summary]:
        """Newest first; only those in which all words are found. Reads every file: for a thread, which gives
        up when it is not wanted any more."""
        wanted = words.lower().split()
        found = []
        for path in sorted(self.folder.glob(f"*{_ENDING}")):
            if not is_wanted():
                return []
            summary = self._summary(path, wanted)
            found += [] if summary is None else [summary]
        return sorted(found, key=lambda summary: summary.at, reverse=True)

    def delete(self, id: str) -> None:
        path = self._path(id)
        self._unwritten.pop(id, None)
        if path.exists():
            os.replace(path, path.with_suffix(_DELETED))

    def bring_back(self, id: str) -> None:
        os.replace(self._path(id).with_suffix(_DELETED), self._path(id))

    def forget_deleted(self) -> None:
        """For good."""
        for path in [*self.folder.glob(f"*{_DELETED}")]:
            with contextlib.suppress(OSError):  # it is tried again the next time
                path.with_suffix(DRAFT_ENDING).unlink(missing_ok=True)
                path.unlink()

    def _summary(self, path: Path, wanted: list[str]) -> Summary | None:
        try:
            lines = _whole_lines(path, path.stat().st_size)
            # how an answer goes matters only to who looks for its words
            needed = lines if wanted else (line for line in lines if not is_piece(line))
            talk, _ = _understood(path.stem, needed)
        except OSError:  # it has just been deleted
            return None
        return _summary(talk, wanted) if talk.messages or talk.name else None

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}{_ENDING}"


def _understood(id: str, lines: Iterable[bytes]) -> tuple[Conversation, int]:
    strange = 0

    def records() -> Iterator[Record]:
        nonlocal strange
        for line in lines:
            try:
                yield from_record_line(line)
            except UsageError:
                strange += 1

    return all_told(Conversation(id), records()), strange


def _whole_lines(path: Path, size: int) -> Iterator[bytes]:
    """Of the first `size` bytes. Half a last line is being written, or is of a program that was killed.

    One by one: what is done with many megabytes at once, no other thread can do anything meanwhile.
    """
    with path.open("rb") as file:
        while size > 0 and (line := file.readline(size)).endswith(b"\n"):
            size -= len(line)
            yield line


def _mend(path: Path) -> None:
    """Half a last line, from a program that was killed, goes into a file of its own."""
    if not path.exists() or _ends_with_a_line(path):
        return
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    with path.with_suffix(_HALF).open("ab") as aside:
        aside.write(data[whole:] + b"\n")
    os.truncate(path, whole)


def _ends_with_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        return file.read(1) in (b"", b"\n")


def _append(path: Path, lines: bytes) -> None:
    """All of it or nothing."""
    size = path.stat().st_size if path.exists() else 0
    try:
        with path.open("ab", buffering=0) as file:
            left = memoryview(lines)
            while left:
                left = left[file.write(left) :]
    except OSError:
        with contextlib.suppress(OSError):
            os.truncate(path, size)
        raise


def _summary(talk: Conversation, wanted: list[str]) -> Summary | None:
    if not wanted:
        return Summary(talk.id, talk.title, talk.at)
    texts = [talk.title, *(message.text for message in talk.messages)]
    whole = "\n".join(texts).lower()
    if not all(word in whole for word in wanted):
        return None
    return Summary(talk.id, talk.title, talk.at, _snippet(texts[1:], wanted[0]))


def _snippet(texts: list[str], word: str) -> str:
    for text in texts:
        place = text.lower().find(word)
        if place >= 0:
            start = max(0, place - _SNIPPET_LETTERS // 3)
            return " ".join(text[start : start + _SNIPPET_LETTERS].split())
    return ""
