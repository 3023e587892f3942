"""`bench recommend`: measures this machine briefly and says which model to run how precisely, and why."""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import DataError, JobError
from core.spec.fields import to_json
from core.spec.messages import Finished, Note, Progress, Started
from core.spec.placement import Placement
from core.spec.presets import PRESETS
from core.spec.version import version
from trainer.cli.bench_voice import BenchVoice
from trainer.cli.matrix import add_matrix, ways
from trainer.cli.results import INTERRUPTED, Destination, audience_of
from trainer.cli.speed_process import measured_beside
from trainer.spec.speed import SpeedSettings

if TYPE_CHECKING:
    from trainer.bench.recommend import Choice, Option
    from trainer.control import Control

_BRIEFLY = SpeedSettings(prompt_tokens=(256,), new_tokens=24, rounds=2)
_PRECISIONS = ("int8", "int4")
_SIZES = ("smallcoder-medium", "smallcoder-small", "smallcoder-tiny")
_MOST_MODELS = 12


def add_action(actions: Commands) -> None:
    parser = actions.add_parser("recommend", help="which model suits this machine, and why")
    add_matrix(parser, "a model to consider (default: all on this disk)", required=False)
    parser.add_argument("--seconds", type=float, default=90.0, help="how long to measure (default: 90)")
    parser.add_argument("--json", action="store_true", help="JSON for a program")
    parser.add_argument("--events", action="store_true", help="a line of JSON an event")
    parser.set_defaults(run=guarded(_recommend))


def _recommend(arguments: argparse.Namespace) -> int:
    from trainer.bench.recommend import choose
    from trainer.control import Control, listen, stop_on_signals

    control = Control()
    with BenchVoice(audience_of(arguments), control) as voice:
        if arguments.events:
            listen(control, 0)
        stop_on_signals(control)
        chosen = _candidates(arguments)
        destination = Destination.of(None, "recommend", "recommend", {})
        voice.tell(Started(version(), chosen[0][1].device, len(chosen)))
        options = []
        until_s = time.monotonic() + arguments.seconds
        for number, (model, placement) in enumerate(chosen, 1):
            is_late = number > 1 and time.monotonic() > until_s
            options.append(_measured(model, placement, control, is_late=is_late))
            if control.is_stopped:
                return INTERRUPTED
            voice.tell(Progress(number, len(chosen)))
        choice = choose(options)
        if choice is None:
            raise JobError(f"None of the models can be run here: {options[0].problem}")
        rows = _rows(options, choice)
        destination.write([destination.described("recommend", row) for row in rows])
        if arguments.events:
            for sentence in _sentences(choice):
                voice.tell(Note(sentence))
        voice.tell(Finished(path=str(destination.path)))
    if arguments.json and not arguments.events:
        report.say_json(rows)
    elif not arguments.events:
        for sentence in _sentences(choice):
            report.say(sentence)
    return 0


def _rows(options: "Sequence[Option]", choice: "Choice") -> list[dict[str, Any]]:
    return [
        {
            **to_json(option),
            "is_pleasant": option.is_pleasant,
            "is_recommended": option is choice.option,
            "reasons": list(choice.reasons) if option is choice.option else [],
        }
        for option in options
    ]


def _sentences(choice: "Choice") -> Iterator[str]:
    option = choice.option
    if option.model in PRESETS:
        yield (
            "No model has been downloaded yet. With random weights, which does not change its speed, this "
            f"machine runs {option.name} ({option.parameters / 1e6:,.0f}M parameters) as {option.precision} "
            "best: look for a model of about that size."
        )
    else:
        yield f"Run {option.model} as {option.precision}:"
    yield from (f"- {reason}." for reason in choice.reasons)


def _candidates(arguments: argparse.Namespace) -> list[tuple[str, Placement]]:
    if arguments.model and arguments.precision:
        return ways(arguments)
    names = arguments.model or _on_this_disk() or list(_SIZES)
    given = argparse.Namespace(**vars(arguments) | {"model": names})
    if not arguments.precision:
        given.precision = list(_PRECISIONS)
    return ways(given)


def _on_this_disk() -> list[str]:
    """The largest first, for those are asked about."""
    from core.spec.folders import hub_cache_folder, models_folder
    from core.spec.library import find_models

    found = find_models([models_folder(), hub_cache_folder()]).models
    usable = [model for model in found if model.problem is None and model.parameters]
    usable.sort(key=lambda model: -(model.parameters or 0))
    return [str(model.path) for model in usable[:_MOST_MODELS]]


def _measured(model: str, placement: Placement, control: "Control", *, is_late: bool) -> "Option":
    from trainer.bench.recommend import Option

    blank = Option(
        model, Path(model).name, placement.precision, _parameters(model), has_weights=model not in PRESETS
    )
    if is_late:
        return replace(blank, problem="it was not measured, for the time was over; give more --seconds")
    row, problem = measured_beside(model, placement, _BRIEFLY, lambda: control.is_stopped)
    if row is None:
        return replace(blank, problem=problem)
    return replace(
        blank,
        precision=row["precision"],
        parameters=row["parameters"],
        decode_tokens_per_s=row["decode_tokens_per_s"],
        keystroke_ms=row["keystroke_ms"],
        peak_ram_bytes=row["peak_ram_bytes"],
        quality=_known_quality(model, row["precision"]),
    )


def _parameters(model: str) -> int:
    from core.spec.budget import parameters
    from core.spec.library import describe_model, located

    if model in PRESETS:
        return parameters(PRESETS[model])
    place = located(Path(model))
    found = describe_model(place) if place.exists() else None
    return (found.parameters or 0) if found is not None else 0


def _known_quality(model: str, precision: str) -> float | None:
    """The last one that was measured on our own tasks here."""
    from core.spec.folders import benchmarks_folder
    from trainer.bench.tasks import OWN_NAME
    from trainer.spec.results import read_results

    path = str(Path(model).absolute())
    for file in sorted(benchmarks_folder().glob("*-quality-*.json"), reverse=True):
        try:
            results = read_results(file)
        except DataError:
            continue  # of another version, or not ours
        for result in results:
            figures: Any = result.figures
            is_whole = figures.get("suite") == OWN_NAME and figures.get("settings", {}).get("limit") == 0
            if is_whole and (figures.get("path"), result.precision) == (path, precision):
                return result.number("quality")
    return None
