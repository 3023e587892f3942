"""`train` as a process of its own: events, stops, kills at any moment, refusals."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.spec.fields import from_json
from core.spec.lines import EVENTS, from_line
from core.spec.messages import Event, Failed, Finished, Progress, Saved, Started
from tests.benchmarks import fits
from tests.tiny import tiny_folder, tiny_tokenizer
from tests.trainer.runs import saved_files
from trainer.resume import load_last
from trainer.spec.estimates import Estimate
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, make_wish

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "import sys, main; sys.exit(main.main())"]
STEPS = 40


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model, and data prepared from a little code."""
    folder = tmp_path_factory.mktemp("material")
    (folder / "vocabulary").mkdir()
    tiny_folder(folder / "model", tiny_tokenizer(folder / "vocabulary"))
    (folder / "code").mkdir()
    for number in range(12):
        text = "".join(f"def function_{number}_{line}(x):\n    return x + {line}\n\n" for line in range(30))
        (folder / "code" / f"module_{number}.py").write_text(text)
    done = run(folder, "data", "prepare", "code", "--tokenizer", "model", "--out", "data", "--context", "64")
    assert done.returncode == 0, done.stderr
    return folder


def environment(folder: Path) -> dict[str, str]:
    home = str(folder / "home")
    return {**os.environ, "PYTHONPATH": str(ROOT), "SMALLCODER_HOME": home, "OMP_NUM_THREADS": "1"}


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *words], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )


def started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def flags(**changes: Any) -> list[str]:
    settings = {
        **{"recipe": "full", "model": "model", "data": "data", "steps": STEPS, "batch_size": 2},
        **{"accumulation": 1, "context_tokens": 64, "precision": "fp32", "device": "cpu", "threads": 1},
        **{"validate_every": 0, "checkpoint_every": 1, "learning_rate": 0.001, **changes},
    }
    return [word for name, value in settings.items() for word in ("--" + name.replace("_", "-"), str(value))]


def events(process: subprocess.Popen[bytes]) -> Iterator[Event]:
    assert process.stdout is not None
    for line in process.stdout:
        yield from_line(line, EVENTS)


def finish(process: subprocess.Popen[bytes]) -> int:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.read()
    process.stdout.close()
    return process.wait(60)


