"""What the status bar says of the engine: each state in a few words, and the whole story in the tip."""

import pytest

from app.engine_client import EngineState, Target
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
