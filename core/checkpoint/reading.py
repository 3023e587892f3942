"""Weights on their way from the disk, and how much of them has come.

Of a mapped tensor nothing is read before somebody looks at it: that would be done during the first word of an
answer, in no order and without a word about it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

_SAY_EVERY = 5  # percent
_PAGE_BYTES, _PART_BYTES = 4096, 2**24

Say = Callable[[str], None]  # a step, for people
Tell = Callable[[int], object]  # percent


def in_percent(
    entries: Iterable[tuple[str, Tensor]], total_elements: int, tell: Tell
) -> Iterator[tuple[str, Tensor]]:
    """The same entries, each read by then; `tell` hears now and then what share of all that is."""
    told = _Told(total_elements, tell)
    for entry in entries:
        for elements in _read(entry[1]):
            told.add(elements)
        yield entry


def look_at(memory: NDArray[np.uint8], tell: Tell) -> None:
    """So that all of a mapped file has been read."""
    told = _Told(len(memory), tell)
    for size in _parts(memory):
        told.add(size)


def read_in_percent(file: BinaryIO, memory: NDArray[np.uint8], tell: Tell) -> int:
    """From where the file stands into memory of bytes; how many came."""
    told, room, done = _Told(len(memory), tell), memory.data, 0
    while done < len(room):
        count = file.readinto(room[done : done + _PART_BYTES])  # type: ignore[attr-defined]
        if not count:
            break
        done += count
        told.add(count)
    return done


class _Told:
    """Now and then, and at the end."""

    def __init__(self, total: int, tell: Tell) -> None:
        self._total, self._tell = max(1, total), tell
        self._done = self._said = 0

    def add(self, count: int) -> None:
        self._done += count
        share = min(100, 100 * self._done // self._total)
        if share >= self._said + _SAY_EVERY or self._said < share == 100:
            self._said = share
            self._tell(share)


def _read(tensor: Tensor) -> Iterator[int]:
    """Looks at every page; of how many elements, some at a time. What is no longer as it lies in its file was
    read when it was turned around."""
    import torch

    if tensor.device.type != "cpu" or not tensor.is_contiguous() or not tensor.numel():
        yield tensor.numel()
        return
    size = tensor.element_size()
    for part in _parts(tensor.detach().view(-1).view(torch.uint8).numpy()):
        yield part // size


def _parts(memory: NDArray[np.uint8]) -> Iterator[int]:
    """Looks at every page of some bytes at a time, and says of how many."""
    for start in range(0, len(memory), _PART_BYTES):
        part = memory[start : start + _PART_BYTES]
        part[::_PAGE_BYTES].sum()
        yield len(part)
