"""What torch computes, or packs for the C library: any network, any precision, any device."""

from dataclasses import dataclass, replace
from typing import Any

import torch

from core.checkpoint.packing import load_quantised
from core.checkpoint.reading import Say
from core.checkpoint.stored import StoredModel
from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.card import CardPacking
from core.model.crossover import choose_reads
from core.model.device import Attempt, usable_cores, use_threads
from core.model.graphs import choose_graphs
from core.model.network import Logits
from core.model.quant import Packing, TorchPacking, choose_kernels
from core.model.tiled import CacheTiles, LibraryPacking
from core.model.transformer import Transformer
from core.native import library
from core.native.library import Library
from core.placing.placed import PlacedModel, Room
from core.spec.config import ModelConfig
from core.spec.removal import packed_folder

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class TorchNetwork:
    """A Transformer that nobody trains: see Network."""

    transformer: Transformer

    @property
    def config(self) -> ModelConfig:
        return self.transformer.config

    @torch.inference_mode()
    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        return self.transformer.read(tokens, cache, last)


@torch.inference_mode()
def placed_by_torch(stored: StoredModel, attempt: Attempt, threads: int, room: Room, say: Say) -> PlacedModel:
    """`threads` as they were asked for: 0 where we are to choose."""
    torch_threads = use_threads(threads)
    dtype = _DTYPES.get(attempt.precision)
    tiles = library.load() if dtype is None and attempt.device == "cpu" else None
    if dtype is not None:
        step = f"reading the weights as {attempt.precision} for the {attempt.device}"
        model = stored.load(dtype, lambda share: say(f"{step}: {share} %")).to(attempt.device)
        kernel: str = attempt.precision
        layers = CacheRows(stored.config, dtype, attempt.device)
    elif tiles is not None:
        placed = _placed_in_tiles(stored, attempt, tiles, room, say)
        tiles.set_threads(threads or usable_cores())  # it gives up a core that other programs want
        return replace(placed, threads=threads or usable_cores())
    else:
        is_card = attempt.device != "cpu"
        model = _packed(stored, attempt, CardPacking() if is_card else TorchPacking(), say).to(attempt.device)
        # as planned, whatever multiplies; cards before 2020 have no bfloat16
        layers = CacheRows(stored.config, torch.float16 if is_card else torch.bfloat16, attempt.device)
        say("measuring what computes fastest here")
        kernel = choose_kernels(model).name
    is_slow = dtype is None and attempt.device == "cpu"
    slower = f"{library.why_not()} PyTorch multiplies instead, several times slower"
    network = TorchNetwork(model)
    return PlacedModel(network, attempt, torch_threads, kernel, layers, room, (slower,) if is_slow else ())


def with_graphs(placed: PlacedModel) -> PlacedModel:
    """On an NVIDIA card, where they work and are faster."""
    network: Any = placed.model
    why_not = choose_graphs(network.transformer, placed.new_cache())
    if why_not:
        return replace(placed, concessions=(*placed.concessions, why_not))
    return replace(placed, kernel=f"{placed.kernel}, CUDA graphs")


def _placed_in_tiles(
    stored: StoredModel, attempt: Attempt, tiles: Library, room: Room, say: Say
) -> PlacedModel:
    model = _packed(stored, attempt, LibraryPacking(tiles), say)
    say("measuring what computes fastest here")
    reads = choose_reads(model)
    layers = CacheTiles(stored.config, tiles, reads.wide)
    return PlacedModel(TorchNetwork(model), attempt, 0, tiles.kernels + reads.name, layers, room)


def _packed(stored: StoredModel, attempt: Attempt, packing: Packing, say: Say) -> Transformer:
    precision: Any = attempt.precision
    return load_quantised(stored, precision, packing, packed_folder(), say)
