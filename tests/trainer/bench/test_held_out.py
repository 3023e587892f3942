"""What the embedded model is measured by: lines drawn, counts, bits, the card."""

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import main
from core import load
from core.checkpoint.native import write_recall
from core.spec.about import Recall
from core.spec.errors import DataError
from core.spec.fields import to_json
from tests.tiny import tiny_folder, tiny_tokenizer
from tests.trainer.runs import new_run, tiny_spec
from trainer.bench.held_out import CountsWriter, ModelWriter, Questions
from trainer.bench.lines import SourceFile, draw_lines, draw_texts, python_files
from trainer.bench.model_card import card_of
from trainer.bench.ngrams import NGrams
from trainer.bench.reading import Cost, cost_in, cost_of, rows_prepared, rows_read
from trainer.bench.similarity import edit_similarity
from trainer.cli.held_out import PARTS
from trainer.control import Control
from trainer.corpus.packages import read_list
from trainer.data.batches import PackedBatches
from trainer.data.prepare import Preparation
from trainer.data.prepared import PreparedData
from trainer.data.sources import Sources
from trainer.running import open_corpus, sit
from trainer.spec.data import PrepareSpec, ScanSpec
from trainer.spec.runs import EventLog

ROOT = Path(__file__).parents[3]
CODE = '''import os
from pathlib import Path

# a comment of some length
def longest(words):
    """The longest of them."""
    best = ""
    for word in words:
        if len(word) > len(best):
            best = word  # so far
    return best
'''


def test_lines_are_whole_and_none_are_blank_comments_imports_or_short() -> None:
    lines = draw_lines([SourceFile("a.py", CODE)], 100, 42)
    assert {line.text for line in lines} == {
        "def longest(words):",
        '"""The longest of them."""',
        'best = ""',
        "for word in words:",
        "if len(word) > len(best):",
        "best = word  # so far",
        "return best",
    }
    for line in lines:
        assert line.prefix + line.text + line.suffix == CODE
        assert CODE.split("\n")[line.number - 1].strip() == line.text
        assert line.prefix.rpartition("\n")[2].strip() == ""


def test_a_line_stands_elsewhere_if_its_file_has_it_once_more_however_indented() -> None:
    code = "if one:\n    call(one, 2)\nelse:\n        call(one, 2)\ncall(one, 2)  # so\n"
    lines = draw_lines([SourceFile("a.py", code)], 9, 1)
    assert {line.number: line.stands_elsewhere for line in lines} == {2: True, 4: True, 5: False}


def test_the_same_seed_draws_the_same_lines_whatever_order_files_come_in(tmp_path: Path) -> None:
    for name in ("b/z.py", "a.py", "b/c.py", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(CODE)
    files = python_files(tmp_path)
    assert [file.name for file in files] == ["a.py", "b/c.py", "b/z.py"]
    assert draw_lines(files, 5, 42) == draw_lines(python_files(tmp_path), 5, 42)
    assert draw_lines(files, 5, 42) != draw_lines(files, 5, 43)
    assert len(draw_texts(files, len(CODE) + 1, 42)) == 2
    with pytest.raises(DataError, match="no Python"):
        python_files(tmp_path / "nothing")


TEXTS = st.lists(st.lists(st.integers(0, 5), max_size=12), min_size=1, max_size=4).filter(any)


@settings(deadline=None, max_examples=60)
@given(TEXTS, st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_chances_of_counts_add_up_and_bits_are_made_of_them(texts: list[list[int]], asked: list[int]) -> None:
    counts = NGrams([np.array(text, np.int64) for text in texts], 6)
    bits = 0.0
    for place in range(1, len(asked)):
        chances = counts.chances(asked[:place])
        assert math.isclose(chances.sum(), 1, rel_tol=1e-9)
        assert (chances > 0).all()
        bits -= math.log2(chances[asked[place]])
    assert math.isclose(counts.bits(np.array(asked, np.int64)), bits, rel_tol=1e-9, abs_tol=1e-9)


def test_counts_go_on_as_most_of_what_they_have_seen_did() -> None:
    text = [1, 2, 3, 4, 5] * 3 + [9, 3, 4, 6] * 2
    counts = NGrams([np.array(text, np.int64)], 10)
    assert counts.chances([1, 2, 3, 4]).argmax() == 5
    assert counts.chances([9, 3, 4]).argmax() == 6
    assert counts.chances([8, 8, 3, 4]).argmax() == 5  # never seen behind 8 8: as behind 3 4 alone


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("held_out")
    (folder / "vocabulary").mkdir()
    return tiny_folder(folder / "model", tiny_tokenizer(folder / "vocabulary"))


def test_bits_of_a_network_are_those_of_its_logits_wherever_windows_end(model: Path) -> None:
    engine = load(model, precision="fp32", context_tokens=32)
    tokens = [3 + number * 7 % 50 for number in range(20)]
    logits = torch.from_numpy(engine.logits(tokens)[:-1])
    nats = torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[1:]), reduction="sum")
    assert math.isclose(ModelWriter(engine).bits(tokens), float(nats) / math.log(2), rel_tol=1e-4)
    long = tokens * 5
    by_hand = 0.0
    for place in range(1, len(long)):
        begin = 0 if place < 32 else (place - 16) // 16 * 16
        row = torch.from_numpy(engine.logits(long[begin:place])[-1]).log_softmax(0)
        by_hand -= float(row[long[place]])
    assert math.isclose(ModelWriter(engine).bits(long), by_hand / math.log(2), rel_tol=1e-3)


