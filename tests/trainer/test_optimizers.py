"""Optimisers: against torch's own where it has one, against their definition where not; memory to and fro."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from core.spec.errors import JobError
from trainer.optimizers.adamw8 import AdamW8
from trainer.optimizers.muon import Muon, orthogonal
from trainer.optimizers.optimizer import Optimizer
from trainer.optimizers.rules import AdamW, Gradient, Lion, Rule
from trainer.spec.jobs import TrainSpec, settled

CPU = torch.device("cpu")


def spec(**changes: Any) -> TrainSpec:
    settings: dict[str, Any] = {
        **{"recipe": "full", "model": "m", "data": "d", "learning_rate": 0.01, "weight_decay": 0.1},
        **{"max_grad_norm": 0.0, "precision": "fp32", **changes},
    }
    return settled(TrainSpec(**settings))


def parameters(seed: int = 0) -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return {
        "embed.weight": nn.Parameter(torch.randn(64, 128, generator=generator)),
        "layers.0.attn.q.weight": nn.Parameter(torch.randn(96, 128, generator=generator)),
        "norm.weight": nn.Parameter(torch.ones(128)),
    }


def backward(optimizer: Optimizer, number: int, scale: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(number)
    losses = [
        (parameter.float() * torch.randn(parameter.shape, generator=generator) * scale).sum()
        for parameter in optimizer.parameters.values()
    ]
    optimizer.begin(1.0)
    optimizer.backward(sum(losses, torch.zeros(())))


def steps(optimizer: Optimizer, numbers: range) -> None:
    for number in numbers:
        backward(optimizer, number)
        optimizer.step()


def test_adamw_is_torchs_and_decays_matrices_alone() -> None:
    ours, theirs = parameters(), parameters()
    optimizer = Optimizer(ours, spec(), CPU, torch.float32)
    reference = torch.optim.AdamW(
        [
            {"params": [each for each in theirs.values() if each.dim() > 1], "weight_decay": 0.1},
            {"params": [theirs["norm.weight"]], "weight_decay": 0.0},
        ],
        lr=0.01,
        betas=(0.9, 0.95),
    )
    for number in range(5):
        backward(optimizer, number)
        for name, parameter in theirs.items():
            assert ours[name].grad is not None
            parameter.grad = ours[name].grad.clone()
        optimizer.step()
        reference.step()
    for name, parameter in ours.items():
        torch.testing.assert_close(parameter, theirs[name], rtol=1e-5, atol=1e-6)


def test_lion_steps_by_the_sign() -> None:
    weight, gradient = torch.zeros(4), torch.tensor([1.0, -2.0, 3.0, 0.0])
    rule = Lion(0.9, 0.99)
    state = rule.begin(weight)
    rule.step(weight, Gradient(gradient), state, 0.1, 0.0)
    torch.testing.assert_close(weight, torch.tensor([-0.1, 0.1, -0.1, 0.0]))
    torch.testing.assert_close(state["mean"], gradient * 0.01)
    rule.step(weight, Gradient(torch.tensor([-0.01, 0.0, 0.0, 0.0])), state, 0.1, 0.5)
    torch.testing.assert_close(weight, torch.tensor([-0.195, 0.195, -0.195, 0.0]))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("shape", [(64, 64), (96, 32), (32, 96)])
def test_muons_direction_has_singular_values_near_one(shape: tuple[int, int], dtype: torch.dtype) -> None:
    torch.manual_seed(3)
    matrix = torch.randn(shape) @ torch.diag(torch.logspace(-2, 1, shape[1]))
    values = torch.linalg.svdvals(orthogonal(matrix, dtype).float())
    assert float(values.max()) < 1.2
    assert float(values.median()) > 0.8


@pytest.mark.parametrize("working", [torch.bfloat16, torch.float32, torch.float16])
def test_muon_computes_in_bf16_only_where_the_network_does(working: torch.dtype) -> None:
    """Elsewhere it may be emulated, which made two thirds of a step's time on processors without it."""
    seen: list[str] = []

    class Watched(TorchDispatchMode):
        def __torch_dispatch__(
            self, operation: Any, types: Any, arguments: Any = (), keywords: Any = None
        ) -> Any:
            if operation.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm):
                seen.append(str(arguments[0].dtype))
            return operation(*arguments, **(keywords or {}))

    weight = nn.Parameter(torch.randn(32, 16))
    optimizer = Optimizer({"layers.0.weight": weight}, spec(optimizer="muon"), CPU, working)
    optimizer.begin(1.0)
    (weight.float() ** 2).sum().backward()
    with Watched():
        optimizer.step()
    assert set(seen) == {"torch.bfloat16" if working == torch.bfloat16 else "torch.float32"}


