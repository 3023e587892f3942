"""Points of a curve against plain lists: whatever was added, a view keeps every peak in few points."""

import math

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from app.charts.samples import Samples

values = st.floats(-1e6, 1e6) | st.just(math.nan)
portions = st.lists(st.lists(values, max_size=90), max_size=12)


@given(portions, st.integers(0, 900), st.integers(1, 900))
@settings(max_examples=60, deadline=None)
def test_a_view_has_the_lowest_and_highest_of_what_it_shows(
    added: list[list[float]], left: int, width: int
) -> None:
    samples, plain = Samples(), []
    for portion in added:
        samples.extend(range(len(plain), len(plain) + len(portion)), portion)
        plain += portion
    shown = [y for x, y in enumerate(plain) if left <= x <= left + width and not math.isnan(y)]
    found = samples.bounds(left, left + width, 64)
    if shown:
        assert found is not None
        assert found[0] <= min(shown)
        assert found[1] >= max(shown)
        assert found[0] in plain
        assert found[1] in plain


def test_a_million_points_are_seen_as_few_in_order() -> None:
    samples = Samples()
    samples.extend(numpy.arange(1_000_000), numpy.sin(numpy.arange(1_000_000)))
    x, y = samples.view(0, 1_000_000, 1000)
    assert 250 < len(x) <= 1000 + 2 * 4096
    assert (numpy.diff(x) >= 0).all()
    assert (float(y.min()), float(y.max())) == (float(samples.y.min()), float(samples.y.max()))


def test_steps_gone_over_again_overwrite_what_stood_there() -> None:
    samples = Samples()
    samples.extend(range(100), [1.0] * 99 + [50.0])
    samples.extend(range(60, 70), [2.0] * 10)
    assert samples.x.tolist() == list(range(70))
    assert samples.bounds(0, 100, 8) == (1.0, 2.0)  # the peak that was forgotten is seen nowhere


def test_what_is_no_number_is_a_gap() -> None:
    samples = Samples()
    samples.extend([0, 1, 2, math.inf], [1.0, math.inf, 3.0, 4.0])
    assert samples.x.tolist() == [0, 1, 2]
    assert samples.bounds(0, 2) == (1.0, 3.0)
    assert math.isnan(samples.view(0, 2, 100)[1][1])