def test_it_tells_events_and_keeps_the_same_ones(material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = started(material, "train", "new", str(folder), *flags(steps=3), "--events")
    told = list(events(process))
    assert finish(process) == 0
    assert isinstance(told[0], Started)
    assert isinstance(told[-1], Finished)
    assert [event.step for event in told if isinstance(event, Saved)] == [1, 2, 3]
    assert list(Run(folder).events()) == told
    listed = run(material, "train", "list", "--json")
    assert json.loads(listed.stdout) == []  # it is not among the person's own


def test_the_end_of_standard_input_stops_and_saves(material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    words = flags(steps=100_000, checkpoint_every=0)
    process = started(material, "train", "new", str(folder), *words, "--events")
    told = events(process)
    assert any(isinstance(event, Progress) and event.step >= 1 for event in told)
    assert process.stdin is not None
    process.stdin.close()
    last = list(told)[-1]
    assert isinstance(last, Finished)
    assert last.stopped
    assert process.wait(60) == 0
    assert process.stdout is not None
    process.stdout.close()
    saved = Run(folder).steps_saved()
    assert len(saved) == 1
    process = started(material, "train", "resume", str(folder), "--events")
    assert any(isinstance(event, Progress) and event.step > saved[0] for event in events(process))
    process.send_signal(signal.SIGTERM)
    assert finish(process) == 0
    assert Run(folder).steps_saved()[0] > saved[0]


def test_paused_it_waits(material: Path, tmp_path: Path) -> None:
    process = started(material, "train", "new", str(tmp_path / "run"), *flags(steps=100_000), "--events")
    told = events(process)
    assert process.stdin is not None
    assert any(isinstance(event, Progress) for event in told)
    process.stdin.write(b"pause\n")
    process.stdin.flush()
    assert any(getattr(event, "text", "") == "paused" for event in told)
    process.stdin.write(b"resume\n")
    process.stdin.flush()
    assert any(getattr(event, "text", "") == "going on" for event in told)
    assert any(isinstance(event, Progress) for event in told)
    assert finish(process) == 0


def test_wishes_reach_a_run_through_its_folder_from_any_process(material: Path, tmp_path: Path) -> None:
    run_here = Run(tmp_path / "run")
    words = flags(steps=100_000, checkpoint_every=0)
    done = run(material, "train", "new", str(run_here.folder), *words, "--begin-only")
    assert done.returncode == 0, done.stderr
    assert run_here.steps_saved() == []
    make_wish(run_here, "stop")  # older than the process: meant for none
    process = started(material, "train", "resume", str(run_here.folder), "--events")
    told = events(process)
    assert any(isinstance(event, Progress) for event in told)
    second = run(material, "train", "resume", str(run_here.folder), "--events")
    assert "is running already" in second.stderr
    assert not any(isinstance(event, Failed) for event in run_here.events())  # it tells of the first alone
    make_wish(run_here, "pause", seconds=0.5)
    assert any(getattr(event, "text", "") == "paused" for event in told)
    assert any(getattr(event, "text", "") == "going on" for event in told)  # which nobody has wished
    done = run(material, "train", "stop", str(run_here.folder))
    assert done.returncode == 0, done.stderr
    last = list(told)[-1]
    assert isinstance(last, Finished)
    assert last.stopped
    assert finish(process) == 0
    done = run(material, "train", "pause", str(run_here.folder))
    assert done.returncode == 2
    assert "does not go on just now" in done.stderr


def test_an_estimate_holds_what_a_run_would_take(material: Path) -> None:
    words = [word for word in flags(steps=10) if word not in ("--data", "data")]
    done = run(material, "train", "estimate", *words, "--measure-seconds", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    found = from_json(Estimate, json.loads(done.stdout), "it")
    spec = TrainSpec(recipe="full", model="model", data="data", steps=10, context_tokens=64)
    assert found.tokens_per_s is not None
    assert found.seconds(spec) == pytest.approx(10 * 4 * 4 * 64 / found.tokens_per_s)
    assert found.plan(spec).fits
    assert not found.plan(replace(spec, batch_size=65536, context_tokens=2**19)).fits


def killed_at_random(folder: Path, words: Sequence[str], chances: random.Random) -> None:
    """After a first checkpoint of this sitting, somewhere in the writing of one of the next."""
    process = started(folder, *words)
    next(event for event in events(process) if isinstance(event, Saved))
    time.sleep(chances.uniform(0, 0.3))
    process.kill()
    assert process.wait(60) == -signal.SIGKILL
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    process.stdout.close()


@pytest.mark.parametrize("kills", [3, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
def test_killed_at_any_moment_it_goes_on_as_if_it_never_was(
    material: Path, tmp_path: Path, kills: int
) -> None:
    chances, steps = random.Random(kills), 20 * kills + 40
    whole, run_folder = tmp_path / "whole", tmp_path / "killed"
    done = run(material, "train", "new", str(whole), *flags(steps=steps, checkpoint_every=0))
    assert done.returncode == 0, done.stderr
    words = ["train", "new", str(run_folder), *flags(steps=steps), "--events"]
    reached = 0
    for _ in range(kills):
        killed_at_random(material, words, chances)
        words = ["train", "resume", str(run_folder), "--events"]
        moment = load_last(Run(run_folder))
        assert moment is not None
        assert moment.progress.step > reached
        reached = moment.progress.step
    done = run(material, "train", "resume", str(run_folder))
    assert done.returncode == 0, done.stderr
    assert saved_files(Run(run_folder)) == saved_files(Run(whole))
    assert [path.name for path in (run_folder / "checkpoints").iterdir()] == [f"step-{steps:08d}"]


def test_a_full_disk_is_told_in_a_sentence(material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run(material, "train", "new", str(folder), *flags(steps=2)).returncode == 0
    Run(folder).events_file.unlink()
    Run(folder).events_file.symlink_to("/dev/full")
    done = run(material, "train", "resume", str(folder))
    assert done.returncode == 2
    assert "free some space" in done.stderr
    assert "Traceback" not in done.stderr


def test_who_goes_on_may_have_another_limit_for_memory(material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run(material, "train", "new", str(folder), *flags(steps=2), "--ram-mb", "0").returncode == 0
    done = run(material, "train", "resume", str(folder), "--ram-mb", "16")
    assert done.returncode == 2
    assert "of 16 MB others hold" in done.stderr


def test_an_estimate_of_named_settings_is_that_of_the_run_and_of_the_table_in_the_readme(
    tmp_path: Path,
) -> None:
    words = ["--spec", "finetune-folder", "--precision", "fp32", "--threads", "1", "--device", "cpu"]
    words += ["--measure-seconds", "0"]
    done = run(tmp_path, "train", "estimate", *words)
    assert done.returncode == 0, done.stderr
    (shown,) = (row for row in fits.table().splitlines() if "comes along" in row)
    assert f"= {shown.split('|')[-2].strip()}\n" in done.stdout
    larger = run(tmp_path, "train", "estimate", *words, "--batch-size", "4")
    assert larger.stdout != done.stdout


def test_a_failure_is_an_event_too(material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert run(material, "train", "new", str(folder), *flags(steps=2)).returncode == 0
    for path in Run(folder).checkpoint(2).glob("state.json"):
        path.write_text("{")
    process = started(material, "train", "resume", str(folder), "--events")
    told = list(events(process))
    assert finish(process) == 2
    assert isinstance(told[-1], Failed)
    assert told[-1].kind == "job"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "nowhere"}, "no model at nowhere"),
        ({"data": "nowhere"}, "nowhere"),
        ({"learning_rate": "fast"}, "learning-rate"),
        ({"batch_size": 10_000}, "not enough for one batch"),
        ({"context_tokens": 4096, "model": "smallcoder-nano"}, "context"),
        ({"recipe": "dpo"}, "pairs of answers"),
        ({"recipe": "distil"}, "--teacher"),
        ({"recipe": "lora", "optimizer": "muon"}, "muon"),
        ({"ram_mb": 300}, "--anyway"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    material: Path, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    done = run(material, "train", "new", str(tmp_path / "run"), *flags(**changes))
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_settings_come_from_a_file_and_flags_stand_above_them(material: Path, tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"recipe": "full", "model": "model", "data": "data", "steps": 7, "seed": 5}))
    given = ["--spec", str(file), "--steps", "2", "--threads", "1", "--context-tokens", "64"]
    done = run(material, "train", "new", str(tmp_path / "run"), *given, "--batch-size", "2")
    assert done.returncode == 0, done.stderr
    spec = Run(tmp_path / "run").spec()
    assert (spec.steps, spec.seed, spec.learning_rate) == (2, 5, 5e-5)
    assert run(material, "train", "new", "x", "--spec", "nothing").returncode == 2
