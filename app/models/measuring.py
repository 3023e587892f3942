"""Measuring: how fast this machine writes, found out in some seconds; the result stays on the disk."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.job_client import JobClient, LastWord
from app.models.advice import Pace, last_pace, measuring_command, pace_in


class Measuring(QObject):
    """`changed`: it has begun or ended; `pace` and `problem` say what came of it, the last time too."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._job = JobClient("Measuring", self)
        self._job.ended.connect(self._take)
        self.pace: Pace | None = None
        self.problem = ""

    @property
    def is_running(self) -> bool:
        return self._job.is_running

    def recall(self) -> None:
        """What was measured another time."""
        if self.pace is None:
            self.pace = last_pace()

    def start(self) -> None:
        if not self._job.is_running:
            self.problem = ""
            self._job.start(measuring_command())
            self.changed.emit()

    def stop(self) -> None:
        """Nothing of it is worth waiting for."""
        self._job.stop(0)

    def _take(self, word: LastWord) -> None:
        if word.is_good and word.finished is not None and word.finished.path:
            self.pace = pace_in(Path(word.finished.path)) or self.pace
        elif word.how == "failed":
            self.problem = word.sentence
        self.changed.emit()
