"""Shares, means and pass@k with their intervals, and how alike two texts are."""

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.bench.estimates import difference, is_noise, mean, pass_at, pass_at_k, percentile, share
from trainer.bench.similarity import edit_similarity, is_same

LETTERS = st.text("abc\n", max_size=12)


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (33, 164, 0.1470, 0.2691), (164, 164, 0.9771, 1.0)],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, total: int, low: float, high: float) -> None:
    found = share(hits, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("attempts", "passed", "k"), [(5, 2, 1), (5, 2, 3), (6, 1, 4), (4, 0, 2), (4, 3, 2)])
def test_pass_at_k_is_the_share_of_all_draws_with_one_that_passes(attempts: int, passed: int, k: int) -> None:
    draws = list(combinations([True] * passed + [False] * (attempts - passed), k))
    assert pass_at(k, attempts, passed) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_pass_at_k_of_a_suite_has_an_interval_that_narrows_with_tasks() -> None:
    few, many = (pass_at_k(2, [(4, 1), (4, 3), (4, 0)] * count) for count in (3, 300))
    assert few.value == pytest.approx(many.value)
    assert few.low < many.low < many.value < many.high < few.high
    assert pass_at_k(1, [(1, 1), (1, 0)]) == share(1, 2)
    assert pass_at_k(2, [(4, 1)] * 3, seed=1) == pass_at_k(2, [(4, 1)] * 3, seed=1)


def test_the_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = [float(number % 2) for number in range(400)]
    found = mean(values)
    half = 1.96 * 0.5 / math.sqrt(400)
    assert found.value == 0.5
    assert (found.low, found.high) == pytest.approx((0.5 - half, 0.5 + half), abs=0.008)


def test_a_difference_that_chance_makes_is_noise_and_a_real_one_is_not() -> None:
    before = [float(number % 2) for number in range(100)]
    assert is_noise(difference(before, [*reversed(before)]))
    better = difference(before, [1.0 if number % 5 == 0 else value for number, value in enumerate(before)])
    assert not is_noise(better)
    assert better.low > 0


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([], 50) is None
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert percentile([float(number) for number in range(1, 101)], 95) == 95.0


@given(LETTERS, LETTERS)
def test_edit_similarity_is_of_the_longest_common_subsequence(one: str, other: str) -> None:
    longest = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for row, letter in enumerate(one):
        for column, its in enumerate(other):
            above, beside = longest[row][column + 1], longest[row + 1][column]
            longest[row + 1][column + 1] = longest[row][column] + 1 if letter == its else max(above, beside)
    total = len(one) + len(other)
    assert edit_similarity(one, other) == (2 * longest[-1][-1] / total if total else 1.0)


def test_only_blanks_around_a_text_may_differ() -> None:
    assert is_same("  return x\n", "return x")
    assert not is_same("return  x", "return x")
