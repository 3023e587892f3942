"""The C library with each of its kernels, and networks to compute with it."""

from functools import cache

import torch
from torch import Tensor

from core.model.rope import frequency_divisors, plain_frequencies
from core.model.transformer import Transformer
from core.native.cache import TiledCache
from core.native.library import Library, load, why_not
from core.native.matrix import UP, Bits, Matrix, packed, packed_pair, unpack
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


def unpacked(library: Library, matrix: Matrix, which: int = 0) -> Tensor:
    weight = torch.empty(matrix.shape.rows, matrix.shape.columns)
    unpack(library, matrix, weight, which=which)
    return weight


def network_weights(library: Library, model: Transformer, bits: Bits) -> NetworkWeights:
    """Packs the model's weights, and gives the model what was made of them."""
    config = model.config
    divisors, magnitude = frequency_divisors(config.head_dim, config.rope_theta, config.rope_scaling)
    frequencies = plain_frequencies(config.head_dim, config.rope_theta) / divisors

    def pack(*layers: torch.nn.Module) -> Matrix:
        weights = [layer.weight for layer in layers]
        matrix = packed(library, torch.cat(weights), bits)
        rows = unpacked(library, matrix).split([weight.shape[0] for weight in weights])
        for weight, part in zip(weights, rows, strict=True):
            weight.copy_(part)
        return matrix

    def pack_pair(gate: torch.nn.Linear, up: torch.nn.Linear) -> Matrix:
        matrix = packed_pair(library, gate.weight, up.weight, bits)
        gate.weight.copy_(unpacked(library, matrix))
        up.weight.copy_(unpacked(library, matrix, UP))
        return matrix

    table = pack(model.embed)
    layers = tuple(
        LayerWeights(
            qkv=pack(block.attn.q, block.attn.k, block.attn.v),
            output=pack(block.attn.o),
            gate_up=pack_pair(block.mlp.gate, block.mlp.up),
            down=pack(block.mlp.down),
            attention_norm=block.attn_norm.weight,
            mlp_norm=block.mlp_norm.weight,
            qkv_bias=_together(block.attn.q.bias, block.attn.k.bias, block.attn.v.bias),
            output_bias=block.attn.o.bias,
            gate_bias=block.mlp.gate.bias,
            up_bias=block.mlp.up.bias,
            down_bias=block.mlp.down.bias,
            q_norm=block.attn.q_norm.weight if config.qk_norm else None,
            k_norm=block.attn.k_norm.weight if config.qk_norm else None,
        )
        for block in model.layers
    )
    head = table if model.head is None else pack(model.head)
    return NetworkWeights(table, head, model.norm.weight, layers, frequencies, magnitude)


def _together(*biases: Tensor | None) -> Tensor | None:
    return None if biases[0] is None else torch.cat(biases)


def step_and_cache(
    library: Library, model: Transformer, *, bits: Bits = 8, most_rows: int = 16, planes: Planes = 2
) -> tuple[Step, TiledCache]:
    config = model.config
    step = Step(library, config, network_weights(library, model, bits), most_rows, planes)
    return step, TiledCache(config.n_layers, config.n_kv_heads, config.head_dim)
