"""What followed the same tokens before: found, mixed in, and never where a network alone is asked for."""

import json
import math
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import load
from core.checkpoint.load import open_model
from core.checkpoint.native import write_native, write_recall
from core.generate.pace import Pace
from core.generate.recall import (
    BETWEEN,
    LONGEST,
    Followers,
    Recaller,
    RecallingChooser,
    Recollection,
    in_a_row,
    mixed,
    signs,
)
from core.generate.sampling import Chooser, Row
from core.spec.about import About, Recall
from core.spec.editing import Editing
from core.spec.errors import ModelFormatError
from core.spec.sampling import Sampling
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer

FITTED = Recall(-0.6, 0.7, 0.4, -0.2, 0.5, 0.8, 1.8)
# believes what followed the longest run of tokens, whatever the network says
PARROT = Recall(0.0, 0.0, 0.0, 0.0, 20.0, 0.0, 0.0)
TOKENS = st.lists(st.integers(0, 3), max_size=60)
PLACES = st.sets(st.integers(0, 60))
CODE = "def first(path):\n    return open(path).read()\n\n\ndef second(path):\n    return open("
AS_AN_EDITOR = Editing(extent="all")
WRITTEN = Sampling(max_tokens=12)


def by_hand(
    text: list[int], last: list[int], never: Collection[int], end: int, passed: Collection[int] = ()
) -> dict[int, tuple[int, int]]:
    """Of each token the longest run before it, and where it followed that last."""
    found: dict[int, tuple[int, int]] = {}
    for place in range(1, min(len(text), end)):
        length = 0
        while length < min(LONGEST, len(last), place) and text[place - 1 - length] == last[-1 - length]:
            length += 1
        if length and text[place] not in {BETWEEN, *never} and place not in passed:
            found[text[place]] = max(found.get(text[place], (0, 0)), (length, place))
    return found


def as_said(found: Followers | None) -> dict[int, tuple[int, int]]:
    if found is None:
        return {}
    tokens, *rows = (each.tolist() for each in (found.tokens, found.lengths, found.places))
    said = dict(zip(tokens, zip(*rows, strict=True), strict=True))
    assert tokens[found.latest] == max(said, key=said.__getitem__)
    return said


@settings(max_examples=300)
@given(TOKENS, TOKENS, st.sets(st.integers(0, 3), max_size=2), st.integers(0, 60), PLACES)
def test_all_that_followed_the_same_tokens_is_found(
    text: list[int], last: list[int], never: set[int], end: int, passed: set[int]
) -> None:
    recollection = Recollection(text, never)
    assert as_said(recollection.behind(last, end=end)) == by_hand(text, last, never, end)
    assert as_said(recollection.behind(last)) == by_hand(text, last, never, len(text))
    possible = np.array([token % 2 == 0 for token in range(4)])
    told = as_said(recollection.behind(last, possible=possible))
    assert told == by_hand(text, last, never | {1, 3}, len(text))
    recollection.pass_over(np.array([place for place in passed if place < len(text)], np.int64))
    assert as_said(recollection.behind(last)) == by_hand(text, last, never, len(text), passed)


def test_of_two_texts_the_second_does_not_go_on_from_the_first() -> None:
    apart = Recollection(in_a_row([[1, 2], [3, 1, 2, 3]]))
    assert as_said(apart.behind([1, 2])) == {3: (2, 6)}
    assert as_said(apart.behind([3])) == {1: (1, 4)}


ENDS = [0]


# a line is three tokens and its end, which is 0
LINES = [1, 2, 3, 0, 4, 5, 6, 0, 7, 5, 8, 0, 0, 1, 2, 9, 0, 4, 5, 7, 0]


def test_lines_around_a_place_are_compared_with_those_around_the_text() -> None:
    recollection = Recollection(LINES, breaks=np.arange(10) == 0)
    assert recollection.behind([5]) is not None
    recollection.stand_below({1, 2, 3})
    recollection.stand_above({7, 5})
    found = recollection.behind([5])
    assert found is not None
    assert found.tokens.tolist() == [6, 7, 8]
    assert np.allclose(found.above, [1, 1 / 2, 0]), "of the lines 123, 129 and 456"
    assert np.allclose(found.below, [2 / 3, 0, 0]), "of 758, nothing and 129"
    recollection.stand_below(())
    recollection.stand_above(())
    found = recollection.behind([5])
    assert found is not None
    assert not found.above.any()
    assert not found.below.any()


