"""Two ways to get the pair of processes that a sample needs: copies of a warm template, or two fresh ones.

A template needs an operating system that can copy a process (Linux, macOS). Fresh ones work everywhere, on
Windows within a job object.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from core.spec.errors import JobError
from trainer.sandbox.child import child_command, child_folder
from trainer.sandbox.confined import ROLES, Cell, Role, cell_to_json
from trainer.sandbox.limits import Confinement

Files = dict[Role, list[int]]
Statuses = dict[str, int]
_PATIENCE_SECONDS = 30
_MAX_MESSAGE = 1 << 16


class Starter(Protocol):
    confinement: Confinement
    has_bounded_folders: bool

    def begin(self, files: Files, cell: Cell) -> Callable[[], Statuses]:
        """Starts both; what it returns ends both and says how each had ended."""

    def close(self) -> None: ...


class Warm:
    """The template, from outside. Its socket takes one question at a time, so any thread may ask."""

    def __init__(self, folder: Path) -> None:
        self._turn = threading.Lock()
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(_PATIENCE_SECONDS)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        with theirs:
            words = ["template", str(theirs.fileno()), str(folder)]
            self._process = _started(words, [theirs.fileno()], self._complaints.fileno())
        try:
            hello = self._reply()
        except JobError:
            self.close()
            raise
        self.has_bounded_folders = bool(hello["has_namespaces"])
        self.confinement = _confinement(hello["missing"], has_namespaces=self.has_bounded_folders)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def begin(self, files: Files, cell: Cell) -> Callable[[], Statuses]:
        given = {"cell": cell_to_json(cell)}
        with self._turn:
            self._say(given, [file for role in ROLES for file in files[role]])
            processes = self._reply()

        def end() -> Statuses:
            with self._turn:
                self._say({**given, "end": processes}, [])
                return self._reply()

        return end

    def close(self) -> None:
        self._socket.close()
        try:
            self._process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.close()

    def _say(self, message: dict[str, Any], files: list[int]) -> None:
        try:
            socket.send_fds(self._socket, [json.dumps(message).encode()], files)
        except OSError as error:
            raise self._ended() from error

    def _reply(self) -> dict[str, Any]:
        try:
            data = self._socket.recv(_MAX_MESSAGE)
        except OSError as error:
            raise self._ended() from error
        if not data:
            raise self._ended()
        return json.loads(data)

    def _ended(self) -> JobError:
        self._process.kill()
        self._complaints.seek(0)
        lines = self._complaints.read().decode("utf-8", "replace").splitlines()
        why = f" ({lines[-1]})" if lines else ""
        return JobError(f"The sandbox's own process has ended{why}; run the same again.")


class Cold:
    """A fresh Python for each process; slower by the start of Python, and nothing is shared."""

    has_bounded_folders = False

    def __init__(self, folder: Path) -> None:
        with tempfile.TemporaryFile() as output:
            process = _started(["probe", str(folder)], [], output=output.fileno())
            process.wait(_PATIENCE_SECONDS)
            output.seek(0)
            missing = json.loads(output.read())
        self.confinement = _confinement(missing, has_namespaces=False)

    def begin(self, files: Files, cell: Cell) -> Callable[[], Statuses]:
        given = cell_to_json(cell)
        processes = {role: _started_role(role, files[role], given, cell) for role in ROLES}
        return lambda: {role: _end(process) for role, process in processes.items()}

    def close(self) -> None:
        pass


def _confinement(missing: list[str], *, has_namespaces: bool) -> Confinement:
    namespaces = ("namespaces",) if has_namespaces else ()
    floor = ("Landlock", "seccomp") if sys.platform == "linux" and not missing else ()
    limits = "job object" if sys.platform == "win32" else "limits"
    return Confinement((*namespaces, *floor, limits), tuple(missing))


def _started_role(role: Role, files: list[int], given: str, cell: Cell) -> "subprocess.Popen[bytes]":
    if sys.platform != "win32":
        return _started([role, *map(str, files), given], files)
    from trainer.sandbox import windows

    words = [*child_command(), role, *(str(windows.handle_of(file)) for file in files), given]
    return windows.start(words, files, cell.limits, cwd=child_folder(), env=_environment())


def _started(
    words: list[str], files: list[int], complaints: int = subprocess.DEVNULL, output: int = subprocess.DEVNULL
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - our own program
        [*child_command(), *words],
        cwd=child_folder(),
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=complaints,
        pass_fds=files,
        start_new_session=sys.platform != "win32",
    )


def _environment() -> dict[str, str]:
    """Nothing of ours but what Python itself needs; the order of sets is the same each time."""
    wanted = {"PYTHONHASHSEED": "0", "MALLOC_ARENA_MAX": "1", "LANG": "C.UTF-8"}
    return wanted | {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}


def _end(process: "subprocess.Popen[bytes]") -> int:
    if sys.platform == "win32":
        from trainer.sandbox import windows

        return windows.end(process)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()
