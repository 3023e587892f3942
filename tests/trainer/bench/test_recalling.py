"""How far a repetition is to be believed: fitted to a network, judged on texts that it was not fitted to."""

import json
import math
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch

import main
from core import load
from core.checkpoint.load import open_model
from core.checkpoint.native import write_recall
from core.engine import Engine
from core.generate.recall import log_odds, mixed, repetitions
from core.spec.about import Recall
from core.spec.errors import DataError
from tests.tiny import tiny_folder, tiny_tokenizer
from tests.trainer.runs import go, new_run, tiny_spec
from trainer.bench.recalling import Heard, fit, fitted, listen_to, together
from trainer.exporting import export_model
from trainer.resume import learnt_by

# what the texts are made of comes again and again, and a network that never read anything does not know
REPEATING = (
    "def area(width, height):\n    return width * height\n\n\nprint(area(3, 4))\nprint(area(5, 6))\n" * 3
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("recalling")
    (place / "vocabulary").mkdir()
    return tiny_folder(place / "model", tiny_tokenizer(place / "vocabulary"))


@pytest.fixture
def engine(folder: Path) -> Engine:
    return load(folder, precision="fp32", context_tokens=64)


def test_a_text_costs_what_the_mixed_chances_say(engine: Engine) -> None:
    recall, tokens = Recall(-0.2, 0.7, 0.5, -0.1), engine.tokenizer.encode(REPEATING)[:60]
    logits, found = engine.logits(tokens), {item.place: item for item in repetitions(tokens)}
    ends = sorted(engine.tokenizer.special_ids | engine.tokenizer.end_ids)
    alone = recalled = 0.0
    for place in range(1, len(tokens)):
        row = logits[place - 1]
        alone -= float(torch.from_numpy(row).log_softmax(-1)[tokens[place]])
        if place in found:
            row = mixed(row, found[place], recall, ends)
        recalled -= float(torch.from_numpy(row).log_softmax(-1)[tokens[place]])
    heard = listen_to(engine, tokens)
    assert heard.tokens == len(tokens) - 1
    assert math.isclose(heard.alone, alone, rel_tol=1e-4)
    assert math.isclose(heard.nats(recall), recalled, rel_tol=1e-4)
    assert heard.nats(recall) < heard.alone


def test_wherever_windows_end_each_token_counts_once(engine: Engine) -> None:
    tokens = engine.tokenizer.encode(REPEATING)
    assert len(tokens) > 2 * engine.max_context
    heard = listen_to(engine, tokens)
    assert heard.tokens == len(tokens) - 1
    untouched = Recall(0.0, 1.0, 0.0, 0.0)  # the network's own odds, but for those that are bounded
    assert math.isclose(heard.nats(untouched), heard.alone, rel_tol=1e-2)


def test_the_numbers_are_those_that_outcomes_were_drawn_by() -> None:
    drawn, count = np.random.default_rng(3), 40_000
    own, run = drawn.uniform(-6, 6, count), np.log(drawn.integers(1, 25, count))
    signs = np.stack([np.ones(count), own, run, own * run], 1)
    true = Recall(-0.4, 0.8, 0.6, -0.15)
    chances = 1 / (1 + np.exp(-(signs @ np.array(astuple(true)))))
    came = (drawn.uniform(size=count) < chances).astype(np.float64)
    found = fit(Heard(count, 0.0, 0.0, signs, came, np.zeros(count)))
    assert np.allclose(astuple(found), astuple(true), atol=0.1)
    assert math.isclose(log_odds(true, -1.0, 9), -0.4 - 0.8 + (0.6 + 0.15) * math.log(9))


def test_nothing_to_learn_from_leaves_the_network_as_it_is() -> None:
    assert astuple(fit(together([]))) == (0.0, 1.0, 0.0, 0.0)


def test_it_is_judged_on_texts_that_it_was_not_fitted_to(engine: Engine) -> None:
    done: list[int] = []
    found = fitted(
        engine, [REPEATING.replace("area", name) for name in ("area", "size", "span", "room")], done.append
    )
    assert done == [1, 2, 3, 4]
    assert found.after < found.before
    with pytest.raises(DataError, match="at least 4"):
        fitted(engine, [REPEATING, "", "\n", "", " ", REPEATING], done.append)


def test_the_command_writes_it_beside_the_model_where_it_helps(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(6):
        (tmp_path / f"module_{number}.py").write_text(REPEATING.replace("area", f"area_{number}"))
    words = ["train", "recall", str(folder), "--source", str(tmp_path), "--precision", "fp32"]
    assert main.run([*words, "--json"], sets_itself_up=False) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["written"]
    assert open_model(folder).about.recall == Recall(**said["recall"])
    assert main.run(words, sets_itself_up=False) == 0
    assert "goes by it" in capsys.readouterr().out


def test_where_nothing_comes_again_it_says_so_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "vocabulary").mkdir()
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path / "vocabulary"))
    (tmp_path / "code").mkdir()
    for number in range(4):
        (tmp_path / "code" / f"{number}.py").write_text("abcdefgh"[2 * number : 2 * number + 2])
    before = (model / "config.json").read_text()
    write_recall(model, Recall(1.0, 1.0, 1.0, 1.0))
    argv = ["train", "recall", str(model), "--source", str(tmp_path / "code"), "--precision", "fp32"]
    assert main.run(argv, sets_itself_up=False) == 0
    assert "no gain" in capsys.readouterr().out, "and what was there is of no use any more"
    assert (model / "config.json").read_text() == before


def test_other_folders_have_no_place_for_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [
        "models",
        "convert",
        str(folder),
        str(tmp_path / "tiny.gguf"),
        "--to",
        "gguf",
        "--precision",
        "fp16",
    ]
    assert main.run(argv, sets_itself_up=False) == 0
    assert (
        main.run(["train", "recall", str(tmp_path / "tiny.gguf"), "--source", "."], sets_itself_up=False) == 2
    )
    assert "no folder of ours" in capsys.readouterr().err


def test_a_run_that_goes_on_from_a_model_keeps_it_and_so_does_an_export(tmp_path: Path) -> None:
    recall = Recall(-0.1, 0.8, 0.5, -0.1)
    whole, adapter = (
        new_run(tmp_path / recipe, tiny_spec(tmp_path, recipe, steps=1)) for recipe in ("full", "lora")
    )
    write_recall(tmp_path / "model", recall)
    go(whole)
    assert open_model(learnt_by(whole)).about.recall == recall
    go(adapter)
    export_model(adapter, tmp_path / "exported", "native", "fp16", 1.0)
    assert open_model(tmp_path / "exported").about.recall == recall
