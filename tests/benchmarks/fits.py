"""What fits which machine, as the README's table: the program's own arithmetic, of the models that it offers.

Written there by `python -m tests.benchmarks.tables`. Nothing is measured here; how close the arithmetic is,
`python -m tests.benchmarks.memory` measures.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.spec.budget import CARD_RESERVE_BYTES, CARD_RUNTIME_BYTES, RUNTIME_BYTES, to_run
from core.spec.catalogue import Offer, catalogue
from core.spec.config import ModelConfig
from core.spec.fields import from_json
from core.spec.folders import embedded_model
from core.spec.machine import Machine
from core.spec.sizes import MB, in_mb
from trainer.bench.tables import markdown
from trainer.spec.jobs import TrainSpec
from trainer.spec.memory import Plan
from trainer.spec.plans import read_plan

CONTEXT_TOKENS = 4096
# others: the system, a browser with a few pages, the window; on a card, the desktop
LAPTOP = Machine(limit_bytes=8192 * MB, others_bytes=3072 * MB, runtime_bytes=RUNTIME_BYTES)
CARD = Machine(
    limit_bytes=2048 * MB,
    others_bytes=256 * MB,
    runtime_bytes=CARD_RUNTIME_BYTES,
    reserve_bytes=CARD_RESERVE_BYTES,
)
SHOWN = ("int4", "int8", "fp16")


def table() -> str:
    heads = ["", "for", "HumanEval", *SHOWN, "laptop, 8 GB", "card, 2 GB", "to teach it"]
    rows = [
        ["smallcoder-nano (comes along)", "completion", "", *_cells(_embedded())],
        *(
            [_name(offers), ", ".join(offer.role for offer in offers), _rates(offers), *_cells(network)]
            for network, offers in _families()
        ),
    ]
    return "\n" + markdown(heads, rows) + "\n"


def fitting(network: ModelConfig, machine: Machine) -> list[str]:
    """The precisions that fit, from the most exact on."""
    return [
        precision
        for precision in reversed(SHOWN)
        if _bytes(network, precision, machine) <= machine.free_bytes
    ]


def _cells(network: ModelConfig) -> list[str]:
    held = [in_mb(_bytes(network, precision, LAPTOP)) for precision in SHOWN]
    return [*held, *(_said(fitting(network, machine)) for machine in (LAPTOP, CARD)), _to_teach(network)]


def _said(precisions: Sequence[str]) -> str:
    return "yes" if len(precisions) == len(SHOWN) else " or ".join(precisions) or "no"


def _to_teach(network: ModelConfig) -> str:
    """An adapter, on the laptop's processor, as `--spec finetune-folder` has it, or a way that holds less."""
    spec = TrainSpec(**read_plan("finetune-folder").train, data="", precision="fp32")
    plan = Plan(spec, network, None, "cpu", LAPTOP)
    if not plan.fits:
        smaller = plan.smaller()
        if smaller is None:
            return "no"
        plan = replace(plan, spec=replace(spec, **smaller.changes))
    return in_mb(plan.budget().total_bytes)


def _bytes(network: ModelConfig, precision: str, machine: Machine) -> int:
    return to_run(network, precision, CONTEXT_TOKENS, runtime_bytes=machine.runtime_bytes).total_bytes


def _embedded() -> ModelConfig:
    place = embedded_model() / "config.json"
    return from_json(ModelConfig, json.loads(place.read_text(encoding="utf-8"))["network"], place.name)


def _families() -> list[tuple[ModelConfig, list[Offer]]]:
    """One network, one row; the smaller first. Of what comes in several forms, the one of full precision."""
    found: dict[ModelConfig, list[Offer]] = {}
    for offer in catalogue().values():
        if not offer.id.endswith("GGUF"):
            found.setdefault(offer.network, []).append(offer)
    rows = [(network, sorted(offers, key=lambda offer: len(offer.id))) for network, offers in found.items()]
    return sorted(rows, key=lambda row: _bytes(row[0], "int8", LAPTOP))


def _name(offers: Sequence[Offer]) -> str:
    names = [Path(offer.id).name for offer in offers]
    text = ", ".join([names[0], *(name.removeprefix(names[0]) for name in names[1:])])
    return f"**{text}**" if any(offer.is_recommended for offer in offers) else text


def _rates(offers: Sequence[Offer]) -> str:
    known = [f"{offer.human_eval:.0f} %" if offer.human_eval else "-" for offer in offers]
    return "" if set(known) == {"-"} else ", ".join(known)
