"""How this copy of the program came here, and what starts it: for sentences that say what to type."""

import shlex
import sys
from pathlib import Path
from shutil import which
from typing import Literal

Kind = Literal["packaged", "source", "installed"]


def kind() -> Kind:
    """From a package, from a clone of the repository, or by pip."""
    if getattr(sys, "frozen", False):
        return "packaged"
    return "source" if (Path(__file__).parents[2] / "pyproject.toml").exists() else "installed"


def command(*words: str) -> str:
    """As a person types it."""
    if kind() == "packaged":
        return shlex.join([*_twin(), *words])
    return shlex.join([*(["python3", "main.py"] if kind() == "source" else ["smallcoder"]), *words])


def command_for_extra(name: str) -> str:
    """What brings packages that only some need; the packaged app is as it is."""
    if kind() == "installed":
        return f"`pip install 'smallcoder[{name}]'`"
    return f"`python3 main.py --extra {name}`{' in a copy from source' if kind() == 'packaged' else ''}"


def _twin() -> list[str]:
    """By its name where that is found, which depends on how the package was put there."""
    ending = ".exe" if sys.platform == "win32" else ""
    name = "smallcoder-cli"
    place = Path(sys.executable).with_name(name + ending)
    found = which(name)
    return [name if found and Path(found).resolve() == place.resolve() else str(place)]
