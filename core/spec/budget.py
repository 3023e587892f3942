"""Bytes, by arithmetic alone: what running a network takes, from its configuration and a few choices.

What a process takes before it holds a model is measured and handed in; the rest follows from sizes.
"""

from dataclasses import dataclass

from core.spec.config import ModelConfig
from core.spec.sizes import MB, in_mb

PRECISIONS = ("fp32", "bf16", "fp16", "int8", "int4")
PREFILL_CHUNK = 256
# a process with torch and what reads models, before any weights; a guess until this machine has been measured
RUNTIME_BYTES = 255 * MB
# the same without torch, where the C library does everything
LEAN_RUNTIME_BYTES = 50 * MB
# left to the system and to what other programs will want in the next minute
RESERVE_BYTES = 512 * MB
# what a driver and its libraries take of a card for each process; by the literature, not yet measured here
CARD_RUNTIME_BYTES = 358 * MB
CARD_RESERVE_BYTES = 64 * MB

_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "int8": 8, "int4": 4}
TILE_ROWS, RECORD_COLUMNS = 16, 64  # of the C library's tiles
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

    @property
    def arithmetic(self) -> str:
        """The sum, for a person."""
        return (
            f"{in_mb(self.weights_bytes)} weights + {in_mb(self.cache_bytes)} cache + "
            f"{in_mb(self.working_bytes)} work + {in_mb(self.runtime_bytes)} program = "
            f"{in_mb(self.total_bytes)}"
        )


def to_run(
    config: ModelConfig,
    precision: str,
    context_tokens: int,
    *,
    runtime_bytes: int = RUNTIME_BYTES,
    in_one_step: bool = False,
) -> Budget:
    """`context_tokens`: how long the texts become. Keys and values have 16 bits, or 32 in fp32.

    `in_one_step`: the C library reads everything, and no layer is unpacked for torch.
    """
    context = min(context_tokens, config.max_context)
    if _BITS[precision] < 16:
        in_cache = tiled_position_bytes(config)
    else:
        in_cache = position_bytes(config, 4 if precision == "fp32" else 2)
    return Budget(
        runtime_bytes=runtime_bytes,
        weights_bytes=weight_bytes(config, precision),
        cache_bytes=context * in_cache,
        working_bytes=_working_bytes(config, precision, context, in_one_step),
    )


def position_bytes(config: ModelConfig, element_bytes: int) -> int:
    """Keys and values of one token in all layers."""
    return 2 * config.n_layers * config.n_kv_heads * config.head_dim * element_bytes


def tiled_position_bytes(config: ModelConfig) -> int:
    """In the C library's tiles, where values are padded to its vectors; both have 16 bits."""
    width = config.head_dim + _padded(config.head_dim, TILE_ROWS)
    return config.n_layers * config.n_kv_heads * width * 2


def tiles_bytes(rows: int, columns: int, bits: int) -> int:
    """A matrix in the C library's tiles of 16 rows, with a scale of 16 bits for 32 weights of a row."""
    records = _padded(rows, TILE_ROWS) // TILE_ROWS * (_padded(columns, RECORD_COLUMNS) // RECORD_COLUMNS)
    return records * 64 * (1 + 2 * bits)


def parameters(config: ModelConfig) -> int:
    return _layer_tables(config) + _token_tables(config) + _vectors(config)


def weight_bytes(config: ModelConfig, precision: str) -> int:
    """Token tables are int8 in int4 too; vectors and learned positions stay fp32."""
    if _BITS[precision] >= 16:
        return parameters(config) * _BITS[precision] // 8
    layers = sum(tiles_bytes(*shape, _BITS[precision]) for shape in _matrices(config))
    tables = tiles_bytes(config.vocab_size, config.dim, 8) * (1 if config.tie_embeddings else 2)
    return config.n_layers * layers + tables + 4 * (_vectors(config) + _positions(config))


def _working_bytes(config: ModelConfig, precision: str, context: int, in_one_step: bool) -> int:
    """What a chunk of a prompt needs on its way through the widest layer, and the logits at its end."""
    chunk = min(PREFILL_CHUNK, context)
    element = 2 if precision in ("bf16", "fp16") else 4
    through = chunk * (8 * config.dim + 4 * config.ffn_dim) * element
    at_the_end = _CHECKED_ROWS * config.vocab_size * 4
    if in_one_step:
        return through + at_the_end
    unpacked = 0 if _BITS[precision] >= 16 else max(rows * columns for rows, columns in _matrices(config)) * 4
    mask = chunk * context * 4
    return through + unpacked + mask + at_the_end


def _matrices(config: ModelConfig) -> list[tuple[int, int]]:
    """Rows and columns of a layer's."""
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim
    widening = [(config.ffn_dim, config.dim)] * (2 if config.mlp == "swiglu" else 1)
    return [(wide + 2 * narrow, config.dim), (config.dim, wide), *widening, (config.dim, config.ffn_dim)]


def _layer_tables(config: ModelConfig) -> int:
    return config.n_layers * sum(rows * columns for rows, columns in _matrices(config))


def _token_tables(config: ModelConfig) -> int:
    return config.dim * config.vocab_size * (1 if config.tie_embeddings else 2) + _positions(config)


def _positions(config: ModelConfig) -> int:
    return config.dim * config.max_context if config.position == "learned" else 0


def _padded(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


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
