"""A run that was stopped at any step and gone on with is, bit for bit, the run that was never stopped."""

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.runs import RECIPES, go, new_run, saved_files, tiny_spec

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "adamw": {"optimizer": "adamw"},
    "muon": {"optimizer": "muon"},
    "lion": {"optimizer": "lion", "learning_rate": 1e-3},
    "adamw8": {"optimizer": "adamw8"},
    "in_backward": {"in_backward": True, "accumulation": 1, "max_grad_norm": 0.0},
}
WAYS = [
    *(
        (recipe, optimizer)
        for recipe in RECIPES
        for optimizer in OPTIMIZERS
        if not (optimizer == "muon" and recipe in ("lora", "qlora", "dpo"))
    ),
]


def same_as_never_stopped(folder: Path, stops: tuple[int, ...], recipe: str, changes: dict[str, Any]) -> None:
    spec = tiny_spec(folder, recipe, **changes)
    whole = new_run(folder / "whole", spec)
    assert not go(whole).stopped
    run = new_run(folder / "stopped", spec)
    for stop in stops:
        assert go(run, stop_at=stop).stopped
        assert run.steps_saved()[-1] == stop
    assert not go(run).stopped
    expected, found = saved_files(whole), saved_files(run)
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.parametrize(("recipe", "optimizer"), WAYS)
def test_stopped_and_gone_on_with_is_never_stopped(tmp_path: Path, recipe: str, optimizer: str) -> None:
    same_as_never_stopped(tmp_path, (3,), recipe, OPTIMIZERS[optimizer])


@pytest.mark.parametrize("stop", [1, 2, 4, 5])
def test_at_any_step(tmp_path: Path, stop: int) -> None:
    same_as_never_stopped(tmp_path, (stop,), "lora", {})


def test_several_times(tmp_path: Path) -> None:
    same_as_never_stopped(tmp_path, (1, 2, 5), "full", {"schedule": "wsd"})


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
@pytest.mark.parametrize("recipe", ["full", "lora"])
def test_in_half_precision(tmp_path: Path, precision: str, recipe: str) -> None:
    same_as_never_stopped(tmp_path, (2,), recipe, {"precision": precision})
