"""The journal of one window: files that hold what is in no file yet. When they are written is in recovery.

A folder per running program, with a lock that dies with its process. A text is a file of its own with one
line of JSON above it, so that losing one loses nothing of the others; layout.json says which tabs were open.
"""

import base64
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from app.documents.document import Place, Snapshot
from app.documents.text_form import TextForm

FORMAT = 1
_LAYOUT = "layout.json"
_ENDING = ".text"
_LOCK = "lock"
_ASIDE = "kept-aside"


class Damaged(Exception):
    """A file of the journal that is not what was written."""


@dataclass(frozen=True)
class Layout:
    """`shown`: the place of the document in sight in `documents`, whose texts are elsewhere."""

    documents: tuple[Snapshot, ...] = ()
    shown: int = -1
    folder: Path | None = None
    recent: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Found:
    """What earlier programs have left. `problems`: a sentence for each thing that could not be read."""

    layout: Layout = Layout()
    texts: tuple[Snapshot, ...] = ()
    problems: tuple[str, ...] = ()
    folders: tuple["Journal", ...] = field(default=(), repr=False)


class Journal:
    def __init__(self, folder: Path, lock: FileLock) -> None:
        self.folder = folder
        self._lock = lock

    @classmethod
    def begin(cls, root: Path) -> "Journal":
        folder = root / f"{time.time_ns()}-{secrets.token_hex(3)}"
        folder.mkdir(parents=True, mode=0o700)
        journal = cls._locked(folder)
        if journal is None:  # only if somebody else guesses names
            raise OSError(f"{folder} is in use")
        return journal

    @classmethod
    def _locked(cls, folder: Path) -> "Journal | None":
        lock = FileLock(folder / _LOCK, mode=0o600)
        try:
            lock.acquire(blocking=False)
        except (Timeout, OSError):
            return None
        return cls(folder, lock)

    @classmethod
    def abandoned(cls, root: Path) -> list["Journal"]:
        """Those whose program has ended, the newest last; they are ours from now on."""
        try:
            folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name != _ASIDE)
        except OSError:
            return []
        return [journal for folder in folders if (journal := cls._locked(folder)) is not None]

    def write_text(self, key: str, snapshot: Snapshot) -> None:
        data = (snapshot.text or "").encode("utf-8", "surrogatepass")
        header = _to_json(snapshot) | {"format": FORMAT, "sha256": hashlib.sha256(data).hexdigest()}
        self._put(key + _ENDING, json.dumps(header).encode() + b"\n" + data)

    def write_layout(self, layout: Layout) -> None:
        content = {
            "format": FORMAT,
            "documents": [_to_json(snapshot) for snapshot in layout.documents],
            "shown": layout.shown,
            "folder": str(layout.folder) if layout.folder else None,
            "recent": [str(path) for path in layout.recent],
        }
        self._put(_LAYOUT, json.dumps(content).encode())

    def forget(self, key: str) -> None:
        (self.folder / (key + _ENDING)).unlink(missing_ok=True)

    def texts(self) -> list[Path]:
        return sorted(self.folder.glob("*" + _ENDING))

    def read_text(self, path: Path) -> Snapshot:
        try:
            head, _, data = path.read_bytes().partition(b"\n")
            header = json.loads(head)
            if header["format"] != FORMAT or header["sha256"] != hashlib.sha256(data).hexdigest():
                raise Damaged(path.name)
            return _from_json(header, data.decode("utf-8", "surrogatepass"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Damaged(path.name) from error

    def read_layout(self) -> Layout | None:
        path = self.folder / _LAYOUT
        try:
            content = json.loads(path.read_bytes())
            if content["format"] != FORMAT:
                raise Damaged(path.name)
            return Layout(
                tuple(_from_json(entry, None) for entry in content["documents"]),
                int(content["shown"]),
                Path(content["folder"]) if content["folder"] else None,
                tuple(Path(name) for name in content["recent"]),
            )
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Damaged(path.name) from error

    def set_aside(self, name: str) -> Path:
        """Out of the way, and never deleted: somebody may still want to look at it."""
        aside = self.folder.parent / _ASIDE
        aside.mkdir(exist_ok=True, mode=0o700)
        target = aside / f"{self.folder.name}-{name}"
        os.replace(self.folder / name, target)
        return target

    def release(self) -> None:
        self._lock.release()

    def remove(self) -> None:
        """Texts last: a crash in between must not leave a layout that misses them."""
        for path in sorted(self.folder.iterdir(), key=lambda path: path.suffix == _ENDING):
            if path.name != _LOCK:
                path.unlink(missing_ok=True)
        self._lock.release()
        (self.folder / _LOCK).unlink(missing_ok=True)
        self.folder.rmdir()

    def _put(self, name: str, data: bytes) -> None:
        temporary = self.folder / f"{name}.tmp"
        with open(temporary, "wb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / name)


def find(root: Path) -> Found:
    """What can be restored: every text, and the tabs of the program that ran last."""
    journals = Journal.abandoned(root)
    layout = Layout()
    texts: list[Snapshot] = []
    problems: list[str] = []
    for journal in journals:
        for path in journal.texts():
            try:
                texts.append(journal.read_text(path))
            except Damaged:
                problems += _set_aside(journal, path.name)
        try:
            layout = journal.read_layout() or layout
        except Damaged:
            problems += _set_aside(journal, _LAYOUT)
    return Found(layout, tuple(_once_each(texts)), tuple(problems), tuple(journals))


def _set_aside(journal: Journal, name: str) -> list[str]:
    try:
        return [f"A file of unsaved text could not be read; it was kept as {journal.set_aside(name)}."]
    except OSError as error:
        return [f"{journal.folder / name} holds unsaved text and cannot be read ({error.strerror})."]


def _once_each(texts: Sequence[Snapshot]) -> Iterator[Snapshot]:
    """Who is killed while restoring leaves the same text twice."""
    seen: set[tuple[Path | None, str | None]] = set()
    for snapshot in texts:
        if (snapshot.path, snapshot.text) not in seen:
            seen.add((snapshot.path, snapshot.text))
            yield snapshot


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _to_json(snapshot: Snapshot) -> dict[str, Any]:
    form, place = snapshot.form, snapshot.place
    return {
        "number": snapshot.number,
        "path": str(snapshot.path) if snapshot.path else None,
        "encoding": form.encoding,
        "bom": base64.b64encode(form.bom).decode(),
        "line_end": form.line_end,
        "is_declared": form.is_declared,
        "has_stray_bytes": form.has_stray_bytes,
        "digest": snapshot.digest.hex(),
        "place": [place.position, place.anchor, place.first_line],
    }


def _from_json(entry: Mapping[str, Any], text: str | None) -> Snapshot:
    """Wrong types fail here rather than in the window."""
    form = TextForm(
        encoding=str(entry["encoding"]),
        bom=base64.b64decode(entry["bom"]),
        line_end={"\n": "\n", "\r\n": "\r\n", "\r": "\r"}[entry["line_end"]],
        is_declared=bool(entry["is_declared"]),
        has_stray_bytes=bool(entry["has_stray_bytes"]),
    )
    position, anchor, first_line = (int(number) for number in entry["place"])
    path = Path(entry["path"]) if entry["path"] is not None else None
    if "\0" in str(path):
        raise ValueError("no path has a zero byte")
    digest = bytes.fromhex(entry["digest"])
    return Snapshot(int(entry["number"]), path, text, form, digest, Place(position, anchor, first_line))
