"""What all commands share: errors become exit codes, standard input becomes text."""

import argparse
import errno
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from core import report
from core.spec.errors import DoesNotFit, SmallCoderError, UsageError, is_refusal_of_memory
from core.spec.fields import from_flags
from core.spec.placement import Placement

if TYPE_CHECKING:
    from core.engine import Engine

Handler = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[Any]"

# of the system's refusals, those that a person can do something about
_NOT_OUR_MISTAKE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENAMETOOLONG),
        *(errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.EIO),
    }
)


def guarded(handler: Handler) -> Handler:
    """Turns what a person can mend into a sentence on stderr and an exit code; a bug keeps its traceback."""

    def run(arguments: argparse.Namespace) -> int:
        report.speak_utf8()
        try:
            return handler(arguments)
        except SmallCoderError as error:
            report.complain(str(error))
            return error.exit_code
        except BrokenPipeError:
            report.abandon_output()
            return 0
        except (MemoryError, RuntimeError) as error:
            if not is_refusal_of_memory(error):
                raise
            report.complain("There was not enough memory to go on; close other programs or take less.")
            return DoesNotFit.exit_code
        except OSError as error:
            if error.errno not in _NOT_OUR_MISTAKE:
                raise
            report.abandon_output()
            where = error.filename if error.filename is not None else "The output"
            report.complain(f"{where} cannot be used ({error.strerror}); check the name and your access.")
            return UsageError.exit_code

    return run


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, required=True, help="a model's folder or a .gguf file")


def open_engine(arguments: argparse.Namespace) -> "Engine":
    placement = from_flags(Placement, arguments)
    from core.engine import load
    from core.fitting import learn_runtime

    learn_runtime()
    return load(arguments.model, placement)


def standard_input() -> str:
    """The bytes exactly as given, as text."""
    if sys.stdin is None:
        raise UsageError("Standard input is closed; give the text through a pipe or from a file.")
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
