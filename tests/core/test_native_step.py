"""A whole step in C: the logits of the same network in torch, and bits that do not depend on luck."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.transformer import Transformer
from core.native.cache import TiledCache
from core.native.library import Library
from core.native.matrix import AS_NEEDED, Planes
from core.native.step import Step, why_unsupported
from core.spec.config import RopeScaling
from tests.core.native_library import KERNELS, library, network_weights, read, run, step_and_cache, write
from tests.tiny import TINY, tiny_model

# what activations in whole numbers, keys and values in fp16 and another order of sums amount to
DIFFERENCE = 4e-3
ONE_PLANE = 2e-2

FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "wide heads, own head": {"n_heads": 2, "n_kv_heads": 1, "head_dim": 80, "tie_embeddings": False},
    "one query for a KV head": {"n_heads": 3, "n_kv_heads": 3, "head_dim": 72},
    "seven queries for a KV head": {"n_heads": 7, "n_kv_heads": 1, "head_dim": 16},
    "qwen2": {"bias": "qkv", "n_heads": 8, "n_kv_heads": 1},
    "all biases": {"bias": "all"},
    "qwen3": {"qk_norm": True, "head_dim": 32, "n_heads": 6, "n_kv_heads": 2},
    "granite": {
        "embedding_multiplier": 12.0,
        "attention_multiplier": 0.015625,
        "residual_multiplier": 0.22,
        "logits_divisor": 8.0,
        "bias": "attention",
    },
    "windows": {"sliding_window": 5, "first_windowed_layer": 1},
    "stretched": {"rope_scaling": RopeScaling("yarn", factor=4.0, original_context=64)},
    "sizes of no kind": {
        "dim": 54,
        "ffn_dim": 101,
        "vocab_size": 77,
        "head_dim": 10,
        "n_heads": 5,
        "n_kv_heads": 5,
    },
}


@pytest.fixture(params=KERNELS)
def native(request: pytest.FixtureRequest) -> Library:
    return library(request.param)


def some_tokens(count: int, model: Transformer, seed: int = 0) -> list[int]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, model.config.vocab_size, (count,), generator=generator).tolist()


def feed(step: Step, cache: TiledCache, tokens: list[int], rows: int, held: int = 0) -> Tensor:
    """Logits of all tokens, fed some at a time."""
    cache.reserve(held + len(tokens), held)
    parts = [tokens[i : i + rows] for i in range(0, len(tokens), rows)]
    starts = range(held, held + len(tokens), rows)
    return torch.cat(
        [run(step, part, start, cache, len(part)) for part, start in zip(parts, starts, strict=True)]
    )


def assert_close(found: Tensor, expected: Tensor, most: float = DIFFERENCE) -> None:
    assert (found - expected).norm() < most * expected.norm()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("bits", "planes"), [(8, 2), (8, AS_NEEDED), (4, 2), (4, AS_NEEDED)])
def test_logits_are_those_of_the_network(native: Library, family: str, bits: int, planes: Planes) -> None:
    model = tiny_model(**FAMILIES[family])
    step, cache = step_and_cache(native, model, bits=bits, planes=planes)
    tokens = some_tokens(40, model)
    expected = model(torch.tensor([tokens]))[0]
    most = ONE_PLANE if (bits, planes) == (4, AS_NEEDED) else DIFFERENCE
    assert_close(feed(step, cache, tokens, 7), expected, most)


def test_one_plane_is_nearly_as_good(native: Library) -> None:
    model = tiny_model()
    step, cache = step_and_cache(native, model, planes=1)
    tokens = some_tokens(40, model)
    assert_close(feed(step, cache, tokens, 5), model(torch.tensor([tokens]))[0], most=ONE_PLANE)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("outlier", [1, 10, 100])
def test_planes_as_needed_add_little_to_what_the_weights_cost(outlier: int, bits: int) -> None:
    """Divergence of the predictions, also where one channel of what a norm gives leads the others."""
    model = tiny_model(
        dim=384, n_layers=4, n_heads=6, n_kv_heads=2, head_dim=64, ffn_dim=1024, vocab_size=2000
    )
    for norm, readers in norms_and_readers(model):
        norm.weight[7] *= outlier
        for reader in readers:
            reader.weight[:, 7] /= outlier**0.5
    tokens = some_tokens(40, model)
    exact = model(torch.tensor([tokens]))[0]
    step, cache = step_and_cache(library(), model, bits=bits, planes=AS_NEEDED)
    of_weights = divergence(model(torch.tensor([tokens]))[0], exact)  # which are now what was made of them
    assert divergence(feed(step, cache, tokens, 8), exact) < 1.2 * of_weights


def norms_and_readers(model: Transformer) -> list[tuple[Any, tuple[Any, ...]]]:
    blocks: Any = model.layers
    attention = [(block.attn_norm, (block.attn.q, block.attn.k, block.attn.v)) for block in blocks]
    return attention + [(block.mlp_norm, (block.mlp.gate, block.mlp.up)) for block in blocks]


def divergence(found: Tensor, exact: Tensor) -> float:
    predicted, true = found.double().log_softmax(-1), exact.double().log_softmax(-1)
    return float(torch.nn.functional.kl_div(predicted, true, log_target=True, reduction="batchmean"))


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_bits_do_not_depend_on_rows_fed_together(native: Library, family: str, bits: int) -> None:
    model = tiny_model(**FAMILIES[family])
    step, cache = step_and_cache(native, model, bits=bits, most_rows=40, planes=AS_NEEDED)
    tokens = some_tokens(40, model)
    one_by_one = feed(step, cache, tokens, 1)
    for rows in (2, 3, 4, 8, 16, 40):
        assert torch.equal(feed(step, cache, tokens, rows), one_by_one), rows


@pytest.mark.parametrize("window", [None, 3, 100, 300])
def test_the_bits_do_not_depend_on_threads_however_long_the_text(native: Library, window: int | None) -> None:
    """Long enough for several chunks of positions; with a window, the first ones are not seen any more."""
    model = tiny_model(sliding_window=window, max_context=700)
    step, cache = step_and_cache(native, model, most_rows=256)
    tokens = some_tokens(600, model)
    alone = feed(step, cache, tokens, 16)
    assert_close(alone, model(torch.tensor([tokens]))[0])
    for threads, rows in ((1, 256), (2, 13), (2, 200), (5, 13), (5, 256)):
        native.set_threads(threads)
        again = feed(step, cache, tokens, rows)
        native.set_threads(1)
        assert torch.equal(again, alone), (threads, rows)


def test_any_number_of_last_logits_may_be_wanted(native: Library) -> None:
    model = tiny_model()
    step, cache = step_and_cache(native, model)
    tokens = some_tokens(6, model)
    everything = feed(step, cache, tokens, 6)
    for last in range(7):
        assert torch.equal(run(step, tokens, 0, cache, last), everything[6 - last :])
    step, cache = step_and_cache(native, model, most_rows=70)
    tokens = some_tokens(70, model)
    everything = feed(step, cache, tokens, 16)
    for last in (0, 1, 17, 65, 70):
        assert torch.equal(run(step, tokens, 0, cache, last), everything[70 - last :])


def test_a_text_is_cut_back_and_continued(native: Library) -> None:
    model = tiny_model(max_context=600)
    step, cache = step_and_cache(native, model)
    first, other = some_tokens(300, model), some_tokens(300, model, seed=1)
    feed(step, cache, first, 16)
    for kept in (290, 257, 256, 255, 17, 16, 1):
        tokens = first[:kept] + other[: 300 - kept]
        continued = feed(step, cache, tokens[kept:], 16, held=kept)
        fresh = feed(*step_and_cache(native, model), tokens, 16)
        assert torch.equal(continued, fresh[kept:])
        feed(step, cache, first, 16)


def test_what_lies_behind_the_last_position_is_never_seen(native: Library) -> None:
    model = tiny_model()
    step, cache = step_and_cache(native, model, most_rows=37)
    tokens = some_tokens(37, model)
    expected = feed(step, cache, tokens, 5)
    nothing = torch.full((2, cache.capacity, 24), float("nan"))
    for rows in (5, 37):
        for layer in range(2):
            write(native, cache, layer, 0, nothing, nothing)
        assert torch.equal(feed(step, cache, tokens, rows), expected)


def test_a_token_that_is_not_finite_spoils_nothing_before_it(native: Library) -> None:
    model = tiny_model()
    model.embed.weight[7, 3] = float("nan")
    step, cache = step_and_cache(native, model)
    tokens = [token for token in some_tokens(20, model) if token != 7]
    clean = feed(step, cache, tokens, 16)
    for place in (0, 3, 15):
        spoilt = [*tokens[:place], 7, *tokens[place:]][:16]
        found = feed(step, cache, spoilt, 16)
        assert torch.equal(found[:place, :7], clean[:place, :7])
        assert found[place:].isnan().all()


def test_a_text_read_by_torch_is_continued_in_c_and_back(native: Library) -> None:
    model = tiny_model()
    step, cache = step_and_cache(native, model)
    tokens = some_tokens(50, model)
    expected = model(torch.tensor([tokens]))[0]
    theirs = KVCache(50, CacheRows(model.config, torch.float32))
    model.read(tokens[:30], theirs, last=1)
    cache.reserve(50, 0)
    nothing = torch.empty(1, 2, 0, 24)
    for layer in range(2):
        keys, values = theirs.layers.write(layer, 30, nothing, nothing)
        write(native, cache, layer, 0, keys[0], values[0])
    assert_close(feed(step, cache, tokens[30:40], 4, held=30), expected[30:40])
    back = KVCache(50, CacheRows(model.config, torch.float32))
    for layer in range(2):
        keys, values = read(native, cache, layer, 40)
        back.write(layer, keys[None], values[None])
    back.advance(40)
    assert_close(torch.from_numpy(model.read(tokens[40:], back, last=10)), expected[40:])


def test_all_kernels_agree(native: Library) -> None:
    model = tiny_model(qk_norm=True, bias="all")
    weights = network_weights(library("plain"), model, 8)
    tokens = some_tokens(40, model)
    found = []
    for each in (library("plain"), native):
        cache = TiledCache(2, 2, 24)
        found.append(feed(Step(each, model.config, weights, planes=2), cache, tokens, 16))
    assert_close(found[1], found[0], most=1e-3)


@settings(max_examples=25)
@given(
    sizes=st.fixed_dictionaries(
        {
            "dim": st.integers(2, 70),
            "ffn_dim": st.integers(1, 70),
            "vocab_size": st.integers(2, 70),
            "head_dim": st.integers(1, 45).map(lambda half: 2 * half),
            "n_layers": st.integers(1, 3),
            "sliding_window": st.none() | st.integers(1, 30),
            "bias": st.sampled_from(["none", "qkv", "attention", "all"]),
            "qk_norm": st.booleans(),
            "tie_embeddings": st.booleans(),
        }
    ),
    heads=st.tuples(st.integers(1, 3), st.integers(1, 8)),
    rows=st.integers(1, 25),
    kernels=st.integers(0, len(KERNELS) - 1),
    threads=st.integers(1, 3),
)
def test_any_network(
    sizes: dict[str, Any], heads: tuple[int, int], rows: int, kernels: int, threads: int
) -> None:
    usable = library().usable_kernels()
    native = library(usable[kernels % len(usable)])
    kv_heads, group = heads
    model = tiny_model(**sizes, n_kv_heads=kv_heads, n_heads=kv_heads * group)
    step, cache = step_and_cache(native, model, most_rows=25)
    tokens = some_tokens(25, model)
    native.set_threads(threads)
    found = feed(step, cache, tokens, rows)
    native.set_threads(1)
    assert_close(found, model(torch.tensor([tokens]))[0], most=3 * DIFFERENCE)


# ---- What is refused ----


def test_networks_of_other_parts_are_named() -> None:
    for changes in ({"norm": "layer"}, {"mlp": "gelu"}, {"position": "learned"}, {"head_dim": 258}):
        assert why_unsupported(TINY.__class__(**{**vars(TINY), **changes}))
    assert not why_unsupported(TINY)


def test_calls_that_make_no_sense_are_refused() -> None:
    model = tiny_model()
    step, cache = step_and_cache(library(), model)
    cache.reserve(32, 0)
    for tokens, position, last in [
        ([], 0, 0),
        ([1] * 17, 0, 0),
        ([1], -1, 0),
        ([1], 32, 0),
        ([1], 2**31 - 1, 0),
        ([1, 1], 31, 0),
        ([1], 0, 2),
        ([-1], 0, 0),
        ([512], 0, 0),
    ]:
        with pytest.raises(ValueError, match="sense"):
            run(step, tokens, position, cache, last)
    other = TiledCache(2, 2, 26)
    other.reserve(32, 0)
    with pytest.raises(ValueError, match="sense"):
        run(step, [1], 0, other, 0)


def test_weights_of_another_shape_are_refused() -> None:
    model = tiny_model()
    weights = network_weights(library(), model, 8)
    for changes in ({"dim": 65}, {"n_kv_heads": 1}, {"ffn_dim": 97}, {"vocab_size": 511}, {"n_layers": 3}):
        config = TINY.__class__(**{**vars(TINY), **changes})
        with pytest.raises(ValueError, match="needed"):
            Step(library(), config, weights)
