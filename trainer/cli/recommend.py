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
from core.spec.placement import Placement, Precision
from core.spec.presets import PRESETS
from core.spec.program import command
from core.spec.sizes import short_count
from core.spec.version import version
from trainer.cli.bench_voice import BenchVoice
from trainer.cli.matrix import add_matrix, ways
from trainer.cli.results import INTERRUPTED, Destination, audience_of
from trainer.cli.speed_process import measured_beside
from trainer.spec.speed import DISTURBING_SHARE, SpeedSettings

if TYPE_CHECKING:
    from core.spec.library import ModelFile
    from trainer.bench.offers import Promise
    from trainer.bench.recommend import Choice, Option
    from trainer.control import Control

_BRIEFLY = SpeedSettings(prompt_tokens=(256,), new_tokens=24, rounds=2)
_PRECISIONS: tuple[Precision, ...] = ("int8", "int4")
_SIZES = ("smallcoder-medium", "smallcoder-small", "smallcoder-tiny")
_MOST_MODELS = 12
_SMALL = 50_000_000  # weights


def add_action(actions: Commands) -> None:
    parser = actions.add_parser("recommend", help="which model suits this machine, and why")
    add_matrix(parser, "a model to consider", "the one that comes along, and all on this disk")
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
        choice = choose([option for option in options if option.has_weights] or options)
        if choice is None:
            raise JobError(f"None of the models can be run here: {options[0].problem}")
        promise = _promise(options, choice, chosen[0][1])
        rows = _rows(options, choice, promise)
        destination.write([destination.described("recommend", row) for row in rows])
        if arguments.events:
            for sentence in _sentences(choice, promise):
                voice.tell(Note(sentence))
        voice.tell(Finished(path=str(destination.path)))
    if arguments.json and not arguments.events:
        report.say_json(rows)
    elif not arguments.events:
        for sentence in _sentences(choice, promise):
            report.say(sentence)
    return 0


def _promise(options: "Sequence[Option]", choice: "Choice", placement: Placement) -> "Promise | None":
    """A model that is not here and would be better."""
    from core.fitting import this_machine
    from core.spec.catalogue import catalogue
    from core.spec.library import find_downloaded
    from trainer.bench.offers import better, promises

    offers = [offer for offer in catalogue().values() if offer.role == "completion"]
    here = [offer.id for offer in offers if find_downloaded(offer.id)]
    return better(promises(offers, options, this_machine(placement.ram_mb), here), choice.option)


def _rows(options: "Sequence[Option]", choice: "Choice", promise: "Promise | None") -> list[dict[str, Any]]:
    """`worth_download` stands in the row that is recommended."""
    return [
        {
            **to_json(option),
            "is_pleasant": option.is_pleasant,
            "is_recommended": option is choice.option,
            "reasons": list(choice.reasons) if option is choice.option else [],
            "worth_download": _told(promise) if option is choice.option else None,
        }
        for option in options
    ]


def _told(promise: "Promise | None") -> dict[str, Any] | None:
    if promise is None:
        return None
    return {
        "id": promise.offer.id,
        "precision": promise.precision,
        "needs_bytes": promise.budget.total_bytes,
        "free_bytes": promise.free_bytes,
        "tokens_per_s": promise.tokens_per_s,
        "sentence": promise.sentence,
    }


def _sentences(choice: "Choice", promise: "Promise | None") -> Iterator[str]:
    option = choice.option
    if not option.has_weights:
        yield (
            "No model has been downloaded yet. With random weights, which does not change its speed, this "
            f"machine runs {option.name} ({short_count(option.parameters)} parameters) as {option.precision} "
            "best: look for a model of about that size."
        )
    else:
        yield f"Run {option.model} as {option.precision}:"
    yield from (f"- {reason}." for reason in choice.reasons)
    if option.others_share > DISTURBING_SHARE:
        share = f"{option.others_share:.0%}"
        yield f"Other programs took {share} of the processors meanwhile; measure again when they are done."
    if choice.wants_quality:
        measuring = command("bench", "quality", "--model", option.model, "--precision", option.precision)
        yield f"Its quality on SmallCoder's tasks has not been measured here; this does: {measuring}"
    if promise is not None:
        yield promise.sentence


def _candidates(arguments: argparse.Namespace) -> list[tuple[str, Placement]]:
    if arguments.model and arguments.precision:
        return ways(arguments)
    here = [] if arguments.model else _on_this_disk()
    names = arguments.model or [str(model.path) for model in here] or list(_SIZES)
    given = argparse.Namespace(**vars(arguments) | {"model": names})
    if not arguments.precision:
        given.precision = list(_PRECISIONS)
    chosen = ways(given)
    if here and all((model.parameters or 0) < _SMALL for model in here):
        # of a small one, little time goes into reading weights: it tells nothing of larger ones
        chosen.append((_SIZES[-1], replace(chosen[0][1], precision=_PRECISIONS[0])))
    return chosen


def _on_this_disk() -> "list[ModelFile]":
    """With the one that comes along. The largest first, for those are asked about."""
    from core.spec.folders import embedded_model, hub_cache_folder, models_folder
    from core.spec.library import find_models

    found = find_models([embedded_model(), models_folder(), hub_cache_folder()]).models
    usable = [model for model in found if model.problem is None and model.parameters]
    usable.sort(key=lambda model: -(model.parameters or 0))
    return usable[:_MOST_MODELS]


def _measured(model: str, placement: Placement, control: "Control", *, is_late: bool) -> "Option":
    from core.spec.library import has_no_weights
    from trainer.bench.recommend import Option

    blank = Option(
        model,
        Path(model).name,
        placement.precision,
        _parameters(model),
        has_weights=not has_no_weights(model),
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
        weights_bytes=row["weights_bytes"],
        others_share=row["others_share"],
        quality=_known_quality(model, row["precision"]),
    )


def _parameters(model: str) -> int:
    from core.spec.budget import parameters
    from core.spec.library import describe_model, has_no_weights, located

    if has_no_weights(model):
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
