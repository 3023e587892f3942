"""Memory in large pages: hundreds of MB of weights, all read for each token, come a third faster from them.

The pages of a mapped file are small: the processor fetches ahead within a page only, and cannot remember
where so many of them are. Only Linux gives large ones for the asking.
"""

import mmap
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_SETTING = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def in_large_pages(size_bytes: int) -> NDArray[np.uint8] | None:
    """Bytes straight from the system, which go back when freed; None where the system has no large pages."""
    if sys.platform != "linux" or not are_given():
        return None
    memory = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.uint8)


def are_given(setting: Path = _SETTING) -> bool:
    try:
        return "[never]" not in setting.read_text(encoding="ascii")
    except OSError:  # a system without them has no such setting
        return False
