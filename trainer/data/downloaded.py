"""What `data download` leaves behind: a folder that says which of its files are the data set."""

import json
from collections.abc import Sequence
from pathlib import Path

from core.hub import is_inside
from core.spec.disk import write_whole
from core.spec.errors import DataError

LIST_NAME = "download.json"
_MAX_LIST_BYTES = 16 << 20


def write_list(folder: Path, repository: str, revision: str, names: Sequence[str]) -> None:
    content = {"format": 1, "repository": repository, "revision": revision, "files": list(names)}
    write_whole(folder / LIST_NAME, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def files_of(path: Path) -> list[Path]:
    """None where the path is anything else."""
    listed = path / LIST_NAME
    if not listed.is_file():
        return []
    try:
        with listed.open("rb") as file:
            names = json.loads(file.read(_MAX_LIST_BYTES))["files"]
        if not all(isinstance(name, str) and is_inside(name) for name in names):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise DataError(f"{listed} does not list files of a data set; download it again.") from None
    return [path / name for name in names]
