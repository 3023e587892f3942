"""The numbers below a size in an order drawn by a key, each place worked out by itself: no list is kept."""

import hashlib

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6

Numbers = NDArray[np.uint64]


def shuffled(places: NDArray[np.int64], size: int, key: str) -> NDArray[np.int64]:
    """Which numbers stand at these places. A Feistel network exchanges all numbers of so many bits among
    themselves; what comes out too large goes in again until it fits, so each number has one place."""
    half_bits = max((size - 1).bit_length() + 1, 2) // 2
    drawn = hashlib.blake2b(key.encode(), digest_size=8 * _ROUNDS).digest()
    factors = np.frombuffer(drawn, np.uint64) | np.uint64(1)
    numbers = _exchanged(places.astype(np.uint64), half_bits, factors)
    while (too_large := numbers >= size).any():
        numbers[too_large] = _exchanged(numbers[too_large], half_bits, factors)
    return numbers.astype(np.int64)


def _exchanged(numbers: Numbers, half_bits: int, factors: Numbers) -> Numbers:
    bits, mask = np.uint64(half_bits), np.uint64((1 << half_bits) - 1)
    left, right = numbers >> bits, numbers & mask
    for factor in factors:
        mixed = (right + (factor >> np.uint64(7))) * factor
        mixed = (mixed ^ (mixed >> np.uint64(32))) * factor
        left, right = right, left ^ ((mixed >> np.uint64(40)) & mask)
    return (left << bits) | right
