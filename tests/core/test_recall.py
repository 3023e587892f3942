"""What followed the same tokens before: found, mixed in, and never where a network alone is asked for."""

import json
import math
from collections.abc import Sequence
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
    LONGEST,
    RecallingChooser,
    Recollection,
    Repetition,
    log_odds,
    mixed,
    repetitions,
)
from core.generate.sampling import Chooser, Row
from core.spec.about import About, Recall
from core.spec.editing import Editing
from core.spec.errors import ModelFormatError
from core.spec.sampling import Sampling
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer

FITTED = Recall(-0.03, 0.76, 0.54, -0.1)
# believes every repetition, whatever the network says
PARROT = Recall(20.0, 0.0, 0.0, 0.0)
TOKENS = st.lists(st.integers(0, 3), max_size=60)
CODE = "def first(path):\n    return open(path).read()\n\n\ndef second(path):\n    return open("
AS_AN_EDITOR = Editing(extent="all")
WRITTEN = Sampling(max_tokens=12)


def by_hand(
    text: list[int], last: list[int], never: set[int], end: int, passed: Sequence[int] = ()
) -> Repetition | None:
    best: Repetition | None = None
    for place in range(1, min(len(text), end)):
        length = 0
        while length < min(LONGEST, len(last), place) and text[place - 1 - length] == last[-1 - length]:
            length += 1
        if length and text[place] not in never and place not in passed:
            best = Repetition(text[place], length, place) if best is None or length >= best.length else best
    return best


@settings(max_examples=300)
@given(TOKENS, TOKENS, st.sets(st.integers(0, 3), max_size=2), st.integers(0, 60), TOKENS)
def test_the_longest_run_is_found_and_of_those_the_latest(
    text: list[int], last: list[int], never: set[int], end: int, passed: list[int]
) -> None:
    recollection = Recollection(text, never)
    assert recollection.behind(last, end=end) == by_hand(text, last, never, end)
    assert recollection.behind(last) == by_hand(text, last, never, len(text))
    assert recollection.behind(last, passed=passed) == by_hand(text, last, never, len(text), passed)
    possible = np.array([token % 2 == 0 for token in range(4)])
    assert recollection.behind(last, possible=possible) == by_hand(text, last, never | {1, 3}, len(text))


@given(TOKENS)
def test_of_a_whole_text_each_token_is_told_from_what_stands_before_it(text: list[int]) -> None:
    found = {item.place: item for item in repetitions(text)}
    for place in range(1, len(text)):
        expected = by_hand(text[:place], text[:place], set(), place)
        assert found.get(place) == (None if expected is None else expected._replace(place=place))


ENDS = [0]


def heard(row: Row, found: Repetition, recall: Recall, end_ids: Sequence[int] = ENDS) -> Row:
    return mixed(row, found, recall, end_ids)


def row_of(*logits: float) -> Row:
    return np.array(logits, np.float32)


def log_of_sum(logits: Row) -> float:
    return float(np.logaddexp.reduce(logits.astype(np.float64)))


@settings(max_examples=200)
@given(
    st.lists(st.floats(-30, 30, width=32), min_size=3, max_size=9),
    st.integers(0, 7),
    st.integers(1, LONGEST),
)
def test_chances_of_text_are_mixed_and_nothing_else_changes(
    logits: list[float], token: int, length: int
) -> None:
    row, token = row_of(*logits), 1 + token % (len(logits) - 1)
    found = heard(row, Repetition(token, length, 0), FITTED)
    others = [place for place in range(1, len(logits)) if place != token]
    assert np.array_equal(found[others], row[others])
    own = float(row[token]) - log_of_sum(row[others])
    mixed_odds = float(found[token]) - log_of_sum(found[others])
    assert math.isclose(mixed_odds, log_odds(FITTED, own, length), abs_tol=1e-4)
    ends = [math.exp(float(each[0]) - log_of_sum(each)) for each in (found, row)]
    assert math.isclose(*ends, rel_tol=1e-3, abs_tol=1e-6)


def test_where_the_network_ends_no_repetition_goes_on() -> None:
    """It was fitted to texts in which nothing ends, and what is to be written may stand behind already."""
    row = np.log(row_of(0.9, 0.05, 0.03, 0.02))
    assert heard(row, Repetition(1, 24, 0), PARROT).argmax() == 0
    assert heard(row, Repetition(1, 24, 0), PARROT, [3]).argmax() == 1


def test_what_is_ruled_out_stays_so_and_so_does_what_alone_is_left() -> None:
    row = row_of(-np.inf, 1.0, 2.0)
    assert np.array_equal(heard(row, Repetition(0, 24, 0), PARROT, []), row)
    row = row_of(-np.inf, 1.0, -np.inf)
    assert np.array_equal(heard(row, Repetition(1, 24, 0), PARROT, []), row)


def test_a_longer_run_and_a_network_that_agrees_are_believed_more() -> None:
    assert log_odds(FITTED, -1.0, 1) < log_odds(FITTED, -1.0, 9) < log_odds(FITTED, 1.0, 9)


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
        RecallingChooser(Chooser(sampling), FITTED, prompt, len(prompt), {0}) for _ in range(2)
    )
    chosen = guessing.along(draft, rows, prompt)
    for place, token in enumerate(chosen):
        assert alone.along([], rows[place : place + 1], prompt + chosen[:place]) == [token]
    more = rows[:1, ::-1]
    assert guessing.along([], more, prompt + chosen) == alone.along([], more, prompt + chosen)


def test_a_guess_that_comes_true_is_not_recalled_twice() -> None:
    chooser = RecallingChooser(Chooser(Sampling()), PARROT, [1, 2, 3, 1], 4, {0})
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


@pytest.mark.parametrize(
    ("recall", "problem"),
    [
        ({"fixed": 1.0}, "lacks the key 'own'"),
        ({"fixed": 1.0, "own": 1.0, "length": 1.0, "own_by_length": math.nan}, "must be a finite number"),
        ({"fixed": 1.0, "own": 1.0, "length": 1.0, "own_by_length": 1e9}, "must be at most 20"),
        ({"fixed": "1", "own": 1.0, "length": 1.0, "own_by_length": 1.0}, "must be a number"),
        ([1.0, 1.0, 1.0, 1.0], "must hold a JSON object"),
        ({"fixed": 10**400, "own": 1.0, "length": 1.0, "own_by_length": 1.0}, "not so large"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_sentence(parrot: Path, recall: object, problem: str) -> None:
    path = parrot / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recall": recall}))
    with pytest.raises(ModelFormatError, match=problem):
        open_model(parrot)
