"""Where to compute: which processor, how many threads, and what to try next when a place has no room."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import psutil
import torch

from core.spec.errors import UsageError
from core.spec.placement import Placement

DeviceName = Literal["cpu", "cuda", "mps"]
PrecisionName = Literal["fp32", "bf16", "fp16", "int8", "int4"]

_LITTLE_CACHE_MB = 32


@dataclass(frozen=True)
class Attempt:
    """A way to run a model; `why` is said when it is tried in place of a better one."""

    device: DeviceName
    precision: PrecisionName
    cache_mb: int
    why: str = ""


def attempts(placement: Placement) -> Iterator[Attempt]:
    """From the best to what runs anywhere. What the person has fixed is never changed."""
    device, cache = placement.device, placement.cache_mb
    card = _card() if device == "auto" else None if device == "cpu" else _required(device)
    if card is not None:
        precision = placement.precision if placement.precision != "auto" else "fp16"
        yield Attempt(card, precision, cache)
        yield Attempt(card, precision, min(cache, _LITTLE_CACHE_MB), "with a smaller cache")
        if placement.precision == "auto":
            yield Attempt(card, "int8", min(cache, _LITTLE_CACHE_MB), "as int8")
    if device in ("auto", "cpu"):
        precision = placement.precision if placement.precision != "auto" else "int8"
        yield Attempt("cpu", precision, cache, "on the processor")


def use_threads(wanted: int) -> int:
    """Leaves a core to the person while nothing else is asked for."""
    count = wanted or max(1, usable_cores() - 1)
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    return count


def usable_cores() -> int:
    """Real cores, as far as this process may use them; two threads of one core do not pay."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def _card() -> DeviceName | None:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _required(device: Literal["cuda", "mps"]) -> DeviceName:
    if _card() != device:
        raise UsageError(f"There is no {device} device that PyTorch can use here; take --device cpu or auto.")
    return device
