import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.generate.sampling import Row, choose, penalised, probabilities
from core.spec.sampling import Sampling

LOGITS = np.array([2.0, 1.0, 0.5, -1.0, -3.0], np.float32)


def draws(sampling: Sampling, count: int, logits: Row = LOGITS) -> list[int]:
    generator = np.random.default_rng(sampling.seed)
    return [choose(logits, [], sampling, generator) for _ in range(count)]


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draws(Sampling(temperature=0), 3) == [0, 0, 0]


def test_the_same_seed_draws_the_same() -> None:
    sampling = Sampling(temperature=1.5, seed=7)
    assert draws(sampling, 50) == draws(sampling, 50)
    assert draws(sampling, 50) != draws(Sampling(temperature=1.5, seed=8), 50)


def test_draws_follow_the_distribution() -> None:
    """Chi-square with 4 degrees of freedom; 18.5 is passed by chance once in a thousand seeds."""
    count = 20_000
    expected = probabilities(LOGITS, Sampling(temperature=0.8)) * count
    found = np.bincount(draws(Sampling(temperature=0.8), count), minlength=5)
    assert float(((found - expected) ** 2 / expected).sum()) < 18.5


def test_plain_sampling_is_softmax() -> None:
    expected = (torch.from_numpy(LOGITS) / 0.5).softmax(-1).numpy()
    np.testing.assert_allclose(probabilities(LOGITS, Sampling(temperature=0.5)), expected, rtol=1e-6)


def test_top_k_keeps_the_likeliest() -> None:
    chances = probabilities(LOGITS, Sampling(temperature=1, top_k=2))
    assert np.flatnonzero(chances).tolist() == [0, 1]


def test_top_p_keeps_the_fewest_that_reach_the_share() -> None:
    chances = probabilities(LOGITS, Sampling(temperature=1))  # 0.60, 0.22, 0.13, 0.03, 0.00
    for share, kept in ((0.0, 1), (0.59, 1), (0.61, 2), (0.9, 3), (1.0, 5)):
        found = probabilities(LOGITS, Sampling(temperature=1, top_p=share))
        assert np.count_nonzero(found) == kept, (share, chances)


def test_min_p_drops_what_is_much_less_likely_than_the_best() -> None:
    chances = probabilities(LOGITS, Sampling(temperature=1, min_p=math.exp(-1.6)))
    assert np.flatnonzero(chances).tolist() == [0, 1, 2]


def test_repetition_penalty_makes_seen_tokens_less_likely() -> None:
    assert penalised(LOGITS, [0, 3, 0], 2.0).tolist() == [1.0, 1.0, 0.5, -2.0, -3.0]
    assert choose(LOGITS, [0], Sampling(repetition_penalty=2.1), np.random.default_rng()) == 1


@settings(max_examples=200, deadline=None)
@given(
    logits=st.lists(st.floats(-50, 50), min_size=1, max_size=30),
    temperature=st.floats(0.01, 2),
    top_k=st.integers(0, 100),
    top_p=st.floats(0, 1),
    min_p=st.floats(0, 1),
)
def test_what_is_sampled_from_is_always_a_distribution_that_holds_the_likeliest(
    logits: list[float], temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    row = np.array(logits, np.float32)
    chances = probabilities(row, Sampling(temperature, top_k, top_p, min_p))
    assert float(chances.sum()) == pytest.approx(1, abs=1e-4)
    likeliest = row >= row.max() - 1e-5  # of equals, any may be the one that stays
    assert float(chances[likeliest].max()) > 0


@pytest.mark.parametrize("temperature", [5e-324, 1e-320, 1e-40, 1e-30, 1e-6])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_smallest_temperatures_take_the_likeliest(temperature: float, sign: int) -> None:
    logits = np.abs(LOGITS) * sign
    assert draws(Sampling(temperature=temperature), 3, logits) == [int(logits.argmax())] * 3


@pytest.mark.parametrize("spread", [0.01, 1.0, 3.0, 10.0])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.95, 0.999])
def test_top_p_keeps_what_stands_before_the_share_is_reached(spread: float, share: float) -> None:
    """Of a large vocabulary, whether a few tokens hold the share or thousands do."""
    row = (np.random.default_rng(1).standard_normal(5000) * spread).astype(np.float32)
    chances = probabilities(row, Sampling(temperature=1))
    order = np.argsort(-chances, kind="stable")
    reached = np.cumsum(chances[order], dtype=np.float64)
    found = probabilities(row, Sampling(temperature=1, top_p=share))
    assert set(np.flatnonzero(found)) == set(order[: 1 + np.count_nonzero(reached < share)])
    assert float(found.sum()) == pytest.approx(1, abs=1e-4)
