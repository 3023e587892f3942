"""From a list of packages to a folder of Python files, each either learnt from or left out for a reason.

In the folder then lie `main` and `best`, the second to be learnt from last, and `held_out`, to measure on.
`unpacked` is what they were made of: a package that lies there whole is never asked for again, so that the
same command goes on where it was stopped.
"""

import json
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from platform import python_version
from typing import Any

from core.checkpoint.staging import new_path
from core.spec.disk import require_room, room_on_disk, write_whole
from core.spec.errors import UsageError
from core.spec.fields import from_json, to_json
from core.spec.sizes import size_text
from trainer.corpus.sorting import Sorted, sort_out
from trainer.corpus.wheels import Unpacked, download, unpack
from trainer.spec.packages import Package, PackageList

FACTS_NAME = "packages.json"
_MARK_NAME = "unpacked.json"
_COPIES = 3  # of the text: unpacked, sorted out, and the last time's, until it is replaced
_LIBRARY = "cpython"
_NOT_THE_LIBRARY = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"})

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Corpus:
    """Makes `out`; `tell` hears a line about each package."""

    plan: PackageList
    out: Path

    def make(self, tell: Tell) -> dict[str, Any]:
        """What packages.json then says."""
        with room_on_disk(self.out):
            return self._make(tell)

    def _make(self, tell: Tell) -> dict[str, Any]:
        everything = (*self.plan.packages, *self.plan.held_out)
        missing = [package for package in everything if not self._is_there(package)]
        self._require_room(missing)
        for number, package in enumerate(missing, start=1):
            unpacked = self._fetch(package)
            size = f"{size_text(unpacked.python_bytes)} of Python"
            tell(f"{number}/{len(missing)} {package.name} {package.version}: {size}")
        self._remove_what_is_not_on_the_list()
        if self.plan.standard_library:
            self._copy_library()
            tell(f"The library of Python {python_version()} is learnt from too.")
        found = sort_out(self.plan, (self._place("training"), self._place("held_out")), self.out, tell)
        facts = self._facts(found)
        _write(self.out / FACTS_NAME, facts)
        return facts

    def _place(self, part: str) -> Path:
        return self.out / "unpacked" / part

    def _folder(self, package: Package) -> Path:
        part = "held_out" if package in self.plan.held_out else "training"
        return self._place(part) / package.folder_name

    def _mark(self, package: Package) -> Path:
        """Beside the folder, since a package may have a file of any name."""
        return self._folder(package).with_suffix(".json")

    def _is_there(self, package: Package) -> bool:
        try:
            return json.loads(self._mark(package).read_bytes()) == to_json(package)
        except (OSError, ValueError):
            return False

    def _require_room(self, missing: list[Package]) -> None:
        if missing:
            largest = max(package.archive_bytes for package in missing)
            require_room(self.out, largest + _COPIES * sum(package.python_bytes for package in missing))

    def _fetch(self, package: Package) -> Unpacked:
        folder, mark = self._folder(package), self._mark(package)
        mark.unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        arriving = self.out / "arriving"
        archive = download(package, self.plan, arriving)
        is_learnt = package in self.plan.packages
        with new_path(folder) as unfinished:
            unpacked = unpack(archive, package, unfinished, checks_licence=is_learnt)
        _write(mark, to_json(package))
        shutil.rmtree(arriving)
        return unpacked

    def _remove_what_is_not_on_the_list(self) -> None:
        """As an earlier list left it."""
        listed = {self._folder(package) for package in (*self.plan.packages, *self.plan.held_out)}
        for part in ("training", "held_out"):
            for path in self._place(part).glob("*"):
                if path.is_dir() and path not in listed:
                    path.with_suffix(".json").unlink(missing_ok=True)
                    shutil.rmtree(path)

    def _copy_library(self) -> None:
        source, folder = Path(sysconfig.get_path("stdlib")), self._place("training") / _LIBRARY
        if not (source / "argparse.py").is_file():
            raise UsageError("This Python has no library in files; run the command with an ordinary one.")
        shutil.rmtree(folder, ignore_errors=True)
        with new_path(folder) as unfinished:
            unfinished.mkdir()
            for path in _library_files(source):
                target = unfinished / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)

    def _facts(self, found: Sorted) -> dict[str, Any]:
        packages = [
            {"name": package.name, "version": package.version, "licence": package.licence}
            | found.of(package.folder_name).facts()
            for package in self.plan.packages
        ]
        if self.plan.standard_library:
            own = {"name": _LIBRARY, "version": python_version(), "licence": "PSF-2.0"}
            packages.append(own | found.of(_LIBRARY).facts())
        held_out = [
            {"name": package.name, "version": package.version}
            | found.of_held_out(package.folder_name).facts()
            for package in self.plan.held_out
        ]
        return {"packages": packages, "held_out": held_out} | found.totals()


def read_list(path: Path) -> PackageList:
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); check the name.") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{path} is not JSON; take a list of packages as in resources/specs.") from None
    return from_json(PackageList, content, str(path))


def _library_files(source: Path) -> Iterator[Path]:
    for path in sorted(source.rglob("*.py")):
        if _NOT_THE_LIBRARY.isdisjoint(path.relative_to(source).parts) and path.is_file():
            yield path


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=1) + "\n")
