"""`train estimate`: what a run would take, in memory by arithmetic and in time by a few steps of it."""

import argparse
import math
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.fields import add_flags, from_json, settings_of, to_json
from trainer.spec.durations import duration
from trainer.spec.estimates import Estimate
from trainer.spec.jobs import TrainSpec
from trainer.spec.plans import read_plan

if TYPE_CHECKING:
    from trainer.spec.memory import Plan

_NOT_YET = "(not prepared)"


def add_action(actions: Commands) -> None:
    action = actions.add_parser("estimate", help="what a run would take, before there is one")
    action.add_argument(
        "--spec", metavar="NAME|FILE", help="settings to start from, below all flags, as 'train new' has them"
    )
    add_flags(action, TrainSpec, leave_out=("data",))
    action.add_argument(
        "--tokens", type=int, default=0, metavar="N", help="it would learn from, as 'data scan' counts them"
    )
    action.add_argument(
        "--measure-seconds", type=float, default=4.0, metavar="S", help="take steps for so long; 0 none (4)"
    )
    action.add_argument("--json", action="store_true", help="JSON for a program")
    action.set_defaults(run=guarded(_estimate))


def _estimate(arguments: argparse.Namespace) -> int:
    from trainer.fitting import plan_here
    from trainer.networks import meant
    from trainer.running import check_context, decided, device_of

    given: dict[str, Any] = {} if arguments.spec is None else dict(read_plan(arguments.spec).train)
    given |= {
        item.name: getattr(arguments, item.name) for item in settings_of(TrainSpec) if item.name in arguments
    }
    if "model" in given:
        given["model"] = meant(given.get("recipe"), given["model"])
    spec = decided(from_json(TrainSpec, given | {"data": _NOT_YET}, "the command line"))
    check_context(spec)
    plan = plan_here(spec, device_of(spec).type)
    rate = _measured(spec, arguments.measure_seconds) if plan.fits or spec.anyway else None
    found = _estimated(plan, rate, arguments.tokens)
    if arguments.json:
        report.say_json(to_json(found))
    else:
        _say(plan, found)
    return 0


def _measured(spec: TrainSpec, seconds: float) -> float | None:
    from trainer.control import Control, stop_on_signals
    from trainer.estimating import tokens_per_s
    from trainer.recipes import Place
    from trainer.running import device_of, dtype_of

    if seconds <= 0:
        return None
    control = Control()
    stop_on_signals(control)
    return tokens_per_s(spec, Place(device_of(spec), dtype_of(spec)), seconds, control)


def _estimated(plan: "Plan", rate: float | None, tokens: int) -> Estimate:
    spec = plan.spec
    return Estimate(
        device=plan.device,
        precision=spec.precision,
        lanes=spec.lanes,
        learning_rate=spec.learning_rate or 0.0,
        config=plan.config,
        teacher=plan.teacher,
        machine=plan.machine,
        tokens_per_s=rate,
        tokens=tokens,
    )


def _say(plan: "Plan", found: Estimate) -> None:
    from trainer.spec.memory import arithmetic

    report.say(f"memory: {arithmetic(plan.budget())}")
    report.say("it fits" if plan.fits else plan.refusal())
    if found.tokens_per_s is None:
        return
    steps, seconds = found.steps(plan.spec), found.seconds(plan.spec)
    speed = f"speed: {found.tokens_per_s:,.0f} tokens/s on {found.device}"
    if steps is None or seconds is None or not math.isfinite(seconds):
        report.say(f"{speed}; how long it takes hangs on --tokens or --steps")
    else:
        report.say(f"{speed}, so about {duration(seconds)} for {steps:,} steps")
