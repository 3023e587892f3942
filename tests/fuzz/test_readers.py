"""Damaged model files by the thousand, each read in a child whose memory is limited."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def fuzz(examples: int, seed: int) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "tests.fuzz.readers", str(examples), str(seed)]
    child = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert child.returncode == 0, child.stderr[-4000:]
    results: dict[str, dict[str, Any]] = json.loads(child.stdout)
    return results


def assert_all_ended_well(results: dict[str, dict[str, Any]], examples: int) -> None:
    assert results["gguf"]["unharmed"] == "read"
    assert results["safetensors"]["unharmed"] == "read in part"  # one of its types is no number
    for outcome in results.values():
        assert outcome["inputs"] >= examples // len(results)
        assert outcome["refused"] > outcome["inputs"] // 4
        assert outcome["refused"] < outcome["inputs"]
        assert outcome["slowest_ms"] < 2000


def test_damaged_files_are_read_or_refused_in_bounded_time_and_memory() -> None:
    assert_all_ended_well(fuzz(examples=1000, seed=42), examples=1000)


@pytest.mark.slow
def test_very_many_damaged_files_are_read_or_refused() -> None:
    assert_all_ended_well(fuzz(examples=24_000, seed=7), examples=24_000)
