"""Code that must not be learnt from: copies of what is held out, and the tasks of benchmarks.

Copies are told by their place, as vendored packages lie where they always do, and by stretches of lines,
however the rest of the file differs.
"""

import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from trainer.spec.packages import PackageList

_STRETCH_LINES = 5
_FEWEST_STRETCHES = 4
_LEAST_LINE_LETTERS = 10
_FEWEST_TASKS = 3
_WORD = re.compile(r"\w+")
_DOCUMENTED_DEF = re.compile(r"^def (\w+)\([^\n]*\n(?:[^\n]*\n){0,6}?\s+>>> ", re.MULTILINE)


class HeldOut:
    """`find` says which held-out file the text of another has in it, "" for none."""

    def __init__(self) -> None:
        self._places: dict[str, str] = {}
        self._stretches: dict[int, str] = {}

    def add(self, name: str, text: str) -> None:
        """`name`: as it is imported from, like flask/app.py."""
        self._places[_without_marks(name)] = name
        for stretch in _stretches(text):
            self._stretches.setdefault(stretch, name)

    def holds(self, name: str) -> bool:
        return self._places.get(_without_marks(name)) == name

    def find(self, name: str, text: str) -> str:
        return self._at_the_same_place(name) or self._with_the_same_lines(text)

    def _at_the_same_place(self, name: str) -> str:
        """Anywhere below another package; vendored ones are often called _click or _vendor/click."""
        parts = PurePosixPath(name).parts
        ends = (_without_marks("/".join(parts[start:])) for start in range(len(parts) - 1))
        return next((self._places[end] for end in ends if end in self._places), "")

    def _with_the_same_lines(self, text: str) -> str:
        shared = [stretch for stretch in set(_stretches(text)) if stretch in self._stretches]
        return self._stretches[min(shared)] if len(shared) >= _FEWEST_STRETCHES else ""


class Tasks:
    """Names and words of benchmark tasks; some names are also those of ordinary functions, and count only
    with examples in the docstring, as the tasks have them."""

    def __init__(self, plan: PackageList) -> None:
        self._names = frozenset(plan.benchmark_names)
        self._common_names = frozenset(plan.benchmark_common_names)
        self._phrases = plan.benchmark_phrases

    def are_in(self, text: str) -> bool:
        documented = {found[1] for found in _DOCUMENTED_DEF.finditer(text)}
        if documented & self._names:
            return True
        spaced = " ".join(text.split()).lower()
        count = len(self._names.intersection(_WORD.findall(text))) + len(documented & self._common_names)
        return count + sum(spaced.count(phrase) for phrase in self._phrases) >= _FEWEST_TASKS


def _without_marks(name: str) -> str:
    return name.lstrip("_")


def _stretches(text: str) -> Iterator[int]:
    """Of lines that say something; neither imports nor comments, which licences stand in."""
    lines = [zlib.crc32(line.encode("utf-8", "replace")) for line in _telling(text.splitlines())]
    for start in range(len(lines) - _STRETCH_LINES + 1):
        yield hash(tuple(lines[start : start + _STRETCH_LINES]))


def _telling(lines: Iterable[str]) -> Iterator[str]:
    for line in map(str.strip, lines):
        if len(line) >= _LEAST_LINE_LETTERS and not line.startswith(("#", "import ", "from ")):
            yield line
