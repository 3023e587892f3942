"""The quick way: weights that were packed at an earlier start, read by the C library alone and without torch.

A small model is there before torch would be loaded, and takes less memory than torch does.
"""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.checkpoint.packed import DAMAGED, packed_place, read_packed
from core.checkpoint.reading import Say
from core.checkpoint.stored import StoredModel
from core.model.device import Attempt, usable_cores
from core.model.one_step import (
    TILES,
    OneStepNetwork,
    StepReader,
    TiledLayers,
    network_weights,
    reads_everything,
)
from core.native import library
from core.native.library import Library
from core.native.matrix import Bits
from core.native.step import why_unsupported
from core.placing.placed import PlacedModel, Room
from core.spec.budget import PREFILL_CHUNK
from core.spec.errors import ModelFormatError
from core.spec.removal import packed_folder


@dataclass(frozen=True)
class PackedModel:
    stored: StoredModel
    attempt: Attempt
    place: Path
    bits: Bits
    tiles: Library

    def placed(self, room: Room, threads: int, say: Say) -> PlacedModel | None:
        """None where the file is damaged, which then is gone."""
        config = self.stored.config
        try:
            state = read_packed(self.place, lambda share: say(f"reading the packed weights: {share} %"))
            weights = network_weights(config, self.bits, state)
            network = OneStepNetwork(config, StepReader(self.tiles, config, weights, PREFILL_CHUNK))
        except (ModelFormatError, KeyError, TypeError, ValueError):
            say(DAMAGED)
            with contextlib.suppress(OSError):  # where it is in use, some systems keep it
                self.place.unlink()
            return None
        threads = threads or usable_cores()
        self.tiles.set_threads(threads)  # it gives up a core that other programs want
        return PlacedModel(network, self.attempt, threads, self.tiles.kernels, TiledLayers(config), room)


def find_packed(stored: StoredModel, attempt: Attempt) -> PackedModel | None:
    """None where the weights are not there yet, or where torch is needed or faster."""
    precision: Any = attempt.precision
    if attempt.device != "cpu" or precision not in ("int8", "int4") or why_unsupported(stored.config):
        return None
    bits: Bits = 4 if precision == "int4" else 8
    tiles, place = library.load(), packed_place(stored, precision, TILES, packed_folder())
    if tiles is None or not place.exists() or not reads_everything(tiles, stored.config, bits):
        return None
    return PackedModel(stored, attempt, place, bits, tiles)
