"""The one entry: no word opens the window, a word runs that command.

Arguments are parsed before anything is set up, so that help and mistakes cost nothing. Nothing heavy is
imported; what the commands do is not here: see core/cli, trainer/cli and app/run.py.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import environment, packaged
from bootstrap.installer import ROOT, SetupError

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable
    from typing import Any, NoReturn


def main() -> int:
    """The entry of an installed copy, whose packages pip has brought."""
    return run(sys.argv[1:], sets_itself_up=False)


def run(words: list[str], *, sets_itself_up: bool) -> int:
    try:
        if sets_itself_up:
            environment.check_python(sys.version_info[:2])
        arguments = parse(words)
        asks_for_change = bool(arguments.torch or arguments.extra)
        if asks_for_change and not sets_itself_up:
            raise SetupError(
                "--torch and --extra set up a copy from source. With an installed one pip does that, and the "
                "packaged app is as it is: there is one for the processor and one for CUDA."
            )
        if arguments.purpose == "window" and not asks_for_change and without_display(arguments):
            return 2
        if arguments.purpose == "window" and packaged.is_packaged():
            packaged.check_system()
        if sets_itself_up and arguments.purpose != "nothing":
            environment.enter(
                arguments.purpose, extras=[*arguments.needs, *arguments.extra], torch=arguments.torch
            )
        return int(arguments.run(arguments))
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


def was_started_by_torchrun() -> bool:
    """Then several of us start at once, in an environment that is there already."""
    import os

    return "TORCHELASTIC_RUN_ID" in os.environ


def parse(words: list[str]) -> Namespace:
    import argparse

    from core import cli as engine_cli
    from trainer import cli as training_cli

    class Parser(argparse.ArgumentParser):
        """Says what is wrong in one sentence; the commands' parsers are of this kind too."""

        def __init__(self, fill: Callable[[Parser], None] | None = None, **settings: Any) -> None:
            """`fill` adds the options of a command once it is asked for."""
            super().__init__(**{"allow_abbrev": False, **settings})
            self._fill = fill

        def parse_known_args(self, *given: Any, **named: Any) -> Any:
            if self._fill is not None:
                fill, self._fill = self._fill, None
                fill(self)
            return super().parse_known_args(*given, **named)

        def error(self, message: str) -> NoReturn:
            self.exit(2, f"smallcoder: {message}; see {self.prog} --help\n")

    parser = Parser(
        description="SmallCoder writes code with you, with a small language model on your own machine. "
        "Without a command it opens its window, with the files and folders that are named.",
    )
    parser.add_argument("--version", action="store_true", help="say which version this is")
    # other copies refuse what only one from source can do
    is_source = not packaged.is_packaged() and (ROOT / "pyproject.toml").is_file()
    torch_help, extra_help = (
        text if is_source else argparse.SUPPRESS
        for text in ("set up PyTorch for the processor, or with CUDA", "set up extra packages, as export")
    )
    parser.add_argument("--torch", choices=[*environment.BUILDS], help=torch_help)
    parser.add_argument("--extra", action="append", default=[], metavar="NAME", help=extra_help)
    commands = parser.add_subparsers(dest="command", metavar="command", title="commands")
    engine_cli.add_commands(commands)
    training_cli.add_commands(commands)
    shown = [*commands.choices, *(["test"] if is_source else [])]
    about_test: dict[str, Any] = {"help": "run the test suite"} if is_source else {}
    test = commands.add_parser("test", **about_test)
    test.add_argument("options", nargs=argparse.REMAINDER, help="options of pytest")
    test.set_defaults(run=run_tests, purpose="tests", needs=["dev", "export"])
    parser.set_defaults(run=open_window, purpose="command", needs=[], commands=shown)

    files = [] if words[:1] and words[0] in commands.choices else [word for word in words if is_file(word)]
    arguments, unknown = parser.parse_known_args([word for word in words if word not in files])
    arguments.files = [Path(file) for file in files]
    if arguments.version:
        arguments.run, arguments.purpose = say_version, "nothing"
    elif arguments.command is None:
        arguments.purpose = "window"
    elif arguments.command == "test":  # argparse takes a leading -k or -x for one of ours
        arguments.options = unknown + arguments.options
        unknown = []
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return arguments


def is_file(word: str) -> bool:
    """Whether it is meant as a file or folder to open, and not as a command mistyped."""
    return not word.startswith("-") and (os.path.exists(word) or "." in word or os.sep in word)


def without_display(arguments: Namespace) -> bool:
    from app import run as window

    problem = window.display_problem()
    if problem:
        from core.spec.program import command

        commands = ", ".join(arguments.commands)
        sys.stderr.write(
            f"{problem}; these commands need none: {commands} ({command('--help')} says more).\n"
        )
    return bool(problem)


def open_window(arguments: Namespace) -> int:
    from app import run as window

    return 2 if without_display(arguments) else window.run(arguments.files)


def run_tests(arguments: Namespace) -> int:
    import subprocess

    if not (ROOT / "tests").is_dir():
        sys.stderr.write("An installed copy has no tests: run them in a clone of the repository.\n")
        return 2
    os.chdir(ROOT)
    on_every_core = ["--numprocesses=auto", "--dist=worksteal"]
    options = arguments.options or on_every_core
    return subprocess.call([sys.executable, "-m", "pytest", *options])  # noqa: S603


def say_version(_: Namespace) -> int:
    from core.spec.version import version

    sys.stdout.write(f"SmallCoder {version()}\n")
    return 0


if __name__ == "__main__":
    if packaged.is_packaged():
        packaged.begin()
    if sys.argv[1:2] == ["sandbox-child"]:  # how a frozen copy starts itself to run what a model wrote
        from trainer.sandbox import child

        child.main(sys.argv[2:])
        sys.exit(0)
    is_ready = packaged.is_packaged() or was_started_by_torchrun()
    sys.exit(run(sys.argv[1:], sets_itself_up=not is_ready))
