"""Rotary positions: pairs of channels turn by an angle that grows with the position.

Channel i is paired with channel i + half (the layout of the Hugging Face models).
"""

import math

import torch
from torch import Tensor, nn

from core.model.frequencies import frequencies
from core.spec.config import ModelConfig

_BLOCK = 1024


class Rope(nn.Module):
    """Cosines and sines of every position asked for so far, in fp32; no parameters."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self._frequencies, self._magnitude = frequencies(config)
        self._table = torch.empty(2, 0, config.head_dim // 2, device="cpu")

    def forward(self, start: int, end: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """For positions start to end: cosines and sines, (positions, head_dim), in the type of `like`."""
        if self._table.shape[1] < end or self._table.device != like.device:
            self._table = self._compute(math.ceil(end / _BLOCK) * _BLOCK, like.device)
        cos, sin = self._table[:, start:end].to(like.dtype)
        return torch.cat((cos, cos), dim=-1), torch.cat((sin, sin), dim=-1)

    def _compute(self, positions: int, device: torch.device) -> Tensor:
        places = torch.arange(positions, dtype=torch.float32, device="cpu")
        angles = torch.outer(places, torch.from_numpy(self._frequencies))
        return (torch.stack((angles.cos(), angles.sin())) * self._magnitude).to(device)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x: (batch, heads, positions, head_dim)."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin
