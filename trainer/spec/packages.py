"""PackageList: the published packages that a corpus is made of, so that anyone can make it again.

Every archive is pinned by its sha256. What is held out is never learnt from, wherever a copy of it lies.
"""

import re
from dataclasses import dataclass

from core.spec.errors import UsageError
from core.spec.fields import setting

ALLOWED_LICENCES = frozenset({"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "PSF-2.0"})
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9][A-Za-z0-9.!+_-]{0,98}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PLATFORM = re.compile(r"[A-Za-z0-9_]{1,99}")
_PYTHON = re.compile(r"3\.[0-9]{1,3}")


@dataclass(frozen=True)
class Package:
    name: str = setting(..., "Name, as pip knows it")
    version: str = setting(..., "The exact version")
    licence: str = setting(..., "SPDX identifier, which the archive's own metadata must confirm")
    sha256: str = setting(..., "Of the wheel")
    archive_bytes: int = setting(..., "Of the wheel", low=1)
    python_bytes: int = setting(..., "Of the Python files in it", low=0)

    def __post_init__(self) -> None:
        parts = ((_NAME, self.name), (_VERSION, self.version), (_SHA256, self.sha256))
        for pattern, value in parts:
            if not pattern.fullmatch(value):
                raise UsageError(f"a package cannot have the name, version or sha256 {value[:60]!r}.")

    @property
    def folder_name(self) -> str:
        """The same for all spellings of the name; no case, no signs that systems see differently."""
        return re.sub(r"[-_.]+", "_", self.name).lower()


@dataclass(frozen=True)
class PackageList:
    python: str = setting(..., "Wheels for this version of Python are taken")
    platform: str = setting(..., "Wheels for this platform, by pip's name; any does, only text is kept")
    packages: tuple[Package, ...] = setting(..., "What is learnt from")
    held_out: tuple[Package, ...] = setting((), "What a model is measured on")
    standard_library: bool = setting(True, "Learn also from the library of the Python that runs this")
    benchmark_names: tuple[str, ...] = setting((), "Functions that only benchmarks have")
    benchmark_common_names: tuple[str, ...] = setting((), "Functions that benchmarks and others have")
    benchmark_phrases: tuple[str, ...] = setting((), "What the tasks of benchmarks say")

    def __post_init__(self) -> None:
        if not _PYTHON.fullmatch(self.python) or not _PLATFORM.fullmatch(self.platform):
            raise UsageError(f"there is no Python {self.python[:60]!r} for {self.platform[:60]!r}.")
        for package in self.packages:
            if package.licence not in ALLOWED_LICENCES:
                allowed = ", ".join(sorted(ALLOWED_LICENCES))
                licence = package.licence[:60]
                raise UsageError(f"{package.name} is under {licence!r}; only {allowed} are learnt from.")
        names = [package.folder_name for package in (*self.packages, *self.held_out)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise UsageError(f"{twice[0]} stands in it twice; a package is learnt from or held out, once.")
