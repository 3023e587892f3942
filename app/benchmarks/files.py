"""Results as files for others: chosen ones in one file, as the commands read and write them."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.benchmarks.shelf import Kept
from app.benchmarks.ways import Suite, Way
from core.spec.disk import write_whole
from core.spec.fields import to_json
from core.spec.folders import cache_folder


def latest_of(ways: Iterable[Way], suite: Suite | None) -> list[Kept]:
    """What the table shows of them: the last speed and the last answers to these tasks."""
    found = []
    for way in ways:
        speed = way.latest("speed")
        answers = way.latest(suite.kind, suite.name) if suite is not None else None
        found += [item for item in (speed, answers) if item is not None]
    return found


def write_results(path: Path, kept: Sequence[Kept]) -> None:
    """With every answer. A DataError or an OSError says why it cannot be done."""
    content = []
    for item in kept:
        rows = [to_json(row) for row in item.rows()]
        content.append({**item.result.figures, **({"rows": rows} if rows else {})})
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    write_whole(path, text.encode("utf-8", "backslashreplace").decode() + "\n")


def compared_files(before: Sequence[Kept], after: Sequence[Kept]) -> list[Path]:
    """Two files that 'bench compare' is given, each time the same ones."""
    folder = cache_folder() / "compared"
    files = [folder / "before.json", folder / "after.json"]
    for file, kept in zip(files, (before, after), strict=True):
        write_results(file, kept)
    return files
