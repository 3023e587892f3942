"""A process takes up its role: puts the fence around itself, forgets what it does not need, and begins.

The same two roles everywhere: `sample` loads a sample and answers, `tests` runs the tests and says how they
went. Each gets four files: the text it is about, what it hears, what it says, and where its output or verdict
goes.
"""

import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.spec.fields import to_json
from trainer.sandbox.judge import judge
from trainer.sandbox.limits import Limits
from trainer.sandbox.link import Link
from trainer.sandbox.protocol import Channel
from trainer.sandbox.sample_host import Host

Role = Literal["sample", "tests"]
ROLES: tuple[Role, Role] = ("sample", "tests")
FILES_EACH = 4
_ABOVE_ALL = 100  # where the files wait until the low numbers are free
_MAX_FILES = 1 << 16  # more than the template ever has open


@dataclass(frozen=True)
class Cell:
    """What a role is confined to. `is_agreed`: the person wants it run, whatever of the fence is missing."""

    folder: Path
    limits: Limits
    is_agreed: bool
    counts_processes: bool = False


def cell_to_json(cell: Cell) -> str:
    return json.dumps(
        {"folder": str(cell.folder), "limits": to_json(cell.limits), "is_agreed": cell.is_agreed}
    )


def cell_from_json(text: str, *, counts_processes: bool = False) -> Cell:
    given = json.loads(text)
    return Cell(Path(given["folder"]), Limits(**given["limits"]), given["is_agreed"], counts_processes)


def become(role: Role, files: list[int], cell: Cell) -> None:
    """Never returns; a fence that does not hold ends the process before anything was loaded."""
    status = 1
    try:
        source, incoming, outgoing, last = _renumbered(files, role)
        os.environ.clear()
        os.environ.update(HOME=str(cell.folder), TMPDIR=str(cell.folder))
        tempfile.tempdir = str(cell.folder)
        os.chdir(cell.folder)
        missing = fence(cell)
        if not missing or cell.is_agreed:
            _begin(role, source, Channel(incoming, outgoing), last)
            status = 0
    finally:
        os._exit(status)


def fence(cell: Cell) -> tuple[str, ...]:
    """Puts up all that this system has; what it lacks, in words."""
    if sys.platform == "linux":
        from trainer.sandbox import linux

        linux.die_with_parent()
        return linux.fence(cell.folder, cell.limits, counts_processes=cell.counts_processes)
    if sys.platform == "darwin":
        from trainer.sandbox import macos

        return macos.fence(cell.limits)
    return ("files", "network")  # the job object around this process has been put up by its parent


def _renumbered(files: list[int], role: Role) -> tuple[int, int, int, int]:
    """The four become 3 to 6 and whatever else was open is closed; a sample prints into the last."""
    if sys.platform == "win32":  # nothing else was inherited
        from trainer.sandbox import windows

        return windows.opened(files, prints=role == "sample")
    import fcntl

    waiting = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, _ABOVE_ALL) for file in files]
    nothing = os.open(os.devnull, os.O_RDWR)
    output = waiting[-1] if role == "sample" else nothing
    for number, file in enumerate([nothing, output, output, *waiting]):
        os.dup2(file, number, inheritable=False)
    os.closerange(3 + FILES_EACH, _MAX_FILES)
    return (3, 4, 5, 6)


def _begin(role: Role, source: int, channel: Channel, last: int) -> None:
    given = json.loads(_all_of(source))
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = open(number, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if role == "sample":
        Host(channel).serve(given["sample"])
        return
    verdict = judge(given["tests"], given["entry_point"], Link(channel))
    os.write(last, json.dumps(verdict).encode())


def _all_of(file: int) -> bytes:
    os.lseek(file, 0, os.SEEK_SET)
    return b"".join(iter(lambda: os.read(file, 1 << 20), b""))
