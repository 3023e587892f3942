"""A plan of a benchmark: its commands are ones that the program takes, its promise is of what is known."""

import argparse
from dataclasses import replace
from typing import Any

import pytest

from app.benchmarks.plan import BenchPlan, estimate
from core.spec.fields import from_flags
from core.spec.presets import PRESETS
from trainer.cli import bench
from trainer.spec.bench import QualitySettings, RepoSettings
from trainer.spec.results import Result
from trainer.spec.speed import SpeedSettings

PLAN = BenchPlan(models=("/m/one", "/m/two"), precisions=("int8", "int4"))


def parsed(words: tuple[str, ...]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    bench.fill(parser)
    assert words[0] == "bench"
    return parser.parse_args(words[1:])


def test_every_command_is_one_that_the_program_takes_and_means_the_same() -> None:
    plan = replace(
        PLAN,
        parts=("speed", "tasks", "file", "repo"),
        file="/t/tasks.jsonl",
        folders=("/code",),
        limit=5,
        speed=SpeedSettings(prompt_tokens=(64, 128), rounds=2),
        quality=QualitySettings(attempts=4, k=(1, 4), temperature=0.2, check_references=False),
        repo=RepoSettings(cuts=("block", "single-line"), per_cut=9),
    )
    speed, tasks, file, repo = (parsed(words) for words in plan.commands())
    for arguments in (speed, tasks, file, repo):
        assert arguments.model == ["/m/one", "/m/two"]
        assert arguments.precision == ["int8,int4"]
        assert arguments.events
    assert from_flags(SpeedSettings, speed) == plan.speed
    assert from_flags(QualitySettings, tasks) == replace(plan.quality, limit=5)
    assert (tasks.suite, file.suite) == ("smallcoder", "/t/tasks.jsonl")
    assert from_flags(RepoSettings, repo) == replace(plan.repo, limit=5)
    agreed = plan.commands(unconfined=True)
    assert [from_flags(QualitySettings, parsed(words)).unconfined for words in agreed[1:3]] == [True, True]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"models": ()}, "at least one model"),
        ({"precisions": ()}, "at least one precision"),
        ({"parts": ()}, "what to measure"),
        ({"parts": ("file",)}, "a file of tasks"),
        ({"parts": ("repo",)}, "a folder of your code"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, Any], sentence: str) -> None:
    assert PLAN.problem == ""
    assert sentence in replace(PLAN, **changes).problem


def test_time_is_told_from_what_was_measured_and_guessed_from_sizes_where_not() -> None:
    plan = replace(PLAN, models=("/m/one",), precisions=("int8",), parts=("tasks",))
    networks = {"/m/one": PRESETS["smallcoder-medium"]}
    guessed = estimate(plan, [], networks)
    assert not guessed.is_measured
    assert estimate(plan, [], {"/m/one": PRESETS["smallcoder-tiny"]}).seconds < guessed.seconds
    figures = {"model": "/m/one", "precision": "int8"}
    past = [
        Result({**figures, "kind": "quality", "seconds": 300.0, "total": 15}, ()),
        Result({**figures, "kind": "speed", "decode_tokens_per_s": 50.0, "prefill_tokens_per_s": 500.0}, ()),
    ]
    known = estimate(plan, past, networks)
    assert known.is_measured
    assert known.seconds == pytest.approx(300, abs=15)
    assert estimate(replace(plan, limit=5), past, networks).seconds == pytest.approx(100, abs=15)
    assert "as measured before" in known.sentence
    assert not estimate(replace(plan, precisions=("int4",)), past, networks).is_measured
