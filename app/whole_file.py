"""A file of the program's own, written whole or not at all.

For files of the person's, of which more must stay as it was, see app/editor/replace_file.
"""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Its folder is made where it is missing. OSError where it cannot be written; then it is as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staged = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with staged.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(staged, path)
    finally:
        staged.unlink(missing_ok=True)