class Parrot:
    """Knows the lines that stand between certain texts, and those alone."""

    def __init__(self, known: dict[tuple[str, str], str]) -> None:
        self._known = known

    def line(self, prefix: str, suffix: str) -> str:
        return self._known.get((prefix, suffix), "no idea")

    def bits(self, tokens: list[int]) -> float:
        return float(len(tokens))


def test_marks_tell_the_missing_line_from_the_next_one(model: Path) -> None:
    tokenizer = load(model).tokenizer
    lines = draw_lines([SourceFile("a.py", CODE)], 4, 1)
    known = {(line.prefix, line.suffix): f"  {line.text} " for line in lines[:3]}
    known[lines[0].prefix, ""] = lines[0].text
    marks = Questions(tokenizer, [CODE], lines).ask(Parrot(known), PARTS, lambda _: None)
    assert (marks["fim_exact"], marks["next_exact"]) == (0.75, 0.25)
    assert (marks["fim_repeated_lines"], marks["fim_repeated_exact"]) == (0, 0)
    expected = (3 + edit_similarity("no idea", lines[3].text)) / 4
    assert math.isclose(marks["fim_similarity"], expected)
    assert math.isclose(marks["bits_per_byte"], (1 + len(tokenizer.encode(CODE))) / len(CODE))


def test_lines_that_stand_elsewhere_are_counted_by_themselves(model: Path) -> None:
    lines = draw_lines([SourceFile("a.py", "first(one)\nsecond(two)\nfirst(one)\nfirst(one)\n")], 4, 1)
    once = next(line for line in lines if "second" in line.text)
    copied = next(line for line in lines if "first" in line.text)
    known = {(line.prefix, line.suffix): line.text for line in (once, copied)}
    marks = Questions(load(model).tokenizer, [], lines).ask(Parrot(known), ["fim"], lambda _: None)
    assert (marks["fim_exact"], marks["fim_lines"]) == (0.5, 4)
    assert (marks["fim_repeated_exact"], marks["fim_repeated_lines"]) == (1 / 3, 3)


def test_counts_write_the_line_that_they_have_seen(model: Path) -> None:
    tokenizer = load(model).tokenizer
    counts = NGrams([np.array(tokenizer.encode(CODE), np.int64)], tokenizer.vocab_size)
    line = next(line for line in draw_lines([SourceFile("a.py", CODE)], 9, 1) if "longest(" in line.text)
    assert CountsWriter(counts, tokenizer).line(line.prefix, line.suffix) == line.text


def test_the_card_says_what_was_measured_and_names_every_package(model: Path, tmp_path: Path) -> None:
    marks = {"bits_per_byte": 1.234, "next_exact": 0.1, "next_similarity": 0.4, "next_lines": 1000}
    marks |= {"fim_exact": 0.256, "fim_similarity": 0.551, "fim_lines": 1000}
    marks |= {"fim_repeated_lines": 240, "fim_repeated_exact": 0.85}
    asked = {"seed": 42, "files": 10, "text_bytes": 4096, "context_tokens": 1024}
    training = {"runs": 2, "steps": 10, "tokens": 3_000_000, "hours": 1.5, "flops": 1.9e14}
    training |= {"sources": ["best"]}
    measured = asked | {"precision": "int8", "model": marks, "untrained": marks | {"next_lines": 100}}
    facts = {"held_out": measured, "training": training}
    plan = read_list(ROOT / "resources/specs/nano-packages.json")
    card = card_of(facts, plan, model)
    assert "| this model | 1.234 | 10.0% | 40.0 | 25.6% | 55.1 |" in card
    assert "| the same network, untrained (of the first 100 lines) | 1.234 |" in card
    assert "early checkpoint" in card
    assert "Of the 1,000 missing lines 240 stand elsewhere in their file too" in card
    assert "it wrote 204 of these, and 52 of the other 760" in card
    measured["counts"] = marks | {"counted_tokens": 31_852_680.0}
    assert "| 5-gram with backoff, of 32 million tokens | 1.234 |" in card_of(facts, plan, model)
    measured["recall"] = marks | {"bits_per_byte": 1.111}
    assert "1.111" not in card_of(facts, plan, model), "it has none, whatever was measured of it once"
    recalling = shutil.copytree(model, tmp_path / "recalling")
    write_recall(recalling, Recall(-0.6, 0.7, 0.4, -0.2, 0.5, 0.8, 1.8))
    card = card_of(facts, plan, recalling)
    assert "| this model with its recall, as the editor asks it | 1.111 |" in card
    assert "| its network alone | 1.234 |" in card
    assert "read of `best`." in card
    assert "not asked of this version" in card
    assert all(
        f"| {package.name} | {package.version} | {package.licence} |" in card for package in plan.packages
    )
    assert all(f"{package.name} {package.version}" in card for package in plan.held_out)
    with pytest.raises(DataError, match="lacks 'training'"):
        card_of({"held_out": facts["held_out"]}, plan, model)
    assert json.dumps(facts)


