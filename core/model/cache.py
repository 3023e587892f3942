"""KVCache: keys and values of the tokens seen so far, for one sequence. The caller owns it.

How positions lie in memory is up to its CacheLayers: row after row for torch (cache_rows.py), in tiles for
the C library (one_step.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from core.spec.errors import DoesNotFit

if TYPE_CHECKING:
    from torch import Tensor

_FIRST_STEP = 256


class CacheLayers(Protocol):
    """Memory for the positions of all layers of one network."""

    @property
    def position_bytes(self) -> int:
        """What one position takes in all layers."""
        ...

    def emptied(self) -> CacheLayers:
        """Others of the same kind, which hold nothing."""
        ...

    def reserve(self, capacity: int, length: int) -> None:
        """Room for so many positions; the first `length` of those held stay what they are."""
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
    def size_bytes(self) -> int:
        """What has been written, at most; the processor gives memory no sooner."""
        return self._written * self.layers.position_bytes

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Puts the new positions behind those held; returns all of them as (1, n_kv_heads, length, head_dim).

        For layers that torch computes. `length` moves only when every one has written: see `advance`.
        """
        self.make_room(keys.shape[2])
        layers: Any = self.layers
        written: tuple[Tensor, Tensor] = layers.write(layer, self.length, keys, values)
        return written

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

    def copy(self, length: int) -> KVCache:
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


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    shortest = min(len(one), len(other))
    if one[:shortest] == other[:shortest]:  # what is usual while a person types, and much faster
        return shortest
    return next(place for place in range(shortest) if one[place] != other[place])
