"""A run folder: spec.json, events.jsonl, checkpoints/ and, at the end, README.md. What it says is the truth.

What a checkpoint holds is told in trainer/resume; here are only names, settings and events.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.spec.disk import write_whole
from core.spec.errors import JobError, UsageError
from core.spec.fields import from_json, setting, to_json
from core.spec.lines import EVENTS, MAX_LINE_BYTES, from_line, to_line
from core.spec.messages import Event, Finished, Progress, Started
from trainer.spec.jobs import TrainSpec

if TYPE_CHECKING:
    import psutil

FORMAT = 1
# what a run is made of where it was begun from folders and files
DATA, VOCABULARY, CORPUS, BASE = "data", "vocabulary.model", "corpus", "base"
# notes by which a run tells what it does, for whoever follows it
PAUSED, GOING_ON, JUDGING, SAMPLE = "paused", "going on", "judging what it has learnt", "sample: "
JUDGED = "judged: "  # and of what: "hidden line 3 of 48"
_CHECKPOINT = re.compile(r"step-(\d{8})")
TAIL_BYTES = 1 << 16  # of events, in which the last of each kind is looked for

WishName = Literal["pause", "go on", "stop"]


@dataclass(frozen=True)
class Run:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def spec_file(self) -> Path:
        return self.folder / "spec.json"

    @property
    def events_file(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    @property
    def lock_file(self) -> Path:
        """There while a process works at it."""
        return self.folder / "running.json"

    @property
    def wish_file(self) -> Path:
        return self.folder / "wish.json"

    @property
    def verdict_file(self) -> Path:
        return self.folder / "verdict.json"

    @property
    def model_card(self) -> Path:
        """Goes along with what is exported."""
        return self.folder / "model-card.md"

    @property
    def card(self) -> Path:
        return self.folder / "README.md"

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:08d}"

    def steps_saved(self) -> list[int]:
        """Of whole checkpoints, the earliest first."""
        names = self.checkpoints.iterdir() if self.checkpoints.is_dir() else ()
        return sorted(int(found[1]) for path in names if (found := _CHECKPOINT.fullmatch(path.name)))

    def spec(self) -> TrainSpec:
        try:
            data = json.loads(self.spec_file.read_text(encoding="utf-8"))
        except OSError as error:
            raise UsageError(f"{self.folder} is no run: {error.strerror} ({self.spec_file.name}).") from None
        except ValueError:
            raise UsageError(f"{self.spec_file} is not JSON; restore it or start a new run.") from None
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise UsageError(f"{self.spec_file} is not of this program's format; update the program.")
        return from_json(TrainSpec, data, str(self.spec_file))

    def claim(self) -> tuple[int, float] | None:
        """The process that works at it and its `beginning`, or that did when it was killed: a number alone
        could by now be another process's."""
        try:
            content = json.loads(self.lock_file.read_text(encoding="utf-8"))
            return int(content["pid"]), float(content["since"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def events(self, tail_bytes: int = 0) -> Iterator[Event]:
        """What was told so far, or its end alone. A last line that a kill cut short is passed over."""
        if not self.events_file.exists():
            return
        with self.events_file.open("rb") as file:
            if tail_bytes and file.seek(0, os.SEEK_END) > tail_bytes:
                file.seek(-tail_bytes, os.SEEK_END)
                file.readline()
            else:
                file.seek(0)
            for line in iter(partial(file.readline, MAX_LINE_BYTES), b""):
                if line.endswith(b"\n") and line.strip():
                    try:
                        yield from_line(line, EVENTS)
                    except UsageError:  # cut short by a kill, then gone on from
                        continue


def owner_of(run: Run) -> int | None:
    """The process that works at it now."""
    import psutil

    claim = run.claim()
    if claim is None:
        return None
    try:
        process = psutil.Process(claim[0])
        is_it = beginning(process) == claim[1] and process.status() != psutil.STATUS_ZOMBIE
        return process.pid if is_it else None
    except psutil.Error:
        return None


def beginning(process: "psutil.Process") -> float:
    """When it began, in a figure that stays when somebody sets the clock: Linux counts that from the start of
    the machine, and tells when that was by the clock of now."""
    import psutil

    created_s = process.create_time()
    return round(created_s - psutil.boot_time(), 2) if sys.platform == "linux" else created_s


@dataclass(frozen=True)
class Wish:
    """What a person wants of a run that goes on, from whatever process. A pause may end by itself, so that
    nobody has to live on to end it."""

    what: WishName = setting(..., "What it is to do between two steps")
    at: float = setting(..., "When that was wished, in seconds of the epoch", low=0)
    until: float | None = setting(None, "When a pause ends by itself", low=0)


def make_wish(run: Run, what: WishName, seconds: float | None = None) -> None:
    """Heard within a second and a step, where the run goes on; else forgotten."""
    now = time.time()
    wish = Wish(what, now, None if seconds is None else now + seconds)
    try:
        write_whole(run.wish_file, json.dumps(to_json(wish)) + "\n", waits=False)
    except OSError as error:
        raise JobError(
            f'"{run.name}" could not be told to {what} ({error.strerror}); free some space, and say so again.'
        ) from None


def read_wish(run: Run) -> Wish | None:
    try:
        return from_json(Wish, json.loads(run.wish_file.read_text(encoding="utf-8")), str(run.wish_file))
    except (OSError, ValueError, UsageError):
        return None


def _home() -> Path:
    """Where runs with a name lie. Commands are parsed before the set-up has brought what this needs."""
    from core.spec.folders import runs_folder

    return runs_folder()


def find_run(name: str) -> Run:
    """A run's folder, or its name among the person's runs; there it is also looked for where a folder of
    that name lies here and is no run, as what a run learns from often is called like the run."""
    here = Run(Path(name))
    if here.name != name or here.spec_file.is_file():
        return here
    named = Run(_home() / name)
    return here if here.folder.exists() and not named.spec_file.is_file() else named


def new_run_folder(name: str) -> Path:
    """A name makes a folder among the person's runs, a path makes one there. What was prepared in it for a
    run that never began may lie there already."""
    folder = _home() / name if Path(name).name == name else Path(name)
    if folder.exists() and not _is_only_prepared(folder):
        raise UsageError(f"{folder} exists already; resume it or choose another name.")
    return folder


def create_run(name: str, spec: TrainSpec) -> Run:
    run = Run(new_run_folder(name))
    try:
        run.folder.mkdir(parents=True, exist_ok=True)
        write_whole(run.spec_file, json.dumps({"format": FORMAT} | to_json(spec), indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"{run.folder} cannot be made ({error.strerror}); choose another place.") from None
    return run


def _is_only_prepared(folder: Path) -> bool:
    made = {DATA, VOCABULARY, CORPUS, BASE}
    return folder.is_dir() and any(folder.iterdir()) and {path.name for path in folder.iterdir()} <= made


def all_runs() -> list[Run]:
    folder = _home()
    found = [Run(path) for path in sorted(folder.iterdir())] if folder.is_dir() else []
    return [run for run in found if run.spec_file.exists()]


class EventLog:
    """events.jsonl, a line at a time; what is written is with the system before the next step begins."""

    def __init__(self, run: Run) -> None:
        self.path = run.events_file
        try:
            self._file = self.path.open("ab")
            if self._file.tell() and not self.path.read_bytes().endswith(b"\n"):
                self._file.write(b"\n")  # so that the torn line stays alone
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def write(self, event: Event) -> None:
        try:
            self._file.write(to_line(event))
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def close(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise _cannot_write(self.path, error) from None


@dataclass(frozen=True)
class Summary:
    """A run in a line of a list. `state`: new, running, stopped (can be resumed) or finished."""

    name: str
    folder: str
    recipe: str
    model: str
    step: int
    total: int | None
    loss: float | None
    state: str


def summary(run: Run) -> Summary:
    spec = run.spec()
    step, total, loss, state = 0, None, None, "new"
    for event in run.events(TAIL_BYTES):
        if isinstance(event, Started):
            total, state = event.total_steps, "stopped"
        elif isinstance(event, Progress):
            step, total, state = event.step, event.total or total, "stopped"
            loss = next((item.value for item in event.metrics if item.name == "loss"), loss)
        elif isinstance(event, Finished):
            state = "stopped" if event.stopped else "finished"
    if owner_of(run) is not None:
        state = "running"
    return Summary(run.name, str(run.folder), spec.recipe, spec.model, step, total, loss, state)


def _cannot_write(path: Path, error: OSError) -> JobError:
    return JobError(
        f"{path} cannot be written ({error.strerror}); free some space, then resume the run from its "
        "last checkpoint."
    )
