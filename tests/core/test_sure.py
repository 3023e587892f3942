"""What a model is sure of: whole words, never more than the least chance allows."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from core.text.sure import sure


def run(pieces: Iterable[tuple[str, float]], least: float) -> tuple[str, bool, float]:
    stream, said, chance = sure(pieces, least), "", 1.0
    while True:
        try:
            text, chance = next(stream)
        except StopIteration as end:
            return said, end.value, chance
        said += text


def test_everything_comes_where_it_is_likely_enough() -> None:
    assert run([("ret", 0.9), ("urn", 0.8), (" x", 0.7)], 0.5) == ("return x", False, 0.7)


def test_a_word_that_is_not_sure_to_its_end_is_left_out_whole() -> None:
    assert run([("return", 0.9), (" val", 0.8), ("ue", 0.2), (" + 1", 0.1)], 0.5) == ("return ", True, 0.8)


def test_a_word_stays_where_what_follows_ends_it_anyway() -> None:
    assert run([("value", 0.8), ("(x", 0.2)], 0.5) == ("value", True, 0.8)
    assert run([("val", 0.8), ("ue(", 0.2)], 0.5) == ("", True, 1.0)


def _falling(drawn: list[tuple[str, float]]) -> list[tuple[str, float]]:
    chance, found = 1.0, []
    for text, share in drawn:
        chance *= share
        found.append((text, chance))
    return found


pieces = st.lists(st.tuples(st.text("ab_ (\n", max_size=4), st.floats(0.5, 1)), max_size=12).map(_falling)


@given(pieces=pieces, least=st.floats(0.01, 1))
def test_what_is_said_begins_the_text_and_never_ends_in_half_a_word(
    pieces: list[tuple[str, float]], least: float
) -> None:
    whole = "".join(text for text, _ in pieces)
    said, was_cut, chance = run(pieces, least)
    assert whole.startswith(said)
    assert chance >= least
    assert was_cut == any(chance < least for _, chance in pieces)
    if not was_cut:
        assert said == whole
    elif said and (said[-1].isalnum() or said[-1] == "_"):
        rest = whole[len(said) :]
        assert not rest or not (rest[0].isalnum() or rest[0] == "_")


def test_it_hears_no_more_than_it_needs() -> None:
    heard = []

    def stream() -> Iterable[tuple[str, float]]:
        for piece in [("a ", 0.9), ("b ", 0.1), ("c ", 0.1)]:
            heard.append(piece)
            yield piece

    assert run(stream(), 0.5) == ("a ", True, 0.9)
    assert len(heard) == 2
