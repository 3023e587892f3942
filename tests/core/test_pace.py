"""How far to guess ahead, against a clock that is turned by hand: what steps cost is known exactly."""

import random
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

import core.generate
from core.generate.drafting import PromptLookup, Trust
from core.generate.pace import MOST_GUESSES, Pace
from core.spec.folders import embedded_model
from core.text.vocabulary_folder import open_folder

STEP_SECONDS = 0.010
# by guesses, in plain steps
COSTS = {
    "measured with one thread, int8": (
        [1, 1.33, 1.8, 1.61, 2.01, 2.25, 2.58, 2.49, 2.8, 3.04, 3.3, 3.56, 3.8, 4.09, 4.3, 4.62]
    ),
    "nothing, as on a card": [1 + 0.02 * guesses for guesses in range(MOST_GUESSES + 1)],
    "as much as writing": [1.0 + guesses for guesses in range(MOST_GUESSES + 1)],
    "a graph of one row left": [1.0, *[5.0] * MOST_GUESSES],
}


class Simulation:
    """A model that writes given texts, one after the other."""

    def __init__(self, costs: Sequence[float], *, uneven: float = 0.1) -> None:
        self._costs, self._uneven, self._now = costs, uneven, 0.0
        self._pace, self._trust = Pace(clock=lambda: self._now), Trust()

    def speedup(self, prompt: list[int], text: list[int]) -> float:
        lookup, so_far, seconds = PromptLookup(self._trust), [*prompt, text[0]], 0.0
        script = prompt + text
        while len(so_far) < len(script):
            room = len(script) - len(so_far)
            guesses = lookup.propose(
                so_far, lambda chances, each=0.0, room=room: self._pace.worth(chances[:room], each)
            )
            right = 0
            while right < len(guesses) and guesses[right] == script[len(so_far) + right]:
                right += 1
            step = STEP_SECONDS * self._costs[len(guesses)]
            self._pace.start()
            self._now += step * max(0.5, random.gauss(1, self._uneven))
            self._pace.finish(len(guesses))
            so_far = script[: len(so_far) + right + 1]
            seconds += step
        return (len(text) - 1) * STEP_SECONDS / seconds


@pytest.fixture(params=COSTS)
def costs(request: pytest.FixtureRequest) -> list[float]:
    return COSTS[request.param]


@pytest.fixture(scope="module")
def code() -> list[list[int]]:
    """Modules of this project, as the embedded model reads them."""
    tokenizer = open_folder(embedded_model())
    folder = Path(core.generate.__path__[0]).parent
    modules = sorted(folder.glob("*/*.py"))
    return [tokenizer.encode(path.read_text(encoding="utf-8"))[:700] for path in modules[::4]]


def test_text_that_repeats_is_guessed_far_ahead() -> None:
    text = random.choices(range(5000), k=600)
    simulation = Simulation(COSTS["measured with one thread, int8"])
    assert simulation.speedup(text, text) > 2.5
    assert simulation.speedup(text, text) > 3


def test_new_code_is_written_no_slower_and_on_a_card_faster(code: list[list[int]]) -> None:
    speedups = {}
    for name, costs in COSTS.items():
        simulation = Simulation(costs)
        found = [simulation.speedup(text[:500], text[500:]) for text in code if len(text) == 700]
        assert len(found) > 15
        speedups[name] = len(found) / sum(1 / speedup for speedup in found)
    assert min(speedups.values()) > 0.97
    assert speedups["measured with one thread, int8"] > 1
    assert speedups["nothing, as on a card"] > 1.1


def test_text_that_never_repeats_costs_nothing(costs: list[float]) -> None:
    text = random.sample(range(10**6), 800)
    assert Simulation(costs).speedup(text[:400], text[400:]) > 0.999


def test_runs_that_recur_but_never_go_on_alike_cost_less_than_three_in_a_hundred(costs: list[float]) -> None:
    """The worst that a text can do: every guess is wrong."""
    runs = [random.sample(range(10**6), 2) for _ in range(40)]
    text = [token for _ in range(400) for token in [*random.choice(runs), random.randrange(10**7, 10**9)]]
    assert Simulation(costs).speedup(text[:400], text[400:]) > 0.97


