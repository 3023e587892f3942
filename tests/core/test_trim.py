"""Where completions end, and what of them is kept."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text.trim import Cursor, Extent, trimmed


def trim(text: str, prefix: str = "", suffix: str = "", extent: Extent = "block") -> tuple[str, bool]:
    return run([text], prefix, suffix, extent)


def run(pieces: list[str], prefix: str, suffix: str, extent: Extent) -> tuple[str, bool]:
    stream, kept = trimmed(pieces, Cursor.between(prefix, suffix), extent), []
    while True:
        try:
            kept.append(next(stream))
        except StopIteration as end:
            return "".join(kept), end.value


signs = st.text("ab (){}\"'\n\t", max_size=40)
words = st.sampled_from(
    ["    ", "\n", "\n\n", "x = 1", "foo(", ")", "return y", "\t", "'", '"', "é\r\n", " "]
)
code = st.one_of(signs, st.lists(words, max_size=12).map("".join))
extents = st.sampled_from(["line", "block"])


@settings(max_examples=600, deadline=None)
@given(text=code, prefix=code, suffix=code, extent=extents, cuts=st.lists(st.integers(0, 60)))
def test_any_cutting_into_pieces_gives_the_same(
    text: str, prefix: str, suffix: str, extent: Extent, cuts: list[int]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    whole = trim(text, prefix, suffix, extent)
    assert run(pieces, prefix, suffix, extent) == whole
    assert run(list(text), prefix, suffix, extent) == whole


@settings(max_examples=600, deadline=None)
@given(text=code, prefix=code, suffix=code, extent=extents)
def test_what_is_kept_is_a_part_of_what_was_written(
    text: str, prefix: str, suffix: str, extent: Extent
) -> None:
    kept, _ = trim(text, prefix, suffix, extent)
    assert kept == "" or kept.strip()
    assert text.startswith(kept) or text.lstrip(" \t").startswith(kept)


@settings(max_examples=300, deadline=None)
@given(text=code, more=code, prefix=code, suffix=code, extent=extents)
def test_once_cut_nothing_further_counts(
    text: str, more: str, prefix: str, suffix: str, extent: Extent
) -> None:
    pieces = iter([*text, "the end"])
    stream = trimmed(pieces, Cursor.between(prefix, suffix), extent)
    kept = "".join(stream)
    if next(pieces, None) is not None:
        assert trim(text + more, prefix, suffix, extent)[0] == kept


def test_a_line_ends_at_its_end() -> None:
    assert trim("1 + 2\ny = 3\n", "x = ", "\n", "line") == ("1 + 2", True)
    assert trim("1 + 2", "x = ", "\n", "line") == ("1 + 2", False)


def test_a_line_may_be_the_next_one() -> None:
    assert trim("\n    return 1\n    pass", "def f():", "\n", "line") == ("\n    return 1", True)


def test_a_line_ends_before_the_model_is_asked_for_more() -> None:
    pieces = iter(["1", "\n", "2"])
    assert "".join(trimmed(pieces, Cursor.between("x = ", ""), "line")) == "1"
    assert next(pieces) == "2"


def test_a_block_ends_where_the_code_goes_back_to_the_left() -> None:
    text = "if x:\n        return 1\n    return 2\n\ndef g():\n    pass\n"
    assert trim(text, "def f(x):\n    ", "") == ("if x:\n        return 1\n    return 2", True)


def test_a_line_end_in_a_block_is_no_end() -> None:
    assert trim("x = 1\ny = 2\n\nz = 3", "", "") == ("x = 1\ny = 2\n\nz = 3", False)


def test_two_blank_lines_end_a_block() -> None:
    assert trim("x = 1\n\n\ny = 2", "", "") == ("x = 1", True)
    assert trim("x = 1\n   \n\t\ny = 2", "", "") == ("x = 1", True)


def test_two_blank_lines_may_come_before_a_block() -> None:
    assert trim("\n\n\nclass A:\n    pass", "import os", "") == ("\n\n\nclass A:\n    pass", False)
    assert trim("\n\n\n\n\nclass A:", "import os", "") == ("", True)


def test_tabs_count_as_indentation() -> None:
    assert trim("x()\n\t\ty()\n\tz()\nend", "\t", "") == ("x()\n\t\ty()\n\tz()", True)


def test_a_block_ends_where_it_repeats_the_line_below() -> None:
    suffix = "\n\n    return total\n"
    assert trim("total += x\n    return total\n    more", "    ", suffix) == ("total += x", True)
    assert trim("total += x\n    return total", "    ", suffix) == ("total += x", True)


def test_a_line_that_only_begins_like_the_one_below_stays() -> None:
    suffix = "\n    return total\n"
    assert trim("x()\n    return total - 1", "    ", suffix) == ("x()\n    return total - 1", False)
    assert trim("x()\n        return total", "    ", suffix) == ("x()\n        return total", False)


@pytest.mark.parametrize("left", ["", "    ", "    re"])
@pytest.mark.parametrize("extent", ["line", "block"])
def test_what_only_repeats_the_line_below_is_dropped(left: str, extent: Extent) -> None:
    below = "    return total"
    assert trim(below[len(left) :] + "\n", left, f"\n{below}\n", extent) == ("", True)


def test_a_line_that_the_person_repeated_may_go_on() -> None:
    assert trim("\n    y()", "    x()", "\n    x()\n") == ("\n    y()", False)


def test_a_block_ends_where_it_says_a_line_again() -> None:
    assert trim("x()\n    x()\n    x()\n    x(", "    ", "") == ("x()", True)
    assert trim("x()\n\n    x()", "    ", "") == ("x()", True)
    assert trim("\n    x()\n", "    x()", "") == ("", True)


def test_a_line_that_only_begins_like_the_one_before_stays() -> None:
    text = "self.a = a\n    self.b = b\n    self.b = b + 1\n        self.b = b + 1"
    assert trim(text, "    ", "") == (text, False)
    assert trim("f(\n    (\n    )\n    )", "    ", "") == ("f(\n    (\n    )\n    )", False)


def test_what_stands_behind_the_cursor_is_not_written_again() -> None:
    assert trim("name)\n", "print(", ")\n") == ("name", True)
    assert trim("name)", "print(", ")\n") == ("name", False)
    assert trim('hello")', 'print("', '")\n') == ("hello", False)
    assert trim("a, ", "f(", " b)\n") == ("a,", False)
    assert trim("x()\n    y", "    ", "\n    y\n") == ("x()", True)


def test_brackets_and_quotes_that_the_text_opened_itself_stay() -> None:
    assert trim("len(name)", "print(", ")\n") == ("len(name)", False)
    assert trim("len(name))", "print(", ")\n") == ("len(name)", False)
    assert trim('"b"', "f(", '"a")\n') == ('"b"', False)
    assert trim("don't)", "# (", ")\n") == ("don't", False)


def test_a_word_is_not_cut_because_the_next_begins_like_it() -> None:
    assert trim("a, b", "f(", "b2, c)") == ("a, b", False)


def test_blanks_are_not_doubled_inside_a_line() -> None:
    assert trim("  1 + 2", "x = ", "\n") == ("1 + 2", False)
    assert trim(" x", "print(", ")\n") == ("x", False)
    assert trim(" x", "return", "\n") == (" x", False)
    assert trim("    return", "    ", "\n") == ("    return", False)


def test_inside_a_line_nothing_but_a_line_can_be() -> None:
    assert trim("a,\n    b", "f(", ")\n") == ("a,", True)
    assert trim("\n    b", "f(", ")\n") == ("", True)


def test_in_front_of_a_line_the_new_ones_stay_apart_from_it() -> None:
    suffix = "    return x\n"
    assert trim("    x = 1\n", "def f():\n", suffix) == ("    x = 1\n", False)
    assert trim("    x = 1\n    return x\n", "def f():\n", suffix) == ("    x = 1\n", True)
    assert trim("    x = 1\n    y = 2\n", "def f():\n", suffix, "line") == ("    x = 1\n", True)


@pytest.mark.parametrize("text", ["", " ", "\n", "  \n\t\n", "\r\n", " " * 5000])
@pytest.mark.parametrize("extent", ["line", "block"])
def test_blanks_alone_are_nothing(text: str, extent: Extent) -> None:
    assert trim(text, "x", "", extent)[0] == ""
    assert trim(text, "", "\ny", extent)[0] == ""


def test_blanks_before_what_stands_there_already_are_nothing() -> None:
    assert trim(" a", "", "a", "line") == ("", False)
    assert trim(" )\n", "f(x", ")\n") == ("", True)


def test_blanks_at_the_end_go() -> None:
    assert trim("x = 1  \n\n", "", "\n") == ("x = 1", False)
    assert trim("x = 1\r\n", "", "") == ("x = 1", False)


def test_what_cannot_be_held_back_comes_at_once() -> None:
    stream = trimmed(["x", " = ", "1\n", "y"], Cursor.between("", "\nz = 1"), "block")
    assert next(stream) == "x"
    assert next(stream) == " ="


@pytest.mark.parametrize("letter", ["(", ")", " ", "\n x", "a", "'"])
def test_twice_the_text_costs_twice_the_time(letter: str) -> None:
    def seconds(letters: int) -> float:
        pieces = list(letter * (letters // len(letter)))
        started = time.thread_time()
        for _ in trimmed(pieces, Cursor.between("f(", letter * 500), "block"):
            pass
        return time.thread_time() - started

    seconds(1000)
    assert min(seconds(80_000) for _ in range(3)) < 20 * max(min(seconds(10_000) for _ in range(3)), 0.001)
