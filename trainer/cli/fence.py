"""`bench sandbox`: whether this system can fence in what a model writes, and what it lacks where not."""

import argparse

from core import report
from core.cli.command import Commands, guarded


def add_action(actions: Commands) -> None:
    parser = actions.add_parser("sandbox", help="whether generated code can be fenced in on this system")
    parser.add_argument("--json", action="store_true", help="JSON for a program")
    parser.set_defaults(run=guarded(_fence))


def _fence(arguments: argparse.Namespace) -> int:
    from trainer.sandbox.sandbox import Sandbox

    with Sandbox() as sandbox:
        confinement = sandbox.confinement
    if arguments.json:
        report.say_json({"missing": list(confinement.missing)})
    elif confinement.missing:
        report.say(
            f"This system cannot fence in what a model writes: {'; '.join(confinement.missing)}. 'bench "
            "quality' asks before it runs any."
        )
    else:
        report.say(
            "What a model writes is fenced in here: its own folder, no network, limits on all it takes."
        )
    return 0
