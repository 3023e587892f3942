"""How this program starts itself, frozen or not, to do a part of its work in a process of its own."""

import os
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_START = "import sys, main; sys.exit(main.run(sys.argv[1:], sets_itself_up=False))"


def own_command() -> list[str]:
    return [sys.executable] if getattr(sys, "frozen", False) else [sys.executable, "-c", _START]


def own_environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
