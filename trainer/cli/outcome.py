"""`train judge` and `train export`: what a run has learnt, measured, and taken along."""

import argparse
import time
from pathlib import Path

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import UsageError
from core.spec.fields import to_json
from core.spec.sizes import size_text
from trainer.claims import claimed
from trainer.cli.voice import Voice
from trainer.spec.runs import Run, find_run
from trainer.spec.verdict import read_verdict


def add_actions(actions: Commands) -> None:
    judge = actions.add_parser(
        "judge", help="is it better than before? on held-out files and a fixed benchmark"
    )
    judge.add_argument("name", metavar="RUN", help="a run's name or folder")
    judge.add_argument("--json", action="store_true", help="the verdict as JSON")
    judge.set_defaults(run=guarded(_judge))
    export = actions.add_parser("export", help="take along what a run has learnt")
    export.add_argument("name", metavar="RUN", help="a run's name or folder")
    export.add_argument("destination", type=Path, metavar="DST", help="what to make; must not exist yet")
    export.add_argument(
        "--to",
        required=True,
        choices=("adapter", "native", "hf", "gguf"),
        help="the adapter in PEFT's format, or a whole model with the adapter in it",
    )
    precisions = ("fp32", "bf16", "fp16", "int8", "int4")
    export.add_argument("--precision", choices=precisions, default="fp16", help="of a whole model (fp16)")
    export.add_argument(
        "--strength",
        type=float,
        default=1.0,
        help="of what it learnt, in a whole model: 0 is the model that it began from (1.0)",
    )
    export.add_argument("--json", action="store_true", help="JSON for a program")
    export.set_defaults(run=guarded(_export))


def _judge(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.name)
    run.spec()  # whether it is one
    with claimed(run):
        _judge_claimed(run, is_silent=arguments.json)
    verdict = read_verdict(run)
    if arguments.json and verdict is not None:
        report.say_json(to_json(verdict) | {"judgement": verdict.judgement, "sentence": verdict.sentence})
    return 0


def _judge_claimed(run: Run, *, is_silent: bool) -> None:
    began_at = time.time()
    from trainer.bench.run_tasks import with_tasks
    from trainer.control import Control, listen_to_folder, stop_on_signals
    from trainer.running import judge_again

    control = Control()
    voice = Voice(control, is_for_program=False, is_silent=is_silent)
    try:
        voice.keep_in(run)
        stop_on_signals(control)
        listen_to_folder(control, run, began_at)
        finished = judge_again(run, control, voice.tell)
        with_tasks(run, run.spec(), finished, control, voice.tell)
    finally:
        voice.close()


def _export(arguments: argparse.Namespace) -> int:
    from trainer.exporting import export_adapter, export_model

    run = find_run(arguments.name)
    run.spec()
    if not 0 <= arguments.strength <= 4:
        raise UsageError(f"--strength goes from 0 (off) to 4, not {arguments.strength:g}.")
    facts: dict[str, object] = {"path": str(arguments.destination)}
    said = f"{arguments.destination}: the adapter, as PEFT reads it"
    if arguments.to == "adapter":
        if arguments.strength != 1:
            raise UsageError(
                "An adapter goes along as it was learnt, and --adapter-strength says how much of it counts "
                "where it is used; leave out --strength."
            )
        export_adapter(run, arguments.destination)
    else:
        strength = arguments.strength
        done = export_model(run, arguments.destination, arguments.to, arguments.precision, strength)
        facts = to_json(done) | {"path": str(done.path)}
        said = f"{done.path}: {size_text(done.size_bytes)}. {done.found}."
    verdict = read_verdict(run)
    if arguments.json:
        report.say_json(facts | {"judgement": None if verdict is None else verdict.judgement})
        return 0
    report.say(said)
    if verdict is None:
        report.say("It has not been judged; 'train judge' does that.")
    elif verdict.judgement in ("better", "new"):
        report.say(verdict.sentence)
    else:
        report.complain(verdict.sentence)
    return 0
