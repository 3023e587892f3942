"""What all commands share: errors become exit codes, standard input becomes text."""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from core import report
from core.spec.errors import SmallCoderError, UsageError

Handler = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def guarded(handler: Handler) -> Handler:
    """Turns what a person can mend into a sentence on stderr and an exit code; a bug keeps its traceback."""

    def run(arguments: argparse.Namespace) -> int:
        try:
            return handler(arguments)
        except SmallCoderError as error:
            report.complain(str(error))
            return error.exit_code
        except BrokenPipeError:
            report.abandon_output()
            return 0

    return run


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="a model's folder or a .gguf file")


def standard_input() -> str:
    """The bytes exactly as given, as text."""
    return decoded(sys.stdin.buffer.read(), "Standard input")


def file_text(path: Path) -> str:
    try:
        return decoded(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}); check the name and your access."
        ) from error


def decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is not UTF-8 text: byte {error.start + 1} is not; convert it first."
        ) from error
