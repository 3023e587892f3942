"""Runs code that a model wrote against tests, and says whether it passed, without trusting that code at all.

The sample runs in one confined process, its tests in a second one that never loads it: they call its
functions by message and get plain values. What passed is what the tests' process says.

What is covered
- A forged verdict: no test, expected value or result is in the sample's process, neither in its memory nor in
  its folder. Exit codes, `__eq__`, changed builtins, frames, false messages and closed pipes prove nothing.
- Files (Linux): only a folder of its own, which goes away; reading of Python's own library.
- Network, other processes, signals, mounts, kernel interfaces that Python does not need (Linux).
- Memory, processor time, time by the clock, threads, size of files, of the folder and of what is printed.
- Our environment variables: there are none. When we are killed or crash, the processes end with us.

What is not covered
- Holes in the kernel, and in the Python that the tests' process runs: no virtual machine is around them.
- A function that knows the answers to a published test by heart, or that is right only for what is asked.
- What tests give away: arguments, of which a list may come back changed, and what they leave in the folder,
  which both processes share.
- On Linux it can be asked whether a file outside exists, its size and dates (not what is in it).
- The processor's caches and clocks, from which much can be measured. Threads are counted only where
  namespaces are allowed and we are not root; elsewhere memory alone bounds them.
- Where namespaces are refused, the size of a folder is looked at four times a second, not held at each write.
- Windows has a job object (memory, time, processes) and macOS has limits (time, files, processes), both
  written but never run; neither fences files or network. There, and on a Linux without Landlock or seccomp,
  `missing` says so, and nothing is run until the person has agreed.
"""

import contextlib
import json
import os
import select
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, get_args

from trainer.sandbox.confined import Cell, Role
from trainer.sandbox.limits import Confinement, Limits
from trainer.sandbox.private_folder import is_larger, remove
from trainer.sandbox.starting import Cold, Starter, Warm

Outcome = Literal["passed", "failed", "error", "timeout", "memory", "killed", "tests", "refused"]
_DEFAULT_LIMITS = Limits()
_MAX_VERDICT_BYTES = 1 << 16
_LOOKS_EVERY_SECONDS = 0.25
_KILLED_BY_US = -9


@dataclass(frozen=True)
class Verdict:
    """`failed`: an answer was wrong; `error`: the sample raised or could not be loaded; `killed`: it ended or
    broke what it runs in; `tests`: the tests themselves cannot be run; `refused`: nothing was run."""

    passed: bool
    outcome: Outcome
    message: str
    stdout: str
    seconds: float


class Sandbox:
    """Holds the template; `run` may be called from several threads at once.

    `allow_unconfined`: the person has been told what `confinement.missing` names, and agreed.
    """

    def __init__(self, *, allow_unconfined: bool = False, is_warm: bool = sys.platform != "win32") -> None:
        self._is_agreed = allow_unconfined
        self._is_warm = is_warm
        self._folder = Path(tempfile.mkdtemp(prefix="smallcoder-")).resolve()
        self._turn = threading.Lock()
        self._starter: Starter | None = None

    def __enter__(self) -> "Sandbox":
        self._current_starter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._starter:
            self._starter.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def confinement(self) -> Confinement:
        return self._current_starter().confinement

    def run(
        self,
        sample: str,
        tests: str,
        *,
        entry_point: str | None = None,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> Verdict:
        starter = self._current_starter()
        if starter.confinement.missing and not self._is_agreed:
            missing = "; ".join(starter.confinement.missing)
            message = f"This system lacks what would fence the sample in: {missing}."
            return Verdict(False, "refused", message, "", 0.0)
        given = (json.dumps({"sample": sample}), json.dumps({"tests": tests, "entry_point": entry_point}))
        with contextlib.ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            stack.callback(_removed, folder)
            return _run(starter, given, Cell(folder, limits, self._is_agreed), stack)

    def _current_starter(self) -> Starter:
        with self._turn:
            if isinstance(self._starter, Warm) and not self._starter.is_alive:
                self._starter.close()
                self._starter = None
            if self._starter is None:
                kind = Warm if self._is_warm else Cold
                self._starter = kind(Path(tempfile.mkdtemp(dir=self._folder)))
            return self._starter


def _run(starter: Starter, given: tuple[str, str], cell: Cell, stack: contextlib.ExitStack) -> Verdict:
    output = stack.enter_context(_file_with(""))
    began = time.monotonic()
    with contextlib.ExitStack() as handed_over:
        sources = [handed_over.enter_context(_file_with(text)) for text in given]
        questions, answers, verdict = os.pipe(), os.pipe(), os.pipe()
        stack.callback(os.close, verdict[0])
        for file in (*questions, *answers, verdict[1]):
            handed_over.callback(os.close, file)
        files: dict[Role, list[int]] = {
            "sample": [sources[0].fileno(), questions[0], answers[1], output.fileno()],
            "tests": [sources[1].fileno(), answers[0], questions[1], verdict[1]],
        }
        end = starter.begin(files, cell)
    try:
        watched = None if starter.has_bounded_folders else cell.folder
        heard = _hear(verdict[0], began + cell.limits.seconds, watched, cell.limits)
    finally:
        statuses = end()
    seconds = time.monotonic() - began
    outcome, message = heard if isinstance(heard, tuple) else _read(heard, statuses)
    output.seek(0)
    text = output.read(cell.limits.output_bytes).decode("utf-8", "replace")
    return Verdict(outcome == "passed", outcome, message, text, seconds)


def _removed(folder: Path) -> None:
    """What resists costs no verdict; the sandbox tries again when it closes."""
    with contextlib.suppress(OSError):
        remove(folder)


@contextlib.contextmanager
def _file_with(text: str) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        yield file


def _hear(verdict: int, until: float, watched: Path | None, limits: Limits) -> bytes | tuple[Outcome, str]:
    """What the tests' process says until it ends; or why it was not waited for any longer."""
    if sys.platform == "win32":
        from trainer.sandbox import windows

        ready = windows.ready
    else:
        ready = _ready
    heard = b""
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return "timeout", f"It took longer than {limits.seconds:g} seconds."
        if ready(verdict, min(left, _LOOKS_EVERY_SECONDS)):
            part = os.read(verdict, _MAX_VERDICT_BYTES)
            heard += part
            if not part or len(heard) > _MAX_VERDICT_BYTES:
                return heard
        elif watched and is_larger(watched, limits.file_mb << 20):
            return "killed", f"It wrote more than {limits.file_mb} MB into its folder."


def _ready(file: int, seconds: float) -> bool:
    return bool(select.select([file], [], [], seconds)[0])


def _read(heard: bytes, statuses: dict[str, int]) -> tuple[Outcome, str]:
    """The tests' process is confined as well, and its words are looked at before they are believed."""
    try:
        said = json.loads(heard)
        outcome, message = said["outcome"], said["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        outcome = message = None
    if outcome not in get_args(Outcome) or not isinstance(message, str):
        return "killed", f"The tests' process ended without a verdict (status {statuses['tests']})."
    ended = statuses["sample"]
    if outcome == "killed" and ended != _KILLED_BY_US:
        message += f" Its process had ended with status {ended}."
    return outcome, message
