"""How long something takes is said alike on the command line and in the window."""

import math

import pytest

from trainer.spec.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (40, "40 s"),
        (150, "2 min"),
        (3599, "1 h 00 min"),
        (7860, "2 h 11 min"),
        (200_000, "2.3 days"),
        (math.inf, "some time"),
    ],
)
def test_durations_are_said_as_a_person_would(seconds: float, text: str) -> None:
    assert duration(seconds) == text
