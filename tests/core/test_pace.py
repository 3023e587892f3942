"""Pace against a clock that is turned by hand: what a step and each further row cost is known exactly."""

import random

from core.generate.pace import Pace

STEP_SECONDS = 0.010


class Simulation:
    """Text in which a guess is right with a given chance, where a row more costs a given share of a step."""

    def __init__(self, chance: float, row_cost: float) -> None:
        self._chance, self._row_cost, self._now = chance, row_cost, 0.0
        self.pace = Pace(clock=lambda: self._now)
        self.tokens = self.guessed = self.steps = 0

    def step(self) -> None:
        guesses = self.pace.guesses()
        self.pace.start()
        self._now += STEP_SECONDS * (1 + self._row_cost * guesses)
        accepted = 0
        while accepted < guesses and random.random() < self._chance:
            accepted += 1
        self.pace.finish(guesses, accepted)
        self.tokens += accepted + 1
        self.guessed += guesses
        self.steps += 1

    def speedup(self, steps: int) -> float:
        for _ in range(steps):
            self.step()
        return self.tokens * STEP_SECONDS / self._now


def test_text_that_repeats_is_guessed_far_ahead() -> None:
    assert Simulation(chance=0.98, row_cost=0.05).speedup(300) > 4


def test_text_that_does_not_repeat_costs_next_to_nothing() -> None:
    assert Simulation(chance=0.02, row_cost=0.3).speedup(1000) > 0.97


def test_guesses_stop_where_checking_costs_as_much_as_writing() -> None:
    simulation = Simulation(chance=0.7, row_cost=1.0)
    assert simulation.speedup(1000) > 0.95
    assert simulation.guessed / simulation.steps < 0.3


def test_text_that_begins_to_repeat_is_noticed() -> None:
    simulation = Simulation(chance=0.0, row_cost=0.1)
    simulation.speedup(300)
    simulation._chance = 0.98
    simulation.tokens, before = 0, simulation._now
    for _ in range(400):
        simulation.step()
    assert simulation.tokens * STEP_SECONDS / (simulation._now - before) > 2


def test_a_clock_that_stands_still_or_goes_back_breaks_nothing() -> None:
    moments = iter([5.0, 5.0, 9.0, 3.0, 3.0, 3.0, 8.0, 1.0] * 100)
    pace = Pace(clock=lambda: next(moments))
    for guessed, accepted in [(0, 0), (3, 3), (0, 0), (2, 0)] * 50:
        assert 0 <= pace.guesses() <= 15
        pace.start()
        pace.finish(guessed, accepted)
