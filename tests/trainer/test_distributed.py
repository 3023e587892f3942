"""Several processes train what one would, save it together, and a run moves from one to several and back."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint.adapter import read_adapter
from core.checkpoint.load import open_model
from core.spec.errors import UsageError
from core.spec.messages import Metric, Progress
from tests.trainer.runs import DrawnBatches, go, new_run, tiny_spec
from trainer.distributed import Group, check
from trainer.resume import Circumstances, load_last
from trainer.resume import changes as changes_since
from trainer.spec.runs import Run

ROOT = Path(__file__).parents[2]


def together(processes: int, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    launcher = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        f"--nproc-per-node={processes}",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*launcher, *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def sit(run: Run, processes: int, stop_at: int | None = None) -> None:
    """The rest of it, or until that step."""
    if processes == 1:
        go(run, stop_at=stop_at, batches=DrawnBatches(run.spec().batch_size))
        return
    words = ["-m", "tests.trainer.together", str(run.folder)]
    done = together(processes, *words, *([] if stop_at is None else [str(stop_at)]))
    assert done.returncode == 0, done.stderr[-3000:]


def learnt(run: Run, step: int) -> dict[str, torch.Tensor]:
    folder = run.checkpoint(step) / "model"
    if run.spec().trains_adapter:
        return read_adapter(open_model(Path(run.spec().model)).config, folder)[0]
    return dict(open_model(folder).parameters())


def validations(run: Run) -> list[Metric]:
    events = [event for event in run.events() if isinstance(event, Progress)]
    return [metric for event in events for metric in event.metrics if metric.name == "validation_loss"]


Moves = tuple[str, dict[str, Any], tuple[tuple[int, int | None], ...]]
MOVES: dict[str, Moves] = {
    "one, four, two": ("pretrain", {"optimizer": "lion"}, ((1, 2), (4, 4), (2, None))),
    "an adapter": ("lora", {"lora_dropout": 0.0}, ((2, 2), (1, 4), (2, None))),
    "distil": ("distil", {"teacher": "model"}, ((2, 3), (2, None))),
    "bf16": ("full", {"precision": "bf16"}, ((2, 3), (2, None))),
    "dpo": ("dpo", {}, ((2, None),)),
    "qlora": ("qlora", {}, ((2, None),)),
}


def moves_as_one_process_would(move: tuple[Any, ...], folder: Path) -> None:
    recipe, changes, sittings = move
    changes = {"batch_size": 8, "learning_rate": 1e-3, **changes}
    spec = tiny_spec(folder, recipe, **changes)
    alone, moving = new_run(folder / "alone", spec), new_run(folder / "moving", spec)
    sit(alone, 1)
    for processes, stop_at in sittings:
        sit(moving, processes, stop_at)
    one, other = learnt(alone, 6), learnt(moving, 6)
    assert one.keys() == other.keys()
    slack = 2e-3 if spec.precision == "bf16" else 2e-5
    for name, weight in one.items():
        torch.testing.assert_close(other[name], weight, rtol=1e-3, atol=slack)


def test_a_run_moves_from_one_process_to_two_and_back(tmp_path: Path) -> None:
    changes = {"weight_decay": 0.1, "checkpoint_layers": True}
    moves_as_one_process_would(("full", changes, ((1, 2), (2, 4), (1, None))), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", MOVES)
def test_so_do_others(name: str, tmp_path: Path) -> None:
    moves_as_one_process_would(MOVES[name], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["full", "lora"])
def test_as_many_processes_as_before_go_on_bit_for_bit(recipe: str, tmp_path: Path) -> None:
    """Chances too: each process has its own, and gets them back."""
    spec = tiny_spec(tmp_path, recipe, batch_size=4, lora_dropout=0.2)
    whole, stopped = new_run(tmp_path / "whole", spec), new_run(tmp_path / "stopped", spec)
    sit(whole, 2)
    sit(stopped, 2, 3)
    sit(stopped, 2)
    one, other = learnt(whole, 6), learnt(stopped, 6)
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_main_trains_under_torchrun_and_alone_goes_on(tmp_path: Path) -> None:
    """From a folder to a judged model, with one voice; nothing in its checkpoints can run."""
    tiny_spec(tmp_path)
    (tmp_path / "code").mkdir()
    for number in range(12):
        text = "".join(f"def part_{part}(x):\n    return x + {number}\n\n" for part in range(20))
        (tmp_path / "code" / f"m{number}.py").write_text(text)
    words = [
        *(str(ROOT / "main.py"), "train", "new", "./run", "--recipe", "full", "--model", "model"),
        *("--source", "code", "--steps", "4", "--batch-size", "4", "--accumulation", "1", "--threads", "1"),
        *(
            "--context-tokens",
            "64",
            "--judged-lines",
            "2",
            "--judged-tasks",
            "0",
            "--precision",
            "fp32",
            "--validate-every",
            "2",
        ),
        *("--sample-every", "2"),
    ]
    done = together(2, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("finished:") == 1
    assert done.stdout.count("sample: def") == 2
    run = Run(tmp_path / "run")
    assert run.verdict_file.is_file()
    moment = load_last(run)
    assert moment is not None
    assert moment.circumstances.processes == 2
    kinds = {path.suffix for path in run.checkpoints.rglob("*") if path.is_file()}
    assert kinds == {".safetensors", ".json", ".md"}
    assert len(validations(run)) == 2


def test_what_cannot_be_spread_is_refused(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path)
    for changes, sentence in (
        ({"optimizer": "muon"}, "take adamw"),
        ({"in_backward": True, "accumulation": 1, "max_grad_norm": 0.0}, "leave it out"),
        ({"lanes": 2, "threads": 2}, "set lanes to 1"),
    ):
        check(replace(spec, **changes), Group())
        with pytest.raises(UsageError, match=sentence):
            check(replace(spec, **changes), Group(0, 2))


def test_a_change_of_processes_is_said() -> None:
    before = Circumstances("d", "b", "s", "2.13", "cpu", 1, processes=2)
    (note,) = changes_since(before, replace(before, processes=1), anyway=False)
    assert "1 processes, before 2" in note
