"""Does it fit? The budget of a model against this machine, and the sentence that shows the arithmetic.

The first load of a process corrects what this machine's own libraries take; the next answer is closer.
"""

import functools
import sys
from dataclasses import dataclass

import psutil

from core.spec.budget import CARD_RESERVE_BYTES, CARD_RUNTIME_BYTES, PRECISIONS, Budget, to_run
from core.spec.calibration import keep_runtime_bytes, runtime_bytes
from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit
from core.spec.machine import Machine, limit_of
from core.spec.sizes import MB, in_mb

_USUAL_CONTEXT = 4096
# what libraries take when they multiply for the first time; measured on Linux with torch 2.13
_FIRST_USE_BYTES = 25 * MB
_LEAN_FIRST_USE_BYTES = 4 * MB  # of the C library alone


def context_of(config: ModelConfig, wanted_tokens: int) -> int:
    """How long texts may become: planned for, and kept to."""
    return min(config.max_context, wanted_tokens or _USUAL_CONTEXT)


def this_machine(
    ram_mb: int, ours_bytes: int = 0, beside_pid: int = 0, *, with_torch: bool = True
) -> Machine:
    """`beside_pid`: another process of ours, whose model counts with all its pages: those of files, which the
    system would call available, are its weights."""
    memory, own = psutil.virtual_memory(), _held(psutil.Process().pid)
    beside = _held(beside_pid) if beside_pid else _Held()
    return Machine(
        limit_bytes=limit_of(ram_mb, memory.total),
        others_bytes=max(0, memory.total - memory.available - own.private_bytes - beside.private_bytes),
        runtime_bytes=runtime_bytes(with_torch=with_torch),
        ours_bytes=ours_bytes + beside.resident_bytes,
    )


@dataclass(frozen=True)
class _Held:
    """`private_bytes`: what others could not have, unlike pages of files."""

    resident_bytes: int = 0
    private_bytes: int = 0


def _held(pid: int) -> _Held:
    try:
        found = psutil.Process(pid).memory_info()
    except psutil.Error:  # it has just ended
        return _Held()
    return _Held(found.rss, found.rss - getattr(found, "shared", 0))


def this_card(vram_mb: int, ours_bytes: int = 0) -> Machine:
    """An NVIDIA card. What its driver takes for this process is planned for, so it is not others'."""
    import torch

    free, total = torch.cuda.mem_get_info()
    ours = torch.cuda.memory_reserved() + CARD_RUNTIME_BYTES
    return Machine(
        limit_bytes=limit_of(vram_mb, total),
        others_bytes=max(0, total - free - ours),
        runtime_bytes=CARD_RUNTIME_BYTES,
        reserve_bytes=CARD_RESERVE_BYTES,
        ours_bytes=ours_bytes,
    )


def budget_of(config: ModelConfig, precision: str, context_tokens: int, machine: Machine) -> Budget:
    return to_run(config, precision, context_tokens, runtime_bytes=machine.runtime_bytes)


def require(name: str, config: ModelConfig, context_tokens: int, machine: Machine, budget: Budget) -> None:
    """Room for what is planned, or a sentence that shows what there is room for."""
    if budget.total_bytes > machine.free_bytes:
        also = f" models loaded already {in_mb(machine.ours_bytes)}," if machine.ours_bytes else ""
        instead = _instead(config, context_tokens, machine)
        raise DoesNotFit(
            f"{name} takes {budget.arithmetic}, but of {in_mb(machine.limit_bytes)} "
            f"others hold {in_mb(machine.others_bytes)},{also} and {in_mb(machine.reserve_bytes)} stay "
            f"in reserve, which leaves {in_mb(machine.free_bytes)}; {instead} or --anyway."
        )


def _instead(config: ModelConfig, context_tokens: int, machine: Machine) -> str:
    """The most exact precision that does fit."""
    for precision in PRECISIONS:
        if budget_of(config, precision, context_tokens, machine).total_bytes <= machine.free_bytes:
            return f"choose --precision {precision}"
    return "choose a smaller model, close other programs"


@functools.cache
def learn_runtime() -> None:
    """Before the first weights of a process of ours, which then holds nothing but the program."""
    if "torch" in sys.modules:
        keep_runtime_bytes(_resident_bytes() + _FIRST_USE_BYTES)
    else:
        keep_runtime_bytes(_resident_bytes() + _LEAN_FIRST_USE_BYTES, with_torch=False)


def bring_torch() -> None:
    """At any time; takes seconds where nobody has brought it yet."""
    if "torch" not in sys.modules:
        before = _resident_bytes()
        import torch  # noqa: F401

        taken = _resident_bytes() - before + _FIRST_USE_BYTES - _LEAN_FIRST_USE_BYTES
        keep_runtime_bytes(runtime_bytes(with_torch=False) + taken)


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)
