"""`train`: begin a run, go on with one, list them. A run that is stopped has saved itself and can go on."""

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from core import report
from core.cli.command import guarded
from core.spec.errors import SmallCoderError
from core.spec.fields import add_flags, settings_of, to_json
from core.spec.messages import Finished
from core.spec.program import command
from trainer.claims import claimed
from trainer.cli import estimate, outcome, recalling, wishes
from trainer.cli.voice import Voice
from trainer.spec.data import PrepareSpec, ScanSpec
from trainer.spec.jobs import TrainSpec
from trainer.spec.plans import RunPlan, plan_names, read_plan
from trainer.spec.runs import Run, all_runs, create_run, find_run, new_run_folder, summary
from trainer.spec.verdict import read_verdict
from trainer.torchrun import is_first_process

if TYPE_CHECKING:
    from collections.abc import Callable

    from trainer.control import Control

    Begin = Callable[[Control, Voice], None]


def fill(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("new", help="begin a run")
    new.add_argument("name", metavar="RUN", help="a name, or a folder to make")
    named = ", ".join(plan_names())
    new.add_argument(
        "--spec", metavar="NAME|FILE", help=f"settings to start from, below all flags: a file, or {named}"
    )
    new.add_argument(
        "--source",
        metavar="PATH",
        action="append",
        default=[],
        type=Path,
        help="a folder or file to learn from, prepared for this run; may be repeated; instead of --data",
    )
    add_flags(new, TrainSpec)
    about_sources = new.add_argument_group("with --source or --spec")
    add_flags(about_sources, PrepareSpec, leave_out=("context", "seed"))
    add_flags(about_sources, ScanSpec)
    new.add_argument(
        "--begin-only", action="store_true", help="prepare and make the run; 'train resume' takes its steps"
    )
    new.set_defaults(run=guarded(_new))
    resume = actions.add_parser("resume", help="go on from the last checkpoint")
    resume.add_argument("name", metavar="RUN", help="a run's name or folder")
    resume.add_argument("--anyway", action="store_true", help="even if its data or its model changed")
    resume.add_argument(
        "--ram-mb",
        type=int,
        metavar="N",
        help="memory for all programs together from now on; 0 is all there is",
    )
    resume.add_argument("--minutes", type=float, default=0.0, help="stop and save after so long")
    resume.add_argument(
        "--finish-minutes",
        type=float,
        metavar="N",
        help="end the run so long from now, whatever step that is; if not said, when its time is over",
    )
    resume.set_defaults(run=guarded(_resume))
    outcome.add_actions(actions)
    wishes.add_actions(actions)
    estimate.add_action(actions)
    recalling.add_action(actions)
    listing = actions.add_parser("list", help="the runs so far")
    listing.add_argument("--json", action="store_true", help="JSON for a program")
    listing.set_defaults(run=guarded(_list))
    for action in (new, resume):
        action.add_argument(
            "--until", metavar="HH:MM", type=_minutes_until, help="as --finish-minutes, told by the clock"
        )
        action.add_argument(
            "--events",
            "--json",
            action="store_true",
            help="a line of JSON an event; the end of standard input stops and saves",
        )


def _new(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments)

    def begin(control: "Control", voice: Voice) -> None:
        from trainer.beginning import Beginning
        from trainer.fitting import require_room
        from trainer.running import check_context, decided, device_of, open_corpus, slow_precision

        beginning = Beginning(plan, new_run_folder(arguments.name), control, voice.note)
        spec = decided(beginning.spec())
        check_context(spec)
        require_room(spec, device_of(spec).type)
        if slowness := slow_precision(spec, device_of(spec)):
            voice.note(slowness)
        beginning.prepare(spec)
        open_corpus(spec)  # what is wrong with the data is said before there is a run
        create_run(arguments.name, spec)

    with ExitStack() as held, _speaking(arguments) as (control, voice):
        if arguments.begin_only:
            return _begin_alone(arguments, control, voice, begin)
        return _sit(arguments, control, voice, begin, held)


def _begin_alone(arguments: argparse.Namespace, control: "Control", voice: Voice, begin: "Begin") -> int:
    from trainer.control import stop_on_signals

    stop_on_signals(control)
    begin(control, voice)
    voice.tell(Finished(path=str(find_run(arguments.name).folder)))
    return 0


def _plan(arguments: argparse.Namespace) -> RunPlan:
    plan = RunPlan() if arguments.spec is None else read_plan(arguments.spec)
    given = vars(arguments)
    train = {item.name: given[item.name] for item in settings_of(TrainSpec) if item.name in given}
    names = {item.name for kind in (PrepareSpec, ScanSpec) for item in settings_of(kind)} - {"seed"}
    prepare = {name: given[name] for name in names if name in given}
    if arguments.until is not None:
        train["finish_minutes"] = arguments.until
    return plan.given(train, prepare, tuple(arguments.source))


def _resume(arguments: argparse.Namespace) -> int:
    def begin(_: "Control", voice: Voice) -> None:
        from trainer.fitting import require_room
        from trainer.running import device_of

        voice.keep_in(run)  # why it cannot go on belongs there, too
        spec = _wished(run, arguments)
        require_room(spec, device_of(spec).type)

    with ExitStack() as held, _speaking(arguments) as (control, voice):
        run = find_run(arguments.name)
        run.spec()  # whether it is one
        if is_first_process():
            held.enter_context(claimed(run))
        return _sit(arguments, control, voice, begin, held)


def _wished(run: Run, arguments: argparse.Namespace) -> TrainSpec:
    """Of what may change from sitting to sitting. What is said now of its end counts from now."""
    from trainer.resume import progress_of

    spec, given = run.spec(), vars(arguments)
    anyway = spec.anyway or given.get("anyway", False)
    spec = replace(spec, anyway=anyway, minutes=given.get("minutes") or spec.minutes)
    if given.get("ram_mb") is not None:
        spec = replace(spec, ram_mb=max(0, given["ram_mb"]))
    finish = given.get("finish_minutes") if arguments.until is None else arguments.until
    if finish is None:
        return spec
    return replace(spec, finish_minutes=finish + progress_of(run).seconds / 60)


def _minutes_until(clock: str) -> float:
    """From now to the next time that clocks show this."""
    try:
        wanted = datetime.strptime(clock, "%H:%M").time()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{clock!r} is no time of day; write it as 07:30.") from None
    now = datetime.now()
    end = datetime.combine(now.date(), wanted)
    return ((end if end > now else end + timedelta(days=1)) - now).total_seconds() / 60


def _sit(
    arguments: argparse.Namespace, control: "Control", voice: Voice, begin: "Begin", held: ExitStack
) -> int:
    """Of several processes that torchrun started, one begins and speaks, and all train. `held`: until all is
    told, whoever follows the run sees somebody work at it."""
    began_at = time.time()
    from core.heap import keep_what_is_freed

    keep_what_is_freed()
    from trainer.bench.run_tasks import with_tasks
    from trainer.control import listen_to_folder, stop_on_signals
    from trainer.distributed import joined
    from trainer.running import open_corpus, sit

    with joined() as group:
        if group.is_first:
            begin(control, voice)
        group.meet()
        run = find_run(arguments.name)
        if group.is_first:
            held.enter_context(claimed(run))
        voice.keep_in(run)
        spec = _wished(run, arguments)
        corpus = open_corpus(spec, group)
        stop_on_signals(control)
        if group.is_first:
            listen_to_folder(control, run, began_at)
        finished = sit(run, spec, control, voice.tell, corpus, group)
        if group.is_first:
            finished = with_tasks(run, spec, finished, control, voice.tell)
        voice.tell(finished)
    if group.is_first and not arguments.events:
        report.say(_next_step(arguments.name, was_stopped=finished.stopped))
    return 0


def _next_step(name: str, *, was_stopped: bool) -> str:
    if was_stopped:
        return f"'train resume {name}' goes on from here"
    return f"'train export {name} FILE.gguf --to gguf' (or FOLDER --to adapter, native, hf) takes it along"


@contextmanager
def _speaking(arguments: argparse.Namespace) -> "Iterator[tuple[Control, Voice]]":
    """Listens too: to whoever started us."""
    from trainer.control import Control, listen

    control, is_heard = Control(), is_first_process()
    voice = Voice(control, is_for_program=arguments.events, is_heard=is_heard)
    try:
        if arguments.events and is_heard:
            listen(control, 0)
        yield control, voice
    except SmallCoderError as error:
        voice.tell_of_failure(error)
        raise
    finally:
        voice.close()


def _list(arguments: argparse.Namespace) -> int:
    rows, judgements = [], []
    for run in all_runs():
        try:
            row, verdict = summary(run), read_verdict(run)
        except SmallCoderError as error:  # of one; the others can be told of
            report.complain(str(error))
            continue
        rows.append(row)
        judgements.append(None if verdict is None else verdict.judgement)
    if arguments.json:
        together = zip(rows, judgements, strict=True)
        report.say_json([to_json(row) | {"judgement": judgement} for row, judgement in together])
        return 0
    if not rows:
        beginning = command("train", "new", "RUN", "--spec", "finetune-folder", "--source", "FOLDER")
        report.say(f"No runs yet; begin one with '{beginning}'.")
    for row, judgement in zip(rows, judgements, strict=True):
        loss = "" if row.loss is None else f", loss {row.loss:.3f}"
        said = "" if judgement is None else f", {judgement}"
        steps = f"step {row.step} of {row.total or '?'}"
        report.say(f"{row.name}  {row.recipe} of {row.model}  {steps}{loss}  {row.state}{said}")
    return 0
