"""Downloads: models on their way here, each a process; paused and taken up again, also after a kill.

What has come of one stays on the disk under a hidden name; giving the command again goes on there.
"""

from dataclasses import dataclass, replace
from typing import Literal

from PySide6.QtCore import QObject, QTimer, Signal

from app.job_client import JobClient, LastWord
from core.spec.messages import Progress
from core.spec.sizes import size_text
from trainer.spec.durations import duration

State = Literal["running", "paused", "failed"]


@dataclass(frozen=True)
class Download:
    """`sentence`: why it failed."""

    id: str
    state: State = "running"
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_s: float = 0.0
    sentence: str = ""

    @property
    def share(self) -> float:
        return self.done_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def text(self) -> str:
        """How far it is, how fast, and how long it will be."""
        if self.state == "failed":
            return self.sentence
        amount = f"{size_text(self.done_bytes)} of {size_text(self.total_bytes)}" if self.total_bytes else ""
        if self.state == "paused":
            return f"Paused; {amount} are here" if amount else "Paused"
        if self.bytes_per_s < 1:
            return amount or "Asking the hub…"
        left = (self.total_bytes - self.done_bytes) / self.bytes_per_s
        return f"{amount}, {size_text(round(self.bytes_per_s))}/s, {duration(left)} left"


class Downloads(QObject):
    """
    Signals:
        changed: the Download of an id is another; or it is gone, with its id alone.
        arrived: the id, and where the model lies.
        forgotten: the id of a download that is given up, and a sentence where that went wrong.
    """

    changed = Signal(str)
    arrived = Signal(str, str)
    forgotten = Signal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, JobClient] = {}
        self._downloads: dict[str, Download] = {}
        self._files: dict[str, str] = {}

    def __getitem__(self, id: str) -> Download | None:
        return self._downloads.get(id)

    @property
    def ids(self) -> list[str]:
        """Of those that are under way, paused or failed."""
        return [*self._downloads]

    @property
    def are_running(self) -> bool:
        return bool(self._jobs)

    def start(self, id: str, file: str = "") -> None:
        """Or goes on. `file`: of several GGUF files this one."""
        if id in self._jobs:
            return
        job = JobClient("The download", self)
        job.progressed.connect(lambda progress: self._hear(id, progress))
        job.ended.connect(lambda word: self._meet_end(id, word))
        self._files[id] = file or self._files.get(id, "")
        self._jobs[id] = job
        before = self._downloads.get(id, Download(id))
        self._put(replace(before, state="running", bytes_per_s=0.0, sentence=""))
        job.start(download_words(id, self._files[id], "--events"))

    def pause(self, id: str) -> None:
        """What has come is kept: a download loses nothing by being ended."""
        if id in self._jobs:
            self._jobs[id].stop(0)

    def forget(self, id: str) -> None:
        """What has come of it is deleted; `changed` follows."""
        if id in self._jobs:
            return
        self._downloads.pop(id, None)
        job = JobClient("Deleting what has come", self)
        job.ended.connect(lambda word: self._meet_forgotten(id, word))
        self._jobs[id] = job
        job.start(download_words(id, "", "--discard", "--json"))

    def _meet_forgotten(self, id: str, word: LastWord) -> None:
        QTimer.singleShot(0, self._jobs.pop(id).deleteLater)
        self.changed.emit(id)
        self.forgotten.emit(id, word.sentence)

    def _put(self, download: Download) -> None:
        self._downloads[download.id] = download
        self.changed.emit(download.id)

    def _hear(self, id: str, progress: Progress) -> None:
        speed = next((metric.value for metric in progress.metrics if metric.name == "bytes_per_s"), 0.0)
        self._put(
            replace(
                self._downloads[id],
                done_bytes=progress.step,
                total_bytes=progress.total or 0,
                bytes_per_s=speed or 0.0,
            )
        )

    def _meet_end(self, id: str, word: LastWord) -> None:
        job = self._jobs.pop(id)
        QTimer.singleShot(0, job.deleteLater)  # it is telling its end just now
        if word.is_good and word.finished is not None:
            del self._downloads[id]
            self.changed.emit(id)
            self.arrived.emit(id, word.finished.path or "")
        elif word.how == "stopped":
            self._put(replace(self._downloads[id], state="paused", bytes_per_s=0.0))
        else:
            self._put(replace(self._downloads[id], state="failed", sentence=word.sentence))


def download_words(id: str, file: str = "", *more: str) -> list[str]:
    return ["models", "download", id, *(["--file", file] if file else []), *more]
