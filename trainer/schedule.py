"""How large a step is: a pure function of its number, so a run that goes on has nothing to remember."""

import math

from trainer.spec.jobs import ScheduleName

_DECAY_SHARE = 0.2  # of all steps, the last ones of warm-up, stable, decay


def step_size(kind: ScheduleName, step: int, total: int, warmup: int, lowest: float) -> float:
    """The share of the peak at step 0 and on; from `lowest` of it upwards once the warm-up is over."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if kind == "constant":
        return 1.0
    if kind == "cosine":
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * _through(step, warmup, total))) / 2
    decay_begins = max(warmup, round(total * (1 - _DECAY_SHARE)))
    return 1 - (1 - lowest) * _through(step, decay_begins, total)


def _through(step: int, begin: int, end: int) -> float:
    """How much of the way from one step to the other is done; the last step of all is 1."""
    return min(1.0, max(0.0, (step - begin) / max(1, end - 1 - begin)))
