"""Our network computes what the reference computes, for every family that is read."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from core.checkpoint.families import family_of, read_config, write_config
from core.checkpoint.huggingface import open_huggingface
from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.frequencies import frequency_divisors
from core.model.transformer import Transformer
from core.spec.config import RopeScaling
from core.spec.errors import ModelFormatError, UsageError
from core.spec.presets import PRESETS
from tests.reference import FAMILIES, reference_description, reference_model

# enough to cross a window, a stretched context and the position 2,048
IDS = torch.randint(0, 131, (1, 2100), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return request.param


@cache
def references(family: str, folder: Path) -> tuple[PreTrainedModel, torch.Tensor]:
    model = reference_model(family)
    model.save_pretrained(folder)
    with torch.inference_mode():
        return model, model(IDS).logits[0]


def opened(family: str, folders: Path) -> tuple[Transformer, torch.Tensor]:
    folder = folders / family
    _, expected = references(family, folder)
    description = json.loads((folder / "config.json").read_text())
    return open_huggingface(folder, description).load(), expected


def difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max() / expected.abs().max())


@torch.inference_mode()
def test_logits_equal_the_reference(family: str, folders: Path) -> None:
    model, expected = opened(family, folders)
    assert difference(model(IDS)[0], expected) < 1e-5


@torch.inference_mode()
def test_chunks_and_single_tokens_with_a_cache_equal_the_reference(family: str, folders: Path) -> None:
    model, expected = opened(family, folders)
    cache = KVCache(model.config.max_context, CacheRows(model.config, torch.float32))
    ends = [5, 8, 9, 700, 2040, *range(2041, 2060), 2100]
    found = [model(IDS[:, start:end], cache)[0] for start, end in zip([0, *ends], ends, strict=False)]
    assert difference(torch.cat(found), expected) < 1e-5


@torch.inference_mode()
def test_a_cache_cut_back_equals_the_reference(family: str, folders: Path) -> None:
    model, expected = opened(family, folders)
    cache = KVCache(model.config.max_context, CacheRows(model.config, torch.float32))
    model(IDS[:, :1500].flip(-1), cache)
    cache.keep(0)
    model(IDS[:, :900], cache)
    model(IDS[:, :300], cache)
    cache.keep(900)
    assert difference(model(IDS[:, 900:1000], cache)[0], expected[900:1000]) < 1e-5


@torch.inference_mode()
def test_only_the_logits_asked_for_are_computed(family: str, folders: Path) -> None:
    model, expected = opened(family, folders)
    found = model(IDS, last=2)[0]
    assert found.shape == (2, 131)
    assert difference(found, expected[-2:]) < 1e-5


def test_a_written_configuration_reads_back_the_same(family: str) -> None:
    config, layout = read_config(reference_description(family), "config.json")
    assert read_config(json.loads(json.dumps(write_config(config, "float32"))), "again") == (config, layout)


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_belongs_to_a_published_family(name: str) -> None:
    description = json.loads(json.dumps(write_config(PRESETS[name], "float32")))
    config, _ = read_config(description, name)
    assert config == replace(PRESETS[name], dropout=0.0)


@torch.inference_mode()
def test_frequency_divisors_are_written_as_the_reference_reads_them(folders: Path) -> None:
    scaled, _ = read_config(reference_description("llama, llama3 scaling"), "config.json")
    model = reference_model("llama, llama3 scaling")
    divisors, _ = frequency_divisors(scaled.head_dim, scaled.rope_theta, scaled.rope_scaling)
    values = tuple(divisors.tolist())
    config = replace(scaled, rope_scaling=RopeScaling("divisors", divisors=values))
    folder = folders / "divisors"
    model.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps(write_config(config, "float32")))
    again = AutoModelForCausalLM.from_pretrained(folder)
    assert difference(again(IDS).logits[0], model(IDS).logits[0]) < 1e-5


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model_type": "mamba"}, "'model_type' in config.json is 'mamba'; supported: llama, qwen2, qwen3,"),
        ({"model_type": None}, "'model_type' in config.json is missing"),
        ({"hidden_size": None}, "'hidden_size' in config.json is missing"),
        ({"hidden_size": "96"}, "'hidden_size' in config.json must be a whole number, not '96'"),
        ({"hidden_size": True}, "'hidden_size' in config.json must be a whole number, not True"),
        ({"num_hidden_layers": 10**12}, "'n_layers' in config.json must be at most 1024"),
        ({"num_attention_heads": 5}, "5 query heads cannot share 2 key and value heads"),
        ({"num_attention_heads": 7, "head_dim": None}, "96 channels, which 7 heads cannot share"),
        ({"hidden_act": "relu"}, "'hidden_act' in config.json is 'relu'; supported: silu"),
        ({"rms_norm_eps": float("inf")}, "is inf, not a finite number"),
        ({"mlp_bias": True}, "'mlp_bias' in config.json is True"),
        ({"quantization_config": {}}, "quantised for another program"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, "supported: default, linear, llama3, yarn"),
        (
            {"rope_parameters": {"rope_type": "yarn"}},
            "'factor' in 'rope_parameters' in config.json is missing",
        ),
        ({"rope_parameters": 3}, "must be an object"),
        ({"partial_rotary_factor": 0.5}, "'partial_rotary_factor' in config.json is 0.5"),
    ],
)
def test_a_configuration_that_cannot_be_meant_is_named(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ModelFormatError) as caught:
        read_config(reference_description("llama") | change, "config.json")
    assert sentence in str(caught.value)


def test_keys_of_transformers_4_are_read() -> None:
    new = reference_description("llama, yarn scaling")
    old = {key: value for key, value in new.items() if key not in ("rope_parameters", "dtype")}
    old |= {
        "rope_theta": 10_000.0,
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024},
        "torch_dtype": "float32",
    }
    assert read_config(old, "old") == read_config(new, "new")


def test_a_mixture_of_no_family_is_refused() -> None:
    config, _ = read_config(reference_description("llama"), "config.json")
    with pytest.raises(UsageError, match="No published model family"):
        family_of(replace(config, norm="layer"))
