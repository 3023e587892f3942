"""Which model of the catalogue would suit this machine: by arithmetic alone, offline, and said to be that.

Memory as the budget plans it. Speed from what was measured: one token reads all weights once, so a machine
that reads so many bytes a second writes as many tokens as their weights go into that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.spec.budget import Budget, parameters, to_run, weight_bytes
from core.spec.catalogue import Offer
from core.spec.machine import Machine
from core.spec.sizes import in_mb, size_text
from trainer.bench.recommend import Option
from trainer.spec.speed import PLEASANT_TOKENS_PER_S

_PRECISIONS = ("int8", "int4")
_CONTEXT_TOKENS = 4096


@dataclass(frozen=True)
class Promise:
    """`tokens_per_s` is what it would write; `pace_bytes` what this machine reads in a second."""

    offer: Offer
    precision: str
    budget: Budget
    free_bytes: int
    tokens_per_s: float
    pace_bytes: float

    @property
    def is_pleasant(self) -> bool:
        return self.tokens_per_s >= PLEASANT_TOKENS_PER_S

    @property
    def sentence(self) -> str:
        return (
            f"Worth a download: {self.offer.id} as {self.precision}. It would take {self.budget.arithmetic}, "
            f"of {in_mb(self.free_bytes)} that are free, and write about {self.tokens_per_s:,.0f} tokens a "
            f"second, for this machine reads {size_text(self.pace_bytes)} of weights in one. That is "
            f"arithmetic and was not measured; 'models download {self.offer.id}' gets its "
            f"{size_text(self.offer.download_mb * 10**6)}."
        )


def pace_of(options: Iterable[Option]) -> float:
    """Bytes of weights that this machine reads in a second at its best; 0 where nothing was measured."""
    return max((option.decode_tokens_per_s * option.weights_bytes for option in options), default=0.0)


def promises(
    offers: Iterable[Offer], options: Sequence[Option], machine: Machine, here: Iterable[str] = ()
) -> list[Promise]:
    """Those that fit, each as exact as stays pleasant, the most promising first. `here`: ids on this disk."""
    pace = pace_of(options)
    found = []
    for offer in offers:
        if offer.id in here or not pace:
            continue
        planned = [_planned(offer, precision, machine, pace) for precision in _PRECISIONS]
        fitting = [item for item in planned if item.budget.total_bytes <= item.free_bytes]
        if fitting:
            found.append(next((item for item in fitting if item.is_pleasant), fitting[-1]))
    found.sort(key=lambda item: (not item.is_pleasant, not item.offer.is_recommended, -_worth(item.offer)))
    return found


def better(found: Sequence[Promise], chosen: Option | None) -> Promise | None:
    """The best one that is larger than what is here already, and pleasant."""
    size = chosen.parameters if chosen is not None and chosen.has_weights else 0
    return next((item for item in found if item.is_pleasant and parameters(item.offer.network) > size), None)


def _planned(offer: Offer, precision: str, machine: Machine, pace: float) -> Promise:
    budget = to_run(offer.network, precision, _CONTEXT_TOKENS, runtime_bytes=machine.runtime_bytes)
    speed = pace / weight_bytes(offer.network, precision)
    return Promise(offer, precision, budget, machine.free_bytes, speed, pace)


def _worth(offer: Offer) -> float:
    return offer.human_eval or 0.0
