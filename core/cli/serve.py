"""`serve`: the engine for another program, as JSON lines on standard input and output."""

import argparse
import os

from core.cli.command import Commands


def add_command(commands: Commands) -> None:
    parser = commands.add_parser("serve", help="answer JSON lines on standard input, for other programs")
    parser.set_defaults(run=_serve)


def _serve(_: argparse.Namespace) -> int:
    from core.server.serve import serve
    from core.spec.version import version

    # at once: the engine's thread may be in the middle of a sum that nobody waits for
    os._exit(serve(version()))
