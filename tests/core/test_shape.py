"""The shape told from headers is the one that the real readers find, as far as the budget counts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.checkpoint.families import read_config
from core.checkpoint.gguf import open_gguf_model, write_gguf
from core.spec.budget import PRECISIONS, to_run
from core.spec.config import ModelConfig
from core.spec.library import describe_model
from core.spec.shape import shape_of_huggingface, shape_of_native
from tests.reference import FAMILIES, reference_description
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer


def budgets(config: ModelConfig) -> dict[str, int]:
    return {precision: to_run(config, precision, 4096).total_bytes for precision in PRECISIONS}


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_needs_what_its_whole_description_needs(family: str) -> None:
    description = reference_description(family)
    shape = shape_of_huggingface(description)
    assert shape is not None
    whole, _ = read_config(description, family)
    found, expected = budgets(shape), budgets(whole)
    for precision in PRECISIONS:  # biases are not always said; they are small
        assert found[precision] == pytest.approx(expected[precision], rel=1e-3)
    assert shape.max_context == whole.max_context


@pytest.mark.parametrize("changes", [{}, {"tie_embeddings": False, "bias": "qkv", "head_dim": 16}])
def test_a_gguf_and_our_own_folder_tell_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    tokenizer = tiny_tokenizer(tmp_path)
    folder = tiny_folder(tmp_path / "own", tokenizer, **changes)
    write_gguf(tiny_model(**changes), tokenizer, tmp_path / "m.gguf", "F16")
    expected = budgets(open_gguf_model(tmp_path / "m.gguf").config)
    for path in (folder, tmp_path / "m.gguf"):
        model = describe_model(path)
        assert model is not None
        assert model.network is not None
        assert budgets(model.network) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "mamba"},
        {"model_type": ["llama"]},
        {"hidden_size": "96"},
        {"hidden_size": 0},
        {"hidden_size": 10**30},
        {"num_hidden_layers": None},
        {"num_attention_heads": 5},
    ],
)
def test_what_is_not_understood_has_no_shape(changes: dict[str, Any]) -> None:
    description = {
        **{"model_type": "llama", "vocab_size": 131, "hidden_size": 96, "num_hidden_layers": 2},
        **{"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64},
        **{"intermediate_size": 112},
    }
    assert shape_of_huggingface(description) is not None
    assert shape_of_huggingface(description | changes) is None


@pytest.mark.parametrize("network", [None, [], "x", {"vocab_size": 2}])
def test_a_network_of_our_own_that_is_none_has_no_shape(network: object) -> None:
    assert shape_of_native(network) is None


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n# A model\n", "apache-2.0"),
        ("---\ntags: [code]\nlicense: 'mit'\n---\n", "mit"),
        ("---\ntags: [code]\n---\nlicense: mit\n", None),
        ("license: mit\n", None),
        ("---\nlicense: " + "x" * 5000, None),
    ],
)
def test_the_licence_is_read_off_the_model_card(tmp_path: Path, card: str, licence: str | None) -> None:
    folder = tiny_folder(tmp_path / "m", tiny_tokenizer(tmp_path))
    (folder / "README.md").write_text(card)
    model = describe_model(folder)
    assert model is not None
    assert model.licence == licence


def test_a_library_with_shapes_can_be_said_as_json(tmp_path: Path) -> None:
    from core.spec.fields import from_json, to_json

    model = describe_model(tiny_folder(tmp_path / "m", tiny_tokenizer(tmp_path)))
    assert model is not None
    said = json.loads(json.dumps(to_json(replace(model, path=Path())) | {"path": str(model.path)}))
    assert from_json(ModelConfig, said["network"], "there") == model.network
