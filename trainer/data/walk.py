"""Every file below a folder, in the order of the names, with what the name or the place says against it.

Held in memory are the names in the folders between the top and the file; links are never followed, so there
are no loops. What is in a file is judged in texts.
"""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from core.spec.errors import UsageError
from core.spec.ignore_files import IgnoreFiles
from core.spec.ignore_rules import IgnoreRules
from trainer.data import names
from trainer.data.reasons import MATTERS_OF_TASTE, Reason
from trainer.spec.data import ScanSpec

# what programs put into folders that they made: environments of Python, and all that can be made again
_MARKS: dict[str, Reason] = {"pyvenv.cfg": "vendored", "conda-meta": "vendored", "CACHEDIR.TAG": "generated"}


@dataclass(frozen=True)
class Found:
    """`name` is the path below the folder, with slashes. A folder is listed where it is left out, and what
    is in it then is not. `is_named`: a person asked for this very file."""

    name: str
    path: str
    reason: Reason | None = None
    is_folder: bool = False
    is_included: bool = False
    is_named: bool = False


@dataclass(frozen=True)
class _Folder:
    """`ignored` holds here. `reason`: it is left out, but something in it was asked for."""

    name: str
    path: str
    ignored: IgnoreFiles
    reason: Reason | None = None


def walk(folder: Path, spec: ScanSpec) -> Iterator[Found]:
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; name folders that hold code.")
    return _Walk(folder, spec).found()


class _Walk:
    def __init__(self, folder: Path, spec: ScanSpec) -> None:
        self._top = os.path.realpath(folder)
        self._excluded = IgnoreRules("\n".join(spec.exclude))
        self._asked_for = {
            os.path.realpath(place)
            for path in spec.include
            for place in (Path(path), folder / path)
            if os.path.lexists(place)
        }

    def found(self) -> Iterator[Found]:
        top = _Folder("", self._top, IgnoreFiles.of(Path(self._top)))
        waiting: list[Iterator[Found | _Folder]] = [self._inside(top)]
        while waiting:
            item = next(waiting[-1], None)
            if item is None:
                waiting.pop()
            elif isinstance(item, _Folder):
                waiting.append(self._inside(item))
            else:
                yield item

    def _inside(self, folder: _Folder) -> Iterator[Found | _Folder]:
        try:
            with os.scandir(folder.path) as entries:
                kinds = {entry.name: _kind(entry) for entry in entries}
        except OSError:
            yield Found(folder.name, folder.path, "unreadable", is_folder=True)
            return
        reason = next((_MARKS[name] for name in _MARKS if name in kinds), None)
        if reason and folder.name and not self._is_included(folder.path):
            folder = replace(folder, reason=reason)
            if not self._holds_something_asked_for(folder.path):
                yield Found(folder.name, folder.path, reason, is_folder=True)
                return
        for name in sorted(kinds):
            path = os.path.join(folder.path, name)
            below = f"{folder.name}/{name}" if folder.name else name
            found = self._judged(Found(below, path, is_folder=kinds[name] == stat.S_IFDIR), name, folder)
            if kinds[name] not in (stat.S_IFDIR, stat.S_IFREG):
                yield replace(found, reason="link" if kinds[name] == stat.S_IFLNK else "special")
            elif not found.is_folder:
                yield found
            elif found.reason is None or self._holds_something_asked_for(path):
                yield _Folder(below, path, folder.ignored.within(path), found.reason)
            else:
                yield found

    def _judged(self, found: Found, name: str, folder: _Folder) -> Found:
        against = names.against_folder if found.is_folder else names.against_file
        reason = against(name)
        if reason != "secret_name":
            reason = folder.reason or self._ruled_out(found, folder.ignored) or reason
        is_named = found.path in self._asked_for
        if not self._is_included(found.path) or (not is_named and self._is_excluded(found)):
            return replace(found, reason=reason)
        reason = None if reason in MATTERS_OF_TASTE else reason
        return replace(found, reason=reason, is_included=True, is_named=is_named)

    def _is_excluded(self, found: Found) -> bool:
        """Itself, and not a folder that it lies in."""
        return bool(self._excluded.verdict(found.name.split("/"), is_folder=found.is_folder))

    def _ruled_out(self, found: Found, ignored: IgnoreFiles) -> Reason | None:
        if self._is_excluded(found):
            return "excluded"
        return "ignored" if ignored.verdict(found.path, is_folder=found.is_folder) else None

    def _is_included(self, path: str) -> bool:
        return bool(self._asked_for) and any(
            path == asked or path.startswith(asked + os.sep) for asked in self._asked_for
        )

    def _holds_something_asked_for(self, path: str) -> bool:
        return any(asked.startswith(path + os.sep) for asked in self._asked_for)


def _kind(entry: os.DirEntry[str]) -> int:
    """As lstat has it; 0 where that fails."""
    try:
        if entry.is_symlink() or getattr(entry, "is_junction", bool)():  # Python 3.11 does not know these
            return stat.S_IFLNK
        if entry.is_dir(follow_symlinks=False):
            return stat.S_IFDIR
        if entry.is_file(follow_symlinks=False):
            return stat.S_IFREG
    except OSError:
        pass
    return 0
