"""Which files of a project nobody wants to see: what .gitignore says, and what programs make for themselves.

pathspec reads the rules; which file's rules hold where is seen to here, as git has it.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

_NEVER_SHOWN = frozenset({".git", ".hg", ".svn", "__pycache__", ".DS_Store"})
_MADE_BY_PROGRAMS = frozenset(
    {"node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".tox", ".venv"}
)
_ENVIRONMENT = "pyvenv.cfg"
_MAX_BYTES = 1 << 20
# patterns become regular expressions, and one with many wildcards can take for ever on one long name
_MAX_WILDCARDS = 4
_WILDCARDS = re.compile(r"\*+|\?+|\[")


@dataclass(frozen=True)
class Rules:
    """Those that hold in one folder: of each .gitignore above, the folder it stands in and what it says."""

    specs: tuple[tuple[str, GitIgnoreSpec], ...] = ()

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        name = os.path.basename(path)
        if name in _NEVER_SHOWN or (is_folder and name in _MADE_BY_PROGRAMS):
            return True
        if is_folder and os.path.exists(os.path.join(path, _ENVIRONMENT)):
            return True
        return self.verdict(path, is_folder=is_folder) or False

    def verdict(self, path: str, *, is_folder: bool) -> bool | None:
        """The nearest file decides; None: no rule is about it."""
        for folder, spec in reversed(self.specs):
            below = path[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/")
            found = spec.check_file(below + "/" if is_folder else below).include
            if found is not None:
                return found
        return None

    def within(self, folder: str) -> "Rules":
        """What holds in a folder of this one. A repository within another follows its own rules alone."""
        specs = () if os.path.exists(os.path.join(folder, ".git")) else self.specs
        own = _read(os.path.join(folder, ".gitignore"))
        return Rules((*specs, (folder, own)) if own else specs)


def rules_for(folder: Path) -> Rules:
    """Of the repository that it lies in, unless they ignore it: then it was opened on purpose."""
    above = [folder, *folder.parents]
    repository = next((place for place in above if (place / ".git").exists()), None)
    rules = Rules()
    if repository is not None:
        excluded = _read(str(repository / ".git/info/exclude"))
        rules = Rules(((str(repository), excluded),) if excluded else ())
        for place in reversed([place for place in folder.parents if place.is_relative_to(repository)]):
            own = _read(str(place / ".gitignore"))
            rules = Rules((*rules.specs, (str(place), own)) if own else rules.specs)
        between = [place for place in above if place != repository and place.is_relative_to(repository)]
        if any(rules.verdict(str(place), is_folder=True) for place in between):
            rules = Rules()
    own = _read(str(folder / ".gitignore"))
    return Rules((*rules.specs, (str(folder), own)) if own else rules.specs)


def _read(path: str) -> GitIgnoreSpec | None:
    try:
        with open(path, "rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "surrogateescape")
    except OSError:
        return None
    return GitIgnoreSpec.from_lines(_sensible(text.removeprefix("\ufeff").splitlines()))


def _sensible(lines: list[str]) -> Iterator[str]:
    for line in lines:
        if not any(len(_WILDCARDS.findall(segment)) > _MAX_WILDCARDS for segment in line.split("/")):
            yield line
