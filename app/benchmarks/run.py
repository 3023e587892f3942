"""BenchRun: the commands of a benchmark, one after the other; what is left of them is known after any end.

Their rows are kept by the commands themselves, which go on where they were stopped. Beside their results lies
`unfinished.json` with the commands that are still to run, so that the window offers them another day.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal

from app.benchmarks.plan import Words
from app.job_client import JobClient, LastWord
from core.spec.disk import write_whole
from core.spec.errors import sentence_about
from core.spec.folders import benchmarks_folder
from core.spec.messages import Note, Progress

FORMAT = 1
_MAX_BYTES = 2**20

Phase = Literal["idle", "running", "stopping"]


@dataclass(frozen=True)
class BenchState:
    """`number` of `count` commands is running; `step` of `total` of that is done."""

    phase: Phase = "idle"
    number: int = 0
    count: int = 0
    words: Words = ()
    step: int = 0
    total: int = 0
    passed: int | None = None
    seconds_left: float | None = None
    is_checking: bool = False

    @property
    def share(self) -> float:
        """Of all commands, each counted alike."""
        if not self.count:
            return 0.0
        own = self.step / self.total if self.total and not self.is_checking else 0.0
        return (self.number - 1 + own) / self.count

    @property
    def what(self) -> str:
        """The part that is running, in words."""
        action = self.words[1] if len(self.words) > 1 else ""
        return {"speed": "Speed and memory", "quality": "Tasks", "repo": "Your code"}.get(action, "")


class BenchRun(QObject):
    """Signals:
    changed: the BenchState.
    tried: a Tried, one answer and what became of it.
    noted: a sentence: something was left out, or a command failed.
    written: the path of a file of results.
    ended: how: "finished", "stopped" or "failed".
    """

    changed = Signal(object)
    tried = Signal(object)
    noted = Signal(str)
    written = Signal(Path)
    ended = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = BenchState()
        self._left: list[Words] = []
        self._has_failed = False
        self._job = JobClient("The benchmark", self)
        self._job.progressed.connect(self._hear_progress)
        self._job.noted.connect(self._hear_note)
        self._job.tried.connect(self.tried)
        self._job.ended.connect(self._take_end)

    @property
    def is_running(self) -> bool:
        return self.state.phase != "idle"

    @property
    def pid(self) -> int | None:
        return self._job.pid

    def start(self, commands: Sequence[Words]) -> None:
        """Begins, or goes on where the same commands were stopped."""
        if self.is_running or not commands:
            return
        self._left, self._has_failed = list(commands), False
        self.state = BenchState("running", 0, len(commands))
        self._next()

    def stop(self) -> None:
        """What was answered is kept; `ended` follows."""
        if self.state.phase == "running":
            self._set(replace(self.state, phase="stopping"))
            self._job.stop()

    def kill(self) -> None:
        self._set(replace(self.state, phase="stopping"))
        self._job.kill()

    def _next(self) -> None:
        self._keep(self._left)
        if not self._left:
            self._finish("failed" if self._has_failed else "finished")
            return
        self._set(
            replace(BenchState("running", self.state.number + 1, self.state.count), words=self._left[0])
        )
        self._job.start(self._left[0])

    def _hear_progress(self, event: Progress) -> None:
        metrics = {metric.name: metric.value for metric in event.metrics}
        passed = metrics.get("passed")
        self._set(
            replace(
                self.state,
                step=event.step,
                total=event.total or 0,
                passed=None if passed is None else int(passed),
                seconds_left=metrics.get("seconds_left"),
                is_checking="checking_references" in metrics,
            )
        )

    def _hear_note(self, event: Note) -> None:
        self.noted.emit(event.text)

    def _take_end(self, word: LastWord) -> None:
        if word.finished is not None and word.finished.path and word.is_good:
            self.written.emit(Path(word.finished.path))
        if word.how == "failed":
            self._has_failed = True
            self.noted.emit(word.sentence)
        if self.state.phase == "stopping" or word.how == "stopped":
            self._finish("stopped")
            return
        del self._left[0]
        self._next()

    def _finish(self, how: str) -> None:
        self._set(BenchState())
        self.ended.emit(how)

    def _set(self, state: BenchState) -> None:
        self.state = state
        self.changed.emit(state)

    def _keep(self, commands: Sequence[Words]) -> None:
        try:
            keep_unfinished(commands)
        except OSError as error:
            self.noted.emit(sentence_about(error, str(_unfinished_file())) or str(error))


def unfinished() -> list[Words]:
    """The commands that were to run when a benchmark ended before its time."""
    try:
        with _unfinished_file().open("rb") as file:
            content = json.loads(file.read(_MAX_BYTES))
        found = content["commands"] if content["format"] == FORMAT else []
        return [tuple(map(str, words)) for words in found if words[0] == "bench" and words[-1] == "--events"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return []  # none, or of another version: nothing is lost, for the rows lie beside it


def keep_unfinished(commands: Sequence[Words]) -> None:
    file = _unfinished_file()
    if not commands:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": FORMAT, "commands": [list(words) for words in commands]}
    write_whole(file, json.dumps(content, indent=1) + "\n")


def _unfinished_file() -> Path:
    return benchmarks_folder() / "unfinished.json"
