"""The heap of a process: what is freed is kept for the next step, or given back to the system.

By itself the C library hands large pieces back, and in every step the system gives each page again, zeroed.
Linux with glibc; elsewhere, and in a process that has not asked for it, memory goes its usual way.
"""

import ctypes
import sys
from functools import cache

# of mallopt(3)
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_NEVER = -1
_LARGEST = (2**30, 2**25)  # what a system piece of its own begins at; older libraries refuse the first
_LARGE = 2**20


def keep_what_is_freed() -> None:
    """To be said before there are threads: each would get a heap of its own, too small for large pieces."""
    library = _glibc()
    if library is None:
        return
    library.mallopt(_ARENA_MAX, 1)
    library.mallopt(_TRIM_THRESHOLD, _NEVER)
    any(library.mallopt(_MMAP_THRESHOLD, size) for size in _LARGEST)


def keep_nothing_large() -> None:
    """Large pieces come from the system and go back to it, which takes time. A heap that keeps them holds up
    to twice as much: tensors are aligned, and a hole that one left is too narrow for the next of its size."""
    library = _glibc()
    if library is not None:
        library.mallopt(_MMAP_THRESHOLD, _LARGE)


def give_back() -> None:
    """What is free at this moment; for when it will not be needed soon."""
    library = _glibc()
    if library is not None:
        library.malloc_trim(0)


@cache
def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
