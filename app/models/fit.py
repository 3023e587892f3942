"""Whether a model fits this machine's memory, precision by precision, and the arithmetic of it.

The arithmetic is core/spec/budget's; here it meets what is free now. The engine asks it again as it loads.
"""

import functools
from dataclasses import dataclass, replace
from typing import Literal

from core.spec.budget import PRECISIONS, Budget, to_run
from core.spec.config import ModelConfig
from core.spec.machine import Machine
from core.spec.sizes import MB, in_gb, in_mb

USUAL_CONTEXT = 4096
# from what is best to run to what is smallest; fp32 gives nothing over fp16 but its size
_WISHED = ("fp16", "int8", "int4")

Tone = Literal["success", "warning", "danger", "muted"]


@dataclass(frozen=True)
class Machines:
    """Where a model may run: the system, and an NVIDIA card where there is one. Their `others_bytes` are held
    by all but the engine, whose model makes room for another. `total_bytes`: what the system has, where a
    setting says that not all of it may be taken."""

    system: Machine
    card: Machine | None = None
    total_bytes: int = 0

    @property
    def sentence(self) -> str:
        system = self.system
        is_limited = self.total_bytes > system.limit_bytes
        limit = f" that may be taken (a setting; there are {gb(self.total_bytes)})" if is_limited else ""
        return (
            f"Of {gb(system.limit_bytes)}{limit}, other programs hold {gb(system.others_bytes)} and "
            f"{gb(system.reserve_bytes)} stay in reserve: {gb(system.free_bytes)} are free for a model."
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
def fits_of(network: ModelConfig, machine: Machine) -> tuple[Fit, ...]:
    """From the most exact to the smallest. Kept: each row asks whenever a download is a little further."""
    return tuple(_fit(network, precision, machine) for precision in PRECISIONS)


def fit_on_card(network: ModelConfig, card: Machine) -> Fit:
    """As cards compute best."""
    return replace(_fit(network, "fp16", card), is_on_card=True)


def _fit(network: ModelConfig, precision: str, machine: Machine) -> Fit:
    context = min(network.max_context, USUAL_CONTEXT)
    budget = to_run(network, precision, context, runtime_bytes=machine.runtime_bytes)
    return Fit(precision, budget, machine.free_bytes)


def verdict_of(network: ModelConfig | None, machine: Machine) -> Verdict:
    if network is None:
        return Verdict("size not known", "muted")
    fits = {fit.precision: fit.fits for fit in fits_of(network, machine)}
    best = next((precision for precision in _WISHED if fits[precision]), "")
    if best == "fp16":
        return Verdict("fits", "success", "fp16")
    return Verdict(f"fits as {best}", "success", best) if best else Verdict("does not fit", "danger")


def gb(count: int) -> str:
    return in_gb(count) if count >= 100 * MB else in_mb(count)
