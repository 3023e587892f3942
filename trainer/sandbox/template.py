"""The warm process that others are copied from: Python is up, and what samples import often is there.

It reads from one socket: a cell and the files of both roles, for which it starts two processes; or the
processes that are to be ended. It never sees a sample or a test, so that nothing of one is left to the next.
It has one thread, and when its socket closes it ends with all that it started.
"""

import ast
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Protocol

from trainer.sandbox import confined
from trainer.sandbox.confined import FILES_EACH, ROLES, Cell, Role
from trainer.sandbox.limits import Limits

_MAX_MESSAGE_BYTES = 1 << 16
_OFTEN_IMPORTED = (
    *("abc", "bisect", "collections", "contextlib", "copy", "csv", "dataclasses", "datetime", "decimal"),
    *("enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math", "operator", "os"),
    *("pathlib", "random", "re", "sqlite3", "statistics", "string", "tempfile", "textwrap", "time"),
    *("typing", "unittest"),
)


class Namespaces(Protocol):
    """Where they are allowed: what this process can then do for those it starts."""

    def separate_next_child(self) -> None: ...

    def mount_memory(self, folder: Path, size_mb: int) -> None: ...

    def unmount(self, folder: Path) -> None: ...


def serve(control: socket.socket, folder: Path) -> None:
    """Says first what of the fence is missing here; `folder` is empty, and to be used for trying it."""
    namespaces: Namespaces | None = None
    if sys.platform == "linux":
        from trainer.sandbox import linux

        namespaces = linux.enter_namespaces(folder)
        linux.prepare()
    for name in _OFTEN_IMPORTED:
        with contextlib.suppress(ImportError):  # some systems leave parts of the library out
            importlib.import_module(name)
    ast.parse("")  # builds its tables at first use
    _forget_own_files()
    missing = _missing(folder)
    gc.collect()
    gc.freeze()
    template = _Template(namespaces)
    _say(control, {"missing": missing, "has_namespaces": namespaces is not None})
    while True:
        data, files, *_ = socket.recv_fds(control, _MAX_MESSAGE_BYTES, len(ROLES) * FILES_EACH)
        if not data:
            template.end_all()
            os._exit(0)
        _say(control, template.done(json.loads(data), files))
        for file in files:
            os.close(file)


class _Template:
    def __init__(self, namespaces: Namespaces | None) -> None:
        self._namespaces = namespaces
        self._processes: set[int] = set()

    def done(self, message: dict[str, Any], files: list[int]) -> dict[str, Any]:
        cell = confined.cell_from_json(message["cell"], counts_processes=self._namespaces is not None)
        if "end" in message:
            ended = {role: self._end(process) for role, process in message["end"].items()}
            if self._namespaces:
                self._namespaces.unmount(cell.folder)
            return ended
        if self._namespaces:
            self._namespaces.mount_memory(cell.folder, cell.limits.file_mb)
        return {
            role: self._begin(role, files[place * FILES_EACH :][:FILES_EACH], cell)
            for place, role in enumerate(ROLES)
        }

    def _begin(self, role: Role, files: list[int], cell: Cell) -> int:
        if self._namespaces:
            self._namespaces.separate_next_child()
        process = os.fork()
        if process == 0:
            os.setsid()
            confined.become(role, files, cell)
        self._processes.add(process)
        return process

    def _end(self, process: int) -> int:
        """As `subprocess` counts: below zero the signal that ended it; ours where it had not ended."""
        self._processes.discard(process)
        ended, status = os.waitpid(process, os.WNOHANG)
        if not ended:
            for kill in (os.killpg, os.kill):  # the group is there as soon as the child has made it
                with contextlib.suppress(ProcessLookupError):
                    kill(process, signal.SIGKILL)
            _, status = os.waitpid(process, 0)
        return os.waitstatus_to_exitcode(status)

    def end_all(self) -> None:
        for process in [*self._processes]:
            self._end(process)


def _missing(folder: Path) -> list[str]:
    """Found by putting up the fence in a process that does nothing else."""
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(says, json.dumps(confined.fence(Cell(folder, Limits(), is_agreed=False))).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(says)
    with os.fdopen(hears, "rb") as answer:
        said = answer.read()
    os.waitpid(child, 0)
    return list(json.loads(said))


def _forget_own_files() -> None:
    """A sample imports from the standard library alone."""
    here = str(Path(__file__).resolve().parents[2])
    kept = [path for path in sys.path if path and "site-packages" not in path]
    sys.path[:] = kept if getattr(sys, "frozen", False) else [path for path in kept if path != here]
    sys.argv[:] = [""]


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode())
