"""What only the packaged app has to do at its start, before anything is imported that could mind.

Standard library only. How the app is made: packaging/.
"""

from __future__ import annotations

import os
import sys

from bootstrap import installer, system_packages
from bootstrap.environment import NEEDS
from bootstrap.installer import SetupError

_OF_THE_STARTER = "_PYI_"
_SHOW_A_SENTENCE = (
    ("zenity", "--error", "--title=SmallCoder", "--no-markup", "--width=500", "--text"),
    ("kdialog", "--title", "SmallCoder", "--error"),
    ("xmessage", "-center"),
    ("notify-send", "--app-name=SmallCoder", "SmallCoder does not start"),
)


def is_packaged() -> bool:
    return bool(getattr(sys, "frozen", False))


def begin() -> None:
    """Also where this process is a child of ours: it may have been started to do a part of a job."""
    import multiprocessing

    restore_environment()
    open_streams()
    multiprocessing.freeze_support()


def restore_environment() -> None:
    """For what is started from here, be it a browser or ourselves again, as if it came from a terminal.

    What starts the app has put its own libraries before the system's. This process has read them by now, and
    others must not find them; and it has left notes, by which a child would take itself for a part of it.
    """
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    if sys.platform == "linux":
        os.environ.pop("LD_LIBRARY_PATH", None)
    if before is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    for name in [name for name in os.environ if name.startswith(_OF_THE_STARTER)]:
        del os.environ[name]


def open_streams() -> None:
    """A windowed program has none under Windows, and not everything that writes to them asks first."""
    for name in ("stdout", "stderr") if sys.platform == "win32" else ():
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (as long as the process)


def check_system() -> None:
    """The packaged app brings all but a few libraries of the display, and installs nothing."""
    missing = without_own(system_packages.missing_for_window())
    if missing:
        sentence = installer.by_hand(missing, NEEDS["window"])
        if not installer.at_terminal():
            show(sentence)
        raise SetupError(sentence)


def without_own(missing: dict[str, str]) -> dict[str, str]:
    """A library that came along cannot be loaded either while one that it needs is missing."""
    inside = str(getattr(sys, "_MEIPASS", ""))
    others = {what: package for what, package in missing.items() if not is_there(inside, what)}
    return others or missing


def is_there(folder: str, name: str) -> bool:
    return bool(folder) and "/" not in name and os.path.exists(os.path.join(folder, name))


def show(sentence: str) -> None:
    """By what a desktop may have for that: started from a menu, nobody sees what a program writes."""
    import subprocess
    from shutil import which

    command = next((words for words in _SHOW_A_SENTENCE if which(words[0])), None)
    if command is not None:
        subprocess.run(
            [*command, sentence], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
