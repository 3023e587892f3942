"""Unpacked packages, file by file: left out, learnt from, or learnt from last because it is the best.

The ordinary scan comes first: secrets, generated and vendored files, duplicates. What is left out here is not
Python 3, copies of what is held out, tasks of benchmarks, files under licences of their own, tables, and most
tests, of which packages have more than a person writes.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.spec.fields import to_json
from trainer.corpus.copies import HeldOut, Tasks
from trainer.corpus.licences import against_file
from trainer.corpus.quality import is_poor, is_test, parsed, quality
from trainer.data import texts
from trainer.data.collect import File, collect
from trainer.data.duplicates import Duplicates
from trainer.spec.data import ScanSpec
from trainer.spec.packages import PackageList

PARTS = ("main", "best", "held_out")
_BEST_SHARE = 0.25
_MOST_OF_BEST = 0.08  # from one package
_MOST_TESTS = 0.1  # of the other bytes
_MOST_BYTES = 8 << 20
_HEAD_LETTERS = 3000
_MOST_NAMED = 1000
_UNFINISHED = "unfinished"

Part = str
Tell = Callable[[str], None]


@dataclass(frozen=True)
class _Judged:
    """A file that can be learnt from; `name` begins with its package."""

    name: str
    size_bytes: int
    score: float
    is_test: bool


@dataclass
class Counts:
    files: int = 0
    bytes: int = 0
    best_bytes: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def facts(self) -> dict[str, Any]:
        return {**to_json(self), "left_out": dict(self.left_out.most_common())}


@dataclass
class Sorted:
    """`copies`: files that hold something of a held-out package, and what."""

    packages: dict[str, Counts] = field(default_factory=dict)
    held_out: dict[str, Counts] = field(default_factory=dict)
    copies: dict[str, str] = field(default_factory=dict)

    def of(self, package: str) -> Counts:
        return self.packages.setdefault(package, Counts())

    def of_held_out(self, package: str) -> Counts:
        return self.held_out.setdefault(package, Counts())

    def totals(self) -> dict[str, Any]:
        every = self.packages.values()
        return {
            "files": sum(counts.files for counts in every),
            "bytes": sum(counts.bytes for counts in every),
            "best_bytes": sum(counts.best_bytes for counts in every),
            "held_out_bytes": sum(counts.bytes for counts in self.held_out.values()),
            "left_out": dict(sum((counts.left_out for counts in every), Counter[str]()).most_common()),
            "copies": self.copies,
        }


def sort_out(plan: PackageList, unpacked: tuple[Path, Path], out: Path, tell: Tell) -> Sorted:
    """Of `unpacked`, what to learn from and what to hold out, into folders in `out`, each whole or not."""
    training, held_out = unpacked
    unfinished = out / _UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in PARTS:
        (unfinished / part).mkdir(parents=True)
    found = Sorted()
    copies, duplicates = _learnt_by_heart(held_out)
    for name in _to_measure_on(held_out, found):
        _copy(held_out / name, unfinished / "held_out" / name)
    judge = _Judge(training, copies, duplicates, Tasks(plan))
    for part, file in _chosen(judge.judged(found, tell), found):
        _copy(training / file.name, unfinished / part / file.name)
    for part in PARTS:
        shutil.rmtree(out / part, ignore_errors=True)
        (unfinished / part).rename(out / part)
    unfinished.rmdir()
    return found


@dataclass(frozen=True)
class _Judge:
    training: Path
    copies: HeldOut
    duplicates: Duplicates
    tasks: Tasks

    def judged(self, found: Sorted, tell: Tell) -> Iterator[_Judged]:
        package = ""
        for file in collect([self.training], ScanSpec(), self.duplicates):
            if not file.name.endswith(".py") and not file.is_folder:
                continue
            if _package(file) != package:
                package = _package(file)
                tell(f"Sorting out {package}")
            reason, judged = self._judged(file, found)
            if judged is None:
                found.of(package).left_out[reason] += 1
            else:
                yield judged

    def _judged(self, file: File, found: Sorted) -> tuple[str, _Judged | None]:
        name = file.name.partition("/")[2]
        copy = file.like if self.copies.holds(file.like) else ""
        if file.reason is None:
            copy = self.copies.find(name, file.text)
        if copy:
            if len(found.copies) < _MOST_NAMED:
                found.copies[file.name] = copy
            return "held_out", None
        if file.reason is not None:
            return file.reason, None
        return self._judged_text(file)

    def _judged_text(self, file: File) -> tuple[str, _Judged | None]:
        if against_file(file.licence, file.text[:_HEAD_LETTERS]):
            return "licence", None
        if self.tasks.are_in(file.text):
            return "benchmark", None
        tree = parsed(file.text)
        if tree is None:
            return "syntax", None
        if is_poor(tree, file.text):
            return "poor", None
        score = quality(tree, file.text).score
        return "", _Judged(file.name, file.size_bytes, score, is_test(file.name))


def _learnt_by_heart(held_out: Path) -> tuple[HeldOut, Duplicates]:
    """Every file of what is held out, even such as nobody would be measured on."""
    copies, duplicates = HeldOut(), Duplicates()
    for path in sorted(held_out.rglob("*.py")):
        name = path.relative_to(held_out).as_posix().partition("/")[2]
        data = texts.read(str(path), _MOST_BYTES).data
        duplicates.find(name, data)
        copies.add(name, data.decode("utf-8", "replace"))
    return copies, duplicates


def _to_measure_on(held_out: Path, found: Sorted) -> Iterator[str]:
    for file in collect([held_out], ScanSpec()) if held_out.is_dir() else ():
        if not file.name.endswith(".py"):
            continue
        counts = found.of_held_out(_package(file))
        reason = file.reason or ("test" if is_test(file.name) else _against_measuring(file.text))
        if reason:
            counts.left_out[reason] += 1
            continue
        counts.files += 1
        counts.bytes += file.size_bytes
        yield file.name


def _against_measuring(text: str) -> str:
    tree = parsed(text)
    return "syntax" if tree is None else "poor" if is_poor(tree, text) else ""


def _chosen(judged: Iterable[_Judged], found: Sorted) -> Iterator[tuple[Part, _Judged]]:
    best_first = sorted(judged, key=lambda file: (-file.score, file.name))
    code = [file for file in best_first if not file.is_test]
    code_bytes = sum(file.size_bytes for file in code)
    best_left = _BEST_SHARE * code_bytes
    most_a_package = _MOST_OF_BEST * best_left
    for file in code:
        counts = found.of(_package(file))
        has_room = not counts.best_bytes or counts.best_bytes + file.size_bytes <= most_a_package
        part = "best" if best_left > 0 and has_room else "main"
        best_left -= file.size_bytes if part == "best" else 0
        _count(counts, file, part)
        yield part, file
    taken = 0.0
    for file in best_first:
        if not file.is_test:
            continue
        taken += file.size_bytes
        if taken > _MOST_TESTS * code_bytes:
            found.of(_package(file)).left_out["test"] += 1
        else:
            _count(found.of(_package(file)), file, "main")
            yield "main", file


def _count(counts: Counts, file: _Judged, part: Part) -> None:
    counts.files += 1
    counts.bytes += file.size_bytes
    counts.best_bytes += file.size_bytes if part == "best" else 0


def _package(file: File | _Judged) -> str:
    return file.name.partition("/")[0]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
