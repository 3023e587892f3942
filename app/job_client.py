"""JobClient: the window's side of one job, a command that a person could type; its events become signals.

Every job gets one LastWord, however it ends. What a job is for, and what its events mean to a person, is
known to whoever starts it; the engine, which is asked again and again, has EngineClient.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QObject, QProcessEnvironment, Signal

from app.process import Outcome, WorkerProcess, gently, own_command
from core.spec.errors import UsageError
from core.spec.lines import EVENTS, from_line
from core.spec.messages import Event, Failed, Finished, Note, Progress, Saved, Started, Tried
from core.spec.program import command

_NICENESS = 19  # after all that somebody waits for
_PATIENCE_S = 120.0  # a large checkpoint on a slow disk takes its time
_COMPLAINT = "smallcoder: "  # how commands begin what they say to a person
_FOR_PROGRAMS = ("--events", "--json")
_MAX_STRAY_LINES = 200


@dataclass(frozen=True)
class LastWord:
    """How a job ended.

    `sentence` is for a person, empty where it finished. `finished` is its own last event, where it came to
    that; `result` what a command with --json printed; `log` the end of its standard error.
    """

    how: Literal["finished", "stopped", "failed"]
    sentence: str = ""
    finished: Finished | None = None
    result: Any = None
    log: str = ""

    @property
    def is_good(self) -> bool:
        return self.how == "finished"


class JobClient(QObject):
    """One job at a time; another may be started once it has ended.

    Signals:
        told: every Event, in order; the same that a run keeps in its events.jsonl.
        began, progressed, noted, saved, tried: an Event of that kind, for who wants no other; there are more.
        ended: the LastWord, once everything it said has been told.
    """

    told = Signal(object)
    began = Signal(object)
    progressed = Signal(object)
    noted = Signal(object)
    saved = Signal(object)
    tried = Signal(object)
    ended = Signal(object)

    def __init__(self, name: str = "The job", parent: QObject | None = None) -> None:
        """`name` begins sentences: "The download was stopped."."""
        super().__init__(parent)
        self._name = name
        self._signals = {
            Started: self.began,
            Progress: self.progressed,
            Note: self.noted,
            Saved: self.saved,
            Tried: self.tried,
        }
        self.words: tuple[str, ...] = ()
        self._finished: Finished | None = None
        self._failed: Failed | None = None
        self._lines: list[bytes] = []
        self._worker = WorkerProcess(self)
        self._worker.name = name.removeprefix("The ").capitalize()
        self._worker.line_read.connect(self._hear)
        self._worker.ended.connect(self._meet_end)

    @property
    def is_running(self) -> bool:
        return self._worker.is_running

    @property
    def pid(self) -> int | None:
        return self._worker.pid if self._worker.is_running else None

    @property
    def log(self) -> str:
        """What it said on the side, and lines that were no events: for a person who wants to know why."""
        strays = "\n".join(line.decode("utf-8", "replace") for line in self._lines) if self._tells else ""
        return "\n".join(part for part in (strays, self._worker.log) if part)

    def start(self, words: Sequence[str], environment: QProcessEnvironment | None = None) -> None:
        """`words` as typed after `main.py`; with --events or --json among them."""
        if self.is_running:
            raise RuntimeError(f"{shown_command(self.words)} is still running")
        self.words = tuple(words)
        self._finished = self._failed = None
        self._lines.clear()
        self._worker.start(gently(own_command(self.words), _NICENESS), environment)

    async def run(self, words: Sequence[str], environment: QProcessEnvironment | None = None) -> LastWord:
        """Starts it and waits for its last word; the job is stopped where the waiting is called off."""
        ending: asyncio.Future[LastWord] = asyncio.get_running_loop().create_future()

        def settle(word: LastWord) -> None:
            if not ending.done():
                ending.set_result(word)

        self.ended.connect(settle)
        try:
            self.start(words, environment)
            return await ending
        finally:
            self.ended.disconnect(settle)
            self.stop()

    def pause(self) -> None:
        """Of jobs that listen to it, as a run does."""
        self._worker.write(b"pause\n")

    def go_on(self) -> None:
        self._worker.write(b"resume\n")

    def stop(self, patience_s: float = _PATIENCE_S) -> None:
        """Closes its input, at which a job saves, says so and ends; by force when it has not after so long.

        `patience_s` is 0 for a command that does not listen and has nothing to lose, as a download.
        """
        self._worker.stop(round(patience_s * 1000))

    async def end(self, patience_s: float = _PATIENCE_S) -> None:
        """Stops it and waits until it has ended, for who is about to leave."""
        if not self.is_running:
            return
        over = asyncio.Event()
        self.ended.connect(over.set)
        try:
            self.stop(patience_s)
            await over.wait()
        finally:
            self.ended.disconnect(over.set)

    def kill(self) -> None:
        """By the wish of a person who will not wait for `stop`."""
        self._worker.stop(0)

    @property
    def _tells(self) -> bool:
        return "--events" in self.words

    def _hear(self, line: bytes) -> None:
        if not self._tells:
            self._lines.append(line)
            return
        try:
            event = from_line(line, EVENTS)
        except UsageError:  # some library printed; hours of work are not ended for that
            self._lines.append(line)
            del self._lines[:-_MAX_STRAY_LINES]
            return
        self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Finished():
                self._finished = event
            case Failed():
                self._failed = event
            case _:
                if type(event) in self._signals:
                    self._signals[type(event)].emit(event)
        self.told.emit(event)

    def _meet_end(self, outcome: Outcome) -> None:
        finished, log = self._finished, outcome.log
        if self._failed is not None:
            word = LastWord("failed", self._failed.message, finished, log=log)
        elif finished is not None:
            word = LastWord("stopped" if finished.stopped else "finished", "", finished, log=log)
        elif outcome.was_asked_to:
            forced = " before it had come to an end by itself" if outcome.crashed else ""
            word = LastWord("stopped", f"{self._name} was stopped{forced}.", log=log)
        elif outcome.exit_code == 0 and not outcome.crashed:
            word = self._result(log)
        else:
            word = LastWord("failed", _complaint(log) or outcome.sentence(self._name), log=log)
        self.ended.emit(word)

    def _result(self, log: str) -> LastWord:
        """Of a command that told no end, and went well."""
        if self._tells:
            return LastWord("failed", f"{self._name} ended without saying what became of it.", log=log)
        if "--json" not in self.words:
            return LastWord("finished", log=log)
        try:
            return LastWord("finished", result=json.loads(b"\n".join(self._lines)), log=log)
        except (ValueError, RecursionError):
            return LastWord("failed", f"{self._name} answered with something that is no JSON.", log=log)


def shown_command(words: Sequence[str]) -> str:
    """What a person types for the same; what only programs read is left out."""
    return command(*(word for word in words if word not in _FOR_PROGRAMS))


def _complaint(log: str) -> str:
    """The last sentence that the command said to a person."""
    said = [line for line in log.splitlines() if line.startswith(_COMPLAINT)]
    return said[-1].removeprefix(_COMPLAINT) if said else ""
