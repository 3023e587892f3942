"""The C library with each of its kernels, for numbers that are tensors, and networks to compute with it."""

from functools import cache
from typing import Any

import torch
from torch import Tensor

from core.model.frequencies import frequencies
from core.model.tiled import as_array
from core.model.transformer import Transformer
from core.native import matrix as arrays
from core.native.cache import TiledCache
from core.native.library import Library, load, why_not
from core.native.matrix import GATE, UP, Bits, Matrix
from core.native.step import LayerWeights, NetworkWeights, Planes, Step


def _usable_here() -> list[str]:
    loaded = load()
    return loaded.usable_kernels() if loaded is not None else ["none"]  # and the tests say why


# vnni256 is the code of avxvnni in another encoding: one of both can be tried on most processors
KERNELS = _usable_here()


@cache
def library(kernels: str | None = None) -> Library:
    loaded = load()
    assert loaded is not None, why_not()
    return Library(loaded.path, kernels)


def pack(library: Library, weight: Tensor, into: Matrix) -> None:
    arrays.pack(library, as_array(weight), into)


def packed(library: Library, weight: Tensor, bits: Bits, importance: Tensor | None = None) -> Matrix:
    return arrays.packed(
        library, as_array(weight), bits, None if importance is None else as_array(importance)
    )


def packed_pair(library: Library, gate: Tensor, up: Tensor, bits: Bits) -> Matrix:
    return arrays.packed_pair(library, as_array(gate), as_array(up), bits)


def unpack(library: Library, matrix: Matrix, to: Tensor, first: int = 0, which: int = GATE) -> None:
    arrays.unpack(library, matrix, as_array(to), first, which)


def unpacked(library: Library, matrix: Matrix, which: int = GATE) -> Tensor:
    weight = torch.empty(matrix.shape.rows, matrix.shape.columns)
    unpack(library, matrix, weight, which=which)
    return weight


def multiply(
    library: Library, matrix: Matrix, x: Tensor, bias: Tensor | None = None, **planes: Any
) -> Tensor:
    row_bias = None if bias is None else as_array(bias)
    return torch.from_numpy(arrays.multiply(library, matrix, as_array(x), row_bias, **planes))


def write(library: Library, cache: TiledCache, layer: int, first: int, keys: Tensor, values: Tensor) -> None:
    cache.write(library, layer, first, as_array(keys), as_array(values))


def read(
    library: Library, cache: TiledCache, layer: int, end: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    shape = (cache.kv_heads, end, cache.head_dim)
    keys, values = torch.empty(shape, dtype=dtype), torch.empty(shape, dtype=dtype)
    cache.read(library, layer, as_array(keys), as_array(values))
    return keys, values


def run(step: Step, tokens: list[int], position: int, cache: TiledCache, last: int) -> Tensor:
    return torch.from_numpy(step.run(tokens, position, cache, last))


def network_weights(library: Library, model: Transformer, bits: Bits) -> NetworkWeights:
    """Packs the model's weights, and gives the model what was made of them."""
    config = model.config
    turning, magnitude = frequencies(config)

    def together(*layers: torch.nn.Module) -> Matrix:
        weights = [layer.weight for layer in layers]
        matrix = packed(library, torch.cat(weights), bits)
        rows = unpacked(library, matrix).split([weight.shape[0] for weight in weights])
        for weight, part in zip(weights, rows, strict=True):
            weight.copy_(part)
        return matrix

    def pair(gate: torch.nn.Linear, up: torch.nn.Linear) -> Matrix:
        matrix = packed_pair(library, gate.weight, up.weight, bits)
        gate.weight.copy_(unpacked(library, matrix))
        up.weight.copy_(unpacked(library, matrix, UP))
        return matrix

    table = together(model.embed)
    layers = tuple(
        LayerWeights(
            qkv=together(block.attn.q, block.attn.k, block.attn.v),
            output=together(block.attn.o),
            gate_up=pair(block.mlp.gate, block.mlp.up),
            down=together(block.mlp.down),
            attention_norm=as_array(block.attn_norm.weight),
            mlp_norm=as_array(block.mlp_norm.weight),
            qkv_bias=_bias(block.attn.q, block.attn.k, block.attn.v),
            output_bias=_bias(block.attn.o),
            gate_bias=_bias(block.mlp.gate),
            up_bias=_bias(block.mlp.up),
            down_bias=_bias(block.mlp.down),
            q_norm=as_array(block.attn.q_norm.weight) if config.qk_norm else None,
            k_norm=as_array(block.attn.k_norm.weight) if config.qk_norm else None,
        )
        for block in model.layers
    )
    head = table if model.head is None else together(model.head)
    return NetworkWeights(table, head, as_array(model.norm.weight), layers, turning, magnitude)


def _bias(*layers: Any) -> Any:
    biases = [layer.bias for layer in layers]
    return None if biases[0] is None else as_array(torch.cat(biases))


def step_and_cache(
    library: Library, model: Transformer, *, bits: Bits = 8, most_rows: int = 16, planes: Planes = 2
) -> tuple[Step, TiledCache]:
    config = model.config
    step = Step(library, config, network_weights(library, model, bits), most_rows, planes)
    return step, TiledCache(config.n_layers, config.n_kv_heads, config.head_dim)
