"""What all commands share: errors become exit codes, standard input becomes text."""

import argparse
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from core import report
from core.spec import network
from core.spec.errors import DoesNotFit, SmallCoderError, UsageError, is_refusal_of_memory, sentence_about
from core.spec.fields import from_flags
from core.spec.placement import Placement

if TYPE_CHECKING:
    from core.engine import Engine

Handler = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[Any]"

_MOST_BYTES = 2**27  # of a text


def guarded(handler: Handler) -> Handler:
    """Turns what a person can mend into a sentence on stderr and an exit code; a bug keeps its traceback."""

    def run(arguments: argparse.Namespace) -> int:
        report.speak_utf8()
        network.watch(_named(arguments))
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
            sentence = sentence_about(error, "The output")
            if sentence is None:
                raise
            report.abandon_output()
            report.complain(sentence)
            return UsageError.exit_code

    return run


def _named(arguments: argparse.Namespace) -> str:
    """The command, as it was typed."""
    words = (getattr(arguments, "command", None), getattr(arguments, "action", None))
    return " ".join(word for word in words if isinstance(word, str)) or "a command"


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model",
        type=Path,
        help="a folder, a .gguf file or the id of a download (default: the one that comes along)",
    )


def wanted_model(arguments: argparse.Namespace) -> Path:
    """What was named, or the model that comes with the program."""
    if arguments.model is not None:
        return Path(arguments.model)
    from core.spec.folders import embedded_model  # brought by the set-up, which comes after the parsing

    path = embedded_model()
    if not path.is_dir():
        raise UsageError("No model comes with this copy of the program; name one with --model.")
    return path


def open_engine(arguments: argparse.Namespace) -> "Engine":
    placement, model = from_flags(Placement, arguments), wanted_model(arguments)
    from core.engine import load
    from core.fitting import learn_runtime

    learn_runtime()
    engine = load(model, placement)
    for concession in engine.facts()["concessions"]:
        report.complain(concession)
    return engine


def standard_input() -> str:
    """The bytes exactly as given, as text. Whoever sits at a terminal is told that it is waited for."""
    if sys.stdin is not None and sys.stdin.isatty():
        end = "Ctrl+Z and Enter" if sys.platform == "win32" else "Ctrl+D"
        report.complain(f"reading what you type, until {end} on a line of its own; see --help for other ways")
    return _decoded(_bounded(_input_bytes().read, "Standard input"), "Standard input")


def next_line(prompt: str) -> str:
    """Of standard input, where a person may be asked for it; empty at its end."""
    stream = _input_bytes()
    if not sys.stdin.isatty():
        return _decoded(_bounded(stream.readline, "A line"), "A line")
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 (terminals cut lines at 4,096 bytes, and it does not)
    try:
        return input(prompt) + "\n"
    except EOFError:
        report.say("")
        return ""


def _input_bytes() -> BinaryIO:
    if sys.stdin is None:
        raise UsageError("Standard input is closed; give the text through a pipe or from a file.")
    return sys.stdin.buffer


def file_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return _decoded(_bounded(file.read, str(path)), str(path))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}); check the name and your access."
        ) from error


def _bounded(read: Callable[[int], bytes], where: str) -> bytes:
    """Devices and pipes may never end."""
    data = read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise UsageError(f"{where} holds more than {_MOST_BYTES:,} bytes; take a shorter part of it.")
    return data


def _decoded(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is not UTF-8 text: byte {error.start + 1} is not; convert it first."
        ) from error