@pytest.mark.parametrize(("decades", "most"), [(0, 0.02), (2, 0.03), (4, 0.07)])
def test_adamw8_stays_near_adamw(decades: int, most: float) -> None:
    """Also where gradients of one block differ by powers of ten."""
    torch.manual_seed(0)
    exact, packed = torch.zeros(64, 128), torch.zeros(64, 128)
    rules = AdamW(0.9, 0.95), AdamW8(0.9, 0.95)
    states = rules[0].begin(exact), rules[1].begin(packed)
    sizes = torch.logspace(-decades, 0, 128)[torch.randperm(128)]
    for _ in range(30):
        gradient = (torch.randn(64, 128) + 0.5) * sizes
        rules[0].step(exact, Gradient(gradient), states[0], 0.01, 0.0)
        rules[1].step(packed, Gradient(gradient.clone()), states[1], 0.01, 0.0)
    assert float((exact - packed).norm() / exact.norm()) < most


def test_adamw8_takes_a_quarter_of_the_memory() -> None:
    weight = torch.zeros(1024, 256)
    exact = sum(tensor.nbytes for tensor in AdamW(0.9, 0.95).begin(weight).values())
    packed = sum(tensor.nbytes for tensor in AdamW8(0.9, 0.95).begin(weight).values())
    assert packed < 0.27 * exact


WAYS: dict[str, dict[str, Any]] = {
    **{name: {"optimizer": name} for name in ("adamw", "muon", "lion", "adamw8")},
    "offload": {"offload": True, "device": "cuda"},  # where it computes is handed over apart
}


