"""Bytes, by arithmetic alone: what a network's weights take at each precision."""

from core.spec.config import ModelConfig

PRECISIONS = ("fp32", "bf16", "fp16", "int8", "int4")

_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8, "int4": 4}
_BLOCK_WEIGHTS = 32
_SCALE_BYTES = 2


def table_parameters(config: ModelConfig) -> int:
    """Those in matrices, which are what a lower precision makes smaller."""
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    attention = config.dim * (2 * wide + 2 * narrow)
    mlp = config.dim * config.ffn_dim * (3 if config.mlp == "swiglu" else 2)
    tables = config.vocab_size * (1 if config.tie_embeddings else 2)
    positions = config.max_context if config.position == "learned" else 0
    return config.n_layers * (attention + mlp) + config.dim * (tables + positions)


def vector_parameters(config: ModelConfig) -> int:
    """Those of norms and biases."""
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


def parameters(config: ModelConfig) -> int:
    return table_parameters(config) + vector_parameters(config)


def weight_bytes(config: ModelConfig, precision: str) -> int:
    """int8 and int4 are stored in blocks with a scale each; norms and biases stay fp32 beside them."""
    tables, vectors, bits = table_parameters(config), vector_parameters(config), _BITS[precision]
    if bits >= 16:
        return (tables + vectors) * bits // 8
    return tables * bits // 8 + tables * _SCALE_BYTES // _BLOCK_WEIGHTS + vectors * 4
