"""Where to compute: which processor, how many threads, and what to try next when a place has no room.

torch is asked about cards only where its build could use one: it takes seconds to load.
"""

import ctypes
import functools
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import PathFinder
from typing import Any, Literal

import psutil

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
    """torch's; leaves a core to the person while nothing else is asked for."""
    import torch

    count = wanted or max(1, usable_cores() - 1)
    if torch.get_num_threads() != count:
        torch.set_num_threads(count)
    return count


def usable_cores() -> int:
    """Real cores, as far as this process may use them; two threads of one core do not pay."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def _card() -> DeviceName | None:
    if not may_have_card():
        return None
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _required(device: Literal["cuda", "mps"]) -> DeviceName:
    if _card() != device:
        raise UsageError(f"There is no {device} device that PyTorch can use here; take --device cpu or auto.")
    return device


@functools.cache
def unused_card() -> str:
    """One sentence where an NVIDIA card is here that this build of PyTorch cannot use; empty elsewhere."""
    if _torch_version().cuda is not None or not _nvidia_cards():
        return ""
    other = "python3 main.py --torch cuda gets the one that can"
    if getattr(sys, "frozen", False):
        other = "the package whose name ends in -cuda can"
    return f"The NVIDIA card here is not used, for this copy has PyTorch without CUDA; {other}"


def may_have_card() -> bool:
    """Whether torch, which has to be asked, could say that there is one."""
    version = _torch_version()
    if sys.platform == "darwin" or version.hip is not None:
        return True
    if version.cuda is None:
        return False
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


@functools.cache
def _torch_version() -> Any:
    """Which build of torch this is, as its own file says: read without the rest of it."""
    package = importlib.util.find_spec("torch")
    places = package.submodule_search_locations if package is not None else None
    found = PathFinder.find_spec("torch.version", places)
    if found is None or found.loader is None:
        raise ImportError("PyTorch is not complete here; set this copy up again.")
    version = importlib.util.module_from_spec(found)
    found.loader.exec_module(version)
    return version


def _nvidia_cards() -> int:
    """Asked of the driver, which needs no CUDA."""
    try:
        driver = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
    except OSError:
        return 0
    count = ctypes.c_uint(0)
    if driver.nvmlInit_v2() != 0 or driver.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return 0
    driver.nvmlShutdown()
    return count.value
