"""Which models a benchmark measures, each at which precisions: every one of these with every one of those."""

import argparse
from dataclasses import replace
from itertools import product

from core.cli.command import wanted_model
from core.spec.errors import UsageError
from core.spec.fields import add_flags, from_flags, settings_of, suggestion
from core.spec.placement import Placement
from trainer.spec.bench import MODEL_SETS

NOT_MEASURED = ("draft_model", "cache_mb")


def add_matrix(parser: argparse.ArgumentParser, models: str, usual: str = "the one that comes along") -> None:
    sets = ", ".join(MODEL_SETS)
    parser.add_argument(
        "--model",
        action="append",
        metavar="M",
        help=f"{models}; may be repeated; also a set of presets: {sets} (default: {usual})",
    )
    add_flags(parser, Placement, leave_out=("precision", *NOT_MEASURED))
    parser.add_argument(
        "--precision",
        action="append",
        default=[],
        metavar="P",
        help="how weights are held; several with commas, or repeated (default: auto)",
    )


def ways(arguments: argparse.Namespace) -> list[tuple[str, Placement]]:
    wanted = arguments.model or [str(wanted_model(arguments))]
    names = [name for given in wanted for name in MODEL_SETS.get(given, (given,))]
    known = next(item.choices for item in settings_of(Placement) if item.name == "precision")
    precisions = [word.strip() for given in arguments.precision for word in given.split(",") if word.strip()]
    for word in precisions:
        if word not in known:
            raise UsageError(
                f"There is no precision {word!r}{suggestion(word, known)}; take {', '.join(known)}."
            )
    one = argparse.Namespace(**vars(arguments) | {"precision": "auto"})
    placement = from_flags(Placement, one)
    pairs = dict.fromkeys(product(names, precisions or ["auto"]))  # each once
    return [(name, replace(placement, precision=word)) for name, word in pairs]
