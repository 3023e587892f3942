"""Adapters: attached, weighed, merged, on plain and quantised layers; to PEFT and back."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.checkpoint.adapter import attach_adapter, read_adapter, write_adapter
from core.checkpoint.huggingface import write_huggingface
from core.checkpoint.load import open_model
from core.checkpoint.packing import load_quantised
from core.model.frozen import multiply_frozen, unpacked
from core.model.lora import (
    Adapted,
    Detour,
    adapter_parameters,
    attach_new,
    attached,
    detach,
    merge,
    set_strength,
)
from core.model.quant import Linear4, Linear8, TorchPacking
from core.model.transformer import Transformer
from core.spec.errors import ModelFormatError, UsageError
from tests.tiny import tiny_model

# between the versions of peft and transformers that are pinned
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")

ALL = ("q", "k", "v", "o", "gate", "up", "down")
IDS = torch.tensor([[5, 17, 200, 3, 44, 9]])
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"bias": "qkv"},
    "qwen3": {"qk_norm": True},
    "starcoder2": {"norm": "layer", "mlp": "gelu_tanh", "bias": "all"},
    "gpt_bigcode": {
        **{"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "position": "learned"},
        **{"n_kv_heads": 1, "head_dim": 16},
    },
    "gpt_bigcode_by_head": {
        **{"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "position": "learned"},
        **{"n_kv_heads": 4, "head_dim": 16},
    },
}


def learnt(model: Transformer, name: str = "mine", layers: tuple[str, ...] = ALL, seed: int = 1) -> None:
    """Attached as if it had been trained: nothing in it is zero."""
    attach_new(model, name, layers, Detour(4, 2.0), dropout=0.0, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for parameter in adapter_parameters(model, name).values():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.1)


def logits(model: nn.Module) -> Tensor:
    with torch.no_grad():
        return model(IDS)[0]


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_a_new_adapter_changes_nothing_and_a_learnt_one_does() -> None:
    model = tiny_model()
    before = logits(model)
    attach_new(model, "new", ALL, Detour(4, 2.0), dropout=0.0, seed=1)
    assert torch.equal(logits(model), before)
    learnt(model)
    assert not torch.allclose(logits(model), before)


def test_detached_it_leaves_no_trace() -> None:
    model = tiny_model()
    before, names = logits(model), list(model.state_dict())
    learnt(model)
    learnt(model, "other", ("q", "up"))
    detach(model, "mine")
    assert attached(model) == ("other",)
    detach(model, "other")
    assert torch.equal(logits(model), before)
    assert list(model.state_dict()) == names


def test_two_adapters_add_up_and_each_has_its_strength() -> None:
    model = tiny_model()
    before = logits(model)
    learnt(model, "one", seed=1)
    alone = logits(model)
    learnt(model, "two", seed=2)
    assert not torch.allclose(logits(model), alone)
    set_strength(model, "two", 0.0)
    assert torch.equal(logits(model), alone)
    set_strength(model, "one", 0.0)
    assert torch.equal(logits(model), before)


@pytest.mark.parametrize("strength", [1.0, 0.3])
def test_merged_it_computes_the_same(strength: float) -> None:
    model = tiny_model()
    learnt(model)
    set_strength(model, "mine", strength)
    expected = logits(model)
    merge(model, "mine")
    assert attached(model) == ()
    assert not any(isinstance(module, Adapted) for module in model.modules())
    close(logits(model), expected)


def test_a_name_that_is_taken_or_unknown_is_refused() -> None:
    model = tiny_model()
    learnt(model)
    with pytest.raises(UsageError, match="choose another name"):
        learnt(model)
    with pytest.raises(UsageError, match="attached are: mine"):
        detach(model, "yours")


def peft_of(model: Transformer, folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    write_huggingface(model, None, folder, torch.float32)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layers", [ALL, ("q", "v", "o")])
def test_peft_reads_what_we_write(family: str, layers: tuple[str, ...], tmp_path: Path) -> None:
    from peft import PeftModel

    model = tiny_model(**FAMILIES[family])
    reference = peft_of(model, tmp_path / "base")
    learnt(model, layers=layers)
    write_adapter(model, "mine", tmp_path / "adapter", "base")
    theirs = PeftModel.from_pretrained(reference, tmp_path / "adapter")
    with torch.no_grad():
        close(theirs(IDS).logits[0], logits(model))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("rslora", [False, True])
def test_we_read_what_peft_writes(family: str, rslora: bool, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    model = tiny_model(**FAMILIES[family])
    reference = peft_of(model, tmp_path / "base")
    config = LoraConfig(
        r=3, lora_alpha=7, target_modules="all-linear", use_rslora=rslora, init_lora_weights=False
    )
    theirs = get_peft_model(reference, config).eval()
    with torch.no_grad():
        expected = theirs(IDS).logits[0]
    theirs.save_pretrained(str(tmp_path / "adapter"))
    attach_adapter(model, "theirs", tmp_path / "adapter")
    close(logits(model), expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_written_and_read_back_it_computes_the_same(family: str, tmp_path: Path) -> None:
    model = tiny_model(**FAMILIES[family])
    learnt(model)
    expected = logits(model)
    write_adapter(model, "mine", tmp_path / "adapter", "base")
    detach(model, "mine")
    attach_adapter(model, "again", tmp_path / "adapter")
    close(logits(model), expected)


def test_a_network_of_no_family_keeps_our_names(tmp_path: Path) -> None:
    model = tiny_model(mlp="swiglu", norm="layer")
    learnt(model)
    expected = logits(model)
    write_adapter(model, "mine", tmp_path / "adapter", "base")
    detach(model, "mine")
    attach_adapter(model, "again", tmp_path / "adapter")
    close(logits(model), expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [("peft_type", "LOHA"), ("use_dora", True), ("modules_to_save", ["lm_head"]), ("bias", "all")],
)
def test_what_is_no_plain_lora_is_refused_by_name(key: str, value: Any, tmp_path: Path) -> None:
    model = tiny_model()
    learnt(model)
    write_adapter(model, "mine", tmp_path / "adapter", "base")
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(ModelFormatError, match=key):
        read_adapter(model.config, tmp_path / "adapter")


def test_an_adapter_of_another_model_is_refused(tmp_path: Path) -> None:
    model = tiny_model()
    learnt(model)
    write_adapter(model, "mine", tmp_path / "adapter", "base")
    with pytest.raises(ModelFormatError, match="does not belong"):
        read_adapter(replace(model.config, ffn_dim=128), tmp_path / "adapter")
    with pytest.raises(ModelFormatError, match="has not"):
        read_adapter(replace(model.config, n_layers=1), tmp_path / "adapter")


@pytest.fixture(params=["int8", "int4"])
def quantised(request: pytest.FixtureRequest, tmp_path: Path) -> Transformer:
    write_huggingface(tiny_model(dim=128, ffn_dim=208), None, tmp_path / "base", torch.float32)
    stored = open_model(tmp_path / "base")
    return load_quantised(stored, request.param, TorchPacking(), tmp_path / "packed", lambda _: None)


def test_unpacked_weights_are_those_that_the_layer_computes_with(quantised: Transformer) -> None:
    seen = set()
    for module in quantised.modules():
        if isinstance(module, Linear8 | Linear4):
            weight = unpacked(module, torch.float32)
            columns = weight.shape[1]
            expected = module(torch.eye(columns)).t()
            torch.testing.assert_close(weight, expected, rtol=1e-2, atol=2e-3)
            seen.add(tuple(weight.shape))
    assert len(seen) > 3


def test_a_gradient_passes_through_frozen_weights(quantised: Transformer) -> None:
    layer = quantised.layers[0].mlp.up
    weight = unpacked(layer, torch.float32)
    x = torch.randn(3, 5, 128, requires_grad=True)
    ours, plain = multiply_frozen(x, layer), x @ weight.t()
    close(ours, plain)
    direction = torch.randn_like(plain)
    (found,) = torch.autograd.grad(ours, x, direction)
    (expected,) = torch.autograd.grad(plain, x, direction)
    close(found, expected)


def test_an_adapter_learns_through_quantised_layers_below_and_above_it(quantised: Transformer) -> None:
    learnt(quantised)
    parameters = adapter_parameters(quantised, "mine")
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    quantised.hidden(IDS).square().sum().backward()
    silent = [name for name, each in parameters.items() if each.grad is None or not each.grad.any()]
    assert silent == []


def test_a_detour_written_out_learns_what_torch_records_for_it(quantised: Transformer) -> None:
    learnt(quantised)
    # what learns nothing, as the first layer's input, goes through int4's own operation otherwise
    agree_written_out(quantised, 0.02)


@pytest.mark.parametrize("family", ["llama", "qwen2", "starcoder2"])
@pytest.mark.parametrize(("dtype", "within"), [(torch.float32, 1e-5), (torch.bfloat16, 0.05)])
def test_beside_plain_layers_it_does_too(family: str, dtype: torch.dtype, within: float) -> None:
    model = tiny_model(**FAMILIES[family])
    learnt(model)
    agree_written_out(model.to(dtype), within)


def agree_written_out(model: Transformer, within: float) -> None:
    """Both the loss and the gradient of all that the adapter holds."""
    parameters = list(adapter_parameters(model, "mine").values())
    for parameter in parameters:
        parameter.requires_grad_(True)

    def learn() -> list[Tensor]:
        loss = model.hidden(IDS).float().logsumexp(-1).sum()
        return [loss.detach(), *torch.autograd.grad(loss, parameters)]

    ours = learn()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Adapted, "_can_be_written_out", lambda *_: False)
        plain = learn()
    for one, other in zip(ours, plain, strict=True):
        assert one.dtype == other.dtype
        assert float((one - other).norm()) <= within * float(other.norm())


def test_quantised_weights_refuse_to_be_merged_into(quantised: Transformer) -> None:
    learnt(quantised)
    with pytest.raises(UsageError, match="without loss"):
        merge(quantised, "mine")
    assert attached(quantised) == ("mine",)
