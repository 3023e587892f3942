"""What a run computes in, as this processor can."""

import pytest
import torch

from core.model import kernels
from trainer.running import slow_precision
from trainer.spec.jobs import TrainPrecision, TrainSpec, settled


@pytest.mark.parametrize(
    ("precision", "fast", "is_said"),
    [
        ("bf16", torch.float32, True),
        ("fp16", torch.float32, True),
        ("bf16", torch.bfloat16, False),
        ("fp32", torch.float32, False),
    ],
)
def test_a_precision_that_the_processor_only_imitates_is_said(
    precision: TrainPrecision, fast: torch.dtype, is_said: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernels, "fastest_wide", lambda: fast)
    spec = settled(TrainSpec(recipe="pretrain", model="smallcoder-nano", data="d", precision=precision))
    said = slow_precision(spec, torch.device("cpu")) or ""
    assert (f"imitates {precision}" in said) == is_said
    assert slow_precision(spec, torch.device("cuda")) is None
