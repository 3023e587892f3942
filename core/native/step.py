"""Step: a whole network in one call of the C library, for 1 to some rows at consecutive positions.

For networks with RMSNorm, SwiGLU and rotary positions: `why_unsupported` says which are not. Where weights
come from and how a text is continued, others know.
"""

import ctypes
import threading
import weakref
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.native.cache import TiledCache
from core.native.library import Library, check
from core.native.matrix import AS_NEEDED, Matrix, Planes, Shape
from core.native.structures import (
    MAX_HEAD_DIM,
    MAX_STEP_ROWS,
    LayerFields,
    NetworkFields,
    StepCall,
)
from core.spec.config import ModelConfig

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class LayerWeights:
    qkv: Matrix  # the rows of q, then of k, then of v
    output: Matrix
    gate_up: Matrix  # a pair
    down: Matrix
    attention_norm: Numbers
    mlp_norm: Numbers
    qkv_bias: Numbers | None = None
    output_bias: Numbers | None = None
    gate_bias: Numbers | None = None
    up_bias: Numbers | None = None
    down_bias: Numbers | None = None
    q_norm: Numbers | None = None
    k_norm: Numbers | None = None


@dataclass(frozen=True, eq=False)
class NetworkWeights:
    table: Matrix
    head: Matrix  # the table itself, where it is tied
    final_norm: Numbers
    layers: tuple[LayerWeights, ...]
    rope_frequencies: Numbers  # (head_dim / 2), in radians a position
    rope_magnitude: float = 1.0


def why_unsupported(config: ModelConfig) -> str:
    """Half a sentence; empty where a Step can be made."""
    if config.norm != "rms" or config.mlp != "swiglu" or config.position != "rope":
        return "it is not made of RMSNorm, SwiGLU and rotary positions"
    if config.head_dim > MAX_HEAD_DIM:
        return f"its heads are wider than {MAX_HEAD_DIM}"
    return ""


class Step:
    """`most_rows` tokens at most in one call; `planes` as in matrix.multiply."""

    def __init__(
        self,
        library: Library,
        config: ModelConfig,
        weights: NetworkWeights,
        most_rows: int = 16,
        planes: Planes = AS_NEEDED,
    ) -> None:
        if reason := why_unsupported(config):
            raise ValueError(f"this network cannot be computed in one step: {reason}")
        if not 1 <= most_rows <= MAX_STEP_ROWS:
            raise ValueError(f"a step takes 1 to {MAX_STEP_ROWS} rows, not {most_rows}")
        _check_shapes(config, weights)
        self.library, self.config, self.most_rows = library, config, most_rows
        self._weights = weights  # whose addresses the library keeps
        self._layers = (LayerFields * config.n_layers)(
            *(_layer_fields(config, number, layer) for number, layer in enumerate(weights.layers))
        )
        functions, fields = library.functions, _network_fields(config, weights, self._layers)
        address = functions.native_new_step(library.kernels_address, fields, most_rows, planes)
        if not address:
            raise MemoryError("the C library was refused memory for a step")
        self._address = address
        self._lock = threading.Lock()
        weakref.finalize(self, functions.native_free_step, address)

    def run(self, tokens: list[int], position: int, cache: TiledCache, last: int) -> Numbers:
        """Feeds tokens from `position` on, where the cache holds all before; (last, vocab_size) logits.

        The cache must have room for them, see `reserve`.
        """
        logits = np.empty((last, self.config.vocab_size), np.float32)
        numbers = (ctypes.c_int32 * len(tokens))(*tokens)
        call = StepCall(
            ctypes.addressof(numbers), len(tokens), position, last, cache.fields, logits.ctypes.data
        )
        with self._lock:
            check(self.library.functions.native_run_step(self._address, call))
        return logits


def _check_shapes(config: ModelConfig, weights: NetworkWeights) -> None:
    """The library trusts what it is given."""
    dim, head_dim = config.dim, config.head_dim
    wide, narrow = config.n_heads * head_dim, config.n_kv_heads * head_dim
    vectors: list[tuple[Numbers | None, int]] = [
        (weights.final_norm, dim),
        (weights.rope_frequencies, head_dim // 2),
    ]
    matrices = [(matrix, config.vocab_size, dim, False) for matrix in (weights.table, weights.head)]
    if len(weights.layers) != config.n_layers:
        raise ValueError(f"weights of {config.n_layers} layers are needed, not of {len(weights.layers)}")
    for layer in weights.layers:
        vectors += [(layer.attention_norm, dim), (layer.mlp_norm, dim), (layer.qkv_bias, wide + 2 * narrow)]
        vectors += [(layer.output_bias, dim), (layer.down_bias, dim)]
        vectors += [(layer.gate_bias, config.ffn_dim), (layer.up_bias, config.ffn_dim)]
        vectors += [(layer.q_norm, head_dim), (layer.k_norm, head_dim)]
        matrices += [(layer.qkv, wide + 2 * narrow, dim, False), (layer.output, dim, wide, False)]
        matrices += [(layer.gate_up, config.ffn_dim, dim, True), (layer.down, dim, config.ffn_dim, False)]
    for vector, size in vectors:
        if vector is not None and not _is_vector(vector, size):
            raise ValueError(f"a vector of {size} fp32 numbers is needed, not {vector.shape}")
    for matrix, rows, columns, is_pair in matrices:
        if matrix.shape != Shape(rows, columns, matrix.shape.bits, is_pair):
            raise ValueError(f"a matrix of {rows} x {columns} is needed, not {matrix.shape}")


def _is_vector(array: Numbers, size: int) -> bool:
    return array.shape == (size,) and array.dtype == np.float32 and array.flags.c_contiguous


def _address(array: Numbers | None) -> int | None:
    return None if array is None else array.ctypes.data


def _layer_fields(config: ModelConfig, number: int, layer: LayerWeights) -> LayerFields:
    return LayerFields(
        layer.qkv.fields(),
        layer.output.fields(),
        layer.gate_up.fields(),
        layer.down.fields(),
        layer.attention_norm.ctypes.data,
        layer.mlp_norm.ctypes.data,
        _address(layer.qkv_bias),
        _address(layer.output_bias),
        _address(layer.gate_bias),
        _address(layer.up_bias),
        _address(layer.down_bias),
        _address(layer.q_norm),
        _address(layer.k_norm),
        config.window_of(number) or 0,
    )


def _network_fields(
    config: ModelConfig, weights: NetworkWeights, layers: ctypes.Array[LayerFields]
) -> NetworkFields:
    return NetworkFields(
        vocab_size=config.vocab_size,
        dim=config.dim,
        layers_count=config.n_layers,
        heads=config.n_heads,
        kv_heads=config.n_kv_heads,
        head_dim=config.head_dim,
        ffn_dim=config.ffn_dim,
        norm_eps=config.norm_eps,
        attention_scale=config.attention_scale,
        embedding_multiplier=config.embedding_multiplier,
        residual_multiplier=config.residual_multiplier,
        logits_divisor=config.logits_divisor,
        rope_magnitude=weights.rope_magnitude,
        rope_frequencies=weights.rope_frequencies.ctypes.data,
        final_norm=weights.final_norm.ctypes.data,
        table=weights.table.fields(),
        head=weights.head.fields(),
        layers=layers,
    )
