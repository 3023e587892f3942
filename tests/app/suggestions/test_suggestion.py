"""A suggestion as text: parts of it, what may be shown, and where it may stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.suggestions.suggestion import (
    can_stand_before,
    first_line,
    first_word,
    lets_tab_indent,
    letters_in,
    parted,
    presentable,
    units,
)

TEXT = st.text("ab_ \n\t()[]\"'🦙é.,", max_size=30)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("return a", "return"),
        (" a + b", " a"),
        ("+= 1", "+="),
        ("\n    if x", "\n    if"),
        ("größe_2(", "größe_2"),
        ("  ", "  "),
        ("", ""),
    ],
)
def test_a_word_comes_with_the_blanks_in_front_of_it(text: str, word: str) -> None:
    assert first_word(text) == word


@pytest.mark.parametrize(
    ("text", "line"), [("a\nb", "a"), ("\n\n  a\nb", "\n\n  a"), ("a", "a"), ("\n", "\n"), ("", "")]
)
def test_a_line_comes_without_its_end(text: str, line: str) -> None:
    assert first_line(text) == line


@given(text=TEXT)
def test_word_by_word_and_line_by_line_all_of_it_is_taken(text: str) -> None:
    for part_of in (first_word, first_line):
        rest, taken = text, ""
        while rest:
            part = part_of(rest)
            assert part
            assert rest.startswith(part)
            taken, rest = taken + part, rest[len(part) :]
        assert taken == text


@given(text=TEXT)
def test_units_are_those_of_utf_16(text: str) -> None:
    assert units(text) == len(text.encode("utf-16-le")) // 2
    for count in range(len(text) + 1):
        assert letters_in(text, units(text[len(text) - count :])) == count


@pytest.mark.parametrize(
    "letter", ["\x00", "\x1b", "\u202e", "\u2066", "\u200b", "\u2028", "\r", chr(0xD83D), "\ufffd"]
)
def test_nothing_invisible_is_presented(letter: str) -> None:
    assert presentable(f"a\tb\r\nc{letter}d") == "a\tb\nc"


@pytest.mark.parametrize(
    ("left", "text", "indents"),
    [("", "    x", True), ("  ", "  x", True), ("\t", "x", False), ("x", "  y", False), ("", "x", False)],
)
def test_tab_indents_left_of_the_suggested_place(left: str, text: str, indents: bool) -> None:
    assert lets_tab_indent(left, text) is indents


@pytest.mark.parametrize(
    ("right", "can"), [("", True), (")", True), ('"])', True), ("):", True), ("x)", False), ("+", False)]
)
def test_it_stands_in_front_of_what_closes_and_nothing_else(right: str, can: bool) -> None:
    assert can_stand_before(right) is can


@pytest.mark.parametrize(
    ("text", "closing", "halves"),
    [
        ("a, [b]) + c", ")", ("a, [b]", " + c")),
        ("f(a), g(b))", ")", ("f(a), g(b)", "")),
        ("')', 1) x", ")", ("')', 1", " x")),
        ('name") x', '"', ("name", ") x")),
        (r"a\"b\" c", '"', None),
        ("a, b", ")", None),
        ("](", "]", ("", "(")),
    ],
)
def test_a_suggestion_is_parted_where_the_editor_has_closed_already(
    text: str, closing: str, halves: tuple[str, str] | None
) -> None:
    found = parted(text, closing)
    assert (found and (found.inside, found.outside)) == halves


@given(text=TEXT, closing=st.sampled_from(")]\"'"))
def test_the_halves_and_the_closing_letter_are_the_text(text: str, closing: str) -> None:
    found = parted(text, closing)
    if found is not None:
        assert found.inside + closing + found.outside == text
