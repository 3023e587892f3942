"""A network that the C library reads with in one call: weights by name, the cache to them, and the reads.

Without torch, which takes seconds to load and more memory than a small model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.model.cache import KVCache
from core.model.frequencies import frequencies
from core.model.network import Logits
from core.model.remembered import known_answer
from core.native.cache import TiledCache
from core.native.library import Library
from core.native.matrix import Bits, Matrix, Shape
from core.native.step import LayerWeights, NetworkWeights, Step
from core.spec.budget import PREFILL_CHUNK, parameters, tiled_position_bytes
from core.spec.config import ModelConfig
from core.spec.version import version

TILES = "tiles, by channel and size"  # on disk, not to be taken for weights packed otherwise
_LITTLE_WORK = 2e10  # weights by tokens; the embedded model comes to half of that
FEWEST_ROWS = 16  # which the library always takes: a text must not depend on how many guesses are checked


class TiledLayers:
    """A cache's memory as the step wants it."""

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        self.tiled = TiledCache(config.n_layers, config.n_kv_heads, config.head_dim)

    @property
    def position_bytes(self) -> int:
        return tiled_position_bytes(self.config)

    def emptied(self) -> "TiledLayers":
        return TiledLayers(self.config)

    def reserve(self, capacity: int, length: int) -> None:
        self.tiled.reserve(capacity, length)

    def copy_from(self, other: "TiledLayers", length: int) -> None:
        self.tiled.copy_from(other.tiled, length)


class StepReader:
    """Reads of up to `most_tokens`, with weights that lie in tiles."""

    def __init__(
        self, library: Library, config: ModelConfig, weights: NetworkWeights, most_tokens: int
    ) -> None:
        self.most_tokens = most_tokens
        self._step = Step(library, config, weights, most_tokens)

    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        cache.make_room(len(tokens))
        layers: Any = cache.layers  # TiledLayers: whoever makes this reader makes caches to match
        logits = self._step.run(tokens, len(cache), layers.tiled, last)
        cache.advance(len(tokens))
        return logits


@dataclass(frozen=True)
class OneStepNetwork:
    """Nothing but such reads: see Network."""

    config: ModelConfig
    reader: StepReader

    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        logits = self.reader.read(tokens, cache, last)
        cache.tokens += tokens
        return logits


def rows_question(library: Library, bits: Bits) -> str:
    """Up to how many tokens at once it is faster than torch, which crossover.py measures and remembers."""
    return f"rows through {library.kernels} of {bits} bits, {version()}"


def reads_everything(library: Library, config: ModelConfig, bits: Bits) -> bool:
    """Known to be faster whatever the length, or fast enough for torch not to be worth its start."""
    return is_quickly_read(config) or known_answer(rows_question(library, bits)) == str(PREFILL_CHUNK)


def is_quickly_read(config: ModelConfig) -> bool:
    """A whole context, by the library, in tenths of a second on two cores. Torch takes seconds to load."""
    return parameters(config) * config.max_context < _LITTLE_WORK


def network_weights(config: ModelConfig, bits: Bits, state: Mapping[str, NDArray[Any]]) -> NetworkWeights:
    """Of arrays by the names that a network in tiles gives them; KeyError, TypeError or ValueError where they
    are not those of this network."""
    wide, narrow = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim

    def matrix(name: str, shape: Shape) -> Matrix:
        return Matrix(shape, state[f"{name}.packed"])

    def vector(names: list[str], is_there: bool) -> NDArray[np.float32] | None:
        """Behind each other, where there are several."""
        parts = [state[name] for name in names] if is_there else []
        return np.concatenate(parts, dtype=np.float32, casting="no") if parts else None

    def layer(place: str) -> LayerWeights:
        attention, mlp = f"{place}.attn", f"{place}.mlp"
        return LayerWeights(
            qkv=matrix(f"{attention}.qkv", Shape(wide + 2 * narrow, config.dim, bits)),
            output=matrix(f"{attention}.o.own", Shape(config.dim, wide, bits)),
            gate_up=matrix(f"{mlp}.gate_up", Shape(config.ffn_dim, config.dim, bits, is_pair=True)),
            down=matrix(f"{mlp}.down.own", Shape(config.dim, config.ffn_dim, bits)),
            attention_norm=state[f"{place}.attn_norm.weight"],
            mlp_norm=state[f"{place}.mlp_norm.weight"],
            qkv_bias=vector([f"{attention}.{part}.bias" for part in "qkv"], config.has_attention_bias),
            output_bias=vector([f"{attention}.o.bias"], config.has_output_bias),
            gate_bias=vector([f"{mlp}.gate.bias"], config.has_mlp_bias),
            up_bias=vector([f"{mlp}.up.bias"], config.has_mlp_bias),
            down_bias=vector([f"{mlp}.down.bias"], config.has_mlp_bias),
            q_norm=vector([f"{attention}.q_norm.weight"], config.qk_norm),
            k_norm=vector([f"{attention}.k_norm.weight"], config.qk_norm),
        )

    ends = Shape(config.vocab_size, config.dim, 8)
    table = matrix("embed.tiles", ends)
    turning, magnitude = frequencies(config)
    return NetworkWeights(
        table=table,
        head=table if config.tie_embeddings else matrix("head.own", ends),
        final_norm=state["norm.weight"],
        layers=tuple(layer(f"layers.{number}") for number in range(config.n_layers)),
        rope_frequencies=turning,
        rope_magnitude=magnitude,
    )
