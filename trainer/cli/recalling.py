"""`train recall`: how far a model is to believe what followed the same words before, fitted to it."""

import argparse
from pathlib import Path

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import UsageError
from core.spec.fields import add_flags, from_flags, to_json
from core.spec.placement import Placement

_LEAST_GAIN = 0.005  # of the nats a token costs; less is not worth a step that takes longer


def add_action(actions: Commands) -> None:
    recall = actions.add_parser(
        "recall", help="fit to a model how far it believes what followed the same words before"
    )
    recall.add_argument(
        "model", type=Path, metavar="MODEL", help="a folder of ours, whose config.json is written"
    )
    recall.add_argument(
        "--source",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="Python that it has not read, best of all",
    )
    recall.add_argument(
        "--lines", type=int, default=1000, metavar="N", help="asked for as in an editor (default: 1000)"
    )
    recall.add_argument("--seed", type=int, default=42, help="draws the lines (default: 42)")
    recall.add_argument("--json", action="store_true", help="JSON for a program")
    add_flags(recall, Placement, leave_out=("draft_model", "cache_mb", "adapter", "adapter_strength"))
    recall.set_defaults(run=guarded(_recall))


def _recall(arguments: argparse.Namespace) -> int:
    from core.checkpoint.load import open_model
    from core.checkpoint.names import NATIVE
    from core.checkpoint.native import write_recall
    from core.engine import load
    from trainer.bench.lines import draw_lines, python_files
    from trainer.bench.recalling import fitted

    stored = open_model(arguments.model)
    if stored.layout is not NATIVE:
        raise UsageError(
            f"{arguments.model} is no folder of ours, and only these say it; make one with "
            f"'models convert {arguments.model} FOLDER --to native'."
        )
    lines = draw_lines(python_files(arguments.source), arguments.lines, arguments.seed)
    engine = load(arguments.model, from_flags(Placement, arguments))

    def tell(done: int) -> None:
        if done % 100 == 0 and not arguments.json:
            report.say(f"{done} of {len(lines)} lines")

    found = fitted(engine, lines, tell)
    is_worth_it = found.after < (1 - _LEAST_GAIN) * found.before
    write_recall(stored.path, found.recall if is_worth_it else None)
    if arguments.json:
        report.say_json(to_json(found) | {"written": is_worth_it})
        return 0
    report.say(
        f"On the half of the lines that nothing was fitted to, a token costs {found.after:.3f} nats; by the "
        f"network alone {found.before:.3f}."
    )
    report.say(
        f"Written to {stored.path / 'config.json'}; whoever completes in an editor now goes by it."
        if is_worth_it
        else f"That is no gain, so there is none of it in {stored.path / 'config.json'}."
    )
    return 0
