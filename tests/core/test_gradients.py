"""Hand-written gradients against those that torch records for the plain operations."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from core.model import gradients
from core.model.rope import rotate
from tests.tiny import tiny_model


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(dtype).requires_grad_()


def agree(ours: Callable[..., Tensor], plain: Callable[..., Tensor], *inputs: Tensor, within: float) -> None:
    one, other = ours(*inputs), plain(*inputs)
    assert one.dtype == other.dtype
    near(one, other, within)
    direction = drawn(*other.shape, seed=9).to(other.dtype)
    found = torch.autograd.grad(one, inputs, direction)
    expected = torch.autograd.grad(other, inputs, direction)
    for each, wanted in zip(found, expected, strict=True):
        assert each.dtype == wanted.dtype
        near(each, wanted, within)


def near(one: Tensor, other: Tensor, within: float) -> None:
    assert ((one - other).detach().norm() / other.detach().norm()).item() < within


TYPES = [(torch.float32, 1e-5), (torch.bfloat16, 0.03)]


@pytest.mark.parametrize(("dtype", "within"), TYPES)
def test_norm(dtype: torch.dtype, within: float) -> None:
    def plain(x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x.float(), weight.shape, eps=1e-5).to(x.dtype) * weight

    x, weight = drawn(3, 7, 48, dtype=dtype), drawn(48, seed=1, dtype=dtype)
    agree(lambda x, weight: gradients.rms_norm(x, weight, 1e-5), plain, x, weight, within=within)


def test_a_frozen_norm_passes_the_gradient_on() -> None:
    x, weight = drawn(5, 16), torch.ones(16)
    gradients.rms_norm(x, weight, 1e-5)[0, 0].backward()
    assert x.grad is not None
    assert x.grad[0].any()
    assert not x.grad[1:].any()


@pytest.mark.parametrize(("dtype", "within"), TYPES)
def test_gate(dtype: torch.dtype, within: float) -> None:
    inputs = drawn(4, 33, dtype=dtype), drawn(4, 33, seed=1, dtype=dtype)
    agree(gradients.gated, lambda gate, up: F.silu(gate) * up, *inputs, within=within)


@pytest.mark.parametrize(("dtype", "within"), TYPES)
def test_rotation(dtype: torch.dtype, within: float) -> None:
    angles = torch.rand(5, 4) * 6
    cos, sin = (torch.cat((part, part), dim=-1).to(dtype) for part in (angles.cos(), angles.sin()))
    x = drawn(2, 5, 3, 8, dtype=dtype).transpose(1, 2)
    agree(lambda x: gradients.rotated(x, cos, sin), lambda x: rotate(x, cos, sin), x, within=within)


@pytest.mark.parametrize(("dtype", "within"), TYPES)
@pytest.mark.parametrize("positions", [2, 63, 64, 65, 200])
@pytest.mark.parametrize("heads", [(4, 4), (6, 2), (3, 1)])
def test_attention(dtype: torch.dtype, within: float, positions: int, heads: tuple[int, int]) -> None:
    q_heads, kv_heads = heads
    # as the network has them: heads behind positions in memory
    q, k, v = (
        drawn(2, positions, count, 16, seed=count + place, dtype=dtype).transpose(1, 2)
        for place, count in enumerate((q_heads, kv_heads, kv_heads))
    )
    agree(
        lambda q, k, v: gradients.causal_attention(q, k, v, 0.3),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3, enable_gqa=True),
        *(q, k, v),
        within=within,
    )


@pytest.mark.parametrize(
    "changes",
    [{}, {"qk_norm": True}, {"norm": "layer", "mlp": "gelu", "bias": "all"}, {"sliding_window": 5}],
    ids=["llama", "qwen3", "gpt", "window"],
)
@pytest.mark.parametrize("recomputes", [False, True])
def test_the_network_learns_as_with_plain_operations(
    changes: dict[str, Any], recomputes: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(**changes).requires_grad_(True)
    ids = torch.randint(512, (2, 70), generator=torch.Generator().manual_seed(0))

    def learn() -> list[Tensor]:
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        return [loss, *torch.autograd.grad(loss, list(model.parameters()))]

    model.recomputes_layers = recomputes
    ours = learn()
    model.recomputes_layers = False
    monkeypatch.setattr(
        gradients, "rms_norm", lambda x, weight, eps: F.rms_norm(x, x.shape[-1:], weight, eps)
    )
    monkeypatch.setattr(gradients, "gated", lambda gate, up: F.silu(gate) * up)
    monkeypatch.setattr(gradients, "rotated", rotate)
    monkeypatch.setattr(gradients, "serves_attention", lambda _: False)
    for found, expected in zip(ours, learn(), strict=True):
        near(found, expected, 1e-4)
