"""What is in a folder, and every file below one: read by threads, so that no disk can stop the window.

Links to folders can be opened in the tree; they are not followed where all files are listed, so there are no
circles.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.folder.ignored import Ignored

_NUMBER = re.compile(r"(\d+)")
_MAX_FILES = 200_000


@dataclass(frozen=True)
class Entry:
    name: str
    is_folder: bool
    is_ignored: bool = False

    @property
    def order(self) -> tuple[object, ...]:
        """Folders first, and file10 after file9."""
        parts = [
            (int(part), "") if part.isdecimal() else (-1, part)
            for part in _NUMBER.split(self.name.casefold())
        ]
        return (not self.is_folder, parts, self.name)


class FolderReader(QObject):
    """`read`: a folder, its entries in order, and a sentence where it cannot be read."""

    read = Signal(object, list, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="folders")
        self._waiting: set[Path] = set()

    def ask_for(self, folder: Path, *, with_ignored: bool) -> None:
        """Answered by `read`; asking again before the answer changes nothing."""
        if folder not in self._waiting:
            self._waiting.add(folder)
            self._pool.submit(self._read, folder, with_ignored)

    def stop(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _read(self, folder: Path, with_ignored: bool) -> None:
        """In the thread. What comes after this is read again."""
        self._waiting.discard(folder)
        try:
            entries = list_folder(folder, with_ignored=with_ignored)
        except OSError as error:
            self.read.emit(folder, [], _refusal(error, folder))
        else:
            self.read.emit(folder, entries, "")


def _refusal(error: OSError, folder: Path) -> str:
    if isinstance(error, PermissionError):
        return f"{folder} may not be read; change its permissions, or open another folder."
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return f"The folder {folder} is gone; open another one."
    return f"{folder} cannot be read ({error.strerror}); check the disk it is on."


def list_folder(folder: Path, *, with_ignored: bool = False) -> list[Entry]:
    ignored = Ignored.of(folder)
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            is_folder = _is_folder(item)
            is_ignored = ignored.covers(item.path, is_folder=is_folder)
            if with_ignored or not is_ignored:
                entries.append(Entry(item.name, is_folder, is_ignored))
    return sorted(entries, key=lambda entry: entry.order)


def files_below(top: Path, cancelled: Callable[[], bool] = lambda: False) -> Iterator[Path]:
    """Every file that is not ignored, folder by folder."""
    waiting = [(str(top), Ignored.of(top))]
    count = 0
    while waiting and not cancelled():
        folder, ignored = waiting.pop()
        folders: list[str] = []
        for path, is_folder in _contents(folder, ignored):
            if is_folder:
                folders.append(path)
                continue
            yield Path(path)
            count += 1
            if count >= _MAX_FILES:
                return
        waiting += [(path, ignored.within(path)) for path in reversed(folders)]


def _contents(folder: str, ignored: Ignored) -> list[tuple[str, bool]]:
    """What is neither ignored nor a link to a folder, by name. What may not be read is empty."""
    try:
        with os.scandir(folder) as found:
            items = sorted(found, key=lambda item: item.name)
    except OSError:
        return []
    contents = []
    for item in items:
        is_folder = _is_folder(item)
        if not (is_folder and item.is_symlink()) and not ignored.covers(item.path, is_folder=is_folder):
            contents.append((item.path, is_folder))
    return contents


def _is_folder(item: "os.DirEntry[str]") -> bool:
    try:
        return item.is_dir()
    except OSError:
        return False
