"""How long a read the C library takes faster than torch, measured once a machine.

The library multiplies with packed weights whatever the length. torch first has them unpacked, which many
tokens must pay for; then it wins where the processor has units for matrices, and loses elsewhere. So that all
which belongs to a read is weighed, a network of one layer is read both ways. A small network is the library's
in any case.
"""

import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from core.model.cache import KVCache
from core.model.kernels import fastest_wide
from core.model.one_step import FEWEST_ROWS, is_quickly_read, rows_question
from core.model.remembered import remembered
from core.model.tiled import CacheTiles, LibraryPacking, TiledLinear, step_reader
from core.model.transformer import Transformer, on_meta, with_random_weights
from core.native.library import Library
from core.native.matrix import Bits
from core.spec.budget import PREFILL_CHUNK
from core.spec.config import ModelConfig

_LENGTHS = (PREFILL_CHUNK, 128, 64, 32)
_REPETITIONS = 3
_ONE_LAYER = ModelConfig(
    vocab_size=64,
    dim=512,
    n_layers=1,
    n_heads=8,
    n_kv_heads=4,
    head_dim=64,
    ffn_dim=1536,
    max_context=PREFILL_CHUNK,
)


@dataclass(frozen=True)
class Reads:
    """Up to `packed_rows` tokens at once go through the library, more through torch in `wide`."""

    packed_rows: int
    wide: torch.dtype

    @property
    def name(self) -> str:
        """For people, behind that of the kernels; empty where the library reads everything."""
        if self.packed_rows >= PREFILL_CHUNK:
            return ""
        return f", {str(self.wide).removeprefix('torch.')} beyond {self.packed_rows} tokens"


def choose_reads(model: Transformer) -> Reads:
    """Whatever this processor is faster at, for a network in tiles."""
    layer = next(layer for layer in model.layers.modules() if isinstance(layer, TiledLinear))
    unpacker = layer.unpacker
    if is_quickly_read(model.config):
        reads = Reads(PREFILL_CHUNK, torch.float32)
    else:
        reads = Reads(rows_through_library(unpacker.library, layer.tiles.shape.bits), fastest_wide())
    unpacker.dtype, unpacker.most_packed_rows = reads.wide, reads.packed_rows
    if model.short_reads is not None and reads.packed_rows > FEWEST_ROWS:
        model.short_reads = step_reader(unpacker.library, model, reads.packed_rows)
    return reads


@cache
def rows_through_library(library: Library, bits: Bits) -> int:
    """FEWEST_ROWS to PREFILL_CHUNK."""
    known = remembered(
        rows_question(library, bits),
        lambda: str(_measured(library, bits)),
        {str(rows) for rows in (FEWEST_ROWS, *_LENGTHS)}.__contains__,
    )
    return int(known)


@torch.inference_mode()
def _measured(library: Library, bits: Bits) -> int:
    """By one thread and in turns, so that a busy machine does not decide."""
    model = _in_tiles(library, bits)
    wide = fastest_wide()
    cached = KVCache(PREFILL_CHUNK, CacheTiles(_ONE_LAYER, library, wide))
    torch_threads, threads = torch.get_num_threads(), library.threads
    torch.set_num_threads(1)
    library.set_threads(1)
    rows = FEWEST_ROWS
    for length in _LENGTHS:  # the longer, the better for torch
        library_s = torch_s = float("inf")
        for _ in range(_REPETITIONS):
            model.short_reads = step_reader(library, model, length)
            library_s = min(library_s, _seconds(model, cached, length))
            model.short_reads = None
            torch_s = min(torch_s, _seconds(model, cached, length))
        if library_s <= torch_s:
            rows = length
            break
    torch.set_num_threads(torch_threads)
    library.set_threads(threads)
    return rows


def _in_tiles(library: Library, bits: Bits) -> Transformer:
    packing = LibraryPacking(library)
    with torch.device("meta"):
        model = packing.prepare(on_meta(_ONE_LAYER), f"int{bits}")
    plain = with_random_weights(_ONE_LAYER, 1)
    model.load_state_dict(dict(packing.state(model, plain.named_parameters())), assign=True, strict=False)
    packing.finish(model.requires_grad_(False).eval())
    head: Any = model.head
    head.unpacker.dtype = fastest_wide()
    return model


def _seconds(model: Transformer, cached: KVCache, length: int) -> float:
    cached.keep(0)
    started = time.perf_counter()
    model.read([token % _ONE_LAYER.vocab_size for token in range(length)], cached, last=1)
    return time.perf_counter() - started
