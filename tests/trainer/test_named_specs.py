"""The named settings: each says the numbers that it should, and runs from its sources to a model.

For these runs networks have one narrow layer, batches two rows of 64 tokens; all else is as the settings say.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import main
from core.checkpoint.load import open_model
from core.spec.errors import UsageError
from core.spec.presets import PRESETS
from tests.trainer.runs import tiny_model_folder
from trainer.beginning import Beginning
from trainer.control import Control
from trainer.spec.plans import SPECS, plan_names, read_plan
from trainer.spec.runs import Run

NUMBERS: dict[str, dict[str, Any]] = {
    "smallcoder-medium": {
        **{"model": "smallcoder-medium", "precision": "fp16", "accumulation": 16, "batch_size": 2},
    },
    "smalllm-tinystories": {
        **{"model": "smalllm-25m", "optimizer": "adamw", "learning_rate": 3e-4, "weight_decay": 0.1},
        **{"warmup_steps": 2000, "schedule": "cosine", "batch_size": 32, "accumulation": 8, "patience": 5},
        **{"seed": 42, "checkpoint_every": 1000, "steps": 50_000},
    },
    "small-llm": {"model": "small-llm", "epochs": 5, "checkpoint_every": 100, "max_grad_norm": 1.0},
    "smollm2-135m": {
        **{"model": "smollm2-135m", "learning_rate": 3e-3, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.01},
        **{"precision": "bf16", "batch_size": 8, "context_tokens": 2048, "sample_every": 500},
        **{"checkpoint_every": 1000},
    },
    "distil-example": {"recipe": "distil"},
    "nano": {"model": "smallcoder-nano", "optimizer": "muon", "schedule": "wsd", "context_tokens": 1024},
    "finetune-folder": {"recipe": "lora", "lora_rank": 16, "lora_alpha": 32, "epochs": 3},
}
VOCABULARIES = {"smalllm-tinystories": 16_000, "small-llm": 10_000, "smollm2-135m": 49_152, "nano": 8192}
SHRUNKEN = {"n_layers": 1, "dim": 32, "n_heads": 2, "n_kv_heads": 2, "head_dim": 16, "ffn_dim": 32}
VARIANTS = [name for name in PRESETS if name.startswith("smallcoder-") and name != "smallcoder-nano"]


@pytest.mark.parametrize("name", NUMBERS)
def test_it_has_the_numbers_that_it_is_known_by(name: str) -> None:
    plan = read_plan(name)
    assert {key: plan.train[key] for key in NUMBERS[name]} == NUMBERS[name]
    assert plan.vocabulary == VOCABULARIES.get(name, plan.vocabulary)
    assert all(source.exists() for source in plan.sources)
    assert plan.packages is None or plan.packages.is_file()


def test_all_that_are_promised_are_there() -> None:
    assert set(NUMBERS) <= set(plan_names())


def test_what_is_not_meant_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'small-llm'"):
        read_plan("small-lm")
    for text, sentence in {
        "[]": "JSON object",
        "{": "not JSON",
        '{"train": {"stepz": 1}}': "did you mean 'steps'",
        '{"train": {}, "sources": "x"}': "must be a list",
        '{"train": {}, "recipes": 1}': "unknown key",
    }.items():
        (tmp_path / "plan.json").write_text(text)
        with pytest.raises(UsageError, match=sentence):
            read_plan(str(tmp_path / "plan.json"))


def begun(name: str, folder: Path, *words: str) -> Run:
    """Two steps of it, in this process."""
    small = ["--steps", "2", "--batch-size", "2", "--accumulation", "1", "--context-tokens", "64"]
    given = ["train", "new", str(folder / name), "--spec", name, *small, "--threads", "1", *words]
    assert main.run(given, sets_itself_up=False) == 0
    return Run(folder / name)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets of their own kind, but narrow; a sequence as long as theirs is kept to."""
    for name in ("smallcoder-medium", "smalllm-25m", "small-llm", "smollm2-135m", *VARIANTS):
        monkeypatch.setitem(PRESETS, name, replace(PRESETS[name], **SHRUNKEN))


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("name", ["smallcoder-medium", "small-llm", "smollm2-135m"])
def test_a_run_goes_from_samples_to_a_model(name: str, tmp_path: Path) -> None:
    run = begun(name, tmp_path)
    stored = open_model(run.checkpoint(2) / "model")
    assert stored.config == PRESETS[read_plan(name).train["model"]]
    assert stored.tokenizer().vocab_size > 512
    assert run.card.is_file()
    assert run.spec().precision == read_plan(name).train.get("precision", run.spec().precision)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_takes_the_same_settings(variant: str, tmp_path: Path) -> None:
    plan = read_plan("smallcoder-medium").given({"model": variant}, {}, ())
    spec = Beginning(plan, tmp_path, Control(), lambda _: None).spec()
    assert (spec.model, spec.precision, spec.batch_size, spec.accumulation) == (variant, "fp16", 2, 16)


@pytest.mark.usefixtures("narrow")
def test_a_student_learns_from_the_teacher_that_was_trained_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stories from Parquet, and a run's name where a model is asked for."""
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path / "home"))
    begun("smalllm-tinystories", tmp_path / "home" / "data" / "runs")
    run = begun("distil-example", tmp_path, "--teacher", "smalllm-tinystories")
    assert open_model(run.checkpoint(2) / "model").config.dim == 192


def test_a_folder_becomes_an_adapter(tmp_path: Path) -> None:
    model = tiny_model_folder(tmp_path / "model")
    code = tmp_path / "code"
    code.mkdir()
    for path in (SPECS.parent / "samples" / "code").glob("*.py"):
        (code / path.name).write_text(path.read_text())
    run = begun("finetune-folder", tmp_path, "--model", str(model), "--source", str(code), "--fim-rate", "1")
    assert (run.checkpoint(2) / "model" / "adapter_model.safetensors").is_file()
    assert '"fim_rate": 1.0' in (run.folder / "data" / "data.json").read_text()


def test_what_was_prepared_before_the_run_began_is_not_done_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here it cannot begin because its batches are too large for the data."""
    model = tiny_model_folder(tmp_path / "model")
    words = ["train", "new", str(tmp_path / "run"), "--spec", "finetune-folder", "--model", str(model)]
    words += ["--context-tokens", "64", "--steps", "1", "--threads", "1", "--accumulation", "1"]
    assert main.run([*words, "--batch-size", "60000", "--anyway"], sets_itself_up=False) == 2
    assert "not enough for one batch" in capsys.readouterr().err
    prepared = (tmp_path / "run" / "data" / "data.json").stat().st_mtime_ns
    assert main.run([*words, "--batch-size", "2"], sets_itself_up=False) == 0
    assert (tmp_path / "run" / "data" / "data.json").stat().st_mtime_ns == prepared


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "A run needs --recipe, --model, --data"),
        (["--recipe", "pretrain", "--model", "smallcoder-tiny", "--source", "."], "needs a vocabulary"),
        (["--recipe", "lora", "--model", "smallcoder-tiny", "--source", "nowhere"], "no weights|vocabulary"),
        (["--spec", "distil-example"], "name one with --teacher"),
        (["--recipe", "lora", "--source", ".", "--data", "d"], "give one"),
    ],
)
def test_what_is_missing_is_said(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert main.run(["train", "new", str(tmp_path / "run"), *words], sets_itself_up=False) == 2
    assert re.search(sentence, capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
