"""How long to wait before asking: short where answers come between two keys, at pauses where they do not."""

import pytest

from app.suggestions.asking_pace import AskingPace


def pace(answer_ms: float | None, between_keys_ms: float = 150) -> AskingPace:
    made = AskingPace()
    for _ in range(10):
        made.note_key(between_keys_ms)
        if answer_ms is not None:
            made.note_answer(answer_ms)
    return made


def test_a_quick_engine_is_asked_between_two_keys() -> None:
    assert pace(30).pause_ms() == 40
    assert pace(140).pause_ms() < 150


def test_a_slow_engine_is_asked_when_one_pauses() -> None:
    assert pace(400, 150).pause_ms() > 150
    assert pace(400, 300).pause_ms() > 300


@pytest.mark.parametrize("answer_ms", [1, 50, 200, 1000, 60_000])
def test_it_is_never_longer_than_one_would_wait(answer_ms: float) -> None:
    assert 40 <= pace(answer_ms, 500).pause_ms() <= 700


def test_before_the_first_answer_it_goes_by_the_person() -> None:
    assert AskingPace().answer_ms is None
    assert 40 <= pace(None, 200).pause_ms() <= 200


def test_a_pause_is_no_typing_and_one_odd_answer_changes_little() -> None:
    made = pace(50, 100)
    made.note_key(60_000)
    made.note_answer(30_000)
    assert made.pause_ms() == pace(50, 100).pause_ms()


def test_other_files_are_read_as_far_as_reading_is_quick_and_never_more_again() -> None:
    made = AskingPace()
    assert made.context_letters() == 6000
    made.note_reading(1000, 5000)
    assert made.context_letters() == 2000
    made.note_reading(1000, 20_000)
    assert made.context_letters() == 0
    for _ in range(20):
        made.note_reading(1000, 100)
    assert made.context_letters() == 0
