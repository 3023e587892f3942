"""Something new on disk, whole or not at all: written under another name, then renamed."""

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.spec.errors import DoesNotFit, UsageError


@contextmanager
def new_path(destination: Path) -> Iterator[Path]:
    """A place beside `destination` to write a file or a folder to; it moves there when all went well."""
    if destination.exists():
        raise UsageError(f"{destination} exists already; choose another name or delete it first.")
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        workplace = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", dir=destination.parent))
    except OSError as error:
        raise UsageError(f"{destination} cannot be made ({error.strerror}); choose another place.") from error
    try:
        yield workplace / destination.name
        (workplace / destination.name).rename(destination)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DoesNotFit(f"The disk is full; {destination} was not made. Free some space.") from error
        raise
    finally:
        shutil.rmtree(workplace)


def require_room(destination: Path, needed_bytes: int) -> None:
    parent = next(path for path in destination.absolute().parents if path.exists())
    free = shutil.disk_usage(parent).free
    if needed_bytes > free:
        raise DoesNotFit(
            f"{destination} needs about {needed_bytes / 1e6:,.0f} MB, but its disk has only "
            f"{free / 1e6:,.0f} MB free; free some space or choose another place."
        )