def test_recall_is_asked_beside_the_network_where_a_model_has_one(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "code").mkdir()
    for number in range(3):
        (tmp_path / "code" / f"{number}.py").write_text(CODE * 4)
    words = ["bench", "held-out", "--model", str(model), "--source", str(tmp_path / "code"), "--lines", "6"]
    assert main.run([*words, "--only", "recall"], sets_itself_up=False) == 2
    assert "'train recall' fits it" in capsys.readouterr().err
    recalling = shutil.copytree(model, tmp_path / "model")
    write_recall(recalling, Recall(0.0, 0.0, 0.0, 0.0, 20.0, 0.0, 0.0))
    words[3] = str(recalling)
    asked = [*words, "--only", "model", "--only", "recall", "--output", str(tmp_path / "measured.json")]
    assert main.run(asked, sets_itself_up=False) == 0
    found = json.loads((tmp_path / "measured.json").read_text())["held_out"]
    assert found["recall"]["next_exact"] > found["model"]["next_exact"], "each line stands there four times"
    assert found["recall"]["bits_per_byte"] != found["model"]["bits_per_byte"]


def test_what_runs_have_read_and_cost_is_told_from_them(model: Path, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    for number in range(8):
        (tmp_path / "code" / f"part_{number}.py").write_text(CODE + f"\n\nTOTAL_{number} = {number}\n" * 20)
    sources = Sources((tmp_path / "code",), ScanSpec(), "no")
    Preparation(sources, model, PrepareSpec(context=32, fim_rate=0.0)).run(tmp_path / "data", lambda *_: None)
    spec = tiny_spec(tmp_path, "full", model=str(model), data=str(tmp_path / "data"), steps=3)
    run = new_run(tmp_path / "run", spec)
    log = EventLog(run)
    sit(run, spec, Control(), log.write, open_corpus(spec))
    log.close()
    rows = rows_read(run)
    assert [len(row) for row in rows] == [spec.context_tokens + 1] * (3 * spec.accumulation * spec.batch_size)
    batch = PackedBatches(
        PreparedData.open(tmp_path / "data"), "train", 2, spec.context_tokens, spec.seed
    ).at(0)
    assert rows[0][:-1].tolist() == batch.inputs[0].tolist()
    cost = cost_of([run, run], 1000)
    assert (cost.runs, cost.steps, cost.tokens) == (2, 6, 2 * 3 * 4 * 24)
    assert cost.flops == 6 * 1000 * cost.tokens
    assert cost.sources == ("code",)
    assert 0 < cost.hours < 1
    rows = rows_prepared(tmp_path / "data")
    assert [len(row) for row in rows] == [33] * (PreparedData.open(tmp_path / "data").tokens("train") // 33)


def test_of_lessons_too_what_was_read_are_tokens(model: Path, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    for number in range(8):
        documented = (
            f'def f{number}(x):\n    """Returns {number} times the number x."""\n    y = x\n    return y\n'
        )
        (tmp_path / "code" / f"part_{number}.py").write_text(documented)
    sources = Sources((tmp_path / "code",), ScanSpec(), "only")
    Preparation(sources, model, PrepareSpec(context=64, pairs="only")).run(tmp_path / "data", lambda *_: None)
    spec = tiny_spec(
        tmp_path, "full", model=str(model), data=str(tmp_path / "data"), steps=1, context_tokens=64
    )
    run = new_run(tmp_path / "run", spec)
    log = EventLog(run)
    sit(run, spec, Control(), log.write, open_corpus(spec))
    log.close()
    assert min(row.min() for row in rows_read(run)) >= 0


def test_a_model_that_went_on_from_another_has_cost_what_both_did(tmp_path: Path) -> None:
    first, second = Cost(2, 100, 4000, 0.5, 1e9, ("best", "main")), Cost(1, 10, 400, 0.25, 1e8, ("best",))
    measured = tmp_path / "measured.json"
    assert cost_in(measured) is None
    measured.write_text(json.dumps({"held_out": {}}))
    assert cost_in(measured) is None
    measured.write_text(json.dumps({"training": to_json(first)}))
    before = cost_in(measured)
    assert before == first
    assert before + second == Cost(3, 110, 4400, 0.75, 1.1e9, ("best", "main"))
