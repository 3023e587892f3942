"""Lanes: batches side by side give what one after the other gives, in the same order each time."""

import threading
from pathlib import Path

import pytest
import torch

from core.checkpoint.load import open_model
from core.spec.errors import UsageError
from tests.trainer.runs import DrawnBatches, go, new_run, tiny_spec
from trainer.data.batches import Batch
from trainer.lanes import Lanes
from trainer.spec.runs import Run


def weights(run: Run) -> dict[str, torch.Tensor]:
    return dict(open_model(run.checkpoint(run.steps_saved()[-1]) / "model").parameters())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_side_by_side_learns_what_one_after_the_other_learns(optimizer: str, tmp_path: Path) -> None:
    shape = {"accumulation": 5, "steps": 3, "threads": 2, "validate_every": 0, "optimizer": optimizer}
    learnt = []
    for lanes in (1, 2):
        run = new_run(tmp_path / f"lanes-{lanes}", tiny_spec(tmp_path, "pretrain", lanes=lanes, **shape))
        go(run)
        learnt.append(weights(run))
    for name, weight in learnt[0].items():
        torch.testing.assert_close(
            weight, learnt[1][name], rtol=0, atol=1e-6 if optimizer == "adamw" else 1e-3
        )


def test_the_same_run_gives_the_same_bits_again(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "pretrain", lanes=2, threads=2, accumulation=6, steps=4, precision="bf16")
    runs = [new_run(tmp_path / name, spec) for name in ("one", "other")]
    for run in runs:
        go(run)
    one, other = map(weights, runs)
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "pretrain", threads=2, accumulation=4, steps=4)
    assert spec.lanes == 2
    whole, stopped = (new_run(tmp_path / name, spec) for name in ("whole", "stopped"))
    go(whole)
    assert go(stopped, stop_at=2).stopped
    go(stopped)
    one, other = weights(whole), weights(stopped)
    assert all(torch.equal(weight, other[name]) for name, weight in one.items())


def test_results_come_in_order_and_work_overlaps() -> None:
    both_there = threading.Barrier(2, timeout=30)  # broken unless two are under way at once
    lanes = Lanes(2)

    def work(number: int) -> int:
        both_there.wait()
        return number * number

    assert list(lanes.each(work, range(6))) == [0, 1, 4, 9, 16, 25]
    lanes.close()


def test_a_lane_that_is_held_up_does_not_stall_the_other() -> None:
    """The first batch ends only after the last that may run ahead of it has ended."""
    others_done, ended = threading.Event(), list[int]()
    lanes = Lanes(2, waiting=4)

    def work(number: int) -> int:
        if number == 0:
            assert others_done.wait(timeout=30)
        ended.append(number)
        if number == 4:
            others_done.set()
        return number

    assert list(lanes.each(work, range(9))) == list(range(9))
    assert sorted(ended[:4]) == [1, 2, 3, 4]
    lanes.close()


def test_no_more_results_wait_than_may() -> None:
    """While the first is under way, as many others as lanes and room allow are begun, and no more."""
    begun, first_may_end = list[int](), threading.Event()
    lanes = Lanes(2, waiting=3)

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            assert first_may_end.wait(timeout=30)
        if number == 4:
            first_may_end.set()
            assert 5 not in begun
        return number

    assert list(lanes.each(work, range(9))) == list(range(9))
    lanes.close()


def test_threads_are_shared_out_and_given_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    lanes = Lanes(2)
    assert set(lanes.each(lambda _: torch.get_num_threads(), range(8))) == {2}
    lanes.close()
    assert torch.get_num_threads() == 4
    torch.set_num_threads(before)


def test_an_error_in_a_lane_comes_out() -> None:
    lanes = Lanes(2)
    with pytest.raises(ZeroDivisionError):
        list(lanes.each(lambda number: 1 // number, [1, 0, 1]))
    lanes.close()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"accumulation": 1}, "2 lanes share out 1 batches"),
        ({"threads": 1}, "each lane needs a thread"),
        ({"device": "cuda"}, "a card has none"),
        ({"precision": "fp16"}, "bf16 or fp32"),
        ({"schedule": "cosine", "finish_minutes": 3.0, "lanes": 1}, "cosine falls by steps"),
    ],
)
def test_what_excludes_lanes_is_said(changes: dict[str, object], why: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=why):
        tiny_spec(tmp_path, "pretrain", **({"lanes": 2, "threads": 2} | changes))


@pytest.mark.parametrize(
    ("batch_size", "accumulation", "threads", "expected"),
    [
        (2, 2, 2, (2, 2, 2)),
        (2, 1, 2, (1, 2, 2)),  # a batch is cut, and a step sees the same rows
        (4, 3, 6, (4, 3, 3)),
        (4, 4, 3, (4, 4, 1)),  # threads that nobody had would stand idle
        (1, 1, 2, (1, 1, 1)),
        (2, 2, 1, (2, 2, 1)),
    ],
)
def test_who_says_nothing_gets_lanes_that_share_evenly(
    batch_size: int, accumulation: int, threads: int, expected: tuple[int, int, int], tmp_path: Path
) -> None:
    given = {"batch_size": batch_size, "accumulation": accumulation, "threads": threads}
    spec = tiny_spec(tmp_path, "pretrain", **given)
    assert (spec.batch_size, spec.accumulation, spec.lanes) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"lanes": 1},
        {"checkpoint_layers": True},
        {"recipe": "lora", "lora_dropout": 0.1},
        {"recipe": "dpo"},
        {"ram_mb": 1},
        {"precision": "fp16"},
    ],
)
def test_no_lanes_where_they_are_not_wanted_or_have_no_room(
    changes: dict[str, object], tmp_path: Path
) -> None:
    recipe = str(changes.pop("recipe", "pretrain"))
    assert tiny_spec(tmp_path, recipe, **({"threads": 2} | changes)).lanes == 1


def test_processes_that_share_a_step_have_one_lane_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert tiny_spec(tmp_path, "pretrain", threads=2).lanes == 1


class Cut(DrawnBatches):
    """The same rows, one at a time."""

    def at(self, number: int) -> Batch:
        whole, row = super().at(number // 2), slice(number % 2, number % 2 + 1)
        return Batch(whole.inputs[row], whole.targets[row])


def test_a_cut_batch_learns_what_the_whole_one_learns(tmp_path: Path) -> None:
    shape = {"batch_size": 2, "accumulation": 1, "steps": 3, "threads": 2, "validate_every": 0}
    learnt = []
    for lanes, batches in ((0, Cut()), (1, DrawnBatches())):
        run = new_run(tmp_path / f"lanes-{lanes}", tiny_spec(tmp_path, "pretrain", lanes=lanes, **shape))
        go(run, batches=batches)
        learnt.append(weights(run))
    for name, weight in learnt[0].items():
        torch.testing.assert_close(weight, learnt[1][name], rtol=0, atol=1e-5)
