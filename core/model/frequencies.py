"""How fast each pair of channels turns with the position, where positions are rotary."""

import math

import numpy as np
from numpy.typing import NDArray

from core.spec.config import ModelConfig, RopeScaling

Numbers = NDArray[np.float32]


def frequencies(config: ModelConfig) -> tuple[Numbers, float]:
    """Of head_dim / 2 pairs, in radians a position, and what the rotated vectors are multiplied by."""
    divisors, magnitude = frequency_divisors(config.head_dim, config.rope_theta, config.rope_scaling)
    return plain_frequencies(config.head_dim, config.rope_theta) / divisors, magnitude


def frequency_divisors(head_dim: int, theta: float, scaling: RopeScaling | None) -> tuple[Numbers, float]:
    """What each plain frequency is divided by, and what the rotated vectors are multiplied by."""
    if scaling is None:
        return np.ones(head_dim // 2, np.float32), 1.0
    if scaling.kind == "linear":
        return np.full(head_dim // 2, scaling.factor, np.float32), 1.0
    if scaling.kind == "divisors":
        return np.array(scaling.divisors, np.float32), scaling.magnitude or 1.0
    if scaling.kind == "llama3":
        return _llama3_divisors(plain_frequencies(head_dim, theta), scaling), 1.0
    magnitude = scaling.magnitude or (0.1 * math.log(scaling.factor) + 1 if scaling.factor > 1 else 1.0)
    return _yarn_divisors(head_dim, theta, scaling), magnitude


def plain_frequencies(head_dim: int, theta: float) -> Numbers:
    """Raised with more digits than are kept: NumPy's own fp32 power is off by some of the last with AVX-512,
    and far positions multiply that by thousands."""
    channels = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    return np.float32(1) / np.power(np.float64(theta), channels.astype(np.float64)).astype(np.float32)


def _llama3_divisors(plain: Numbers, scaling: RopeScaling) -> Numbers:
    """Fast channels stay, slow ones are divided, those between are mixed by how often they turn."""
    turns = scaling.original_context * plain / np.float32(2 * math.pi)
    low, high = scaling.low_frequency_factor, scaling.high_frequency_factor
    unstretched = np.clip((turns - low) / (high - low), 0, 1)
    return 1 / (unstretched + (1 - unstretched) / scaling.factor)


def _yarn_divisors(head_dim: int, theta: float, scaling: RopeScaling) -> Numbers:
    """As llama3, but mixed along the channel number between two channels that turn often and seldom."""

    def channel_turning(turns: float) -> float:
        return head_dim * math.log(scaling.original_context / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first = max(math.floor(channel_turning(scaling.beta_fast)), 0)
    last = min(math.ceil(channel_turning(scaling.beta_slow)), head_dim - 1)
    channels = np.arange(head_dim // 2, dtype=np.float32)
    stretched = np.clip((channels - first) / max(last - first, 1e-3), 0, 1)
    return 1 / (stretched / scaling.factor + 1 - stretched)
