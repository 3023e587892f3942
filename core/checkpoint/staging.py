"""Something new on disk, whole or not at all: written under another name, then given its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from core.spec.errors import DoesNotFit, SmallCoderError, UsageError

_LITTLE_BYTES = 2**16  # what is left of a disk on which somebody has just had no room


@contextmanager
def new_path(destination: Path) -> Iterator[Path]:
    """A place beside `destination` to write a file or a folder to; it moves there when all went well."""
    if os.path.lexists(destination):
        raise UsageError(f"{destination} exists already; choose another name or delete it first.")
    _remove_leftovers(destination)
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{destination.name}.{os.getpid()}."
        workplace = Path(tempfile.mkdtemp(prefix=prefix, dir=destination.parent))
    except OSError as error:
        raise UsageError(f"{destination} cannot be made ({error.strerror}); choose another place.") from error
    try:
        yield workplace / destination.name
        _give_name(workplace / destination.name, destination)
    except SmallCoderError:
        raise
    except Exception as error:
        # the libraries that write say "disk full" in a different way each, so the disk is asked
        if shutil.disk_usage(workplace).free < _LITTLE_BYTES or "No space left" in str(error):
            raise DoesNotFit(f"The disk is full; {destination} was not made. Free some space.") from error
        raise
    finally:
        shutil.rmtree(workplace)


def _give_name(made: Path, destination: Path) -> None:
    """Never over something that came to be there meanwhile."""
    try:
        if made.is_dir():
            made.rename(destination)  # which the system refuses over a folder with something in it
        else:
            os.link(made, destination)  # which it refuses over anything
    except OSError as error:
        if not os.path.lexists(destination):
            raise
        raise UsageError(f"{destination} has come to exist meanwhile; choose another name.") from error


def _remove_leftovers(destination: Path) -> None:
    """Of a process that was killed while it wrote the same."""
    for leftover in destination.parent.glob(f".{destination.name}.*.*"):
        owner = leftover.name.removeprefix(f".{destination.name}.").partition(".")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(leftover, ignore_errors=True)
