"""`complete`: continue a text, or fill in at a place in a file."""

import argparse
from pathlib import Path

from core import report
from core.cli.command import Commands, add_model, file_text, guarded, open_engine, standard_input
from core.spec.editing import Editing
from core.spec.errors import UsageError
from core.spec.fields import add_flags, from_flags, to_json
from core.spec.placement import Placement
from core.spec.sampling import Sampling


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("complete", help="continue a text, or fill in at a place in a file")
    add_model(parser)
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--prompt", metavar="TEXT", help="the text to continue")
    source.add_argument("--file", type=Path, help="fill in at --line and --column of this file")
    source.add_argument("stdin", nargs="?", choices=["-"], metavar="-", help="continue standard input")
    parser.add_argument("--line", type=int, help="from 1; the last line where it is left out")
    parser.add_argument("--column", type=int, help="from 1; the line's end where it is left out")
    add_flags(parser, Sampling)
    add_flags(parser, Placement)
    parser.add_argument(
        "--exact",
        action="store_true",
        help="go on behind exactly the text's tokens, as other programs do; else the last one is written "
        "anew, for where a person stops a token seldom ends",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of running text")
    parser.set_defaults(run=guarded(_complete))


def _complete(arguments: argparse.Namespace) -> int:
    sampling = from_flags(Sampling, arguments)
    prefix, suffix = _around_cursor(arguments)
    editing = Editing(extent=None if arguments.exact else "all")
    answer = open_engine(arguments).complete_answer(prefix, suffix, sampling, editing=editing)
    if arguments.json:
        text = answer.text()
        report.say_json({"text": text, "seed": sampling.seed, **to_json(answer.statistics)})
        return 0
    for piece in answer:
        report.stream(piece)
    report.say("")
    return 0


def _around_cursor(arguments: argparse.Namespace) -> tuple[str, str]:
    if arguments.file is None and (arguments.line is not None or arguments.column is not None):
        raise UsageError("--line and --column say where in a file; name it with --file.")
    if arguments.prompt is not None:
        return arguments.prompt, ""
    if arguments.file is None:
        return standard_input(), ""
    text = file_text(arguments.file)
    cursor = _offset(text, arguments.line, arguments.column, arguments.file)
    return text[:cursor], text[cursor:]


def _offset(text: str, line: int | None, column: int | None, path: Path) -> int:
    lines = text.split("\n")
    line = len(lines) if line is None else line
    if not 1 <= line <= len(lines):
        raise UsageError(f"{path} has lines 1 to {len(lines)}; there is no line {line}.")
    here = lines[line - 1].removesuffix("\r")
    column = len(here) + 1 if column is None else column
    if not 1 <= column <= len(here) + 1:
        raise UsageError(
            f"Line {line} of {path} has columns 1 to {len(here) + 1}; there is no column {column}."
        )
    return sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1
