"""Figures with how far chance may have moved them: shares, means, pass@k, and differences of two of them.

Intervals hold in 95 of 100 cases. Where a task is answered once, Wilson's interval of a share; where there is
more to a task than yes or no, the bootstrap: tasks are drawn anew with a fixed seed, so figures repeat.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_Z = 1.959964
_DRAWS = 2000
_DRAWS_AT_ONCE = 4_000_000  # numbers in memory
_LOW, _HIGH = 2.5, 97.5


@dataclass(frozen=True)
class Estimate:
    value: float
    low: float
    high: float


def share(hits: int, total: int) -> Estimate:
    """Wilson's interval, which also holds for few tasks and near 0 and 1."""
    if total == 0:
        return Estimate(0.0, 0.0, 1.0)
    found, square = hits / total, _Z * _Z
    middle = (found + square / (2 * total)) / (1 + square / total)
    half = _Z / (1 + square / total) * math.sqrt(found * (1 - found) / total + square / (4 * total * total))
    return Estimate(found, max(0.0, middle - half), min(1.0, middle + half))


def mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """Of one value a task."""
    if not values:
        return Estimate(0.0, 0.0, 0.0)
    found = np.asarray(values, dtype=np.float64)
    low, high = np.percentile(_drawn_means(found, seed), (_LOW, _HIGH))
    return Estimate(float(found.mean()), float(low), float(high))


def pass_at(k: int, attempts: int, passed: int) -> float:
    """Of one task: how likely one of k answers passes, without bias, when so many of all attempts passed."""
    if attempts - passed < k:
        return 1.0
    return 1.0 - math.prod(1 - k / number for number in range(attempts - passed + 1, attempts + 1))


def pass_at_k(k: int, counts: Sequence[tuple[int, int]], seed: int = 0) -> Estimate:
    """`counts`: attempts and passed of each task, as many attempts as k at least."""
    if k == 1 and all(attempts == 1 for attempts, _ in counts):
        return share(sum(passed for _, passed in counts), len(counts))
    return mean([pass_at(k, attempts, passed) for attempts, passed in counts], seed)


def difference(one: Sequence[float], other: Sequence[float], seed: int = 0) -> Estimate:
    """Of the same tasks in the same order: how much more the other has. Noise where 0 is in the interval."""
    return mean([after - before for before, after in zip(one, other, strict=True)], seed)


def is_noise(change: Estimate) -> bool:
    return change.low <= 0 <= change.high


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest that so many of 100 do not exceed."""
    if not values:
        return None
    return sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]


def _drawn_means(values: "np.ndarray[tuple[int], np.dtype[np.float64]]", seed: int) -> list[float]:
    dice = np.random.default_rng(seed)
    at_once = max(1, min(_DRAWS, _DRAWS_AT_ONCE // len(values)))
    means: list[float] = []
    while len(means) < _DRAWS:
        places = dice.integers(0, len(values), (at_once, len(values)))
        means += values[places].mean(axis=1).tolist()
    return means[:_DRAWS]
