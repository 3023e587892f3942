"""Infilling tasks cut from any folder: a line, some lines or a block is taken out, to be written again.

Which files count is what training has decided (trainer/data): what is generated, vendored, secret or a copy
is left out. What is cut is told from lines and indents alone, so it works for any language that indents.
The same folder and seed give the same tasks, in whatever order a system lists files.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from core.spec.errors import DataError
from trainer.bench.tasks import Suite, Task
from trainer.data.collect import collect
from trainer.data.division import divided
from trainer.data.reasons import WHY, Reason
from trainer.data.sources import Rejections, Sources
from trainer.spec.bench import Cut, RepoSettings
from trainer.spec.data import ScanSpec

_LEAST_LETTERS = 4  # of a line worth asking for
_MOST_LINES = {"single-line": 1, "multi-line": 5, "block": 20}
_MOST_LETTERS = 1500
# a model sees no more of a file; one that is longer is not looked at as a whole
_PREFIX_LETTERS, _SUFFIX_LETTERS = 1 << 16, 1 << 14


@dataclass(frozen=True)
class _Span:
    """Lines from `first` to `last`, both counted from 0 and taken along."""

    first: int
    last: int


@dataclass(frozen=True)
class _Candidate:
    """The lower its key, the sooner it is taken."""

    key: tuple[int, bytes]
    name: str
    lines: list[str]
    span: _Span


def cut_folders(folders: Iterable[Path], settings: RepoSettings, scan: ScanSpec) -> Suite:
    """`per_cut` tasks of each kind, as evenly from the files as their lines allow."""
    folders = list(folders)
    kept: dict[Cut, list[_Candidate]] = {kind: [] for kind in settings.kinds}
    reasons: Counter[Reason] = Counter()
    wanted = _wanted(folders, settings, scan)
    for file in collect(folders, scan):
        if file.reason is not None:
            reasons[file.reason] += 1
            continue
        if not next(wanted):
            continue
        for kind, best in kept.items():
            name = file.name if len(folders) == 1 else str(file.path)
            fresh = _drawn(name, file.text, kind, settings)
            kept[kind] = heapq.nsmallest(settings.per_cut, [*best, *fresh], key=lambda item: item.key)
    tasks = [_task(candidate, kind) for kind, best in kept.items() for candidate in best]
    if not tasks:
        named = ", ".join(str(folder) for folder in folders)
        raise DataError(f"In {named} there is no code to cut from; name a folder with some files of code.")
    skipped = [f"{count:,} files and folders are left out: {WHY[name]}." for name, count in reasons.items()]
    return Suite("repo", tuple(tasks), tuple(sorted(skipped)))


def _wanted(folders: list[Path], settings: RepoSettings, scan: ScanSpec) -> Iterator[bool]:
    """Of each accepted file, in their order, whether it is cut."""
    if settings.held_out_share == 0:
        return repeat(True)
    documents = Sources(tuple(folders), scan).documents("text", Rejections())
    return (split == "validation" for split, _ in divided(documents, settings.held_out_share))


def _drawn(name: str, text: str, kind: Cut, settings: RepoSettings) -> list[_Candidate]:
    """The first of a file comes before the second of any other."""
    lines, seed = text.split("\n"), settings.seed
    spans = sorted(_spans(lines, kind, text), key=lambda span: _lot(seed, kind, name, str(span.first)))
    own = _lot(seed, kind, name)
    return [
        _Candidate((place, own), name, lines, span) for place, span in enumerate(spans[: settings.per_cut])
    ]


def _lot(seed: int, *words: str) -> bytes:
    text = "\0".join((str(seed), *words))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _spans(lines: list[str], kind: Cut, text: str) -> Iterator[_Span]:
    indents = [_indent(line) for line in lines]
    for first, indent in enumerate(indents):
        if indent is None:
            continue
        span = _span(lines, indents, first, kind)
        if span is not None and _is_worth_asking(lines[span.first : span.last + 1], text):
            yield span


def _span(lines: list[str], indents: list[int | None], first: int, kind: Cut) -> _Span | None:
    if kind == "single-line":
        return _Span(first, first)
    run = _run(indents, first)
    if kind == "multi-line":
        end = min(run, _last_with_text(indents, first, first + _MOST_LINES[kind] - 1))
        return _Span(first, end) if end > first else None
    before = _header(indents, first)
    is_block = before is not None and (indents[before] or 0) < (indents[first] or 0)
    fits = run - first < _MOST_LINES[kind]
    return _Span(first, run) if is_block and fits else None


def _header(indents: list[int | None], first: int) -> int | None:
    """The line with text before this one."""
    return next((place for place in range(first - 1, -1, -1) if indents[place] is not None), None)


def _run(indents: list[int | None], first: int) -> int:
    """The last line that stands no further left than the first."""
    last = first
    for place in range(first + 1, min(first + _MOST_LINES["block"] + 2, len(indents))):
        indent = indents[place]
        if indent is not None and indent < (indents[first] or 0):
            break
        if indent is not None:
            last = place
    return last


def _last_with_text(indents: list[int | None], first: int, last: int) -> int:
    places = range(first, min(last, len(indents) - 1) + 1)
    return next(place for place in reversed(places) if indents[place] is not None)


def _indent(line: str) -> int | None:
    text = line.lstrip(" \t")
    return len(line.expandtabs(8)) - len(text.expandtabs(8)) if text.strip() else None


def _is_worth_asking(cut: list[str], text: str) -> bool:
    letters = sum(1 for line in cut for letter in line if letter.isalnum())
    return letters >= _LEAST_LETTERS and sum(map(len, cut)) <= min(_MOST_LETTERS, len(text) // 2)


def _task(candidate: _Candidate, kind: Cut) -> Task:
    """From the first letter of the first line, where an editor's cursor stands, to the end of the last."""
    lines, span = candidate.lines, candidate.span
    first = lines[span.first]
    blanks = first[: len(first) - len(first.lstrip(" \t"))]
    prefix = "\n".join([*lines[: span.first], blanks])
    middle = "\n".join(lines[span.first : span.last + 1])[len(blanks) :]
    suffix = "".join(f"\n{line}" for line in lines[span.last + 1 :])
    return Task(
        id=f"{candidate.name}:{span.first + 1} {kind}",
        category=kind,
        instruction="",
        prefix=prefix[-_PREFIX_LETTERS:],
        suffix=suffix[:_SUFFIX_LETTERS],
        middle=middle,
        entry_point="",
        tests="",
        extent="line" if kind == "single-line" else "block",
    )