@given(TOKENS, st.sets(st.integers(0, 9), min_size=1))
def test_lines_are_never_more_than_alike(text: list[int], line: set[int]) -> None:
    recollection = Recollection([1, 1, 1, 2, 0, 5, 1, *text], breaks=np.arange(10) == 0)
    recollection.stand_below(line)
    recollection.stand_above(line)
    for last in range(4):
        found = recollection.behind([last])
        if found is not None:
            assert min(*found.above, *found.below) >= 0
            assert max(*found.above, *found.below) <= 1
    recollection.stand_below({1, 2})
    found = recollection.behind([5])
    assert found is not None
    assert found.above.tolist() == [1]


def test_where_a_line_ends_the_next_one_stands_below_it() -> None:
    recaller = Recaller(Recollection(LINES, breaks=np.arange(10) == 0), [7, 0, 0, 1, 2, 3, 0, 4], {7, 8})

    def above() -> list[float]:
        found = recaller.text.behind([5])
        assert found is not None
        return [round(float(each), 3) for each in found.above]

    assert above() == [1, 0.5, 0]
    recaller.write(5)
    recaller.write(6)
    assert above() == [1, 0.5, 0]
    recaller.write(0)
    assert above() == [0, 0, 1]
    recaller.write(0)
    assert above() == [0, 0, 1], "a blank line is none"


def followers(*rows: tuple[int, int], latest: int = 0) -> Followers:
    """Each as (token, length)."""
    tokens, lengths = np.array(rows, np.int64).T
    alike = np.linspace(0, 0.5, len(rows))
    return Followers(tokens, lengths, np.arange(len(rows)), latest, alike, 1 - alike)


def row_of(*logits: float) -> Row:
    return np.array(logits, np.float32)


def log_of_sum(logits: Row) -> float:
    return float(np.logaddexp.reduce(logits.astype(np.float64)))


@settings(max_examples=200)
@given(
    st.lists(st.floats(-30, 30, width=32), min_size=4, max_size=9),
    st.lists(st.integers(1, LONGEST), min_size=1, max_size=3),
)
def test_chances_of_text_are_mixed_and_nothing_else_changes(logits: list[float], told: list[int]) -> None:
    row, found = row_of(*logits), followers(*((1 + place, length) for place, length in enumerate(told)))
    heard = mixed(row, found, FITTED, ENDS)
    others = [*range(1 + len(told), len(logits))]
    assert np.array_equal(heard[others], row[others])
    for place, length in enumerate(told):
        own = max(float(row[1 + place]) - log_of_sum(row[1:]), -12.0)
        weight = FITTED.fixed + FITTED.own * own + (FITTED.latest if place == 0 else 0)
        weight += (FITTED.length + FITTED.own_by_length * own) * math.log(length)
        weight += FITTED.above * found.above[place] + FITTED.below * found.below[place]
        assert math.isclose(float(heard[1 + place]) - log_of_sum(row[1:]), weight, abs_tol=1e-4)
    ends = [math.exp(float(each[0]) - log_of_sum(each[1:])) for each in (heard, row)]
    assert math.isclose(*ends, rel_tol=1e-3, abs_tol=1e-6)


def test_where_the_network_ends_nothing_goes_on() -> None:
    """It was fitted to texts in which nothing ends, and what is to be written may stand behind already."""
    row = np.log(row_of(0.9, 0.05, 0.03, 0.02))
    assert mixed(row, followers((1, 24)), PARROT, [0]).argmax() == 0
    assert mixed(row, followers((1, 24)), PARROT, [3]).argmax() == 1


def test_what_is_ruled_out_stays_so_and_so_does_what_alone_is_left() -> None:
    row = row_of(-np.inf, 1.0, 2.0)
    assert np.array_equal(mixed(row, followers((0, 24)), PARROT, []), row)
    row = row_of(-np.inf, 1.0, -np.inf)
    heard = mixed(row, followers((1, 24)), PARROT, [])
    assert heard.argmax() == 1
    assert np.isneginf(heard[[0, 2]]).all()
    nothing = row_of(2.0, -np.inf, -np.inf)
    assert np.array_equal(mixed(nothing, followers((1, 24)), PARROT, [0]), nothing)


def test_a_longer_run_and_a_network_that_agrees_count_more() -> None:
    def weight(own: float, length: int) -> float:
        return float((signs(row_of(own), followers((1, length))) @ [-0.6, 0.7, 0.4, -0.1, 0.5, 0.8, 1.8])[0])

    assert weight(-2.0, 1) < weight(-2.0, 9) < weight(-1.0, 9)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(repetition_penalty=1.3)])