@pytest.mark.parametrize("working", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("way", WAYS)
def test_memory_to_and_fro_changes_nothing(way: str, working: torch.dtype) -> None:
    one = Optimizer(parameters(), spec(**WAYS[way]), CPU, working)
    steps(one, range(3))
    weights = {name: tensor.clone() for name, tensor in one.weights().items()}
    state = {name: tensor.clone() for name, tensor in one.state().items()}
    other = Optimizer(parameters(seed=9), spec(**WAYS[way]), CPU, working)
    other.load(weights, state)
    steps(one, range(3, 6))
    steps(other, range(3, 6))
    assert one.state().keys() == other.state().keys()
    for name, tensor in one.state().items():
        assert torch.equal(tensor, other.state()[name])
    for name, parameter in one.parameters.items():
        assert torch.equal(parameter, other.parameters[name])
        assert parameter.dtype == working


def test_a_state_of_another_network_is_refused() -> None:
    one = Optimizer(parameters(), spec(), CPU, torch.float32)
    other = Optimizer({"norm.weight": nn.Parameter(torch.ones(3))}, spec(), CPU, torch.float32)
    with pytest.raises(JobError, match="does not belong"):
        other.load(one.weights(), one.state())


def test_offload_and_in_backward_take_the_same_steps_as_the_plain_way() -> None:
    results: list[dict[str, Tensor]] = []
    for changes in ({}, WAYS["offload"], {"in_backward": True, "accumulation": 1}):
        optimizer = Optimizer(parameters(), spec(**changes), CPU, torch.float32)
        steps(optimizer, range(4))
        assert all(parameter.grad is None for parameter in optimizer.parameters.values())
        results.append({name: tensor.clone() for name, tensor in optimizer.weights().items()})
        optimizer.close()
    for other in results[1:]:
        for name, tensor in results[0].items():
            torch.testing.assert_close(tensor, other[name], rtol=1e-6, atol=1e-7)


def test_small_steps_are_not_lost_in_half_precision() -> None:
    optimizer = Optimizer(parameters(), spec(learning_rate=1e-5, weight_decay=0.0), CPU, torch.bfloat16)
    before = optimizer.weights()["norm.weight"].clone()
    for _ in range(100):
        backward(optimizer, 0)
        optimizer.step()
    moved = (optimizer.weights()["norm.weight"] - before).abs()
    torch.testing.assert_close(moved, torch.full_like(moved, 1e-3), rtol=0.02, atol=0)


def test_gradients_of_several_batches_add_up_exactly() -> None:
    optimizer = Optimizer({"norm.weight": nn.Parameter(torch.ones(4))}, spec(), CPU, torch.bfloat16)
    for _ in range(512):
        (optimizer.parameters["norm.weight"].float() * 0.001953125).sum().backward()
    assert float(optimizer._gradients["norm.weight"][0]) == 1.0


@pytest.mark.parametrize("rule", [AdamW(0.9, 0.95), AdamW8(0.9, 0.95), Lion(0.9, 0.95), Muon(torch.bfloat16)])
def test_a_narrow_gradient_steps_as_the_same_one_in_fp32(rule: Rule) -> None:
    """Which is longer than what is stepped at once."""
    generator = torch.Generator().manual_seed(4)
    narrow = torch.randn(768, 512, generator=generator).bfloat16()
    learnt = []
    for gradient in (Gradient(narrow.clone(), 0.25), Gradient(narrow.float() * 0.25)):
        weight = torch.ones(768, 512)
        state = rule.begin(weight)
        rule.step(weight, gradient, state, 0.01, 0.1)
        learnt.append([weight, *state.values()])
    for one, other in zip(*learnt, strict=True):
        assert torch.equal(one, other)


def test_the_length_of_narrow_gradients_is_exact() -> None:
    """A sum of squares kept in bf16 would stand still long before its end."""
    weight = nn.Parameter(torch.ones(2**18))
    optimizer = Optimizer({"embed.weight": weight}, spec(max_grad_norm=1e9), CPU, torch.bfloat16)
    optimizer.begin(1.0)
    (weight.float() * 0.5).sum().backward()
    assert optimizer.step().norm == pytest.approx(256.0, rel=1e-5)


def test_a_step_without_any_gradient_moves_nothing() -> None:
    optimizer = Optimizer(parameters(), spec(), CPU, torch.bfloat16)
    before = optimizer.weights()["embed.weight"].clone()
    optimizer.begin(1.0)
    assert optimizer.step().norm == 0
    assert torch.equal(optimizer.weights()["embed.weight"], before)


@pytest.mark.parametrize("working", [torch.float32, torch.bfloat16])
def test_long_gradients_are_shortened(working: torch.dtype) -> None:
    optimizer = Optimizer(parameters(), spec(optimizer="lion", max_grad_norm=1.0), CPU, working)
    backward(optimizer, 1, scale=100)
    taken = optimizer.step()
    assert taken.norm is not None
    assert taken.norm > 1000
    means = [tensor for name, tensor in optimizer.state().items() if name.endswith(":mean")]
    assert float(torch.nn.utils.get_total_norm(means)) == pytest.approx(0.05, rel=1e-3)


def test_an_overflow_of_fp16_costs_a_step_and_halves_the_scale() -> None:
    optimizer = Optimizer(parameters(), spec(), CPU, torch.float16)
    before = optimizer.weights()["embed.weight"].clone()
    backward(optimizer, 1, scale=1e4)
    assert optimizer.step().was_skipped
    assert optimizer.scale.value == 2**15
    assert torch.equal(before, optimizer.weights()["embed.weight"])
    backward(optimizer, 1, scale=1e-2)
    assert not optimizer.step().was_skipped
    assert not torch.equal(before, optimizer.weights()["embed.weight"])
