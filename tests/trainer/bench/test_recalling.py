"""How far a repetition is to be believed: fitted to a network, judged on texts that it was not fitted to."""

import json
import math
from dataclasses import astuple
from pathlib import Path
from string import ascii_letters

import numpy as np
import pytest
import torch

import main
from core import load
from core.checkpoint.load import open_model
from core.checkpoint.native import write_recall
from core.engine import Engine
from core.generate.recall import Recaller, mixed
from core.spec.about import Recall
from core.spec.errors import DataError
from tests.tiny import tiny_folder, tiny_tokenizer
from tests.trainer.runs import go, new_run, tiny_spec
from trainer.bench.lines import Line, SourceFile, draw_lines
from trainer.bench.recalling import Heard, fit, fitted, listen_at, listen_to, together
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
    recall, tokens = Recall(-0.6, 0.7, 0.4, -0.2, 0.5, 0.8, 1.8), engine.tokenizer.encode(REPEATING)[:60]
    logits, recaller = engine.logits(tokens), Recaller(engine.recollection(tokens), tokens[:1])
    ends = sorted(engine.tokenizer.special_ids | engine.tokenizer.end_ids)
    alone = recalled = 0.0
    for place in range(1, len(tokens)):
        row = logits[place - 1]
        alone -= float(torch.from_numpy(row).log_softmax(-1)[tokens[place]])
        found = recaller.followers(end=place)
        recaller.write(tokens[place])
        row = row if found is None else mixed(row, found, recall, ends)
        recalled -= float(torch.from_numpy(row).log_softmax(-1)[tokens[place]])
    heard = together([*listen_to(engine, tokens)])
    assert heard.tokens == len(tokens) - 1
    assert math.isclose(heard.alone, alone, rel_tol=1e-4)
    assert math.isclose(heard.nats(recall), recalled, rel_tol=1e-4)
    assert heard.nats(recall) < heard.alone


def test_wherever_windows_end_each_token_counts_once(engine: Engine) -> None:
    tokens = engine.tokenizer.encode(REPEATING)
    assert len(tokens) > 2 * engine.max_context
    heard = together([*listen_to(engine, tokens)])
    assert heard.tokens == len(tokens) - 1
    untouched = Recall(
        0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0
    )  # the network's own odds, but for those that are bounded
    assert math.isclose(heard.nats(untouched), heard.alone, rel_tol=1e-2)


def test_what_a_window_does_not_reach_is_looked_through_too(engine: Engine) -> None:
    """The first line comes again in the last window, and nowhere in between."""
    first, far = "alpha beta gamma delta epsilon\n", "".join(f"{number} = {number}\n" for number in range(90))
    told, untold = (engine.tokenizer.encode(text) for text in (first + far + first, far + first))
    parrot = Recall(0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 0.0)

    def end_costs(tokens: list[int], count: int) -> float:
        whole, beginning = (together([*listen_to(engine, part)]) for part in (tokens, tokens[:-count]))
        return whole.nats(parrot) - beginning.nats(parrot)

    count = len(engine.tokenizer.encode(first)) - 2
    assert end_costs(told, count) < 0.2 * end_costs(untold, count)


def test_the_numbers_are_those_that_outcomes_were_drawn_by() -> None:
    """Places with three followers each, and all else that a network might have said there."""
    drawn, count = np.random.default_rng(3), 100_000
    own, run = drawn.uniform(-6, -1.5, (count, 3)), np.log(drawn.integers(1, 25, (count, 3)))
    is_latest, alike = np.tile([1.0, 0.0, 0.0], (count, 1)), drawn.uniform(size=(2, count, 3))
    rows = np.stack([np.ones((count, 3)), own, run, own * run, is_latest, *alike], axis=-1)
    true = Recall(-0.4, 0.8, 0.6, -0.15, 0.7, 0.5, 1.5)
    others = np.log1p(-np.exp(own).sum(axis=1))
    weighed = np.concatenate([rows @ np.array(astuple(true)), others[:, None]], axis=1)
    chosen = (weighed + drawn.gumbel(size=weighed.shape)).argmax(axis=1)
    begins = 3 * np.arange(count)
    came = np.where(chosen < 3, begins + chosen, -1)
    heard = Heard(count, 0.0, 0.0, rows.reshape(-1, 7), begins, came, others, others)
    assert np.allclose(astuple(fit(heard)), astuple(true), atol=0.1)


def test_nothing_to_learn_from_leaves_the_network_as_it_is() -> None:
    assert astuple(fit(together([]))) == (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def lines_of(*texts: str, count: int = 12) -> list[Line]:
    files = [SourceFile(f"{number}.py", text) for number, text in enumerate(texts)]
    return draw_lines(files, count, seed=1)


def test_it_is_judged_on_lines_that_it_was_not_fitted_to(engine: Engine) -> None:
    done: list[int] = []
    texts = [REPEATING.replace("area", name) for name in ("area", "size", "span", "room")]
    found = fitted(engine, lines_of(*texts), done.append)
    assert done == [*range(1, 13)]
    assert found.after < found.before
    with pytest.raises(DataError, match="at least 4"):
        fitted(engine, lines_of(REPEATING, count=3), done.append)


def test_a_line_is_heard_as_an_editor_asks_for_it(engine: Engine) -> None:
    """The last token before it is written anew, and what stands behind it is read, too."""
    line = lines_of(REPEATING, count=1)[0]
    along = engine.along(line.prefix, line.suffix, line.text + "\n", 16)
    assert listen_at(engine, line).tokens + 1 == len(along.tokens) == len(along.logits)
    assert engine.tokenizer.decode(along.tokens).strip() == line.text
    alone = engine.along("def area", "", "(width)", 16)
    prompt = engine.tokenizer.encode("def area")[:-1]
    expected = engine.logits([*prompt, *alone.tokens])[len(prompt) - 1 : -1]
    assert np.allclose(alone.logits, expected, atol=1e-4)
    followed = engine.along("def area", "\n", "(width)", 16)
    assert followed.tokens == alone.tokens
    assert not np.allclose(followed.logits, expected, atol=1e-2)


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
        (tmp_path / "code" / f"{number}.py").write_text(ascii_letters[8 * number : 8 * number + 8])
    before = (model / "config.json").read_text()
    write_recall(model, Recall(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0))
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
    recall = Recall(-0.6, 0.7, 0.4, -0.2, 0.5, 0.8, 1.8)
    whole, adapter = (
        new_run(tmp_path / recipe, tiny_spec(tmp_path, recipe, steps=1)) for recipe in ("full", "lora")
    )
    write_recall(tmp_path / "model", recall)
    go(whole)
    assert open_model(learnt_by(whole)).about.recall == recall
    go(adapter)
    export_model(adapter, tmp_path / "exported", "native", "fp16", 1.0)
    assert open_model(tmp_path / "exported").about.recall == recall
