"""KVCache: keys and values of the tokens seen so far, for one sequence. The caller owns it.

How positions lie in memory is up to its CacheLayers: row after row here, in tiles for the C library.
"""

import math
import mmap
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from core.spec.budget import position_bytes
from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit

_FIRST_STEP = 256


class CacheLayers(Protocol):
    """Memory for the positions of all layers of one network."""

    @property
    def device(self) -> torch.device: ...

    @property
    def position_bytes(self) -> int:
        """What one position takes in all layers."""
        ...

    def emptied(self) -> "CacheLayers":
        """Others of the same kind, which hold nothing."""
        ...

    def reserve(self, capacity: int, length: int) -> None:
        """Room for so many positions; the first `length` of those held stay what they are."""
        ...

    def write(self, layer: int, first: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Puts positions from `first` on; returns all to their end, (1, n_kv_heads, length, head_dim)."""
        ...

    def copy_from(self, other: Any, length: int) -> None:
        """The first `length` positions of others of the same kind, for which there is room."""
        ...


class KVCache:
    """Memory doubles in steps as positions are written, up to `max_length` of them."""

    def __init__(self, max_length: int, layers: CacheLayers) -> None:
        self.layers, self.max_length = layers, max_length
        self.tokens: list[int] = []
        self.length = self.capacity = 0
        self._written = 0

    def __len__(self) -> int:
        return self.length

    @property
    def device(self) -> torch.device:
        return self.layers.device

    @property
    def size_bytes(self) -> int:
        """What has been written, at most; the processor gives memory no sooner."""
        return self._written * self.layers.position_bytes

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Puts the new positions behind those held; returns all of them as (1, n_kv_heads, length, head_dim).

        `length` moves only when every layer has written: see `advance`.
        """
        self.make_room(keys.shape[2])
        return self.layers.write(layer, self.length, keys, values)

    def make_room(self, count: int) -> None:
        """For so many positions behind those held."""
        needed = self.length + count
        if needed > self.max_length:
            raise DoesNotFit(f"{needed} tokens do not fit the context of {self.max_length}; use less text.")
        if needed > self.capacity:
            self._reserve(needed)

    def advance(self, count: int) -> None:
        self.length += count
        self._written = max(self._written, self.length)

    def keep(self, length: int) -> None:
        """Forgets everything behind the first `length` positions."""
        self.length = min(self.length, length)
        del self.tokens[length:]

    def forget(self) -> None:
        """Everything, also what the memory behind the positions holds: it may not be numbers."""
        self.keep(0)
        self.layers, self.capacity, self._written = self.layers.emptied(), 0, 0

    def copy(self, length: int) -> "KVCache":
        """A cache of its own that holds the first `length` positions."""
        other = KVCache(self.max_length, self.layers.emptied())
        if length:
            other._reserve(length)
            other.layers.copy_from(self.layers, length)
        other.tokens = self.tokens[:length]
        other.advance(length)
        return other

    def _reserve(self, positions: int) -> None:
        capacity = _FIRST_STEP
        while capacity < positions:
            capacity *= 2
        capacity = min(capacity, self.max_length)
        self.layers.reserve(capacity, self.length)
        self.capacity = capacity  # not before all have it: memory may be refused on the way


class CacheRows:
    """Each layer (2, n_kv_heads, capacity, head_dim): keys, then values."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype, device: torch.device | str = "cpu") -> None:
        self._config, self._dtype, self.device = config, dtype, torch.device(device)
        self._held: dict[int, Tensor] = {}

    @property
    def position_bytes(self) -> int:
        return position_bytes(self._config, self._dtype.itemsize)

    def emptied(self) -> "CacheRows":
        return CacheRows(self._config, self._dtype, self.device)

    def reserve(self, capacity: int, length: int) -> None:
        """One layer after the other, so that growing never holds everything twice."""
        shape = (2, self._config.n_kv_heads, capacity, self._config.head_dim)
        for layer in range(self._config.n_layers):
            grown = self._allocated(shape)
            if length:
                grown[:, :, :length] = self._held[layer][:, :, :length]
            self._held[layer] = grown

    def write(self, layer: int, first: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        held, end = self._held[layer], first + keys.shape[2]
        held[0, :, first:end] = keys[0]
        held[1, :, first:end] = values[0]
        return held[0, :, :end].unsqueeze(0), held[1, :, :end].unsqueeze(0)

    def room(self, layer: int) -> Tensor:
        """All of a layer's memory, written or not, (2, n_kv_heads, capacity, head_dim)."""
        return self._held[layer]

    def copy_from(self, other: "CacheRows", length: int) -> None:
        for layer, held in other._held.items():
            self._held[layer][:, :, :length] = held[:, :, :length]

    def _allocated(self, shape: tuple[int, ...]) -> Tensor:
        if self.device.type != "cpu":
            # zeros, because a graph multiplies what is not written yet with weights of zero
            return torch.zeros(shape, dtype=self._dtype, device=self.device)
        return system_memory(math.prod(shape) * self._dtype.itemsize).view(self._dtype).view(shape)


def system_memory(size_bytes: int) -> Tensor:
    """Straight from the system: pages count once they are written, and go back when they are freed."""
    return torch.frombuffer(mmap.mmap(-1, size_bytes), dtype=torch.uint8)


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    shortest = min(len(one), len(other))
    if one[:shortest] == other[:shortest]:  # what is usual while a person types, and much faster
        return shortest
    return next(place for place in range(shortest) if one[place] != other[place])
