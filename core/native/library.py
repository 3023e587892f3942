"""Finds the C library, or makes it, and loads it: `load()` or, where that gives none, `why_not()`.

What is computed with it: matrix.py, cache.py and step.py. `SMALLCODER_KERNELS` forces one of the kernels,
`SMALLCODER_NATIVE` a library file; both are for people who look for a fault.
"""

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

from core.native.build import BUILT, build, library_name, this_platform
from core.native.structures import SIGNATURES
from core.spec.errors import UsageError
from core.spec.folders import cache_folder

PREBUILT = Path(__file__).parent / "prebuilt"


class Library:
    """The loaded library, with the kernels that it computes with: by default this processor's best ones."""

    def __init__(self, path: Path, kernels: str | None = None) -> None:
        self.path = path
        self.functions = ctypes.CDLL(str(path))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(self.functions, name)
            function.restype, function.argtypes = result, arguments
        self.kernels = kernels or self.usable_kernels()[0]
        self.kernels_address: int | None = self.functions.native_kernels(self.kernels.encode())
        if self.kernels_address is None:
            usable = ", ".join(self.usable_kernels())
            raise UsageError(f"This processor has no kernels {self.kernels!r}; it has {usable}.")

    def usable_kernels(self) -> list[str]:
        """The best ones first."""
        names: list[str] = []
        while (name := self.functions.native_kernels_name(len(names))) is not None:
            names.append(name.decode())
        return names

    def with_kernels(self, kernels: str) -> "Library":
        return Library(self.path, kernels)

    @property
    def threads(self) -> int:
        """As many as the next call would use; fewer than set where another program has our cores."""
        return self.functions.native_threads()

    def set_threads(self, wanted: int) -> None:
        """For all libraries of this process, which share their threads."""
        self.functions.native_set_threads(wanted)


def load() -> Library | None:
    found = _find()
    return found if isinstance(found, Library) else None


def why_not() -> str:
    """One sentence; empty where there is a library."""
    found = _find()
    return "" if isinstance(found, Library) else found


@cache
def _find() -> Library | str:
    path = _place()
    if isinstance(path, str):
        return path
    try:
        return Library(path, os.environ.get("SMALLCODER_KERNELS"))
    except (OSError, AttributeError) as error:
        return f"The C library {path} cannot be loaded ({error})."


def _place() -> Path | str:
    named = os.environ.get("SMALLCODER_NATIVE")
    prebuilt = PREBUILT / this_platform() / library_name(this_platform())
    if named or prebuilt.exists():
        return Path(named) if named else prebuilt
    built = build(_built_folder())
    return built.library or built.why_not


def _built_folder() -> Path:
    """The environment's own, where the set-up has made it already; a copy without one uses the cache."""
    has_own = sys.prefix != sys.base_prefix and os.access(sys.prefix, os.W_OK)
    return Path(sys.prefix) / BUILT if has_own else cache_folder() / BUILT


def check(result: int) -> None:
    """Result in api.h."""
    if result == 1:
        raise MemoryError("the C library was refused memory")
    if result != 0:
        raise ValueError("the C library was given something that makes no sense")
