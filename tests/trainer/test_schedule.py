"""The size of steps: a pure function of their number."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.schedule import TimeBox, step_size
from trainer.spec.jobs import ScheduleName, TrainSpec


def of(kind: ScheduleName, warmup: int, lowest: float, **more: float) -> TrainSpec:
    own = {"schedule": kind, "warmup_steps": warmup, "final_share": lowest}
    return TrainSpec(recipe="pretrain", model="m", data="d", **own, **more)  # type: ignore[arg-type]


KINDS = st.sampled_from(["cosine", "wsd", "constant"])


@given(KINDS, st.integers(1, 500), st.integers(0, 500), st.floats(0, 1))
def test_it_rises_then_never_rises_again(kind: ScheduleName, total: int, warmup: int, lowest: float) -> None:
    warmup = min(warmup, total)
    sizes = [step_size(of(kind, warmup, lowest), step, total) for step in range(total)]
    assert all(0 < size <= 1 for size in sizes[:warmup])
    assert sizes[:warmup] == sorted(sizes[:warmup])
    rest = sizes[warmup:]
    assert all(lowest - 1e-9 <= size <= 1 for size in rest)
    assert all(before >= after - 1e-12 for before, after in itertools.pairwise(rest))


@pytest.mark.parametrize(("kind", "half_way"), [("cosine", 0.55), ("wsd", 1.0), ("constant", 1.0)])
def test_each_kind_has_its_shape(kind: ScheduleName, half_way: float) -> None:
    spec = of(kind, 0, 0.1)
    assert step_size(spec, 50, 101) == pytest.approx(half_way)
    assert step_size(spec, 100, 101) == pytest.approx(1.0 if kind == "constant" else 0.1)


def test_wsd_falls_in_its_last_fifth_alone() -> None:
    sizes = [step_size(of("wsd", 10, 0.0), step, 100) for step in range(100)]
    assert sizes[10:80] == [1.0] * 70
    assert sizes[80] == 1.0
    assert sizes[99] == 0.0
    assert sizes[90] == pytest.approx(1 - 10 / 19)


def test_by_the_clock_wsd_falls_in_the_last_part_of_the_time_whatever_the_step() -> None:
    spec = of("wsd", 0, 0.0, finish_minutes=10, decay_share=0.5)
    box = TimeBox(spec, 0.0, now=1000.0)
    fallen = [box.fallen(1000.0 + 60 * minute) for minute in (0, 5, 7.5, 10, 20)]
    assert fallen == pytest.approx([0, 0, 0.5, 1, 1])
    assert step_size(spec, 3, 1_000_000, fallen[2]) == pytest.approx(0.5)
    assert (box.seconds_left(1000.0), box.seconds_left(1700.0)) == (600, 0)


def test_by_the_clock_the_warm_up_is_over_after_a_twentieth_of_the_time_whatever_the_step() -> None:
    """A hundred epochs are planned and the time ends them: 3 % of those would be all that there is."""
    box = TimeBox(of("wsd", 100, 0.0, finish_minutes=10), 0.0, now=1000.0)
    sizes = [step_size(of("wsd", 100, 0.0), 1, 10_000, 0.0, box.warmed(1000.0 + s)) for s in (0, 15, 30, 300)]
    assert sizes == pytest.approx([2 / 101, 0.5, 1, 1])
    assert step_size(of("wsd", 100, 0.0), 90, 10_000, 0.0, box.warmed(1001.0)) == pytest.approx(91 / 101)


def test_a_run_stopped_in_its_fall_never_rises_again() -> None:
    box = TimeBox(of("wsd", 0, 0.0, finish_minutes=10, decay_share=0.5), 0.4, now=0.0)
    assert [box.fallen(60 * minute) for minute in (0, 5, 7.5, 10)] == pytest.approx([0.4, 0.4, 0.7, 1])


def test_a_run_that_is_stopped_keeps_what_is_left_of_its_time() -> None:
    spec = of("wsd", 0, 0.0, finish_minutes=10, decay_share=0.5)
    box = TimeBox(spec, 0.0, now=1000.0, used_s=480.0)
    assert box.seconds_left(1000.0) == 120
    assert [box.fallen(1000.0 + seconds) for seconds in (0, 60, 120)] == pytest.approx([0, 0.5, 1])
    over = TimeBox(spec, 0.0, now=1000.0, used_s=700.0)
    assert (over.seconds_left(1000.0), over.fallen(1000.0)) == (0, 1)
