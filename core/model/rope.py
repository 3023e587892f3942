"""Rotary positions: pairs of channels turn by an angle that grows with the position.

Channel i is paired with channel i + half (the layout of the Hugging Face models).
"""

import math

import torch
from torch import Tensor, nn

from core.spec.config import ModelConfig, RopeScaling

_BLOCK = 1024


class Rope(nn.Module):
    """Cosines and sines of every position asked for so far, in fp32; no parameters."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.head_dim, self.theta, self.scaling = config.head_dim, config.rope_theta, config.rope_scaling
        self._table = torch.empty(2, 0, config.head_dim // 2, device="cpu")

    def forward(self, start: int, end: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """For positions start to end: cosines and sines, (positions, head_dim), in the type of `like`."""
        if self._table.shape[1] < end or self._table.device != like.device:
            self._table = self._compute(math.ceil(end / _BLOCK) * _BLOCK, like.device)
        cos, sin = self._table[:, start:end].to(like.dtype)
        return torch.cat((cos, cos), dim=-1), torch.cat((sin, sin), dim=-1)

    def _compute(self, positions: int, device: torch.device) -> Tensor:
        divisors, magnitude = frequency_divisors(self.head_dim, self.theta, self.scaling)
        frequencies = plain_frequencies(self.head_dim, self.theta) / divisors
        angles = torch.outer(torch.arange(positions, dtype=torch.float32), frequencies)
        return (torch.stack((angles.cos(), angles.sin())) * magnitude).to(device)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x: (batch, heads, positions, head_dim)."""
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


def frequency_divisors(head_dim: int, theta: float, scaling: RopeScaling | None) -> tuple[Tensor, float]:
    """What each plain frequency is divided by, and what the rotated vectors are multiplied by."""
    if scaling is None:
        return torch.ones(head_dim // 2), 1.0
    if scaling.kind == "linear":
        return torch.full((head_dim // 2,), scaling.factor), 1.0
    if scaling.kind == "divisors":
        return torch.tensor(scaling.divisors), scaling.magnitude or 1.0
    if scaling.kind == "llama3":
        return _llama3_divisors(plain_frequencies(head_dim, theta), scaling), 1.0
    magnitude = scaling.magnitude or (0.1 * math.log(scaling.factor) + 1 if scaling.factor > 1 else 1.0)
    return _yarn_divisors(head_dim, theta, scaling), magnitude


def plain_frequencies(head_dim: int, theta: float) -> Tensor:
    return 1 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)


def _llama3_divisors(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Fast channels stay, slow ones are divided, those between are mixed by how often they turn."""
    turns = scaling.original_context * frequencies / (2 * math.pi)
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    unstretched = ((turns - low) / (high - low)).clamp(0, 1)
    return 1 / (unstretched + (1 - unstretched) / scaling.factor)


def _yarn_divisors(head_dim: int, theta: float, scaling: RopeScaling) -> Tensor:
    """As llama3, but mixed along the channel number between two channels that turn often and seldom."""

    def channel_turning(turns: float) -> float:
        return head_dim * math.log(scaling.original_context / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first = max(math.floor(channel_turning(scaling.beta_fast)), 0)
    last = min(math.ceil(channel_turning(scaling.beta_slow)), head_dim - 1)
    channels = torch.arange(head_dim // 2, dtype=torch.float32)
    stretched = ((channels - first) / max(last - first, 1e-3)).clamp(0, 1)
    return 1 / (stretched / scaling.factor + 1 - stretched)
