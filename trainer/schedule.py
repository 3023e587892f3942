"""How large a step is: a pure function of its number, so a run that goes on has nothing to remember.

Only a run that ends by the clock asks that too, and remembers how far its step size has fallen.
"""

import math

from trainer.spec.jobs import TrainSpec, warmup_of

_WARMUP_SHARE = 0.05  # of its time at most: how many steps that will be, a run by the clock cannot know


def step_size(
    spec: TrainSpec, step: int, total: int, fallen: float | None = None, warmed: float = 0.0
) -> float:
    """The share of the peak at step 0 and on; from the lowest share upwards once the warm-up is over.

    `fallen`: how much of the fall of wsd is behind it, where the clock says that and not the step; `warmed`:
    how much of the warm-up, if more.
    """
    warmup, lowest = warmup_of(spec, total), spec.final_share
    if step < warmup and warmed < 1:
        return max((step + 1) / (warmup + 1), warmed)
    if spec.schedule == "constant":
        return 1.0
    if spec.schedule == "cosine":
        return lowest + (1 - lowest) * (1 + math.cos(math.pi * _through(step, warmup, total))) / 2
    if fallen is None:
        fallen = _through(step, max(warmup, round(total * (1 - spec.decay_share))), total)
    return 1 - (1 - lowest) * fallen


class TimeBox:
    """A run that ends by the clock: its time, in the last part of which wsd falls.

    `used_s`: what earlier sittings have taken of it. `fallen`: what they have fallen already; the rest is
    shared out over this one's fall.
    """

    def __init__(self, spec: TrainSpec, fallen: float, now: float, used_s: float = 0.0) -> None:
        seconds = spec.finish_minutes * 60
        self._begun = now - used_s
        self._end = max(now, self._begun + seconds)
        self._is_warm = self._begun + seconds * _WARMUP_SHARE
        self._fall_begins = max(now, self._end - seconds * spec.decay_share)
        self._fallen = fallen

    def fallen(self, now: float) -> float:
        if now >= self._end:
            return 1.0
        through = (now - self._fall_begins) / (self._end - self._fall_begins)
        return self._fallen + (1 - self._fallen) * min(1.0, max(0.0, through))

    def warmed(self, now: float) -> float:
        return min(1.0, (now - self._begun) / (self._is_warm - self._begun))

    def used_s(self, now: float) -> float:
        return now - self._begun

    def seconds_left(self, now: float) -> float:
        return max(0.0, self._end - now)


def _through(step: int, begin: int, end: int) -> float:
    """How much of the way from one step to the other is done; the last step of all is 1."""
    return min(1.0, max(0.0, (step - begin) / max(1, end - 1 - begin)))
