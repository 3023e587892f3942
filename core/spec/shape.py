"""The shape of a model's network, told from its headers in microseconds, for the budget's arithmetic alone.

Nothing here runs a model: what its files say in full is read and checked in core/checkpoint, where a file
that is not understood is refused. Here it only has no shape.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from core.spec.config import ModelConfig
from core.spec.errors import SmallCoderError
from core.spec.fields import from_json

_GATED: dict[str, Any] = {"tie_embeddings": False}
_PLAIN: dict[str, Any] = {"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "tie_embeddings": True}
# by model_type of Hugging Face; what a config.json need not say
_FAMILIES: dict[str, dict[str, Any]] = {
    "llama": _GATED,
    "granite": _GATED,
    "qwen2": _GATED | {"bias": "qkv"},
    "qwen3": _GATED | {"qk_norm": True, "head_dim": 128},
    "starcoder2": _PLAIN,
    "gpt_bigcode": _PLAIN | {"position": "learned"},
}
_GGUF_FAMILIES = {"starcoder": "gpt_bigcode"}
_KEYS = {
    "vocab_size": ("vocab_size",),
    "dim": ("hidden_size", "n_embd"),
    "n_layers": ("num_hidden_layers", "n_layer"),
    "n_heads": ("num_attention_heads", "n_head"),
    "n_kv_heads": ("num_key_value_heads",),
    "head_dim": ("head_dim",),
    "ffn_dim": ("intermediate_size", "n_inner"),
    "max_context": ("max_position_embeddings", "n_positions"),
    "tie_embeddings": ("tie_word_embeddings",),
}
_GGUF_KEYS = {
    "dim": "embedding_length",
    "n_layers": "block_count",
    "n_heads": "attention.head_count",
    "n_kv_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "ffn_dim": "feed_forward_length",
    "max_context": "context_length",
}


def shape_of_native(network: object) -> ModelConfig | None:
    try:
        return from_json(ModelConfig, network, "the network")
    except (SmallCoderError, OverflowError):
        return None


def shape_of_huggingface(config: Mapping[str, Any]) -> ModelConfig | None:
    """None where the family is not known, or a number that it takes is not there."""
    family = _family(config.get("model_type"))
    if family is None:
        return None
    values = dict(family)
    for name, keys in _KEYS.items():
        found = [config[key] for key in keys if config.get(key) is not None]
        values |= {name: found[0]} if found else {}
    if config.get("model_type") == "gpt_bigcode" and config.get("multi_query", True):
        values["n_kv_heads"] = 1
    return _completed(values)


def shape_of_gguf(
    architecture: str, metadata: Mapping[str, Any], tensors: Mapping[str, tuple[int, ...]]
) -> ModelConfig | None:
    """`tensors`: their shapes; the file does not say everything in words."""
    family = _family(_GGUF_FAMILIES.get(architecture, architecture))
    table = tensors.get("token_embd.weight", ())
    if family is None or len(table) != 2:
        return None
    values = {key: value for key, value in family.items() if key != "head_dim"}
    for name, key in _GGUF_KEYS.items():
        found = metadata.get(f"{architecture}.{key}")
        values |= {} if found is None else {name: found}
    values["vocab_size"], values["tie_embeddings"] = table[0], "output.weight" not in tensors
    return _completed(values)


def _family(name: object) -> dict[str, Any] | None:
    return _FAMILIES.get(name) if isinstance(name, str) else None


def _completed(values: dict[str, Any]) -> ModelConfig | None:
    """With what follows from the rest where a file leaves it out."""
    dim, heads = values.get("dim"), values.get("n_heads")
    if _are_counts((dim, heads)):
        values.setdefault("n_kv_heads", heads)
        values.setdefault("head_dim", dim // heads)  # type: ignore[operator]
        values.setdefault("ffn_dim", 4 * dim)  # type: ignore[operator]
    return shape_of_native(values)


def _are_counts(values: Iterable[object]) -> bool:
    return all(type(value) is int and value > 0 for value in values)
