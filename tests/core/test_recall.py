"""What followed the same tokens before: found, mixed in, and never where a network alone is asked for."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core import load
from core.checkpoint.load import open_model
from core.checkpoint.native import write_native, write_recall
from core.generate.drafting import NoDraft
from core.generate.recall import LONGEST_RUN, Recollection, Repetition, mixed, odds, repetitions
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
        run = 0
        while run < min(LONGEST_RUN, len(last), place) and text[place - 1 - run] == last[-1 - run]:
            run += 1
        if run and text[place] not in never and place not in passed and (best is None or run >= best.run):
            best = Repetition(text[place], run, place)
    return best


@settings(max_examples=300)
@given(TOKENS, TOKENS, st.sets(st.integers(0, 3), max_size=2), st.integers(0, 60), TOKENS)
def test_the_longest_run_is_found_and_of_those_the_latest(
    text: list[int], last: list[int], never: set[int], end: int, passed: list[int]
) -> None:
    recollection = Recollection(text, never)
    assert recollection.behind(last, end) == by_hand(text, last, never, end)
    assert recollection.behind(last) == by_hand(text, last, never, len(text))
    assert recollection.behind(last, None, passed) == by_hand(text, last, never, len(text), passed)


@given(TOKENS)
def test_of_a_whole_text_each_place_is_told_from_what_stands_before_it(text: list[int]) -> None:
    found = dict(repetitions(text))
    for place in range(1, len(text)):
        assert found.get(place) == by_hand(text[:place], text[:place], set(), place)


@settings(max_examples=200)
@given(
    st.lists(st.floats(-30, 30, width=32), min_size=2, max_size=9),
    st.integers(0, 8),
    st.integers(1, LONGEST_RUN),
)
def test_chances_stay_chances_and_those_of_other_tokens_keep_their_proportions(
    logits: list[float], token: int, run: int
) -> None:
    row, token = torch.tensor(logits), token % len(logits)
    found = mixed(row, Repetition(token, run, 0), FITTED)
    own = row.double().log_softmax(-1)
    assert math.isclose(float(found.exp().sum()), 1, rel_tol=1e-3)
    chance = 1 / (1 + math.exp(-odds(FITTED, float(own[token]), run)))
    assert math.isclose(float(found[token].exp()), chance, rel_tol=1e-3)
    others = [place for place in range(len(logits)) if place != token]
    assert torch.allclose(found[others].diff(), row[others].diff(), atol=1e-3)


def test_what_is_ruled_out_stays_so() -> None:
    row = torch.tensor([-torch.inf, 1.0, 2.0])
    assert mixed(row, Repetition(0, 24, 0), PARROT).exp()[0] == 0


def test_a_longer_run_and_a_network_that_agrees_are_believed_more() -> None:
    assert odds(FITTED, math.log(0.3), 1) < odds(FITTED, math.log(0.3), 9)
    assert odds(FITTED, math.log(0.3), 9) < odds(FITTED, math.log(0.6), 9)


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


def test_no_place_of_the_text_is_written_out_twice(parrot: Path) -> None:
    """Else a line that came twice would come until there is no room left."""
    engine = load(parrot, precision="fp32")
    text = "alpha beta gamma delta\nalpha"
    said = engine.complete_answer(text, "", Sampling(max_tokens=64), editing=AS_AN_EDITOR).text()
    assert said.startswith(" beta gamma delta\nalph")
    assert said.count("gamma delta") == 1


def test_what_stands_behind_the_cursor_is_looked_through_too(parrot: Path) -> None:
    engine = load(parrot, precision="fp32")
    prefix, suffix = "names = sorted(", ")\nothers = sorted(by_length(words))\n"
    said = engine.complete_answer(prefix, suffix, WRITTEN, editing=AS_AN_EDITOR).text()
    assert said.startswith("by_length(wor")


@pytest.mark.parametrize("sampling", [WRITTEN, Sampling(max_tokens=12, temperature=1.0, seed=5)])
def test_guesses_change_nothing_of_it(
    folder: Path, tmp_path: Path, sampling: Sampling, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = open_model(folder)
    write_native(stored.load(), stored.tokenizer(), tmp_path / "model", torch.float32, About((), FITTED))
    engine = load(tmp_path / "model", precision="fp32")
    guessed = engine.complete_answer(CODE * 3, "", sampling, editing=AS_AN_EDITOR).text()
    engine.forget_texts()
    monkeypatch.setattr("core.engine.PromptLookup", lambda _: NoDraft())
    assert engine.complete_answer(CODE * 3, "", sampling, editing=AS_AN_EDITOR).text() == guessed


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
    assert load(parrot, precision="fp32").complete_answer("", "x = 1\n", WRITTEN, editing=AS_AN_EDITOR).text()


def test_it_is_written_beside_the_network_and_stays_with_it(parrot: Path, tmp_path: Path) -> None:
    about = About(("Python",), FITTED)
    write_native(tiny_model(), None, tmp_path / "model", torch.float32, about)
    assert open_model(tmp_path / "model").about == about
    write_recall(tmp_path / "model", PARROT)
    assert open_model(tmp_path / "model").about == About(("Python",), PARROT)


@pytest.mark.parametrize(
    ("recall", "problem"),
    [
        ({"fixed": 1.0}, "lacks the key 'own'"),
        ({"fixed": 1.0, "own": 1.0, "run": 1.0, "own_by_run": math.nan}, "must be a finite number"),
        ({"fixed": 1.0, "own": 1.0, "run": 1.0, "own_by_run": 1e9}, "must be at most 20"),
        ({"fixed": "1", "own": 1.0, "run": 1.0, "own_by_run": 1.0}, "must be a number"),
        ([1.0, 1.0, 1.0, 1.0], "must hold a JSON object"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_sentence(parrot: Path, recall: object, problem: str) -> None:
    path = parrot / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"recall": recall}))
    with pytest.raises(ModelFormatError, match=problem):
        open_model(parrot)
