"""What a person may set of a run, what excludes each other, and the run's folder."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.spec.errors import JobError, UsageError
from core.spec.fields import from_json, settings_of, to_json
from core.spec.messages import Finished, Metric, Note, Progress, Started
from core.spec.presets import PRESETS
from core.spec.training_budget import TrainingShape, to_train
from trainer.spec.jobs import MAY_CHANGE, TrainSpec, differences, settled, warmup_of
from trainer.spec.runs import EventLog, Run, all_runs, create_run, find_run, summary

GIVEN: dict[str, Any] = {"recipe": "lora", "model": "m", "data": "d"}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"in_backward": True, "max_grad_norm": 0.0}, "cannot be accumulated"),
        ({"in_backward": True, "accumulation": 1}, "length is not known"),
        ({"in_backward": True, "accumulation": 1, "max_grad_norm": 0.0, "precision": "fp16"}, "overflow"),
        ({"in_backward": True, "accumulation": 1, "max_grad_norm": 0.0, "offload": True}, "saves nothing"),
        ({"offload": True, "device": "cpu"}, "leave it out"),
        ({"recipe": "distil"}, "name one with --teacher"),
        ({"teacher": "t"}, "leave it out"),
        ({"optimizer": "muon"}, "take adamw"),
        ({"recipe": "dpo", "batch_size": 3}, "must be even"),
        ({"lora_layers": ("q", "gates")}, "did you mean 'gate'"),
    ],
)
def test_what_excludes_each_other_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        TrainSpec(**{**GIVEN, **changes})


def test_every_setting_explains_itself_and_survives_json() -> None:
    spec = TrainSpec(**GIVEN, lora_layers=("q", "v"), learning_rate=1e-3)
    assert from_json(TrainSpec, json.loads(json.dumps(to_json(spec))), "x") == spec
    assert all(len(item.help) > 5 for item in settings_of(TrainSpec))
    assert {item.name for item in settings_of(TrainSpec)} >= MAY_CHANGE


def test_settled_settings_leave_nothing_to_a_later_version() -> None:
    spec = settled(TrainSpec(**GIVEN))
    assert (spec.learning_rate, spec.weight_decay) == (2e-4, 0.0)
    assert settled(spec) == spec
    assert settled(TrainSpec(**GIVEN, learning_rate=0.5)).learning_rate == 0.5


def test_only_what_decides_numbers_makes_another_run() -> None:
    spec = settled(TrainSpec(**GIVEN))
    assert differences(spec, replace(spec, minutes=3.0, threads=2, checkpoint_every=7)) == {}
    assert differences(spec, replace(spec, seed=1, lora_rank=2)) == {"seed": (42, 1), "lora_rank": (16, 2)}


def test_warm_up_is_a_small_share_unless_said() -> None:
    spec = TrainSpec(**GIVEN)
    assert [warmup_of(spec, total) for total in (1, 100, 100_000)] == [0, 3, 100]
    assert warmup_of(replace(spec, warmup_steps=50), 20) == 20


def test_a_run_is_found_by_name_or_folder(tmp_path: Path) -> None:
    spec = settled(TrainSpec(**GIVEN))
    named, placed = create_run("mine", spec), create_run(str(tmp_path / "there"), spec)
    assert find_run("mine") == named
    assert find_run(str(tmp_path / "there")) == placed
    assert all_runs() == [named]
    assert named.spec() == spec
    with pytest.raises(UsageError, match="exists already"):
        create_run("mine", spec)
    with pytest.raises(UsageError, match="is no run"):
        find_run("nobodys").spec()


def test_a_folder_here_that_is_no_run_does_not_hide_the_run_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = create_run("code", settled(TrainSpec(**GIVEN)))
    for name in ("code", "other"):
        (tmp_path / name).mkdir()
    assert find_run("code") == named
    assert find_run("other") == Run(Path("other"))
    (tmp_path / "code" / "spec.json").write_text("{}")
    assert find_run("code") == Run(Path("code"))


def test_events_survive_a_line_that_a_kill_cut_short(tmp_path: Path) -> None:
    run = create_run(str(tmp_path / "run"), settled(TrainSpec(**GIVEN)))
    log = EventLog(run)
    log.write(Started("1", "cpu", 9))
    log.close()
    with run.events_file.open("ab") as file:
        file.write(b'{"type": "progress", "st')
    log = EventLog(run)
    log.write(Note("later"))
    log.close()
    assert list(run.events()) == [Started("1", "cpu", 9), Note("later")]


def test_a_full_disk_is_said_so(tmp_path: Path) -> None:
    run = create_run(str(tmp_path / "run"), settled(TrainSpec(**GIVEN)))
    run.events_file.symlink_to("/dev/full")
    log = EventLog(run)
    with pytest.raises(JobError, match="free some space"):
        log.write(Note("x"))
    with pytest.raises(JobError):
        log.close()


def test_a_summary_tells_how_far_a_run_is(tmp_path: Path) -> None:
    run = create_run(str(tmp_path / "run"), settled(TrainSpec(**GIVEN)))
    assert summary(run).state == "new"
    log = EventLog(run)
    log.write(Started("1", "cpu", 9))
    log.write(Progress(4, 9, (Metric("loss", 1.5),)))
    assert (summary(run).state, summary(run).step, summary(run).loss) == ("stopped", 4, 1.5)
    log.write(Finished())
    log.close()
    assert summary(run).state == "finished"


def test_the_budget_falls_with_every_way_to_hold_less() -> None:
    config = PRESETS["smallcoder-medium"]
    full = TrainingShape(4, 2048, 2, "adamw")
    adapter = {"adapter_rank": 16, "adapter_layers": ("q", "v"), "base_precision": "bf16"}
    ladder = [
        full,
        replace(full, recomputes_layers=True),
        replace(full, recomputes_layers=True, rows=1),
        replace(full, recomputes_layers=True, rows=1, optimizer="adamw8"),
        replace(full, recomputes_layers=True, rows=1, optimizer="adamw8", batches=1, in_backward=True),
        replace(full, recomputes_layers=True, rows=1, **adapter),
        replace(full, recomputes_layers=True, rows=1, **{**adapter, "base_precision": "int4"}),
    ]
    totals = [to_train(config, shape).total_bytes for shape in ladder]
    assert totals == sorted(totals, reverse=True)
    assert len({*totals}) == len(totals)
