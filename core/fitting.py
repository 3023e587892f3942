"""Does it fit? The budget of a model against this machine, and the sentence that shows the arithmetic.

Each real load corrects what this machine's own libraries take, so that the next answer is closer.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.spec.budget import MB, PRECISIONS, RESERVE_BYTES, RUNTIME_BYTES, Budget, to_run
from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit
from core.spec.folders import cache_folder

# a text of usual length, where nothing else was said
USUAL_CONTEXT = 4096
_PLAUSIBLE_RUNTIME = (64 * MB, 1024 * MB)


@dataclass(frozen=True)
class Machine:
    """`free_bytes`: what is left of the smaller of the person's budget and the machine, less a reserve."""

    limit_bytes: int
    others_bytes: int
    runtime_bytes: int

    @property
    def free_bytes(self) -> int:
        return max(0, self.limit_bytes - self.others_bytes - RESERVE_BYTES)


def this_machine(ram_mb: int) -> Machine:
    memory = psutil.virtual_memory()
    ours = psutil.Process().memory_info().rss
    return Machine(
        limit_bytes=min(ram_mb * MB, memory.total) if ram_mb else memory.total,
        others_bytes=max(0, memory.total - memory.available - ours),
        runtime_bytes=_runtime_bytes(),
    )


def budget_of(config: ModelConfig, precision: str, context_tokens: int, machine: Machine) -> Budget:
    return to_run(config, precision, context_tokens, runtime_bytes=machine.runtime_bytes)


def require(name: str, config: ModelConfig, precision: str, machine: Machine) -> None:
    """Room for a text of usual length, or a sentence that shows what there is room for."""
    context_tokens = USUAL_CONTEXT
    budget = budget_of(config, precision, context_tokens, machine)
    if budget.total_bytes > machine.free_bytes:
        raise DoesNotFit(
            f"{name} as {precision} takes {arithmetic(budget)}, but of {_mb(machine.limit_bytes)} "
            f"others hold {_mb(machine.others_bytes)} and {_mb(RESERVE_BYTES)} stay in reserve, which leaves "
            f"{_mb(machine.free_bytes)}; {_instead(config, machine, context_tokens)} or --anyway."
        )


def arithmetic(budget: Budget) -> str:
    return (
        f"{_mb(budget.weights_bytes)} weights + {_mb(budget.cache_bytes)} cache + "
        f"{_mb(budget.working_bytes)} work + {_mb(budget.runtime_bytes)} program = {_mb(budget.total_bytes)}"
    )


def _instead(config: ModelConfig, machine: Machine, context_tokens: int) -> str:
    """The most exact precision that does fit."""
    for precision in PRECISIONS:
        if budget_of(config, precision, context_tokens, machine).total_bytes <= machine.free_bytes:
            return f"choose --precision {precision}"
    return "choose a smaller model, close other programs"


def learn_runtime(before_weights_bytes: int) -> None:
    """What this process held before any weights; kept for the next plan."""
    low, high = _PLAUSIBLE_RUNTIME
    if not low <= before_weights_bytes <= high:
        return
    place = _place()
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_suffix(".partial")
    partial.write_text(json.dumps({"runtime_bytes": before_weights_bytes}), encoding="utf-8")
    partial.replace(place)


def _runtime_bytes() -> int:
    try:
        value = json.loads(_place().read_text(encoding="utf-8"))["runtime_bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return RUNTIME_BYTES
    low, high = _PLAUSIBLE_RUNTIME
    return value if isinstance(value, int) and low <= value <= high else RUNTIME_BYTES


def _place() -> Path:
    return cache_folder() / "calibration.json"


def _mb(count: int) -> str:
    return f"{count / MB:,.0f} MB"
