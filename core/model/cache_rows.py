"""CacheRows: positions row after row, as torch computes with them, on the processor or on a card."""

import math
import mmap

import torch
from torch import Tensor

from core.spec.budget import position_bytes
from core.spec.config import ModelConfig


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
