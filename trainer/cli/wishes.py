"""`train pause`, `train go-on` and `train stop`: what is wished of a run that goes on in another process."""

import argparse

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import UsageError
from trainer.spec.runs import WishName, find_run, make_wish, owner_of

_WISHES: dict[str, tuple[WishName, str, str]] = {
    "pause": (
        "pause",
        "wait after the next step",
        "pauses after the step that it is at; 'train go-on' ends that",
    ),
    "go-on": ("go on", "end a pause", "goes on"),
    "stop": (
        "stop",
        "save, and stop",
        "stops and saves after the step that it is at; 'train resume' goes on",
    ),
}


def add_actions(actions: Commands) -> None:
    for name, (_, help_text, _) in _WISHES.items():
        action = actions.add_parser(name, help=f"of a run that goes on: {help_text}")
        action.add_argument("name", metavar="RUN", help="a run's name or folder")
        action.set_defaults(run=guarded(_wish), wished=name)


def _wish(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.name)
    run.spec()  # whether it is one
    if owner_of(run) is None:
        raise UsageError(f"{run.name} does not go on just now; 'train resume {arguments.name}' begins that.")
    what, _, said = _WISHES[arguments.wished]
    make_wish(run, what)
    report.say(f"{run.name} {said}")
    return 0
