"""RunWatch: one run, followed through its folder, from any time on and whoever started it.

Its events are read from its file, old and new in the same way; whether a process works at it is asked of the
system. A run is a process of its own that this window may outlive: it is told through its folder what is
wished, and nothing here is lost when the window is.
"""

import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QElapsedTimer, QObject, QTimer, Signal

from app.process import Alone, own_command
from core.spec.errors import SmallCoderError, UsageError
from core.spec.lines import EVENTS, MAX_LINE_BYTES, from_line
from core.spec.messages import Event
from trainer.spec.runs import Run, WishName, make_wish, owner_of

_LOOK_EVERY_MS = 250
_TURN_MS = 6  # reading at most so long before the window has its turn
_NICENESS = 15  # the engine's worker has 10
_LOG_NAME = "log.txt"
_LOG_BYTES = 2**14
_LITTLE_BYTES = 2**16
_DISK_IS_FULL = "smallcoder: The disk is full; free some space."


class RunWatch(QObject):
    """
    Signals:
        told: a list of Events, in order.
        caught_up: all that was written until now has been told.
        alive_changed: whether a process works at it is not as it was.
        failed: a sentence, where it could not be started or reached.
    """

    told = Signal(list)
    caught_up = Signal()
    alive_changed = Signal()
    failed = Signal(str)

    def __init__(self, run: Run, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run = run
        self._offset = 0
        self._has_caught_up = False
        self._process: Alone | None = None
        self.is_alive = is_alive(run)
        self.wished: WishName | None = None
        self._looking = QTimer(self, interval=_LOOK_EVERY_MS)
        self._looking.timeout.connect(self._look)

    @property
    def pid(self) -> int | None:
        """Of the process that works at it."""
        claim = self.run.claim() if self.is_alive else None
        return claim[0] if claim else None

    def follow(self) -> None:
        """From the first event of its file; while it goes on, to the last."""
        self._looking.start(0)

    def replay(self) -> None:
        """Once more from the first event, for who has come later."""
        self._offset, self._has_caught_up = 0, False
        self.follow()

    def stop(self) -> None:
        """Looking at it, that is."""
        self._looking.stop()

    def start(self, words: Sequence[str] = ()) -> None:
        """`words`: flags of `train resume`. The process belongs to nobody, and so outlives whom it will."""
        command = own_command(resume_words(self.run, words))
        try:
            self._process = Alone(command, _NICENESS, self._log_file())
        except OSError as error:
            self.failed.emit(f'"{self.run.name}" could not be started: {error.strerror}.')
            return
        self.wished = None
        self._set_alive(True)
        self._looking.start(_LOOK_EVERY_MS)

    def wish(self, what: WishName, seconds: float | None = None) -> None:
        try:
            make_wish(self.run, what, seconds)
        except SmallCoderError as error:
            if what != "stop" or not _stopped_by_signal(self.run):
                self.failed.emit(str(error))
                return
        self.wished = what

    def log(self) -> str:
        """The end of what it said on the side; of a disk so full that it could say nothing, that."""
        try:
            said = self._log_file().read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace")
            is_full = shutil.disk_usage(self.run.folder).free < _LITTLE_BYTES
        except OSError:
            return ""
        return said or (_DISK_IS_FULL if is_full else "")

    def _log_file(self) -> Path:
        return self.run.folder / _LOG_NAME

    def _look(self) -> None:
        """Who works at it has begun before it tells something, and told all before it has ended."""
        alive_before = self.is_alive
        alive = self._works()
        if alive and not alive_before:
            self._set_alive(True)
        self._read()
        if alive_before and not alive:
            self._set_alive(False)
        is_waiting = self._has_caught_up
        self._looking.setInterval(_LOOK_EVERY_MS if is_waiting else 0)
        if is_waiting and not alive:
            self._looking.stop()

    def _works(self) -> bool:
        """One that was just started has not claimed the folder yet."""
        is_running = self._process is not None and self._process.is_running
        return is_running or is_alive(self.run)

    def _set_alive(self, alive: bool) -> None:
        self.is_alive = alive
        if not alive:
            self.wished = None
        self.alive_changed.emit()

    def _read(self) -> None:
        """A turn's worth. A torn last line waits for its end, or for ever."""
        clock, events, is_at_end = QElapsedTimer(), list[Event](), False
        clock.start()
        try:
            with self.run.events_file.open("rb") as file:
                file.seek(self._offset)
                while clock.elapsed() < _TURN_MS:
                    line = file.readline(MAX_LINE_BYTES)
                    if not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
                        is_at_end = True
                        break
                    self._offset += len(line)
                    event = _event(line)
                    if event is not None:
                        events.append(event)
        except OSError:  # nothing was told yet, or the folder is gone
            is_at_end = True
        if events:
            self.told.emit(events)
        if is_at_end and not self._has_caught_up:
            self._has_caught_up = True
            self.caught_up.emit()


def resume_words(run: Run, words: Sequence[str] = ()) -> tuple[str, ...]:
    return ("train", "resume", str(run.folder), *words)


def _stopped_by_signal(run: Run) -> bool:
    """Where its folder cannot be written to: a full disk must keep nobody from stopping it."""
    claim = run.claim()
    if os.name != "posix" or claim is None or not is_alive(run):
        return False
    try:
        os.kill(claim[0], signal.SIGTERM)
    except OSError:  # it has just ended
        return False
    return True


def is_alive(run: Run) -> bool:
    """Whether a process works at it."""
    return owner_of(run) is not None


def _event(line: bytes) -> Event | None:
    """None for what a kill cut short."""
    try:
        return from_line(line.strip(), EVENTS) if line.strip() else None
    except UsageError:
        return None
