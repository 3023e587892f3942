"""A folder that a hostile program has written: how large it is, and how to be rid of it.

Nothing is followed, and nothing recurses: it may hold links, and folders deeper than any path can be long.
"""

import os
import tempfile
from pathlib import Path

_ENTRY_BYTES = 4096  # what an empty file costs, about


def is_larger(folder: Path, size_bytes: int) -> bool:
    """Counts until it is sure; what cannot be looked at counts as too large."""
    total, waiting = 0, [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    total += _ENTRY_BYTES + entry.stat(follow_symlinks=False).st_size
                    if total > size_bytes:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except FileNotFoundError:
            continue  # it went away meanwhile
        except OSError:
            return True
    return False


def remove(folder: Path) -> None:
    """Folders inside are moved out before they are emptied, so that no path gets long."""
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        with os.scandir(current) as found:
            entries = [*found]
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                os.chmod(entry.path, 0o700)
                place = Path(tempfile.mkdtemp(dir=folder.parent))
                os.replace(entry.path, place)
                waiting.append(place)
            else:
                os.unlink(entry.path)
        os.rmdir(current)
