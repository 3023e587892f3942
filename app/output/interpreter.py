"""Which Python runs a person's file: the one they chose, the environment of the folder, or the system's.

Never the one inside a packaged SmallCoder, which is no Python that could run anything.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from core.spec.errors import SmallCoderError

_ENVIRONMENTS = (".venv", "venv", "env", ".env")
_OURS = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")


class NoInterpreter(SmallCoderError):
    """There is nothing that could run the file."""


def interpreter(file: Path, top: Path | None, chosen: str = "") -> Path:
    """`top`: the open folder; no environment is looked for above it."""
    if chosen:
        found = shutil.which(os.path.expanduser(chosen))
        if found is None:
            raise NoInterpreter(
                f"The Python in the settings, {chosen}, cannot be started; choose another one there."
            )
        return Path(found)
    for folder in _folders(file, top):
        for name in _ENVIRONMENTS:
            python = _python_in(folder / name)
            if python is not None:
                return python
    for name in ("python3", "python", "py"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    if not getattr(sys, "frozen", False):
        return Path(getattr(sys, "_base_executable", "") or sys.executable)
    raise NoInterpreter(
        "SmallCoder brings no Python that could run your files; install one from python.org, "
        "or choose one in the settings."
    )


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """What the program sees: as if it had been started from a terminal, and its output comes at once."""
    seen = {key: value for key, value in inherited.items() if key not in _OURS}
    return seen | {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"}


def _folders(file: Path, top: Path | None) -> Iterator[Path]:
    for folder in file.parents:
        yield folder
        if folder == top or top is None:
            return
        if not folder.is_relative_to(top):
            break
    if top is not None and not file.is_relative_to(top):
        yield top


def _python_in(folder: Path) -> Path | None:
    if not (folder / "pyvenv.cfg").is_file():
        return None
    for python in (folder / "bin/python", folder / "Scripts/python.exe"):
        if os.access(python, os.X_OK):
            return python
    return None
