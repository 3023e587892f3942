"""Whether a model fits this machine's memory, precision by precision, and the arithmetic of it.

The arithmetic is core/spec/budget's; here it meets what is free now. The engine asks it again as it loads.
"""

import functools
from dataclasses import dataclass
from typing import Literal

from core.spec.budget import (
    CARD_RESERVE_BYTES,
    CARD_RUNTIME_BYTES,
    MB,
    PRECISIONS,
    RESERVE_BYTES,
    RUNTIME_BYTES,
    Budget,
    in_mb,
    to_run,
)
from core.spec.config import ModelConfig

USUAL_CONTEXT = 4096
# from what is best to run to what is smallest; fp32 gives nothing over fp16 but its size
_WISHED = ("fp16", "int8", "int4")

Tone = Literal["success", "warning", "danger", "muted"]


@dataclass(frozen=True)
class Memory:
    """Of the machine, within the person's budget. `others_bytes`: held by all but the engine, whose model
    makes room for another. `card_free_bytes`: of an NVIDIA card, None where there is none."""

    limit_bytes: int
    others_bytes: int
    runtime_bytes: int = RUNTIME_BYTES
    card_free_bytes: int | None = None

    @property
    def free_bytes(self) -> int:
        return max(0, self.limit_bytes - self.others_bytes - RESERVE_BYTES)

    @property
    def sentence(self) -> str:
        return (
            f"Of {gb(self.limit_bytes)}, other programs hold {gb(self.others_bytes)} and "
            f"{gb(RESERVE_BYTES)} stay in reserve: {gb(self.free_bytes)} are free for a model."
        )


@dataclass(frozen=True)
class Fit:
    precision: str
    budget: Budget
    free_bytes: int
    is_on_card: bool = False

    @property
    def title(self) -> str:
        return f"{self.precision}, card" if self.is_on_card else self.precision

    @property
    def fits(self) -> bool:
        return self.budget.total_bytes <= self.free_bytes

    @property
    def arithmetic(self) -> str:
        return self.budget.arithmetic

    @property
    def verdict(self) -> str:
        spare = self.free_bytes - self.budget.total_bytes
        return f"fits, {gb(spare)} to spare" if self.fits else f"{gb(-spare)} too much"


@dataclass(frozen=True)
class Verdict:
    """For the list: `precision` is the one to run it in, empty where none fits."""

    text: str
    tone: Tone
    precision: str = ""


@functools.lru_cache(maxsize=1024)
def fits_of(network: ModelConfig, memory: Memory) -> tuple[Fit, ...]:
    """From the most exact to the smallest. Kept: each row asks whenever a download is a little further."""
    context = min(network.max_context, USUAL_CONTEXT)
    budgets = {
        name: to_run(network, name, context, runtime_bytes=memory.runtime_bytes) for name in PRECISIONS
    }
    return tuple(Fit(name, budget, memory.free_bytes) for name, budget in budgets.items())


def fit_on_card(network: ModelConfig, memory: Memory) -> Fit | None:
    """As cards compute best; None where there is no card."""
    if memory.card_free_bytes is None:
        return None
    context = min(network.max_context, USUAL_CONTEXT)
    budget = to_run(network, "fp16", context, runtime_bytes=CARD_RUNTIME_BYTES)
    return Fit("fp16", budget, max(0, memory.card_free_bytes - CARD_RESERVE_BYTES), is_on_card=True)


def verdict_of(network: ModelConfig | None, memory: Memory) -> Verdict:
    if network is None:
        return Verdict("size not known", "muted")
    fits = {fit.precision: fit.fits for fit in fits_of(network, memory)}
    best = next((precision for precision in _WISHED if fits[precision]), "")
    if best == "fp16":
        return Verdict("fits", "success", "fp16")
    return Verdict(f"fits as {best}", "success", best) if best else Verdict("does not fit", "danger")


def gb(count: int) -> str:
    return f"{count / 1024**3:.1f} GB" if count >= 100 * MB else in_mb(count)
