"""Bytes, by arithmetic alone: what running a network takes, from its configuration and a few choices.

What a process takes before it holds a model is measured and handed in; the rest follows from sizes.
"""

from dataclasses import dataclass

from core.spec.config import ModelConfig

PRECISIONS = ("fp32", "bf16", "fp16", "int8", "int4")
PREFILL_CHUNK = 256
MB = 2**20
# a process with torch and what reads models, before any weights; a guess until this machine has been measured
RUNTIME_BYTES = 255 * MB
# left to the system and to what other programs will want in the next minute
RESERVE_BYTES = 512 * MB
# what a driver and its libraries take of a card for each process; by the literature, not yet measured here
CARD_RUNTIME_BYTES = 358 * MB
CARD_RESERVE_BYTES = 64 * MB

_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8, "int4": 4}
_GROUP = 32
_UNPACKED_ROWS = 1024
_CHECKED_ROWS = 16


@dataclass(frozen=True)
class Budget:
    """Parts of the most memory that is ever held at once."""

    runtime_bytes: int
    weights_bytes: int
    cache_bytes: int
    working_bytes: int

    @property
    def total_bytes(self) -> int:
        return self.runtime_bytes + self.weights_bytes + self.cache_bytes + self.working_bytes


def to_run(
    config: ModelConfig,
    precision: str,
    context_tokens: int,
    *,
    cache_element_bytes: int | None = None,
    runtime_bytes: int = RUNTIME_BYTES,
) -> Budget:
    """`context_tokens`: how long the texts become. Keys and values have 16 bits, or 32 in fp32."""
    context = min(context_tokens, config.max_context)
    element = cache_element_bytes or (4 if precision == "fp32" else 2)
    return Budget(
        runtime_bytes=runtime_bytes,
        weights_bytes=weight_bytes(config, precision),
        cache_bytes=context * position_bytes(config, element),
        working_bytes=_working_bytes(config, precision, context),
    )


def position_bytes(config: ModelConfig, element_bytes: int) -> int:
    """Keys and values of one token in all layers."""
    return 2 * config.n_layers * config.n_kv_heads * config.head_dim * element_bytes


def parameters(config: ModelConfig) -> int:
    return _layer_tables(config) + _token_tables(config) + _vectors(config)


def weight_bytes(config: ModelConfig, precision: str) -> int:
    """int8 has a scale a row, int4 two numbers a group; token tables are int8 in both, vectors stay fp32."""
    if _BITS[precision] >= 16:
        return parameters(config) * _BITS[precision] // 8
    tokens, layers = _token_tables(config), _layer_tables(config)
    scales = 4 * (tokens + layers) // config.dim
    if precision == "int4":
        return tokens + layers // 2 + layers // _GROUP * 4 + scales + 4 * _vectors(config)
    return tokens + layers + scales + 4 * _vectors(config)


def _working_bytes(config: ModelConfig, precision: str, context: int) -> int:
    """What a chunk of a prompt needs on its way through the widest layer, and the logits at its end."""
    chunk = min(PREFILL_CHUNK, context)
    element = 2 if precision in ("bf16", "fp16") else 4
    through = chunk * (8 * config.dim + 4 * config.ffn_dim) * element
    unpacked = 0 if _BITS[precision] >= 16 else _UNPACKED_ROWS * max(config.dim, config.ffn_dim) * 4
    mask = chunk * context * 4
    return through + unpacked + mask + _CHECKED_ROWS * config.vocab_size * 4


def _layer_tables(config: ModelConfig) -> int:
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    attention = config.dim * (2 * wide + 2 * narrow)
    mlp = config.dim * config.ffn_dim * (3 if config.mlp == "swiglu" else 2)
    return config.n_layers * (attention + mlp)


def _token_tables(config: ModelConfig) -> int:
    positions = config.max_context if config.position == "learned" else 0
    return config.dim * (config.vocab_size * (1 if config.tie_embeddings else 2) + positions)


def _vectors(config: ModelConfig) -> int:
    """Norms and biases."""
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    norm = config.dim * (2 if config.norm == "layer" else 1)
    layer = 2 * norm
    if config.qk_norm:
        layer += 2 * config.head_dim
    if config.has_attention_bias:
        layer += wide + 2 * narrow
    if config.has_output_bias:
        layer += config.dim
    if config.has_mlp_bias:
        layer += config.dim + config.ffn_dim * (2 if config.mlp == "swiglu" else 1)
    return config.n_layers * layer + norm
