"""What a GGUF file says of its network, to a ModelConfig and back; one architecture name a family."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.checkpoint.facts import Facts, build_config
from core.checkpoint.families import family_of
from core.checkpoint.names import GGUF_PAIRED, GGUF_PLAIN, GGUF_STACKED, Layout
from core.spec.config import ModelConfig, RopeScaling
from core.spec.errors import ModelFormatError, UsageError
from core.spec.headers import TensorInfo

LAYOUTS: dict[str, Layout] = {
    "llama": GGUF_PAIRED,
    "granite": GGUF_PAIRED,
    "qwen2": GGUF_PLAIN,
    "qwen3": GGUF_PLAIN,
    "starcoder2": GGUF_PLAIN,
    "starcoder": GGUF_STACKED,
}
_ARCHITECTURES = {"gpt_bigcode": "starcoder"}  # by our family's name, where the two differ
_WITH_LAYER_NORM = ("starcoder2", "starcoder")
_SQUARE = (
    "starcoder2",
    "starcoder",
    "qwen2",
)  # whose heads llama.cpp takes to be as wide together as the model
FREQUENCY_DIVISORS = "rope_freqs.weight"

# theirs -> ours, both ways; the architecture's name stands before each key
_MULTIPLIERS = {
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "logit_scale": "logits_divisor",
}


def read_config(
    architecture: str, metadata: Mapping[str, Any], tensors: Mapping[str, TensorInfo], where: str
) -> ModelConfig:
    """Biases, QK-norm and tied embeddings are not said; the tensors that are there tell."""
    if architecture not in LAYOUTS:
        raise ModelFormatError(
            f"'general.architecture' in {where} is {architecture[:40]!r}; supported: {', '.join(LAYOUTS)}."
        )
    facts = Facts(metadata, where, prefix=f"{architecture}.")
    if facts.has("expert_count") and facts.integer("expert_count") > 0:
        raise facts.refuse("expert_count", "models without experts")
    if "token_embd.weight" not in tensors or len(tensors["token_embd.weight"].shape) != 2:
        raise ModelFormatError(f"{where} has no embedding table 'token_embd.weight', so it holds no model.")
    has_layer_norm = architecture in _WITH_LAYER_NORM
    norm_key = "layer_norm_epsilon" if has_layer_norm else "layer_norm_rms_epsilon"
    return build_config(
        where,
        **_shape(facts),
        **({"position": "learned"} if architecture == "starcoder" else _rope(facts)),
        vocab_size=tensors["token_embd.weight"].shape[0],
        norm="layer" if has_layer_norm else "rms",
        norm_eps=_number(facts, f"attention.{norm_key}"),
        mlp="gelu_tanh" if has_layer_norm else "swiglu",
        bias=_bias(tensors),
        qk_norm="blk.0.attn_q_norm.weight" in tensors,
        tie_embeddings="output.weight" not in tensors,
        sliding_window=facts.integer("attention.sliding_window", None) or None,
        attention_multiplier=_number(facts, "attention.scale", None),
        **{ours: _number(facts, theirs, 1.0) for theirs, ours in _MULTIPLIERS.items()},
    )


def _number(facts: Facts, key: str, default: Any = ...) -> Any:
    """The file has 32 bits of it; seven digits are what was meant."""
    value = facts.number(key) if default is ... else facts.number(key, default)
    return value if value is None else float(f"{value:.7g}")


def _shape(facts: Facts) -> dict[str, Any]:
    dim, heads = facts.integer("embedding_length"), facts.integer("attention.head_count")
    if not facts.has("attention.key_length") and (heads < 1 or dim % heads):
        raise ModelFormatError(f"{facts.where} has {dim} channels, which {heads} heads cannot share evenly.")
    head_dim = facts.integer("attention.key_length", None) or dim // heads
    if facts.integer("attention.value_length", head_dim) != head_dim:
        raise facts.refuse("attention.value_length", "values as wide as keys")
    if facts.integer("rope.dimension_count", head_dim) != head_dim:
        raise facts.refuse("rope.dimension_count", "rotation of whole heads")
    return {
        "dim": dim,
        "n_layers": facts.integer("block_count"),
        "n_heads": heads,
        "n_kv_heads": facts.integer("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "ffn_dim": facts.integer("feed_forward_length"),
        "max_context": facts.integer("context_length"),
    }


def _rope(facts: Facts) -> dict[str, Any]:
    theta = _number(facts, "rope.freq_base", 10_000.0)
    kind = facts.text("rope.scaling.type", "none")
    if kind == "none":
        return {"rope_theta": theta}
    if kind not in ("linear", "yarn"):
        raise facts.refuse("rope.scaling.type", "none, linear, yarn")
    context = facts.integer("rope.scaling.original_context_length", facts.integer("context_length"))
    try:
        scaling = RopeScaling(
            kind=kind,
            factor=_number(facts, "rope.scaling.factor"),
            original_context=context if kind == "yarn" else 0,
            beta_fast=_number(facts, "rope.scaling.yarn_beta_fast", 32.0),
            beta_slow=_number(facts, "rope.scaling.yarn_beta_slow", 1.0),
        )
    except UsageError as error:
        raise ModelFormatError(f"{facts.where}: {error}") from None
    return {"rope_theta": theta, "rope_scaling": scaling}


def _bias(tensors: Mapping[str, TensorInfo]) -> str:
    if "blk.0.ffn_down.bias" in tensors:
        return "all"
    if "blk.0.attn_output.bias" in tensors:
        return "attention"
    has_any = "blk.0.attn_q.bias" in tensors or "blk.0.attn_qkv.bias" in tensors
    return "qkv" if has_any else "none"


def with_divisors(config: ModelConfig, divisors: tuple[float, ...], where: str) -> ModelConfig:
    """Llama 3 files hold the stretching of each frequency as a tensor."""
    try:
        return replace(config, rope_scaling=RopeScaling("divisors", divisors=divisors))
    except UsageError as error:
        raise ModelFormatError(f"{where}: {error}") from None


def architecture_of(config: ModelConfig) -> str:
    """The architecture under which llama.cpp computes the same; a sentence where there is none."""
    architecture = _ARCHITECTURES.get(family := family_of(config).model_type, family)
    is_square = config.n_heads * config.head_dim == config.dim
    reasons = {
        "exact GELU": config.mlp == "gelu",
        "a sliding window": config.sliding_window is not None,
        "attention biases in this family": architecture == "qwen3" and config.bias != "none",
        "heads of this width in this family": architecture in _SQUARE and not is_square,
        "no biases in this family": architecture in _WITH_LAYER_NORM and config.bias != "all",
        "many key heads in this family": architecture == "starcoder" and config.n_kv_heads != 1,
        "this stretching of positions": not _scaling_fits(config.rope_scaling, architecture),
    }
    for what, is_so in reasons.items():
        if is_so:
            raise UsageError(f"GGUF cannot express {what}; convert to the native or hf format instead.")
    return architecture


def _scaling_fits(scaling: RopeScaling | None, architecture: str) -> bool:
    if scaling is None or scaling.kind == "linear":
        return True
    if scaling.kind == "yarn":
        return scaling.magnitude is None
    return architecture == "llama" and scaling.magnitude in (None, 1.0)


def write_config(config: ModelConfig) -> dict[str, Any]:
    architecture = architecture_of(config)
    norm_key = "layer_norm_epsilon" if architecture in _WITH_LAYER_NORM else "layer_norm_rms_epsilon"
    values: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "context_length": config.max_context,
        "embedding_length": config.dim,
        "block_count": config.n_layers,
        "feed_forward_length": config.ffn_dim,
        "attention.head_count": config.n_heads,
        "attention.head_count_kv": config.n_kv_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        f"attention.{norm_key}": config.norm_eps,
    }
    if config.position == "rope":
        values |= {"rope.dimension_count": config.head_dim, "rope.freq_base": config.rope_theta}
        values |= _scaling_values(config.rope_scaling)
    if architecture == "granite":
        values |= {theirs: getattr(config, ours) for theirs, ours in _MULTIPLIERS.items()}
        values["attention.scale"] = config.attention_scale
    return {f"{architecture}.{key}": value for key, value in values.items()}


def _scaling_values(scaling: RopeScaling | None) -> dict[str, Any]:
    if scaling is None or scaling.kind in ("llama3", "divisors"):
        return {}
    values = {"rope.scaling.type": scaling.kind, "rope.scaling.factor": scaling.factor}
    if scaling.kind == "yarn":
        values |= {
            "rope.scaling.original_context_length": scaling.original_context,
            "rope.scaling.yarn_beta_fast": scaling.beta_fast,
            "rope.scaling.yarn_beta_slow": scaling.beta_slow,
        }
    return values
