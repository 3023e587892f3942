"""`serve`: the engine for another program, as JSON lines on standard input and output."""

import argparse
import os
import sys

from core.cli.command import Commands, guarded
from core.spec.errors import UsageError


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("serve", help="answer JSON lines on standard input, for other programs")
    parser.set_defaults(run=guarded(_serve))


def _serve(_: argparse.Namespace) -> int:
    if sys.stdin is None or sys.stdout is None:
        raise UsageError("Standard input or output is closed; start serve from a program that holds both.")
    from core.server.serve import serve
    from core.spec.version import version

    # at once: the engine's thread may be in the middle of a sum that nobody waits for
    os._exit(serve(version()))
