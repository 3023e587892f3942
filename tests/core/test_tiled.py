"""Networks in the C library's tiles against the plain ones with the same, dequantised weights."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch

from core.checkpoint.load import open_model
from core.checkpoint.packing import load_quantised
from core.model import crossover
from core.model.cache import KVCache
from core.model.crossover import rows_through_library
from core.model.one_step import FEWEST_ROWS
from core.model.quant import Quantised
from core.model.tiled import CacheTiles, LibraryPacking, TiledLinear, TiledTable
from core.model.transformer import Transformer, on_meta
from core.native import library
from core.native.library import Library
from core.spec.budget import PREFILL_CHUNK
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer

NETWORKS: dict[str, dict[str, Any]] = {
    "llama": {},
    "untied": {"tie_embeddings": False},
    "qwen2": {"bias": "qkv", "head_dim": 16},
    "all biases": {"bias": "all"},
    "qwen3": {"qk_norm": True, "n_kv_heads": 4},
    "granite": {"embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_divisor": 2.0},
    "windowed": {"sliding_window": 20, "first_windowed_layer": 1},
    "starcoder2": {"norm": "layer", "mlp": "gelu_tanh", "bias": "all"},
    "starcoder": {"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "n_kv_heads": 1, "position": "learned"},
}
TOKENS = torch.randint(0, 512, (90,), generator=torch.Generator().manual_seed(1)).tolist()


@pytest.fixture(scope="module")
def found() -> Library:
    loaded = library.load()
    assert loaded is not None, library.why_not()
    return loaded


def tiled(plain: Transformer, precision: Quantised, found: Library) -> Transformer:
    packing = LibraryPacking(found)
    with torch.device("meta"):
        model = packing.prepare(on_meta(plain.config), precision)
    state = dict(packing.state(model, plain.named_parameters()))
    model.load_state_dict(state, assign=True, strict=False)
    packing.finish(model.requires_grad_(False).eval())
    return model


def dequantised(model: Transformer, plain: Transformer) -> Transformer:
    """The plain network with the weights that the tiles stand for."""
    other = Transformer(plain.config)
    state = dict(plain.state_dict())
    for name, layer in model.named_modules():
        if isinstance(layer, TiledLinear) and name != "head":
            state[f"{name}.weight"] = layer.unpacker.rows(
                layer.tiles, layer._rows.start, len(layer._rows), layer._which
            ).clone()
        elif isinstance(layer, TiledTable):
            state["embed.weight"] = layer(torch.arange(plain.config.vocab_size))
    if not plain.config.tie_embeddings:
        head: Any = model.head
        state["head.weight"] = head.unpacker.rows(head.tiles, 0, plain.config.vocab_size, 0).clone()
    other.load_state_dict(state)
    return other.requires_grad_(False).eval()


def new_cache(model: Transformer, found: Library) -> KVCache:
    return KVCache(model.config.max_context, CacheTiles(model.config, found, torch.float32))


@torch.inference_mode()
def read(model: Transformer, cache: KVCache, tokens: list[int], portion: int) -> torch.Tensor:
    parts = [tokens[start : start + portion] for start in range(0, len(tokens), portion)]
    return torch.cat([torch.from_numpy(model.read(part, cache, last=len(part))) for part in parts])


def error(got: torch.Tensor, expected: torch.Tensor) -> float:
    return float((got - expected).norm() / expected.norm())


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("name", NETWORKS)
def test_short_and_long_reads_say_what_the_dequantised_network_says(
    name: str, precision: Quantised, found: Library
) -> None:
    plain = tiny_model(**NETWORKS[name])
    model = tiled(plain, precision, found)
    with torch.inference_mode():
        expected = dequantised(model, plain)(torch.tensor([TOKENS]))[0]
    for portion in (1, 5, FEWEST_ROWS, FEWEST_ROWS + 1, len(TOKENS)):
        got = read(model, new_cache(model, found), TOKENS, portion)
        assert error(got, expected) < (2e-3 if precision == "int8" else 2e-2), portion


@pytest.mark.parametrize("stored_as", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float64])
def test_types_that_the_library_does_not_know_are_packed_as_their_numbers(
    stored_as: torch.dtype, found: Library
) -> None:
    rounded = {name: weight.detach().to(stored_as) for name, weight in tiny_model().named_parameters()}
    packing = LibraryPacking(found)
    with torch.device("meta"):
        model = packing.prepare(on_meta(tiny_model().config), "int8")
    got = dict(packing.state(model, rounded.items()))
    expected = dict(packing.state(model, ((name, weight.float()) for name, weight in rounded.items())))
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[name], expected[name]) for name in expected)


@pytest.mark.parametrize("name", ["llama", "windowed", "qwen3"])
def test_a_cache_is_cut_back_copied_and_shared_by_short_and_long_reads(name: str, found: Library) -> None:
    model = tiled(tiny_model(**NETWORKS[name]), "int8", found)
    expected = read(model, new_cache(model, found), TOKENS, 1)
    cache = new_cache(model, found)
    read(model, cache, TOKENS[:40], 40)
    read(model, cache, [7] * 23, 23)
    copy = cache.copy(40)
    cache.keep(33)
    for held, start in ((cache, 33), (copy, 40)):
        assert held.tokens == TOKENS[:start]
        assert error(read(model, held, TOKENS[start:], 3), expected[start:]) < 2e-3
        assert held.tokens == TOKENS


def test_a_token_gets_the_same_bits_alone_and_among_guesses(found: Library) -> None:
    model = tiled(tiny_model(), "int8", found)
    alone = read(model, new_cache(model, found), TOKENS, 1)
    assert torch.equal(read(model, new_cache(model, found), TOKENS, FEWEST_ROWS), alone)


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_tiles_are_kept_on_disk_and_mapped_the_next_time(
    tmp_path: Path, precision: Quantised, found: Library
) -> None:
    stored = open_model(tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path)))
    said: list[str] = []
    packing = LibraryPacking(found)
    first = load_quantised(stored, precision, packing, tmp_path / "packed", said.append)
    assert any("once" in step for step in said)
    said.clear()
    second = load_quantised(stored, precision, packing, tmp_path / "packed", said.append)
    assert not any("once" in step for step in said)
    logits = [read(model, new_cache(model, found), TOKENS, 1) for model in (first, second)]
    assert torch.equal(*logits)


def test_whichever_way_long_texts_are_read_is_measured_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Library
) -> None:
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path))
    plain = library.load()
    assert plain is not None
    again = plain.with_kernels("plain")  # by which torch is never beaten
    rows = rows_through_library.__wrapped__(again, 8)
    assert rows < PREFILL_CHUNK
    assert str(rows) in next(tmp_path.rglob("kernels.json")).read_text()
    started = time.perf_counter()
    assert rows_through_library.__wrapped__(again, 8) == rows
    assert time.perf_counter() - started < 0.1  # read, not measured


@pytest.mark.parametrize("packed_rows", [FEWEST_ROWS, 64, PREFILL_CHUNK])
def test_a_long_text_reads_alike_whichever_way_is_chosen(
    packed_rows: int, monkeypatch: pytest.MonkeyPatch, found: Library
) -> None:
    plain = tiny_model()
    model = tiled(plain, "int8", found)
    monkeypatch.setattr(crossover, "rows_through_library", lambda *_: packed_rows)
    monkeypatch.setattr(crossover, "is_quickly_read", lambda _: False)
    reads = crossover.choose_reads(model)
    assert ("beyond" in reads.name) == (packed_rows < PREFILL_CHUNK)
    with torch.inference_mode():
        expected = dequantised(model, plain)(torch.tensor([TOKENS]))[0]
    got = read(model, new_cache(model, found), TOKENS, len(TOKENS))
    assert error(got, expected) < 2e-2  # torch may multiply in bf16
