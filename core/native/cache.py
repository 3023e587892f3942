"""TiledCache: keys and values of one text as the C library reads them, for all layers of a network. fp16.

Each layer has keys (kv_heads, capacity / 16, head_dim, 16), where the last place is the position in its tile,
and values (kv_heads, capacity, head_dim rounded up to 16). How many positions are held, the owner knows: what
lies behind them is never looked at, so forgetting is counting less. Arrays as in matrix.py.
"""

import math
import mmap
import sys
from ctypes import Array
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.native.library import Library, check
from core.native.structures import TYPES, HeadRows, LayerCacheFields

Numbers = NDArray[Any]

TILE = 16


@dataclass(frozen=True, eq=False)
class _Layer:
    keys: NDArray[np.float16]
    values: NDArray[np.float16]

    def fields(self) -> LayerCacheFields:
        kv_heads, tiles, head_dim, _ = self.keys.shape
        places = self.keys.ctypes.data, self.values.ctypes.data
        return LayerCacheFields(*places, kv_heads, head_dim, tiles * TILE)


class TiledCache:
    def __init__(self, n_layers: int, kv_heads: int, head_dim: int) -> None:
        self.n_layers, self.kv_heads, self.head_dim = n_layers, kv_heads, head_dim
        self._layers = [self._empty(0) for _ in range(n_layers)]
        self.fields: Array[LayerCacheFields] = (LayerCacheFields * n_layers)()
        for layer in range(n_layers):
            self.fields[layer] = self._layers[layer].fields()

    @property
    def capacity(self) -> int:
        """Positions that every layer has room for."""
        return min(layer.keys.shape[1] * TILE for layer in self._layers)

    def reserve(self, positions: int, held: int) -> None:
        """Room for `positions`; the first `held` stay. Layer after layer: never is all there twice."""
        tiles, held_tiles = -(-positions // TILE), -(-held // TILE)
        for number, layer in enumerate(self._layers):
            if layer.keys.shape[1] >= tiles:
                continue
            grown = self._empty(tiles)
            grown.keys[:, :held_tiles] = layer.keys[:, :held_tiles]
            grown.values[:, :held] = layer.values[:, :held]
            self._layers[number], self.fields[number] = grown, grown.fields()

    def copy_from(self, other: "TiledCache", held: int) -> None:
        """The first `held` positions of another of the same shape, for which there is room."""
        tiles = -(-held // TILE)
        for ours, theirs in zip(self._layers, other._layers, strict=True):
            ours.keys[:, :tiles] = theirs.keys[:, :tiles]
            ours.values[:, :held] = theirs.values[:, :held]

    def write(self, library: Library, layer: int, position: int, keys: Numbers, values: Numbers) -> None:
        """Both (kv_heads, positions, head_dim); they begin at `position`."""
        end = position + keys.shape[1]
        rows = self._rows(keys, end - position), self._rows(values, end - position)
        functions, fields = library.functions, self.fields[layer]
        check(functions.native_write_cache(library.kernels_address, fields, position, end, *rows))

    def read(self, library: Library, layer: int, keys: Numbers, values: Numbers) -> None:
        """Fills both, each (kv_heads, positions, head_dim), with the positions from the first on."""
        end = keys.shape[1]
        rows = self._rows(keys, end), self._rows(values, end)
        functions, fields = library.functions, self.fields[layer]
        check(functions.native_read_cache(library.kernels_address, fields, 0, end, *rows))

    def _rows(self, array: Numbers, positions: int) -> HeadRows:
        shape = (self.kv_heads, positions, self.head_dim)
        if array.shape != shape or array.dtype not in TYPES:
            raise ValueError(f"{array.shape} {array.dtype} is not {shape} of floats")
        if array.size and self.head_dim > 1 and array.strides[2] != array.itemsize:
            raise ValueError("the channels of a head must lie side by side")
        head_stride, stride, _ = (step // array.itemsize for step in array.strides)
        return HeadRows(array.ctypes.data, head_stride, stride, TYPES[array.dtype])

    def _empty(self, tiles: int) -> _Layer:
        width = -(-self.head_dim // TILE) * TILE
        return _Layer(
            _allocated((self.kv_heads, tiles, self.head_dim, TILE)),
            _allocated((self.kv_heads, tiles * TILE, width)),
        )


def _allocated(shape: tuple[int, ...]) -> NDArray[np.float16]:
    """Straight from the system, so that pages count once written, and go back when freed."""
    size_bytes = math.prod(shape) * np.dtype(np.float16).itemsize
    if size_bytes == 0:
        return np.empty(shape, np.float16)
    if sys.platform == "win32":
        memory = mmap.mmap(-1, size_bytes)
    else:  # not shared with a child that is forked
        memory = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(memory, np.float16).reshape(shape)
