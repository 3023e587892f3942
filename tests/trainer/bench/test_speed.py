"""`bench speed` as a process of its own: what it prints, of files and of presets, and what it refuses."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint.preset import open_preset
from core.model.transformer import count_parameters
from core.spec.lines import EVENTS, from_line
from core.spec.messages import Finished, Progress
from core.spec.presets import PRESETS
from tests.tiny import tiny_folder, tiny_tokenizer
from trainer.bench.alone import OthersLoad
from trainer.bench.speed import _p95

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-c", "import sys, main; sys.exit(main.main())", "bench", "speed"]
SHORT = ("--prompt-tokens", "20", "--new-tokens", "4", "--rounds", "2", "--threads", "1")
FIGURES = ("prefill_tokens_per_s", "decode_tokens_per_s", "first_token_ms", "keystroke_ms", "total_ms")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speed")
    tiny_folder(folder / "model", tiny_tokenizer(folder))
    return folder / "model"


def speed(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SMALLCODER_HOME": str(folder / "home")}
    return subprocess.run(
        [*COMMAND, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def rows_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def test_one_model_is_one_object_of_a_list_with_its_figures(model: Path) -> None:
    output = model.parent / "speed.json"
    words = ("--model", "model", "--precision", "int8", *SHORT, "--json", "--output", str(output))
    (row,) = rows_of(speed(model.parent, *words))
    assert (row["model"], row["weights"], row["precision"], row["threads"]) == ("model", "stored", "int8", 1)
    assert row["kernel"]
    assert all(row[figure] > 0 for figure in FIGURES)
    assert row["first_token_ms"] == pytest.approx(20 / row["prefill_tokens_per_s"] * 1000)
    assert row["peak_ram_bytes"] > 50e6  # no torch is smaller
    assert json.loads(output.read_text()) == [row]


def test_every_model_and_precision_is_measured_in_a_process_of_its_own(model: Path) -> None:
    words = ("--model", "model", "--precision", "int4,int4", "--precision", "fp32", *SHORT, "--json")
    rows = rows_of(speed(model.parent, *words, "--prompt-tokens", "30,10"))
    kept = max((model.parent / "home" / "data" / "benchmarks").glob("*-speed.json"))
    assert json.loads(kept.read_text()) == rows
    assert [row["precision"] for row in rows] == ["int4", "fp32"]
    assert [row["peak_ram_bytes"] for row in rows] != [rows[0]["peak_ram_bytes"]] * 2
    for row in rows:
        assert [length["prompt_tokens"] for length in row["lengths"]] == [10, 30]
        assert row["prompt_tokens"] == 30
        assert row["decode_tokens_per_s"] == row["lengths"][-1]["decode_tokens_per_s"]
        low, high = row["decode_tokens_per_s_low"], row["decode_tokens_per_s_high"]
        assert low <= row["decode_tokens_per_s"] <= high
        assert (row["kind"], row["was_alone"], row["parameters"]) == ("speed", True, 106_816)
        assert row["machine"]["processor"]
        assert 0 <= row["others_share"] <= 1


def test_what_cannot_be_measured_is_said_and_the_rest_is_still_told(model: Path) -> None:
    done = speed(model.parent, "--model", "nowhere", "--model", "model", *SHORT, "--json")
    assert done.returncode == 2
    assert "There is no model at nowhere" in done.stderr
    assert [row["model"] for row in json.loads(done.stdout)] == ["model"]


def test_a_prompt_longer_than_the_model_reads_is_refused_in_a_sentence(model: Path) -> None:
    done = speed(model.parent, "--model", "model", *SHORT, "--prompt-tokens", "100000")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "together" in done.stderr


def test_a_preset_opens_as_if_stored_with_the_same_weights_each_time() -> None:
    stored = open_preset("smalllm-25m")
    stored.check()
    names = dict.fromkeys(name for name, _ in stored.parameters())
    model = stored.load(torch.bfloat16)
    assert sum(weight.numel() for weight in model.parameters()) == count_parameters(PRESETS["smalllm-25m"])
    again = dict(open_preset("smalllm-25m").parameters(torch.bfloat16))
    assert list(again) == list(names)
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, again[name])
    assert not torch.equal(again["layers.0.attn.q.weight"], again["layers.0.attn.k.weight"])


def test_the_95th_percentile_is_one_of_the_values() -> None:
    assert _p95([3.0]) == 3.0
    assert _p95([5.0, 1.0]) == 5.0
    assert _p95([float(number) for number in range(1, 101)]) == 95.0


def test_a_speed_benchmark_that_was_stopped_goes_on(model: Path, tmp_path: Path) -> None:
    words = ["--model", "model", "--precision", "fp32,int8", *SHORT, "--output", str(tmp_path / "speed.json")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "SMALLCODER_HOME": str(model.parent / "home")}
    with subprocess.Popen(
        [*COMMAND, *words, "--events"],
        cwd=model.parent,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        for line in process.stdout:
            event = from_line(line, EVENTS)
            if isinstance(event, Progress) and event.step == 1:
                assert {metric.name for metric in event.metrics} >= {"decode_tokens_per_s", "peak_ram_bytes"}
                process.stdin.close()
    assert process.returncode == 130
    assert isinstance(event, Finished)
    assert event.stopped
    part = tmp_path / "speed.json.part"
    [kept] = [json.loads(line)["row"] for line in part.read_text().splitlines()[1:]]
    first, second = rows_of(speed(model.parent, *words, "--json"))
    assert first["decode_tokens_per_s"] == kept["decode_tokens_per_s"], "it was not measured again"
    assert second["precision"] == "int8"
    assert not part.exists()


def test_what_other_programs_take_is_noticed() -> None:
    own, others = OthersLoad(), OthersLoad()
    spin = "import time\nwhile time.process_time() < 0.5: pass"
    subprocess.run([sys.executable, "-c", spin], check=True)
    assert others.share() > 0.1 / (os.cpu_count() or 1)
    assert own.share() <= 1
