"""The published families: config.json as transformers writes it, to a ModelConfig and back.

Old and new keys are read, both are written. One reader a family; how tensors are spelled is in names.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.checkpoint.facts import Facts, build_config
from core.checkpoint.names import (
    HF_GPT_BIGCODE,
    HF_GPT_BIGCODE_BY_HEAD,
    HF_LLAMA,
    HF_STARCODER2,
    Layout,
)
from core.spec.config import ModelConfig, RopeScaling
from core.spec.errors import ModelFormatError, UsageError

_GELUS = {"gelu": "gelu", "gelu_pytorch_tanh": "gelu_tanh", "gelu_new": "gelu_tanh"}
_SPELLED_GELUS = {"gelu": "gelu", "gelu_tanh": "gelu_pytorch_tanh"}

# theirs -> ours, both ways, for every family but GPT-BigCode
_SHAPE_KEYS = {
    "vocab_size": "vocab_size",
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "num_key_value_heads": "n_kv_heads",
    "head_dim": "head_dim",
    "intermediate_size": "ffn_dim",
    "max_position_embeddings": "max_context",
}


def read_config(data: dict[str, Any], where: str) -> tuple[ModelConfig, Layout]:
    facts = Facts(data, where)
    family = facts.text("model_type")
    if family not in _READERS:
        raise facts.refuse("model_type", ", ".join(_READERS))
    if facts.has("quantization_config"):
        raise ModelFormatError(
            f"{where} describes a model quantised for another program; use its plain or its GGUF version."
        )
    return _READERS[family](facts)


def _read_llama(facts: Facts) -> tuple[ModelConfig, Layout]:
    return _llama_like(facts, bias=_llama_bias(facts)), HF_LLAMA


def _read_qwen2(facts: Facts) -> tuple[ModelConfig, Layout]:
    return _llama_like(facts, bias="qkv", **_window(facts)), HF_LLAMA


def _read_qwen3(facts: Facts) -> tuple[ModelConfig, Layout]:
    bias = "attention" if facts.flag("attention_bias", False) else "none"
    head_dim = facts.integer("head_dim", 128)
    return _llama_like(facts, bias=bias, qk_norm=True, head_dim=head_dim, **_window(facts)), HF_LLAMA


def _read_granite(facts: Facts) -> tuple[ModelConfig, Layout]:
    config = _llama_like(
        facts,
        bias=_llama_bias(facts),
        embedding_multiplier=facts.number("embedding_multiplier", 1.0),
        attention_multiplier=facts.number("attention_multiplier", 1.0),
        residual_multiplier=facts.number("residual_multiplier", 1.0),
        logits_divisor=facts.number("logits_scaling", 1.0),
    )
    return config, HF_LLAMA


def _read_starcoder2(facts: Facts) -> tuple[ModelConfig, Layout]:
    config = build_config(
        facts.where,
        **_shape(facts),
        **_rope(facts),
        norm="layer",
        norm_eps=facts.number("norm_epsilon", 1e-5),
        mlp=_gelu(facts, "hidden_act"),
        bias="all" if facts.flag("use_bias", True) else "none",
        tie_embeddings=facts.flag("tie_word_embeddings", True),
        sliding_window=facts.integer("sliding_window", None),
    )
    return config, HF_STARCODER2


def _read_gpt_bigcode(facts: Facts) -> tuple[ModelConfig, Layout]:
    dim, heads = facts.integer("n_embd"), facts.integer("n_head")
    if heads < 1 or dim % heads:
        raise _uneven(facts, dim, heads)
    is_multi_query = facts.flag("multi_query", True)
    config = build_config(
        facts.where,
        vocab_size=facts.integer("vocab_size"),
        dim=dim,
        n_layers=facts.integer("n_layer"),
        n_heads=heads,
        n_kv_heads=1 if is_multi_query else heads,
        head_dim=dim // heads,
        ffn_dim=facts.integer("n_inner", 4 * dim),
        max_context=facts.integer("n_positions"),
        norm="layer",
        norm_eps=facts.number("layer_norm_epsilon", 1e-5),
        mlp=_gelu(facts, "activation_function"),
        position="learned",
        bias="all",
        tie_embeddings=facts.flag("tie_word_embeddings", True),
        attention_multiplier=None if facts.flag("scale_attn_weights", True) else 1.0,
    )
    return config, HF_GPT_BIGCODE if is_multi_query else HF_GPT_BIGCODE_BY_HEAD


_READERS: dict[str, Callable[[Facts], tuple[ModelConfig, Layout]]] = {
    "llama": _read_llama,
    "qwen2": _read_qwen2,
    "qwen3": _read_qwen3,
    "granite": _read_granite,
    "starcoder2": _read_starcoder2,
    "gpt_bigcode": _read_gpt_bigcode,
}


def _llama_like(facts: Facts, **values: Any) -> ModelConfig:
    if facts.text("hidden_act", "silu") not in ("silu", "swish"):
        raise facts.refuse("hidden_act", "silu")
    shared = {
        **_shape(facts),
        **_rope(facts),
        "norm_eps": facts.number("rms_norm_eps", 1e-6),
        "tie_embeddings": facts.flag("tie_word_embeddings", False),
    }
    return build_config(facts.where, **(shared | values))


def _shape(facts: Facts) -> dict[str, Any]:
    dim, heads = facts.integer("hidden_size"), facts.integer("num_attention_heads")
    if not facts.has("head_dim") and (heads < 1 or dim % heads):
        raise _uneven(facts, dim, heads)
    defaults = {"num_key_value_heads": heads, "head_dim": dim // max(heads, 1)}
    return {
        ours: facts.integer(theirs, defaults[theirs]) if theirs in defaults else facts.integer(theirs)
        for theirs, ours in _SHAPE_KEYS.items()
    }


def _uneven(facts: Facts, dim: int, heads: int) -> ModelFormatError:
    return ModelFormatError(f"{facts.where} has {dim} channels, which {heads} heads cannot share evenly.")


def _rope(facts: Facts) -> dict[str, Any]:
    """transformers 5 writes `rope_parameters`; before, there were `rope_theta` and `rope_scaling`."""
    rope = facts.section("rope_parameters" if facts.has("rope_parameters") else "rope_scaling")
    theta = rope.number("rope_theta", None) or facts.number("rope_theta", 10_000.0)
    if rope.number("partial_rotary_factor", facts.number("partial_rotary_factor", 1.0)) != 1:
        raise facts.refuse("partial_rotary_factor", "1, rotation of whole heads")
    kind = rope.text("rope_type", rope.text("type", "default"))
    if kind == "default":
        return {"rope_theta": theta}
    if kind == "longrope":
        return {"rope_theta": theta, "rope_scaling": _divisors(rope)}
    if kind not in ("linear", "llama3", "yarn"):
        raise rope.refuse("rope_type" if rope.has("rope_type") else "type", "default, linear, llama3, yarn")
    return {"rope_theta": theta, "rope_scaling": _scaling(facts, rope, kind)}


def _divisors(rope: Facts) -> RopeScaling:
    """'longrope' with one list for short and long texts; with two, positions would depend on the length."""
    divisors = rope.entries("short_factor")
    if divisors != rope.entries("long_factor") or not all(type(item) in (int, float) for item in divisors):
        raise rope.refuse("long_factor", "the same numbers as in 'short_factor'")
    if not rope.has("attention_factor"):
        raise rope.refuse("attention_factor", "a number")
    try:
        return RopeScaling("divisors", magnitude=rope.number("attention_factor"), divisors=tuple(divisors))
    except UsageError as error:
        raise ModelFormatError(f"{rope.where}: {error}") from None


def _scaling(facts: Facts, rope: Facts, kind: str) -> RopeScaling:
    context = facts.integer("max_position_embeddings")
    if rope.has("mscale") or rope.has("mscale_all_dim"):
        raise rope.refuse("mscale", "yarn without it")
    try:
        return RopeScaling(
            kind=kind,  # type: ignore[arg-type]
            factor=rope.number("factor"),
            original_context=rope.integer("original_max_position_embeddings", context),
            low_frequency_factor=rope.number("low_freq_factor", 1.0),
            high_frequency_factor=rope.number("high_freq_factor", 4.0),
            beta_fast=rope.number("beta_fast", None) or 32.0,
            beta_slow=rope.number("beta_slow", None) or 1.0,
            magnitude=rope.number("attention_factor", None),
        )
    except UsageError as error:
        raise ModelFormatError(f"{rope.where}: {error}") from None


def _window(facts: Facts) -> dict[str, Any]:
    """Qwen: the first `max_window_layers` look back without bound, the others on a window."""
    if not facts.flag("use_sliding_window", False) or not facts.has("sliding_window"):
        return {}
    layers = facts.integer("num_hidden_layers")
    first = min(facts.integer("max_window_layers", 0), layers)
    kinds = ["full_attention"] * first + ["sliding_attention"] * (layers - first)
    if facts.has("layer_types") and facts.entries("layer_types") != kinds:
        raise facts.refuse("layer_types", "full attention first, then sliding windows only")
    return {"sliding_window": facts.integer("sliding_window"), "first_windowed_layer": first}


def _llama_bias(facts: Facts) -> str:
    attention, mlp = facts.flag("attention_bias", False), facts.flag("mlp_bias", False)
    if mlp and not attention:
        raise facts.refuse("mlp_bias", "biases in the attention too, or none")
    return "all" if mlp else "attention" if attention else "none"


def _gelu(facts: Facts, key: str) -> str:
    name = facts.text(key, "gelu_pytorch_tanh")
    if name not in _GELUS:
        raise facts.refuse(key, ", ".join(_GELUS))
    return _GELUS[name]


@dataclass(frozen=True)
class Family:
    """A published architecture that a configuration fits: what transformers calls it, and its own keys."""

    model_type: str
    architecture: str
    layout: Layout
    keys: dict[str, Any]


def family_of(config: ModelConfig) -> Family:
    """The one published family that computes the same as this configuration."""
    if config.mlp == "swiglu" and config.norm == "rms" and config.position == "rope":
        return _gated_family(config)
    is_plain = _multipliers(config) == {} and not config.qk_norm
    if config.mlp != "swiglu" and config.norm == "layer" and is_plain:
        if config.position == "rope" and config.bias in ("all", "none") and config.first_windowed_layer == 0:
            return _starcoder2_family(config)
        fits = config.n_kv_heads in (1, config.n_heads) and config.head_dim * config.n_heads == config.dim
        if config.position == "learned" and config.bias == "all" and fits and config.sliding_window is None:
            return _gpt_bigcode_family(config)
    raise _no_family()


def _no_family() -> UsageError:
    return UsageError(
        "No published model family computes with this mixture of settings; use the native format."
    )


def _gated_family(config: ModelConfig) -> Family:
    multipliers = _multipliers(config)
    found: Family | None = None
    if config.qk_norm and config.bias in ("none", "attention") and not multipliers:
        keys = {"attention_bias": config.bias == "attention", **_window_keys(config)}
        found = Family("qwen3", "Qwen3ForCausalLM", HF_LLAMA, keys)
    elif config.bias == "qkv" and not config.qk_norm and not multipliers:
        found = Family("qwen2", "Qwen2ForCausalLM", HF_LLAMA, _window_keys(config))
    elif config.bias != "qkv" and not config.qk_norm and config.sliding_window is None:
        bias = {"attention_bias": config.bias != "none", "mlp_bias": config.bias == "all"}
        found = Family("llama", "LlamaForCausalLM", HF_LLAMA, bias)
        if multipliers:
            attention = {"attention_multiplier": config.attention_scale}
            found = Family("granite", "GraniteForCausalLM", HF_LLAMA, bias | multipliers | attention)
    if found is None:
        raise _no_family()
    return found


def _starcoder2_family(config: ModelConfig) -> Family:
    keys = {
        "use_bias": config.bias == "all",
        "norm_epsilon": config.norm_eps,
        "sliding_window": config.sliding_window,
        "hidden_act": _SPELLED_GELUS[config.mlp],
        "residual_dropout": config.dropout,
        "embedding_dropout": config.dropout,
        "attention_dropout": config.dropout,
    }
    return Family("starcoder2", "Starcoder2ForCausalLM", HF_STARCODER2, keys)


def _gpt_bigcode_family(config: ModelConfig) -> Family:
    is_multi_query = config.n_kv_heads == 1
    keys = {
        "n_embd": config.dim,
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "n_inner": config.ffn_dim,
        "n_positions": config.max_context,
        "layer_norm_epsilon": config.norm_eps,
        "activation_function": _SPELLED_GELUS[config.mlp],
        "multi_query": is_multi_query,
        "resid_pdrop": config.dropout,
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
    }
    layout = HF_GPT_BIGCODE if is_multi_query else HF_GPT_BIGCODE_BY_HEAD
    return Family("gpt_bigcode", "GPTBigCodeForCausalLM", layout, keys)


def write_config(config: ModelConfig, dtype: str) -> dict[str, Any]:
    """config.json as transformers reads it, with the keys of its version 4 and 5 side by side."""
    family = family_of(config)
    shared: dict[str, Any] = {
        "architectures": [family.architecture],
        "model_type": family.model_type,
        "vocab_size": config.vocab_size,
        "tie_word_embeddings": config.tie_embeddings,
        "dtype": dtype,
        "torch_dtype": dtype,
    }
    if config.position == "rope":
        shared |= {theirs: getattr(config, ours) for theirs, ours in _SHAPE_KEYS.items()}
        shared |= {"rms_norm_eps": config.norm_eps, "hidden_act": "silu", **_rope_keys(config)}
    return shared | family.keys


def _rope_keys(config: ModelConfig) -> dict[str, Any]:
    scaling = config.rope_scaling
    if scaling is None:
        return {
            "rope_theta": config.rope_theta,
            "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta},
        }
    stretched: dict[str, Any] = {"rope_type": scaling.kind, "factor": scaling.factor}
    if scaling.kind == "divisors":
        # 'longrope' with the same list for short and long texts is a list of divisors
        stretched |= {
            "rope_type": "longrope",
            "short_factor": list(scaling.divisors),
            "long_factor": list(scaling.divisors),
            "attention_factor": scaling.magnitude or 1.0,
            "original_max_position_embeddings": config.max_context,
        }
    if scaling.kind in ("llama3", "yarn"):
        stretched["original_max_position_embeddings"] = scaling.original_context
    if scaling.kind == "llama3":
        stretched |= {
            "low_freq_factor": scaling.low_frequency_factor,
            "high_freq_factor": scaling.high_frequency_factor,
        }
    if scaling.kind == "yarn":
        stretched |= {"beta_fast": scaling.beta_fast, "beta_slow": scaling.beta_slow}
        if scaling.magnitude is not None:
            stretched["attention_factor"] = scaling.magnitude
    return {
        "rope_theta": config.rope_theta,
        "rope_scaling": stretched,
        "rope_parameters": stretched | {"rope_theta": config.rope_theta},
    }


def _window_keys(config: ModelConfig) -> dict[str, Any]:
    if config.sliding_window is None:
        return {"use_sliding_window": False}
    return {
        "use_sliding_window": True,
        "sliding_window": config.sliding_window,
        "max_window_layers": config.first_windowed_layer,
    }


def _multipliers(config: ModelConfig) -> dict[str, float]:
    """Granite's keys; empty where all four multiply by one."""
    keys = {
        "embedding_multiplier": config.embedding_multiplier,
        "residual_multiplier": config.residual_multiplier,
        "logits_scaling": config.logits_divisor,
    }
    is_plain = all(value == 1 for value in keys.values()) and config.attention_multiplier is None
    return {} if is_plain else keys
