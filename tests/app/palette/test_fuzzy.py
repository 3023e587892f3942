"""Finding by a few letters: what a person most likely means comes first."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.palette.fuzzy import ranked

TITLES = [
    "File: Save",
    "File: Save As…",
    "File: Save All",
    "View: Toggle Side Bar",
    "View: Toggle Line Wrap",
    "Go: Go to File…",
    "Completion: Toggle Suggestions",
    "Edit: Find in Files",
    "Chat: Ask About the Selection",
    "Help: About SmallCoder",
]


def found(query: str, titles: list[str] = TITLES) -> list[str]:
    return [titles[place] for place, _ in ranked(query, titles)]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("save", "File: Save"),
        ("save all", "File: Save All"),
        ("fsa", "File: Save As…"),
        ("tsb", "View: Toggle Side Bar"),
        ("goto", "Go: Go to File…"),
        ("fif", "Edit: Find in Files"),
        ("about", "Help: About SmallCoder"),
        ("TOGGLE SUG", "Completion: Toggle Suggestions"),
    ],
)
def test_the_likeliest_comes_first(query: str, first: str) -> None:
    assert found(query)[0] == first


def test_whole_words_go_before_scattered_letters() -> None:
    assert found("main", ["make_an_index.py", "domain.py", "main.py"]) == [
        "main.py",
        "domain.py",
        "make_an_index.py",
    ]


def test_nothing_typed_keeps_the_order_and_what_does_not_fit_is_left_out() -> None:
    assert found("") == TITLES
    assert found("xyz") == []


def test_so_many_are_enough() -> None:
    assert len(ranked("a", ["a"] * 1000, limit=7)) == 7


@given(st.text(string.ascii_letters + " _-.İß", max_size=12), st.lists(st.text(max_size=30), max_size=8))
def test_the_letters_told_are_those_typed_in_their_order(query: str, titles: list[str]) -> None:
    letters = "".join(query.lower().split())
    for place, where in ranked(query, titles):
        assert sorted(where) == list(where)
        assert "".join(titles[place][at].lower()[:1] for at in where) in (letters, "") or "İ" in titles[place]


def test_of_very_many_the_likeliest_are_found_too() -> None:
    titles = [f"some_file_{number}.py" for number in range(20_000)]
    titles[15_000:15_000] = ["main.py", "remain.py", "MAIN_window.py", "my_app_in.py"]
    assert found("main", titles)[:2] == ["main.py", "MAIN_window.py"]
    assert {"remain.py", "my_app_in.py"} <= {*found("main", titles)}
    assert found("some_file_1999", titles)[0] == "some_file_1999.py"
    assert found("qq", titles) == []
    assert found("main", [*titles, "line\nmain"])[0] == "main.py"