@settings(max_examples=200)
@given(
    st.lists(st.integers(1, 4), min_size=2, max_size=24), st.lists(st.integers(1, 4), max_size=6), st.data()
)
def test_guesses_change_neither_tokens_nor_what_is_remembered(
    sampling: Sampling, prompt: list[int], draft: list[int], data: st.DataObject
) -> None:
    """Whether right, half right or wrong, also where a guess comes to a place that another one came to."""
    seed = data.draw(st.integers(0, 99))
    rows = np.random.default_rng(seed).standard_normal((len(draft) + 1, 5), np.float32)
    guessing, alone = (
        RecallingChooser(Chooser(sampling), FITTED, Recaller(Recollection(prompt, {0}), prompt))
        for _ in range(2)
    )
    chosen = guessing.along(draft, rows, prompt)
    for place, token in enumerate(chosen):
        assert alone.along([], rows[place : place + 1], prompt + chosen[:place]) == [token]
    more = rows[:1, ::-1]
    assert guessing.along([], more, prompt + chosen) == alone.along([], more, prompt + chosen)


def test_a_guess_that_comes_true_is_not_recalled_twice() -> None:
    prompt = [1, 2, 3, 1]
    chooser = RecallingChooser(Chooser(Sampling()), PARROT, Recaller(Recollection(prompt, {0}), prompt))
    rows = np.array([[0.0, 0.0, 0.0, 0.0, 0.1]] * 4, np.float32)
    assert chooser.along([2, 3, 1], rows, [1, 2, 3, 1]) == [2, 3, 1, 4]
    assert chooser.along([], rows[:1], [1, 2, 3, 1, 2, 3, 1]) == [4], "all that stood behind 1 is used up"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_folder(
        tmp_path_factory.mktemp("recall") / "model", tiny_tokenizer(tmp_path_factory.mktemp("v"))
    )


@pytest.fixture
def parrot(folder: Path, tmp_path: Path) -> Path:
    stored = open_model(folder)
    write_native(stored.load(), stored.tokenizer(), tmp_path / "parrot", torch.float32, About((), PARROT))
    return tmp_path / "parrot"


def test_an_editor_hears_the_repetition_and_others_the_network_alone(folder: Path, parrot: Path) -> None:
    recalling, plain = load(parrot, precision="fp32"), load(folder, precision="fp32")
    said = recalling.complete_answer(CODE, "", WRITTEN, editing=AS_AN_EDITOR).text()
    assert said.startswith("path).read()\n")
    assert recalling.complete(CODE, "", WRITTEN) == plain.complete(CODE, "", WRITTEN)
    alone = Editing(extent="all", recall=False)
    expected = plain.complete_answer(CODE, "", WRITTEN, editing=AS_AN_EDITOR).text()
    assert recalling.complete_answer(CODE, "", WRITTEN, editing=alone).text() == expected


@pytest.mark.parametrize("times", [1, 3])
def test_a_text_is_written_out_no_more_often_than_it_stands_there(parrot: Path, times: int) -> None:
    """Else a line that came twice would come until there is no room left."""
    engine = load(parrot, precision="fp32")
    text = "alpha beta gamma delta\n" * times + "alpha"
    said = engine.complete_answer(text, "", Sampling(max_tokens=96), editing=AS_AN_EDITOR).text()
    assert said.startswith(" beta gamma delta\nalph")
    assert said.count("gamma delta") == times


@pytest.mark.parametrize("lines", ["self.foo = 1\nself.bar = 2\n", "self.bar = 2\nself.foo = 1\n"])
def test_in_mid_word_what_was_typed_decides_which_repetition_it_is(parrot: Path, lines: str) -> None:
    engine = load(parrot, precision="fp32")
    said = engine.complete_answer(f"{lines}x = self.f", "", WRITTEN, editing=AS_AN_EDITOR).text()
    assert said.startswith("oo = 1\n")


def test_what_stands_behind_the_cursor_is_looked_through_too(parrot: Path) -> None:
    engine = load(parrot, precision="fp32")
    prefix, suffix = "names = sorted(", ")\nothers = sorted(by_length(words))\n"
    said = engine.complete_answer(prefix, suffix, WRITTEN, editing=AS_AN_EDITOR).text()
    assert said.startswith("by_length(wor")


