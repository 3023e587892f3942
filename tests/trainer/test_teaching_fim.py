"""A model without marks for filling in the middle gets them, keeps what it knew, and learns their meaning."""

import json
from pathlib import Path

import pytest
import torch

import main
from core.checkpoint.load import open_model
from core.checkpoint.native import write_native
from core.text.fim import find_marks
from core.text.new_marks import NEW_MARKS, with_fim_marks
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from tests.tiny import tiny_model, tiny_tokenizer
from tests.trainer.runs import tiny_model_folder
from trainer.spec.runs import Run
from trainer.spec.verdict import read_verdict
from trainer.teaching_fim import make_ready

TEXT = "def add(a, b):\n    return a + b  # Grüße\n"


def markless(folder: Path, kind: str, spare: bool = False) -> Tokenizer:
    """With other tokens in the places of its marks."""
    (folder / kind).mkdir()
    tokenizer = tiny_tokenizer(folder / kind, "pieces" if kind == "pieces" else "json")
    if kind == "pieces":
        return tokenizer
    path = folder / kind / "tokenizer.json"
    text = path.read_text()
    for number, mark in enumerate(("prefix", "suffix", "middle", "pad")):
        name = f"<|reserved_{number}|>" if spare else f"<|other_{mark}|>"
        text = text.replace(f"<|fim_{mark}|>", name)
    path.write_text(text)
    return open_tokenizer(folder / kind)


@pytest.mark.parametrize(("kind", "spare"), [("pieces", False), ("json", False), ("json", True)])
def test_a_vocabulary_gets_marks_and_is_else_the_same(kind: str, spare: bool, tmp_path: Path) -> None:
    before = markless(tmp_path, kind, spare)
    assert find_marks(before) is None
    after = with_fim_marks(before)
    marks = find_marks(after)
    assert marks is not None
    assert [after.spelling(mark) for mark in (marks.prefix, marks.suffix, marks.middle)] == [*NEW_MARKS]
    assert after.vocab_size == before.vocab_size + (0 if spare else 3)
    assert after.encode(TEXT) == before.encode(TEXT)
    assert not set(after.encode(" ".join(NEW_MARKS))) & {marks.prefix, marks.suffix, marks.middle}
    (tmp_path / "saved").mkdir()
    after.save(tmp_path / "saved")
    assert find_marks(open_tokenizer(tmp_path / "saved")) == marks
    assert with_fim_marks(after) is after


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("room", [0, 12])
def test_a_model_keeps_what_it_computes(tied: bool, room: int, tmp_path: Path) -> None:
    """Its tables grow only where they have no rows left."""
    tokenizer = markless(tmp_path, "json")
    size = tokenizer.vocab_size + room
    model = tiny_model(vocab_size=size, tie_embeddings=tied)
    write_native(model, tokenizer, tmp_path / "model", torch.float32)
    make_ready(open_model(tmp_path / "model"), tmp_path / "base")
    ready = open_model(tmp_path / "base")
    assert ready.config.vocab_size == size + (0 if room else 3)
    ids = torch.tensor([tokenizer.encode(TEXT)])
    torch.testing.assert_close(
        ready.load()(ids)[..., : tokenizer.vocab_size], model(ids)[..., : tokenizer.vocab_size]
    )
    marks = find_marks(ready.tokenizer())
    assert marks is not None
    rows = ready.load().embed.weight[[marks.prefix, marks.suffix, marks.middle or 0]]
    assert torch.pdist(rows).min() > 0.01


def test_exact_middles_rise_from_nothing(tmp_path: Path) -> None:
    """What is hidden stands in what comes after it alone; so without it nobody could know."""
    tokenizer = markless(tmp_path, "json")
    model = tiny_model_folder(tmp_path / "tiny")
    write_native(open_model(model).load(), tokenizer, tmp_path / "model", torch.float32)
    kinds = {"a": "alpha", "b": "beta", "c": "gamma", "d": "delta"}
    with (tmp_path / "texts.jsonl").open("w") as file:
        for number in range(400):
            kind = "abcd"[number % 4]
            text = f"{number}\n\n{kinds[kind]}({kinds[kind]})\n#{kind}\n"
            file.write(json.dumps({"text": text}) + "\n")
    words = [
        *(
            "--spec",
            "teach-fim",
            "--model",
            str(tmp_path / "model"),
            "--source",
            str(tmp_path / "texts.jsonl"),
        ),
        *("--steps", "400", "--batch-size", "16", "--accumulation", "1", "--context-tokens", "64"),
        *("--learning-rate", "0.003", "--threads", "1", "--fim-rate", "1", "--validate-every", "200"),
        *("--precision", "fp32", "--judged-lines", "12", "--judged-tasks", "0"),
    ]
    assert main.run(["train", "new", str(tmp_path / "run"), *words], sets_itself_up=False) == 0
    verdict = read_verdict(Run(tmp_path / "run"))
    assert verdict is not None
    before, after = verdict.held_out_before, verdict.held_out_after
    assert before is not None
    assert after is not None
    assert (before.lines, before.exact) == (12, 0)
    assert after.exact >= 5


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--recipe", "lora"], "set recipe to full"),
        (["--fim-rate", "0"], "set --fim-rate above 0"),
        (["--model", "smallcoder-tiny"], "vocabulary|no weights"),
    ],
)
def test_what_cannot_be_taught_so_is_refused(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = ["--model", str(tiny_model_folder(tmp_path / "model"))]
    given = ["train", "new", str(tmp_path / "run"), "--spec", "teach-fim", *model, *words]
    assert main.run(given, sets_itself_up=False) == 2
    import re

    assert re.search(sentence, capsys.readouterr().err)
