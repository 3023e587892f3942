"""KVCache: keys and values of the tokens seen so far, for one sequence. The caller owns it."""

import math
import mmap
from collections.abc import Sequence

import torch
from torch import Tensor

from core.spec.budget import position_bytes
from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit

_FIRST_STEP = 256


class KVCache:
    """Memory doubles in steps as positions are written, up to the model's context."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype, device: torch.device | str = "cpu") -> None:
        self.config, self.dtype, self.device = config, dtype, torch.device(device)
        self.tokens: list[int] = []
        self.length = 0
        self._capacity = self._written = 0
        # each layer (2, n_kv_heads, capacity, head_dim): keys, then values
        self._layers: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.length

    @property
    def size_bytes(self) -> int:
        """What has been written, at most; the processor gives memory no sooner."""
        return self._written * position_bytes(self.config, self.dtype.itemsize)

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Puts the new positions behind those held; returns all of them as (1, n_kv_heads, length, head_dim).

        `length` moves only when every layer has written: see `advance`.
        """
        end = self.length + keys.shape[2]
        if end > self._capacity:
            self._grow(end)
        held = self._layers[layer]
        held[0, :, self.length : end] = keys[0]
        held[1, :, self.length : end] = values[0]
        return held[0, :, :end].unsqueeze(0), held[1, :, :end].unsqueeze(0)

    def advance(self, count: int) -> None:
        self.length += count
        self._written = max(self._written, self.length)

    def keep(self, length: int) -> None:
        """Forgets everything behind the first `length` positions."""
        self.length = min(self.length, length)
        del self.tokens[length:]

    def copy(self, length: int) -> "KVCache":
        """A cache of its own that holds the first `length` positions."""
        other = KVCache(self.config, self.dtype, self.device)
        if length:
            other._reserve(length)
            for layer, held in self._layers.items():
                other._layers[layer][:, :, :length] = held[:, :, :length]
        other.tokens, other.length = self.tokens[:length], 0
        other.advance(length)
        return other

    def _grow(self, needed: int) -> None:
        if needed > self.config.max_context:
            raise DoesNotFit(
                f"{needed} tokens do not fit the model's context of {self.config.max_context}; use less text."
            )
        self._reserve(needed)

    def _reserve(self, positions: int) -> None:
        """One layer after the other, so that growing never holds everything twice."""
        capacity = _FIRST_STEP
        while capacity < positions:
            capacity *= 2
        capacity = min(capacity, self.config.max_context)
        shape = (2, self.config.n_kv_heads, capacity, self.config.head_dim)
        for layer in range(self.config.n_layers):
            grown = _allocated(shape, self.dtype, self.device)
            if self.length:
                grown[:, :, : self.length] = self._layers[layer][:, :, : self.length]
            self._layers[layer] = grown
        self._capacity = capacity  # not before all have it: memory may be refused on the way


def _allocated(shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """On the processor straight from the system: pages count once written, and go back when freed."""
    if device.type != "cpu":
        return torch.empty(shape, dtype=dtype, device=device)
    memory = mmap.mmap(-1, math.prod(shape) * dtype.itemsize)
    return torch.frombuffer(memory, dtype=dtype).view(shape)


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    shortest = min(len(one), len(other))
    if one[:shortest] == other[:shortest]:  # what is usual while a person types, and much faster
        return shortest
    return next(place for place in range(shortest) if one[place] != other[place])