def test_text_that_begins_to_repeat_is_noticed() -> None:
    simulation = Simulation(COSTS["measured with one thread, int8"])
    noise = random.sample(range(10**6), 800)
    simulation.speedup(noise[:400], noise[400:])
    text = random.choices(range(5000), k=300)
    assert simulation.speedup(noise + text, text) > 2


def test_what_was_dear_in_a_busy_moment_is_tried_again() -> None:
    simulation = Simulation(COSTS["as much as writing"])
    text = random.choices(range(5000), k=400)
    simulation.speedup(text, text)
    simulation._costs = COSTS["nothing, as on a card"]
    simulation.speedup(text, text * 2)
    assert simulation.speedup(text, text) > 4


def test_what_stays_dear_is_tried_more_and_more_rarely() -> None:
    moments = [0.0]
    pace = Pace(clock=lambda: moments[0])

    def step(guesses: int) -> None:
        pace.start()
        moments[0] += STEP_SECONDS * (1 + 4 * guesses)
        pace.finish(guesses)

    tried = []
    for number in range(4000):
        guesses = pace.worth([0.9] * 3)
        step(guesses)
        if guesses:
            tried.append(number)
    assert 4 < len(tried) < 16
    gaps = [later - earlier for earlier, later in pairwise(tried[-4:])]
    assert all(later > 1.9 * earlier for earlier, later in pairwise(gaps))


def test_the_count_is_chosen_by_what_that_count_costs() -> None:
    """Where rows go through in fours, three guesses are cheaper than two."""
    moments = [0.0]
    pace = Pace(clock=lambda: moments[0])
    costs = [1.0, 1.6, 1.7, 1.2, 2.5, 2.6, 2.6, 2.2]
    for _ in range(60):
        for guesses in range(len(costs)):
            pace.start()
            moments[0] += costs[guesses]
            pace.finish(guesses)
    assert pace.worth([0.7] * 7) == 3
    assert pace.worth([0.7] * 2) == 2
    assert pace.worth([0.99] * 7) == 7
    assert pace.worth([0.05] * 7) == 0


def test_guesses_that_take_long_to_make_are_worth_less() -> None:
    moments = [0.0]
    pace = Pace(clock=lambda: moments[0])
    pace.start()
    moments[0] += STEP_SECONDS
    pace.finish(0)
    assert pace.worth([0.9] * 8, seconds_each=0.0) > pace.worth([0.9] * 8, seconds_each=STEP_SECONDS / 4) > 0
    assert pace.worth([0.9] * 8, seconds_each=STEP_SECONDS) == 0


def test_a_clock_that_stands_still_or_goes_back_breaks_nothing() -> None:
    moments = iter([5.0, 5.0, 9.0, 3.0, 3.0, 3.0, 8.0, 1.0] * 100)
    pace = Pace(clock=lambda: next(moments))
    for guesses in [0, 3, 0, 2] * 50:
        assert 0 <= pace.worth([0.5] * MOST_GUESSES) <= MOST_GUESSES
        pace.start()
        pace.finish(guesses)


def test_a_longer_run_is_trusted_more_until_it_has_misled() -> None:
    trust = Trust()
    chances = trust.chances(2, 15)
    assert chances == sorted(chances)
    for _ in range(20):
        trust.learn(12, [1, 2], [3])
    assert trust.chances(12, 1)[0] < 0.2
    assert trust.chances(2, 1) == chances[:1]


def test_guesses_that_were_not_checked_teach_too() -> None:
    trust = Trust()
    lookup = PromptLookup(trust)
    text = [1, 2, 3, 4] * 3
    before = trust.chances(2, 15)
    for end in range(6, 12):
        assert lookup.propose(text[:end], lambda chances, each=0.0: 0) == []
    assert trust.chances(2, 15)[0] > before[0]
