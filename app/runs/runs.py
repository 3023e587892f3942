"""Runs: those of this person, each found again whoever started it; all of them stand back at times.

Deleted ones lie aside until the window ends, so that it can be undone.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.runs.record import RunRecord
from app.runs.watch import RunWatch, is_alive
from app.runs.words import Entry
from core.spec.errors import SmallCoderError, sentence_about
from core.spec.folders import runs_folder
from trainer.spec.runs import TAIL_BYTES, Run, all_runs, read_wish
from trainer.spec.verdict import read_verdict

_HELD_S, _HOLD_AGAIN_MS = 30.0, 10_000  # who holds a run must live, or it goes on


class Runs(QObject):
    """
    Signals:
        alive_changed: a RunWatch whose run a process works at now, or no longer.
        held_changed: why runs stand back, or an empty text.
        failed: a sentence.
    """

    alive_changed = Signal(object)
    held_changed = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watches: dict[Path, RunWatch] = {}
        self._reasons: dict[str, str] = {}
        self._excused: dict[Path, set[str]] = {}  # by a person, from these reasons
        self._hold_again = QTimer(self, interval=_HOLD_AGAIN_MS)
        self._hold_again.timeout.connect(self._hold_all)

    @property
    def held(self) -> str:
        """Why they stand back; empty where they do not."""
        return next(iter(self._reasons.values()), "")

    def alive(self) -> list[RunWatch]:
        return [watch for watch in self._watches.values() if watch.is_alive]

    def processes(self) -> dict[int, str]:
        """Of those that go on: by the number of each, what a person calls it."""
        return {watch.pid: f"Run {watch.run.name}" for watch in self.alive() if watch.pid is not None}

    def find(self) -> list[RunWatch]:
        """Those that go on though nobody here has started them."""
        found = [self.watch(run) for run in all_runs() if is_alive(run)]
        for watch in found:
            watch.follow()
        return found

    def watch(self, run: Run) -> RunWatch:
        if run.folder not in self._watches:
            watch = RunWatch(run, self)
            watch.alive_changed.connect(self._take_alive)
            watch.failed.connect(self.failed)
            self._watches[run.folder] = watch
        return self._watches[run.folder]

    def start(self, run: Run, words: Sequence[str] = ()) -> None:
        run.wish_file.unlink(missing_ok=True)
        self.watch(run).start(words)

    def pause(self, run: Run) -> None:
        self._excused.pop(run.folder, None)
        self.watch(run).wish("pause")

    def go_on(self, run: Run) -> None:
        """By a person's wish: it does not stand back either, until there is another reason."""
        self._excused[run.folder] = {*self._reasons}
        self.watch(run).wish("go on")

    def is_paused_by_hand(self, run: Run) -> bool:
        """Here or in a terminal: such a pause does not end by itself."""
        wish = read_wish(run)
        return wish is not None and wish.what == "pause" and wish.until is None

    def hold(self, why: str, sentence: str) -> None:
        """Until `release`; or a while after this window has gone, as it may without a word."""
        before = self.held
        self._reasons[why] = sentence
        self._hold_all()
        if self.held != before:
            self.held_changed.emit(self.held)

    def release(self, why: str) -> None:
        before = self.held
        if self._reasons.pop(why, None) is None:
            return
        for excused in self._excused.values():
            excused.discard(why)
        if not self._reasons:
            self._hold_again.stop()
        for watch in self._others_of_hand():
            if not self._is_held(watch):
                watch.wish("go on")
        if self.held != before:
            self.held_changed.emit(self.held)

    def stop(self) -> None:
        """Looking at them; they go on, and none stands back for a window that is gone."""
        for why in [*self._reasons]:
            self.release(why)
        for watch in self._watches.values():
            watch.stop()

    def set_aside(self, run: Run) -> Path:
        """Out of the list; `bring_back` undoes it. An OSError says why it cannot be."""
        watch = self._watches.pop(run.folder, None)
        if watch is not None:
            watch.stop()
            watch.deleteLater()
        place = _aside() / run.name
        number = 1
        while place.exists():
            number += 1
            place = _aside() / f"{run.name}-{number}"
        place.parent.mkdir(parents=True, exist_ok=True)
        run.folder.rename(place)
        return place

    def bring_back(self, place: Path, run: Run) -> None:
        place.rename(run.folder)

    def _others_of_hand(self) -> list[RunWatch]:
        return [watch for watch in self.alive() if not self.is_paused_by_hand(watch.run)]

    def _is_held(self, watch: RunWatch) -> bool:
        return not {*self._reasons} <= self._excused.get(watch.run.folder, set())

    def _hold_all(self) -> None:
        if self._reasons and self.alive():
            for watch in self._others_of_hand():
                if watch.wished != "stop" and self._is_held(watch):
                    watch.wish("pause", _HELD_S)
            self._hold_again.start()
        else:
            self._hold_again.stop()

    def _take_alive(self) -> None:
        watch = self.sender()
        if isinstance(watch, RunWatch):
            self._hold_all()
            self.alive_changed.emit(watch)


def forget_deleted() -> None:
    """What lies aside, for good."""
    shutil.rmtree(_aside(), ignore_errors=True)


def entries() -> list[Entry]:
    """Of all runs, the one that last said something first. Reads the end of each one's events: not quick."""
    found = [entry for run in all_runs() if (entry := _entry(run)) is not None]
    return sorted(found, key=lambda entry: entry.when, reverse=True)


def _entry(run: Run) -> Entry | None:
    """None for one that goes away while it is looked at."""
    record = RunRecord()
    try:
        record.take_all(run.events(TAIL_BYTES))
        when = (run.events_file if run.events_file.exists() else run.spec_file).stat().st_mtime
    except OSError:
        return None
    if record.step and not record.sittings:
        record.sittings = 1  # it began before the end that was read
    try:
        verdict = read_verdict(run)
    except SmallCoderError:
        verdict = None
    phase = record.phase(is_alive=is_alive(run))
    return Entry(str(run.folder), run.name, phase, when, verdict.judgement if verdict else "")


def why_not(error: OSError, run: Run) -> str:
    return f'"{run.name}" was not deleted: {sentence_about(error, str(run.folder)) or error}'


def _aside() -> Path:
    return runs_folder() / ".deleted"