def test_guesses_are_made_and_change_nothing_of_it(parrot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, drafts = load(parrot, precision="fp32"), list[int]()

    def worth(_: Pace, chances: Sequence[float], seconds_each: float = 0.0) -> int:
        drafts.append(len(chances))
        return len(chances)

    monkeypatch.setattr(Pace, "worth", worth)
    guessed = engine.complete_answer(CODE * 3, "", WRITTEN, editing=AS_AN_EDITOR).text()
    assert max(drafts) > 1
    engine.forget_texts()
    monkeypatch.setattr(Pace, "worth", lambda *_: 0)
    assert engine.complete_answer(CODE * 3, "", WRITTEN, editing=AS_AN_EDITOR).text() == guessed


def test_another_beginning_can_be_asked_for(parrot: Path) -> None:
    engine = load(parrot, precision="fp32")
    other = Editing(extent="all", alternative=1)
    assert not engine.complete_answer(CODE, "", WRITTEN, editing=other).text().startswith("path)")


def test_how_sure_it_is_counts_the_repetition(parrot: Path) -> None:
    engine, least = load(parrot, precision="fp32"), 0.9
    believed = engine.complete_answer(
        CODE, "", Sampling(max_tokens=3), editing=Editing(extent="all", least_chance=least)
    )
    assert believed.text().startswith("path")
    assert (believed.statistics.chance or 0) >= least
    alone = Editing(extent="all", least_chance=least, recall=False)
    answer = engine.complete_answer(CODE, "", Sampling(max_tokens=3), editing=alone)
    assert (answer.text(), answer.statistics.ending) == ("", "unsure")


def test_a_model_without_a_prefix_to_go_on_from_is_asked_as_it_is(parrot: Path) -> None:
    engine = load(parrot, precision="fp32")
    alone = Editing(extent="all", recall=False)
    expected = engine.complete_answer("", "x = 1\n", Sampling(max_tokens=1), editing=alone).text()
    assert (
        engine.complete_answer("", "x = 1\n", Sampling(max_tokens=1), editing=AS_AN_EDITOR).text() == expected
    )


def test_it_is_written_beside_the_network_and_stays_with_it(parrot: Path, tmp_path: Path) -> None:
    about = About(("Python",), FITTED)
    write_native(tiny_model(), None, tmp_path / "model", torch.float32, about)
    assert open_model(tmp_path / "model").about == about
    write_recall(tmp_path / "model", PARROT)
    assert open_model(tmp_path / "model").about == About(("Python",), PARROT)
    write_recall(tmp_path / "model", None)
    assert open_model(tmp_path / "model").about == About(("Python",))


LATER = {"latest": 1.0, "above": 1.0, "below": 1.0}
PLAIN = {"fixed": 1.0, "own": 1.0, "length": 1.0, "own_by_length": 1.0} | LATER


@pytest.mark.parametrize(
    ("recall", "problem"),
    [
        ({"fixed": 1.0}, "lacks the key 'own'"),
        (PLAIN | {"own_by_length": math.nan}, "must be a finite number"),
        (PLAIN | {"own_by_length": 1e9}, "must be at most 20"),
        (PLAIN | {"fixed": "1"}, "must be a number"),
        ([1.0, 1.0, 1.0, 1.0], "must hold a JSON object"),
        (PLAIN | {"fixed": 10**400}, "not so large"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_sentence(parrot: Path, recall: object, problem: str) -> None:
    path = parrot / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recall": recall}))
    with pytest.raises(ModelFormatError, match=problem):
        open_model(parrot)


def test_four_numbers_of_an_earlier_version_are_passed_over(parrot: Path) -> None:
    path = parrot / "config.json"
    four = {key: PLAIN[key] for key in ("fixed", "own", "length", "own_by_length")}
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recall": four, "languages": ["Python"]}))
    assert open_model(parrot).about == About(("Python",))


def test_what_the_network_does_not_reach_is_looked_through_too(parrot: Path) -> None:
    """Far in front of the cursor, and far behind it."""
    engine = load(parrot, precision="fp32", context_tokens=64)
    far = "".join(f"value_{number} = {number}\n" for number in range(99))
    told = "names = sorted(by_length(words))\n"
    for prefix, suffix in ((f"{told}{far}", ""), (far, f"{far}{told}"), (far, f"\n{far}")):
        answer = engine.complete_answer(f"{prefix}\nnames = sor", suffix, WRITTEN, editing=AS_AN_EDITOR)
        assert answer.text().startswith("ted(by_length(") == (told in prefix + suffix)
        assert answer.statistics.prompt_tokens <= 64
