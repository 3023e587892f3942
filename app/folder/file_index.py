"""FileIndex: all files of the open folder, for finding one by its name. A thread reads them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event
from typing import Generic, TypeVar

from app.folder.folder_reader import files_below

T = TypeVar("T")
_FRESH_S = 5.0
_PATIENCE_S = 0.05  # nobody notices


class FileIndex(Generic[T]):
    """`make` gives what is kept of each file; it is called in the thread, as a hundred thousand take time."""

    def __init__(self, make: Callable[[Path, Path], T]) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="file index")
        self._folder: Path | None = None
        self._files: Sequence[T] = ()
        self._read_at = 0.0
        self._took_s = 0.0
        self._reading: Future[tuple[Sequence[T], float]] | None = None
        self._stop = Event()

    def open(self, folder: Path | None) -> None:
        if folder != self._folder:
            self._stop.set()
            self._stop = Event()
            self._folder, self._files, self._reading = folder, (), None
            self._read_at = 0.0
            self.files()

    def files(self) -> Sequence[T]:
        """What is known now. Asking is what makes it read again, so an idle window reads nothing."""
        reading = self._reading
        if reading is not None and reading.done():
            (self._files, self._took_s), self._reading = reading.result(), None
            self._read_at = time.monotonic()
        if self._folder is not None and self._reading is None and time.monotonic() - self._read_at > _FRESH_S:
            self._reading = self._pool.submit(_listed, self._folder, self._make, self._stop)
        return self._files

    def files_now(self) -> Sequence[T]:
        """As the folder is at this moment, where it is read before anybody notices; else what is known."""
        if self._took_s < _PATIENCE_S:
            self._read_at = 0.0
        self.files()
        if self._reading is not None:
            wait([self._reading], _PATIENCE_S)
        return self.files()

    def wait(self) -> Sequence[T]:
        """Until the reading under way is done."""
        if self._reading is not None:
            self._reading.result()
        return self.files()

    def close(self) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)


def _listed(folder: Path, make: Callable[[Path, Path], T], stop: Event) -> tuple[Sequence[T], float]:
    """And how many seconds that took."""
    began = time.monotonic()
    files = [make(path, folder) for path in files_below(folder, stop.is_set)]
    return files, time.monotonic() - began
