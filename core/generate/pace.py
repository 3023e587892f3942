"""Pace: how many guessed tokens are worth checking, from what checking so many has cost.

It measures, so it decides differently from run to run; that changes how fast a text comes, never the text.
How likely guesses are right is for those who guess to say (drafting).
"""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from operator import mul

MOST_GUESSES = 15
_MEMORY = 0.9  # share of the old value that an average keeps at each new measurement
_MEMORY_AT_FIRST = 0.2  # where the old value was only thought
_LEAST_GAIN = 1.25  # tokens in a plain step's time; for less, being wrong about it is not worth the risk
# what a step with 0, 1, 2 guesses and so on costs, in plain steps, until it is measured
_COSTS_AT_FIRST = (1.0, 1.3, 1.6, 1.65, 2.0, 2.2, 2.4, 2.5, 2.8, 3.0, 3.2, 3.4, 3.7, 3.9, 4.2, 4.4)
_PATIENCE, _MOST_PATIENCE = 16, 4096  # occasions let pass before what was too dear is tried again


class Pace:
    """Outlives a text: what a step costs is a matter of the model and the machine."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = 0.0
        self._step_seconds: float | None = None  # without guesses
        self._measured: dict[int, float] = {}  # by guesses: the cost of a step, in plain steps
        self._let_pass, self._patience = 0, _PATIENCE

    def worth(self, chances: Sequence[float], seconds_each: float = 0.0) -> int:
        """How many guesses to check; 0 where that does not pay.

        `chances`: of each guess, that it is right if those before it are. `seconds_each`: to make a guess.
        """
        if not self._step_seconds:  # without which nothing can be compared
            return 0
        guessing = seconds_each / self._step_seconds
        count = _best(chances, guessing, self._measured)
        if count > 0:
            if count in self._measured:
                self._let_pass, self._patience = 0, _PATIENCE
            return count
        hoped = _best(chances, guessing, {})
        if hoped > 0:  # only what was measured speaks against it, and the machine may have been busy then
            self._let_pass += 1
            if self._let_pass >= self._patience:
                self._let_pass, self._patience = 0, min(2 * self._patience, _MOST_PATIENCE)
                self._measured = {}  # all is measured anew
                return hoped
        return 0

    def start(self) -> None:
        self._started = self._clock()

    def finish(self, guesses: int) -> None:
        """A step has checked so many."""
        seconds = max(self._clock() - self._started, 0.0)
        if guesses == 0:
            self._step_seconds = _mixed(self._step_seconds or seconds, seconds)
        elif self._step_seconds:
            memory = _MEMORY if guesses in self._measured else _MEMORY_AT_FIRST
            cost = max(seconds / self._step_seconds, 1.0)
            self._measured[guesses] = _mixed(_cost(guesses, self._measured), cost, memory)


def _best(chances: Sequence[float], guessing: float, measured: Mapping[int, float]) -> int:
    """The count of guesses that yields most tokens in a plain step's time, where that is enough more."""
    tokens = accumulate(accumulate(chances, mul), initial=1.0)
    gains = [known / (_cost(count, measured) + count * guessing) for count, known in enumerate(tokens)]
    best = max(gains)
    return gains.index(best) if best >= _LEAST_GAIN else 0


def _cost(guesses: int, measured: Mapping[int, float]) -> float:
    """As measured; else as thought at first, and off by as much as the nearest one that was measured."""
    if guesses in measured or guesses == 0:
        return measured.get(guesses, 1.0)
    nearest = min(measured, key=lambda count: abs(count - guesses), default=0)
    off = measured.get(nearest, 1.0) - _COSTS_AT_FIRST[nearest]
    return max(1.0, _COSTS_AT_FIRST[guesses] + off)


def _mixed(old: float, new: float, memory: float = _MEMORY) -> float:
    """A moment in which the machine was busy moves the average only so far."""
    return memory * old + (1 - memory) * min(new, 3 * old)
