"""Archive: the conversations of a person, a file each, in a folder beside their models and runs.

Files are only added to, so that what was said survives whatever ends the program; half a last line is set
aside when a file is next opened. What is deleted can be brought back until the program ends. No Qt here.
"""

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.chat.conversation import Began, Conversation, Record, from_record_line, to_record_line, told
from core.spec.errors import UsageError

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

    def read(self, id: str) -> tuple[Conversation, int]:
        """And how many lines could not be understood. OSError where it cannot be read."""
        path = self._path(id)
        data = _mended(path)
        talk, strange = Conversation(id), 0
        for line in [*data.splitlines(), *b"".join(self._unwritten.get(id, [])).splitlines()]:
            try:
                talk = told(talk, from_record_line(line))
            except UsageError:
                strange += 1
        return talk, strange

    def add(self, id: str, *records: Record) -> None:
        """OSError where it cannot be written: it is kept, and written with the next that can."""
        path = self._path(id)
        lines = self._unwritten.setdefault(id, [])
        if not lines and not path.exists():
            lines.append(to_record_line(Began(time.time())))
        lines += map(to_record_line, records)
        self.folder.mkdir(parents=True, exist_ok=True)
        _append(path, b"".join(lines))
        del self._unwritten[id]

    def summaries(self, words: str = "") -> list[Summary]:
        """Newest first; only those in which all words are found. Reads every file: for a thread."""
        wanted = words.lower().split()
        found = [summary for talk in self._all() if (summary := _summary(talk, wanted)) is not None]
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
                path.unlink()

    def _all(self) -> Iterator[Conversation]:
        for path in sorted(self.folder.glob(f"*{_ENDING}")):
            try:
                talk, _ = self.read(path.stem)
            except OSError:
                continue
            if talk.messages or talk.name:
                yield talk

    def _path(self, id: str) -> Path:
        return self.folder / f"{id}{_ENDING}"


def _mended(path: Path) -> bytes:
    """The whole lines. Half a one, from a program that was killed, goes into a file of its own."""
    data = path.read_bytes()
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        try:
            with path.with_suffix(_HALF).open("ab") as aside:
                aside.write(data[whole:] + b"\n")
            os.truncate(path, whole)
        except OSError:  # a full disk: the next time, then
            return data[:whole]
    return data[:whole]


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
