"""How this program starts itself as a process of the sandbox, frozen or not, and what that process then does.

`main.py` hands the hidden word over to `main` here before it reads any argument.
"""

import json
import socket
import sys
from pathlib import Path

WORD = "sandbox-child"


def child_command() -> list[str]:
    """The start of a command line; the frozen program is its own interpreter, and has no -c or -m."""
    if getattr(sys, "frozen", False):
        return [sys.executable, WORD]
    python = getattr(sys, "_base_executable", sys.executable)  # a venv's may be a launcher
    return [python, "-s", "-S", "-B", "-m", "trainer.sandbox.child"]


def child_folder() -> Path:
    """Where the command has to be started, for Python to find our package."""
    return Path(__file__).resolve().parents[2]


def main(words: list[str]) -> None:
    """`template FILE FOLDER`, `probe FOLDER`, or `sample|tests FILE FILE FILE FILE CELL`."""
    from trainer.sandbox import confined
    from trainer.sandbox.confined import Cell
    from trainer.sandbox.limits import Limits

    match words:
        case ["probe", folder]:
            sys.stdout.write(json.dumps(confined.fence(Cell(Path(folder), Limits(), is_agreed=False))))
        case ["template", file, folder]:
            from trainer.sandbox import template

            template.serve(socket.socket(fileno=int(file)), Path(folder))
        case ["sample" | "tests" as role, *files, cell]:
            confined.become(role, [int(file) for file in files], confined.cell_from_json(cell))


if __name__ == "__main__":
    main(sys.argv[1:])
