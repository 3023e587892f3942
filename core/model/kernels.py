"""Which of torch's operations multiplies quantised weights fastest here, measured once a process.

The answer flips with the processor and with the number of rows, so it is never guessed from a name.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from core.model.remembered import remembered

_ROWS, _COLUMNS = 2048, 1024
_TRIED_ROWS = (1, 2, 4, 8, 16, 32)
_MANY_ROWS = 128
_WIDE = {str(kind): kind for kind in (torch.bfloat16, torch.float32)}
_REPETITIONS = 5
_UNPACKED_ROWS = 1024


@dataclass(frozen=True)
class Kernels:
    """Up to `few_rows` at once go through the packed weights, more through weights unpacked into `wide`."""

    few_rows: int
    wide: torch.dtype

    @property
    def name(self) -> str:
        wide = str(self.wide).removeprefix("torch.")
        return f"packed to {self.few_rows} rows, then {wide}" if self.few_rows else f"unpacked to {wide}"


def for_device(device: torch.device) -> Kernels:
    if device.type == "cpu":
        return _measured_on_cpu(torch.get_num_threads())
    return Kernels(0, torch.float16)


def multiply_packed8(x: Tensor, weight: Tensor, scale: Tensor) -> Tensor:
    """(rows, columns) by (out, columns); the operation is fast in bf16 only, and crashes on odd widths."""
    return torch.ops.aten._weight_int8pack_mm(x.bfloat16(), weight, scale.bfloat16())


def multiply_unpacked8(x: Tensor, weight: Tensor, scale: Tensor, wide: torch.dtype) -> Tensor:
    """Unpacks some rows at a time: they are still in the processor's cache when they are multiplied."""
    x = x.to(wide)
    result = torch.empty(x.shape[0], weight.shape[0], dtype=wide, device=x.device)
    for start in range(0, weight.shape[0], _UNPACKED_ROWS):
        rows = slice(start, start + _UNPACKED_ROWS)
        product = torch.nn.functional.linear(x, weight[rows].to(wide))
        torch.mul(product, scale[rows].to(wide), out=result[:, rows])
    return result


@cache
def fastest_wide() -> torch.dtype:
    """What many rows are multiplied in here."""
    question = f"wide, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}"
    return _WIDE[remembered(question, lambda: str(_measured_wide()), _WIDE.__contains__)]


def _measured_wide() -> torch.dtype:
    """By one thread and in turns, so that a busy machine does not decide."""
    weight, many = torch.randn(_ROWS, _COLUMNS), torch.randn(_MANY_ROWS, _COLUMNS)
    both = {kind: (many.to(kind), weight.to(kind)) for kind in (torch.bfloat16, torch.float32)}
    best = dict.fromkeys(both, float("inf"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(_REPETITIONS):
        for kind, (x, y) in both.items():
            started = time.perf_counter()
            torch.nn.functional.linear(x, y)
            best[kind] = min(best[kind], time.perf_counter() - started)
    torch.set_num_threads(threads)
    return min(best, key=best.__getitem__)


@cache
def _measured_on_cpu(threads: int) -> Kernels:
    # more threads may make another operation the faster one, hence the argument
    weight = torch.randint(-127, 128, (_ROWS, _COLUMNS), dtype=torch.int8)
    scale = torch.full((_ROWS,), 1e-3)
    many = torch.randn(64, _COLUMNS)
    wide = fastest_wide()
    few_rows = 0
    for rows in _TRIED_ROWS:
        x = many[:rows]
        packed = _seconds(lambda: multiply_packed8(x, weight, scale))  # noqa: B023 (called at once)
        if packed > _seconds(lambda: multiply_unpacked8(x, weight, scale, wide)):  # noqa: B023
            break
        few_rows = rows
    return Kernels(few_rows, wide)


def _seconds(run: Callable[[], Tensor]) -> float:
    """The best of a few: what disturbs a measurement only ever makes it longer."""
    run()
    best = float("inf")
    for _ in range(_REPETITIONS):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best
