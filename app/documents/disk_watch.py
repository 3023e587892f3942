"""DiskWatch: says when something may have happened to a file. Whether it did is for the listener to find out.

Qt forgets a file that was replaced, which is how most editors save, so it is told of it again; folders are
watched too, because a file that is not there cannot be, and some of those above, which may be renamed.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

_SETTLE_MS = 100  # a program that saves does several things at once
_LEVELS = 3  # of folders


class DiskWatch(QObject):
    """`touched`: a watched file, by the name it was given."""

    touched = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._paths: frozenset[Path] = frozenset()
        self._waiting: set[Path] = set()
        self._watcher = QFileSystemWatcher(self)
        self._watcher.fileChanged.connect(self._file_changed)
        self._watcher.directoryChanged.connect(self._folder_changed)
        self._settled = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settled.timeout.connect(self._tell)

    def watch(self, paths: Iterable[Path]) -> None:
        """These and no others."""
        self._paths = frozenset(paths)
        wanted = {str(path) for path in self._paths}.union(*(_folders(path) for path in self._paths))
        known = {*self._watcher.files(), *self._watcher.directories()}
        if gone := sorted(known - wanted):
            self._watcher.removePaths(gone)
        # Qt would warn of those that are not there
        if new := sorted(path for path in wanted - known if os.path.exists(path)):
            self._watcher.addPaths(new)

    def stop(self) -> None:
        self._settled.stop()
        self.watch([])

    def _file_changed(self, name: str) -> None:
        self._wait_for({path for path in self._paths if str(path) == name})

    def _folder_changed(self, name: str) -> None:
        self._wait_for({path for path in self._paths if name in _folders(path)})

    def _wait_for(self, paths: set[Path]) -> None:
        if paths:
            self._waiting |= paths
            self._settled.start()

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, set()
        # Qt follows the file that had the name, which may be another file's now
        stale = sorted(str(path) for path in waiting if str(path) in self._watcher.files())
        if stale:
            self._watcher.removePaths(stale)
        self.watch(self._paths)
        for path in sorted(waiting):
            self.touched.emit(path)


def _folders(path: Path) -> set[str]:
    """By the names that the person uses, and by their own."""
    real = Path(os.path.realpath(path.parent))
    return {str(folder) for folder in (*path.parents[:_LEVELS], real) if folder != folder.parent}
