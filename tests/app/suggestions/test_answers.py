"""Answers are known again where they began and while they are typed, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from app.suggestions.answers import Answer, Answers, Place
from app.suggestions.suggestion import units


def place(before: str, after: str = "") -> Place:
    return Place(units(before), before, after)


def test_an_answer_is_found_where_it_began_and_along_its_way() -> None:
    answers = Answers()
    answers.remember(Answer(place("x = 🦙", "\n"), "foo(1)", 0.4))
    assert answers.at(place("x = 🦙", "\n")) == Answer(place("x = 🦙", "\n"), "foo(1)", 0.4)
    found = answers.at(place("x = 🦙foo", "\n"))
    assert found is not None
    assert found.text == "(1)"
    for other in ("x = 🦙fo!", "x = 🦙foo(1)", "y = 🦙", "x = ", ""):
        assert answers.at(place(other, "\n")) is None
    assert answers.at(place("x = 🦙", ")\n")) is None


def test_that_there_is_nothing_to_say_is_an_answer_too() -> None:
    answers = Answers()
    answers.remember(Answer(place("x"), ""))
    assert answers.at(place("x")) == Answer(place("x"), "")


def test_the_latest_answer_for_a_place_counts_and_the_longest_unused_go() -> None:
    answers = Answers()
    answers.remember(Answer(place("a"), "first"))
    answers.remember(Answer(place("a"), "second"))
    assert len(answers) == 1
    for number in range(500):
        answers.remember(Answer(place(f"{number:04}"), "other"))
        found = answers.at(place("a"))
        assert found is not None
        assert found.text == "second"
    assert len(answers) < 200
    assert answers.at(place("0000")) is None


@given(
    said=st.lists(st.tuples(st.text("ab\n🦙", max_size=6), st.text("ab\n🦙", max_size=6)), max_size=6),
    before=st.text("ab\n🦙", max_size=8),
)
def test_what_is_found_goes_on_as_an_answer_said(said: list[tuple[str, str]], before: str) -> None:
    answers = Answers()
    for start, text in said:
        answers.remember(Answer(place(start), text))
    found = answers.at(place(before))
    wholes = {start + text for start, text in said}
    if found is not None:
        assert before + found.text in wholes
    else:
        latest = dict(said)
        assert not any(
            before.startswith(start) and (start + text).startswith(before) and (start + text) != before
            for start, text in latest.items()
        )
