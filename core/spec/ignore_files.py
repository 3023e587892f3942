"""Which .gitignore files hold in a folder, as git has it: the nearest that says anything decides.

What the rules in one of them mean is in ignore_rules; that nothing below an ignored folder counts is for who
walks through it.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from core.spec.ignore_rules import IgnoreRules

_NAME, _OF_ONE_COPY = ".gitignore", os.path.join(".git", "info", "exclude")
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class IgnoreFiles:
    """Those that hold in one folder: of each the folder it stands in, and what it says."""

    rules: tuple[tuple[str, IgnoreRules], ...] = ()

    @classmethod
    def of(cls, folder: Path) -> "IgnoreFiles":
        """Those of the repository that it lies in, unless they ignore it: then it was named on purpose."""
        above = [folder, *folder.parents]
        repository = next((place for place in above if (place / ".git").exists()), None)
        if repository is None:
            return cls()._and(folder, _NAME)
        holding = cls()._and(repository, _OF_ONE_COPY)._and(repository, _NAME)
        for place in reversed(above[: above.index(repository)]):
            if holding.verdict(str(place), is_folder=True):
                return cls()._and(folder, _NAME)
            holding = holding._and(place, _NAME)
        return holding

    def within(self, folder: str) -> "IgnoreFiles":
        """What holds in a folder of this one. A repository within another follows its own rules alone."""
        outer = IgnoreFiles() if os.path.exists(os.path.join(folder, ".git")) else self
        return outer._and(folder, _NAME)

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """Whether something in the folder is ignored; None: no rule is about it."""
        for folder, rules in reversed(self.rules):
            names = path[len(folder.rstrip(os.sep)) + 1 :].split(os.sep)
            verdict = rules.verdict(names, is_folder=is_folder)
            if verdict is not None:
                return verdict
        return None

    def _and(self, folder: str | Path, name: str) -> "IgnoreFiles":
        rules = _read(os.path.join(folder, name))
        return IgnoreFiles((*self.rules, (str(folder), rules))) if rules else self


def _read(path: str) -> IgnoreRules | None:
    """Never through a link, as git, nor from a pipe, which would make us wait."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as file:
            return IgnoreRules(file.read(_MAX_BYTES).decode("utf-8", "surrogateescape"))
    except OSError:
        return None
