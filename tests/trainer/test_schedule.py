"""The size of steps: a pure function of their number."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.schedule import step_size
from trainer.spec.jobs import ScheduleName

KINDS = st.sampled_from(["cosine", "wsd", "constant"])


@given(KINDS, st.integers(1, 500), st.integers(0, 500), st.floats(0, 1))
def test_it_rises_then_never_rises_again(kind: ScheduleName, total: int, warmup: int, lowest: float) -> None:
    warmup = min(warmup, total)
    sizes = [step_size(kind, step, total, warmup, lowest) for step in range(total)]
    assert all(0 < size <= 1 for size in sizes[:warmup])
    assert sizes[:warmup] == sorted(sizes[:warmup])
    rest = sizes[warmup:]
    assert all(lowest - 1e-9 <= size <= 1 for size in rest)
    assert all(before >= after - 1e-12 for before, after in itertools.pairwise(rest))


@pytest.mark.parametrize(("kind", "half_way"), [("cosine", 0.55), ("wsd", 1.0), ("constant", 1.0)])
def test_each_kind_has_its_shape(kind: ScheduleName, half_way: float) -> None:
    assert step_size(kind, 50, 101, 0, 0.1) == pytest.approx(half_way)
    assert step_size(kind, 100, 101, 0, 0.1) == pytest.approx(1.0 if kind == "constant" else 0.1)


def test_wsd_falls_in_its_last_fifth_alone() -> None:
    sizes = [step_size("wsd", step, 100, 10, 0.0) for step in range(100)]
    assert sizes[10:80] == [1.0] * 70
    assert sizes[80] == 1.0
    assert sizes[99] == 0.0
    assert sizes[90] == pytest.approx(1 - 10 / 19)
