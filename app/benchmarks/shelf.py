"""BenchShelf: the results that lie in the benchmarks folder, read a file a turn so that the window goes on.

Without their rows, which are read when somebody looks at the answers. What the figures mean is bench_ways'.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from core.spec.errors import DataError
from core.spec.folders import benchmarks_folder
from core.spec.trials import Trial
from trainer.spec.results import Result, read_results

_KINDS = ("speed", "quality", "repo")


@dataclass(frozen=True)
class Kept:
    """One result and where it stands: the place within its file."""

    file: Path
    place: int
    result: Result

    @property
    def started(self) -> str:
        return str(self.result.figures.get("started", ""))

    @property
    def suite(self) -> str:
        return str(self.result.figures.get("suite", ""))

    def rows(self) -> tuple[Trial, ...]:
        """Read now; a DataError says why they cannot be."""
        results = read_results(self.file)
        return results[self.place].rows if self.place < len(results) else ()


class BenchShelf(QObject):
    """Signals:
    changed: `kept` is another, newest first.
    noted: a sentence about a file that cannot be read.
    """

    changed = Signal()
    noted = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.kept: tuple[Kept, ...] = ()
        self._known: dict[tuple[Path, int], tuple[Kept, ...]] = {}
        self._waiting: list[tuple[Path, int]] = []
        self._seen: list[tuple[Path, int]] = []
        self._others: list[Path] = []
        self._next = QTimer(self, singleShot=True, interval=0)
        self._next.timeout.connect(self._read)

    def look(self) -> None:
        """What has come and gone since."""
        files = [*_stamped(benchmarks_folder().glob("*.json")), *_stamped(self._others)]
        self._seen = [file for file in files if not file[0].name.startswith("unfinished")]
        self._waiting = [file for file in self._seen if file not in self._known]
        self._next.start()

    def add(self, file: Path) -> None:
        """A file from elsewhere, such as one of another machine."""
        if file not in self._others:
            self._others.append(file)
        self.look()

    def remove(self, file: Path) -> None:
        """Deletes it. An OSError says why it cannot be."""
        file.unlink(missing_ok=True)
        self.look()

    def _read(self) -> None:
        if self._waiting:
            stamped = self._waiting.pop()
            try:
                results = read_results(stamped[0], with_rows=False)
                found = [Kept(stamped[0], place, item) for place, item in enumerate(results)]
                self._known[stamped] = tuple(item for item in found if item.result.kind in _KINDS)
            except DataError as error:
                self._known[stamped] = ()
                self.noted.emit(str(error))
            self._next.start()
            return
        kept = [item for file in self._seen for item in self._known.get(file, ())]
        kept.sort(key=lambda item: item.started, reverse=True)
        if tuple(kept) != self.kept:
            self.kept = tuple(kept)
        self.changed.emit()


def _stamped(files: Iterable[Path]) -> list[tuple[Path, int]]:
    found = []
    for file in files:
        try:
            found.append((file, file.stat().st_mtime_ns))
        except OSError:  # it has just been deleted
            continue
    return found
