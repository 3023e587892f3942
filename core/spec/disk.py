"""Disks: whether there is room, and writing that a full one or a power failure may interrupt."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.spec.errors import DoesNotFit
from core.spec.sizes import size_text

_DISK_IS_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def free_bytes(destination: Path) -> int:
    """On the disk on which something would lie that is not there yet."""
    parent = next(path for path in destination.absolute().parents if path.exists())
    return shutil.disk_usage(parent).free


def size_of(path: Path) -> int:
    """0 of what is no file, or no longer there: others may be writing."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def require_room(destination: Path, needed_bytes: int) -> None:
    free = free_bytes(destination)
    if needed_bytes > free:
        raise DoesNotFit(
            f"{destination} needs about {size_text(needed_bytes)}, but its disk has only "
            f"{size_text(free)} free; free some space or choose another place."
        )


@contextmanager
def room_on_disk(folder: Path) -> Iterator[None]:
    """Around work that can be taken up again."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_IS_FULL:
            raise
        raise DoesNotFit(
            f"The disk is full; what is done stays in {folder}; free some space and repeat the command."
        ) from error


def write_whole(path: Path, content: str | bytes, *, waits: bool = True) -> None:
    """A small file, whole or not at all. OSError where it cannot be written; then it is as it was.

    Waiting for the disk, which may take a tenth of a second, keeps it through a loss of power.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            if waits:
                file.flush()
                os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def set_aside(path: Path) -> Path | None:
    """A file that cannot be understood, for somebody may still want to look at it: where it now is."""
    number = 1
    while (aside := path.with_name(f"{path.name}.broken-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
    except OSError:
        return None
    return aside


def sync_folder(folder: Path) -> None:
    """So that a name, too, outlives a power failure; Windows does that by itself."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
