"""Ignored: what of a project nobody wants to see, as .gitignore says it or because programs have made it."""

import os
from dataclasses import dataclass
from pathlib import Path

from core.spec.ignore_files import IgnoreFiles

_NEVER_SHOWN = frozenset({".git", ".hg", ".svn", "__pycache__", ".DS_Store"})
_MADE_BY_PROGRAMS = frozenset(
    {"node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".venv"}
)
_ENVIRONMENT = "pyvenv.cfg"


@dataclass(frozen=True)
class Ignored:
    """In one folder."""

    files: IgnoreFiles

    @classmethod
    def of(cls, folder: Path) -> "Ignored":
        return cls(IgnoreFiles.of(folder))

    def within(self, folder: str) -> "Ignored":
        return Ignored(self.files.within(folder))

    def covers(self, path: str, *, is_folder: bool) -> bool:
        name = os.path.basename(path)
        if name in _NEVER_SHOWN or (is_folder and name in _MADE_BY_PROGRAMS):
            return True
        if is_folder and os.path.exists(os.path.join(path, _ENVIRONMENT)):
            return True
        return self.files.verdict(path, is_folder=is_folder) or False
