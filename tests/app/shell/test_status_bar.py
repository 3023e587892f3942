"""What the status bar says of the engine: each state in a few words, and the whole story in the tip."""

import os

import psutil
import pytest

from app.engine_client import EngineState, Target
from app.shell.memory_gauge import Memory, measured
from app.shell.status_bar import described
from core.spec.messages import ModelFacts
from core.spec.placement import Placement

TARGET = Target("/models/nano", Placement())
FACTS = ModelFacts(
    name="nano",
    precision="int8",
    device="cpu",
    kernel="avx512",
    threads=2,
    context_tokens=1024,
    concessions=("fp16 on the card needs 2 GB, and 1 GB is free.",),
    has_fim=True,
    has_chat=False,
    parameters=1,
    weights_bytes=1,
    cache_bytes=1,
)


@pytest.mark.parametrize(
    ("state", "few", "more"),
    [
        (EngineState(), "No model", "press to choose"),
        (EngineState("starting", TARGET), "Starting the engine…", "nano"),
        (EngineState("loading", TARGET, step="packing weights"), "Loading nano…", "packing weights"),
        (EngineState("ready", TARGET, FACTS), "nano · int8 · cpu", "fp16 on the card needs 2 GB"),
        (EngineState("failed", TARGET, problem="It is gone."), "The model is not running", "It is gone."),
        (EngineState("idle", TARGET, is_resting=True), "nano (resting)", "comes back as you type"),
        (EngineState("idle", TARGET), "nano (not loaded)", "not loaded"),
        (EngineState("loading", Target("C:\\models\\nano\\", Placement())), "Loading nano…", "nano"),
    ],
)
def test_each_state_of_the_engine_is_said(state: EngineState, few: str, more: str) -> None:
    said, about = described(state)
    assert said == few
    assert more in about


def test_memory_is_ours_and_others_within_the_limit() -> None:
    memory = measured([os.getpid()], budget_mb=0)
    assert memory.limit_bytes == psutil.virtual_memory().total
    assert memory.ours_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert 0 < memory.share < 1.5
    assert measured([2**22 + 1], budget_mb=512) == Memory(
        0, pytest.approx(memory.others_bytes + memory.ours_bytes, rel=0.5), 512 * 2**20
    )


def test_memory_is_said_in_numbers_and_not_by_colour_alone() -> None:
    memory = Memory(300 * 2**20, 3 * 2**30, 8 * 2**30)
    assert memory.text == "3.3 / 8.0 GB"
    assert memory.details == "Memory: SmallCoder 300 MB, other programs 3.0 GB, of 8.0 GB"
