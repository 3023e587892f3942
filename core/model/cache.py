"""KVCache: keys and values of the tokens seen so far, for one sequence. The caller owns it."""

import torch
from torch import Tensor

from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit

_STEP = 256


class KVCache:
    """Memory grows in steps as positions are written, up to the model's context."""

    def __init__(self, config: ModelConfig, dtype: torch.dtype, device: torch.device | str = "cpu") -> None:
        self.config, self.dtype, self.device = config, dtype, torch.device(device)
        self.length = 0
        self._capacity = 0
        # each layer (2, n_kv_heads, capacity, head_dim): keys, then values
        self._layers: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return self.length

    @property
    def size_bytes(self) -> int:
        return sum(layer.numel() * layer.element_size() for layer in self._layers.values())

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

    def keep(self, length: int) -> None:
        """Forgets everything behind the first `length` positions."""
        self.length = min(self.length, length)

    def _grow(self, needed: int) -> None:
        if needed > self.config.max_context:
            raise DoesNotFit(
                f"{needed} tokens do not fit the model's context of {self.config.max_context}; use less text."
            )
        self._capacity = min(-(-needed // _STEP) * _STEP, self.config.max_context)
        shape = (2, self.config.n_kv_heads, self._capacity, self.config.head_dim)
        for layer in range(self.config.n_layers):
            grown = torch.empty(shape, dtype=self.dtype, device=self.device)
            if self.length:
                grown[:, :, : self.length] = self._layers[layer][:, :, : self.length]
            self._layers[layer] = grown
