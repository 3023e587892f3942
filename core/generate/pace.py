"""Pace: how many guessed tokens are worth checking, from what checking has cost and yielded so far.

It measures, so it decides differently from run to run; that changes how fast a text comes, never the text.
"""

import time
from collections.abc import Callable

_MOST_GUESSES = 15
_MEMORY = 0.85  # share of the old value that an average keeps at each new measurement
_FIRST_ROW_COST = 0.15  # a further row, as a share of a single one, until it is measured
_TRIAL_EVERY = 48  # plain steps after which a text that did not repeat is tried again


class Pace:
    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = 0.0
        self._right, self._wrong = 2.0, 1.0  # guesses, the older the less they count; at first a hope
        self._step_seconds: float | None = None  # of one row alone
        self._row_cost = _FIRST_ROW_COST
        self._plain_steps = 0

    def guesses(self) -> int:
        """How many to ask for; 0 where checking them does not pay at present."""
        if self._step_seconds is None:  # without which nothing can be compared
            return 0
        if self._plain_steps >= _TRIAL_EVERY:
            return 2
        gains = [self._gain(count) for count in range(_MOST_GUESSES + 1)]
        return gains.index(max(gains))

    def start(self) -> None:
        self._started = self._clock()

    def finish(self, guessed: int, accepted: int) -> None:
        """A step has checked `guessed` tokens and found `accepted` of them right."""
        seconds = self._clock() - self._started
        if guessed == 0:
            self._plain_steps += 1
            self._step_seconds = _mixed(self._step_seconds, seconds)
            return
        self._plain_steps = 0
        self._right = _MEMORY * self._right + accepted
        self._wrong = _MEMORY * self._wrong + (accepted < guessed)
        if self._step_seconds:
            cost = max(seconds / self._step_seconds - 1, 0) / guessed
            self._row_cost = _mixed(self._row_cost, cost)

    def _gain(self, count: int) -> float:
        """Tokens expected of a step with `count` guesses, for each plain step's worth of time."""
        chance = self._right / (self._right + self._wrong)
        expected = sum(chance**place for place in range(count + 1))
        return expected / (1 + self._row_cost * count)


def _mixed(old: float | None, new: float) -> float:
    return new if old is None else _MEMORY * old + (1 - _MEMORY) * new
