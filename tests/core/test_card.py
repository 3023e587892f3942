"""What runs on a graphics card, on the processor: int4 weights, and the step that a graph repeats."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint.load import open_model
from core.checkpoint.packing import load_quantised
from core.generate.drafting import Guessing
from core.generate.loop import decode
from core.generate.sampling import Chooser
from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.card import CardLinear4, CardPacking
from core.model.graphs import OneToken
from core.model.quant import Quantised
from core.spec.errors import NotNumbers
from core.spec.sampling import Sampling
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer

NETWORKS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen3": {"qk_norm": True, "n_kv_heads": 4},
    "granite": {"embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_divisor": 2.0},
    "windowed": {"sliding_window": 20, "first_windowed_layer": 1},
    "starcoder": {"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "n_kv_heads": 1, "position": "learned"},
}
TOKENS = torch.randint(0, 512, (60,), generator=torch.Generator().manual_seed(1)).tolist()


def test_int4_on_a_card_errs_by_its_rounding_alone() -> None:
    weight, x = torch.randn(48, 96), torch.randn(5, 96)
    layer = CardLinear4(48, 96, has_bias=False)
    for name, tensor in layer.packed(weight).items():
        setattr(layer, name, tensor)
    groups = weight.view(48, 3, 32)
    half_a_step = (groups.amax(dim=-1) - groups.amin(dim=-1)) / 15 / 2
    loss = (layer.unpacked(torch.float32) - weight).abs().view(48, 3, 32).amax(dim=-1)
    assert (loss <= half_a_step * 1.1).all()  # scales are rounded too
    assert torch.allclose(layer(x), x @ layer.unpacked(torch.float32).T, atol=1e-5)


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("tied", [True, False])
def test_weights_for_a_card_are_kept_and_mapped_the_next_time(
    tmp_path: Path, precision: Quantised, tied: bool
) -> None:
    stored = open_model(tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path), tie_embeddings=tied))
    first, again = (
        load_quantised(stored, precision, CardPacking(), tmp_path / "packed", lambda _: None)
        for _ in range(2)
    )
    ids = torch.tensor([TOKENS])
    with torch.inference_mode():
        logits, exact = first(ids), stored.load(torch.float32)(ids)
        assert torch.equal(again(ids), logits)
    assert (logits - exact).norm() < (0.03 if precision == "int8" else 0.4) * exact.norm()
    assert any(isinstance(layer, CardLinear4) for layer in first.modules()) == (precision == "int4")


@pytest.mark.parametrize("network", NETWORKS)
@torch.inference_mode()
def test_the_step_of_a_graph_says_what_the_network_says(network: str) -> None:
    model = tiny_model(**NETWORKS[network])
    expected = model(torch.tensor([TOKENS]))[0]
    cache = KVCache(128, CacheRows(model.config, torch.float32))
    cache.make_room(len(TOKENS))
    layers: Any = cache.layers
    for layer in range(model.config.n_layers):
        layers.room(layer).zero_()
    model.read(TOKENS[:30], cache, last=1)
    step = OneToken(model, layers, cache.capacity)
    for position in range(30, len(TOKENS)):
        step.token.fill_(TOKENS[position])
        step.position.fill_(position)
        found = step.compute()[0]
        assert torch.allclose(found, expected[position], rtol=1e-3, atol=1e-3)


def test_a_text_that_overflows_leaves_nothing_behind_in_the_cache() -> None:
    model = tiny_model()
    model.embed.weight[7, 3] = float("nan")
    cache = KVCache(64, CacheRows(model.config, torch.float32))
    written = decode(
        model, cache, [1, 7, 2], guessing=Guessing(), chooser=Chooser(Sampling()), is_cancelled=lambda: False
    )
    with torch.inference_mode(), pytest.raises(NotNumbers):
        next(written)
    assert (len(cache), cache.capacity, cache.tokens) == (0, 0, [])
