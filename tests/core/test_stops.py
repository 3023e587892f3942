from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from core.text.stops import until_stop


def test_a_stop_text_split_over_pieces_is_never_shown() -> None:
    assert "".join(until_stop(["ab", "c\n", "\nde", "f"], ("\n\nd",))) == "abc"


def test_without_stop_texts_every_piece_goes_through_at_once() -> None:
    assert list(until_stop(["ab", "c"], ())) == ["ab", "c"]


@given(
    text=st.text("ab\n", max_size=30),
    cuts=st.lists(st.integers(0, 30)),
    stops=st.lists(st.text("ab\n", min_size=1, max_size=4), max_size=3),
)
def test_any_cutting_into_pieces_gives_the_text_before_the_first_stop(
    text: str, cuts: list[int], stops: list[str]
) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    # the stop that is complete first ends the text; of several that end together, the longest
    ends = [(text.index(stop) + len(stop), text.index(stop)) for stop in stops if stop in text]
    assert "".join(until_stop(pieces, tuple(stops))) == text[: min(ends)[1] if ends else len(text)]
