"""`bench compare`: results side by side, with what is noise said to be noise; tables and plots of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.errors import UsageError
from core.spec.fields import to_json

if TYPE_CHECKING:
    from trainer.bench.compare import Pair
    from trainer.spec.results import Result


def add_action(actions: Commands) -> None:
    parser = actions.add_parser("compare", help="results side by side; tables and plots of them")
    parser.add_argument(
        "results", nargs="+", type=Path, metavar="FILE", help="results, as --output wrote them"
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write all figures there, a line a result")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write scatter plots there, as SVG")
    parser.add_argument("--json", action="store_true", help="JSON for a program")
    parser.set_defaults(run=guarded(_compare))


def _compare(arguments: argparse.Namespace) -> int:
    from trainer.bench.compare import compared
    from trainer.bench.plots import plots_of
    from trainer.bench.tables import csv_text
    from trainer.spec.results import read_results

    files = [read_results(path) for path in arguments.results]
    results = [result for found in files for result in found]
    pairs = compared(files)
    text = _text(results, pairs)
    plots = plots_of(results)
    if arguments.markdown is not None:
        _write(arguments.markdown, text)
    if arguments.csv is not None:
        _write(arguments.csv, csv_text(results))
    if arguments.plots is not None:
        if not plots:
            raise UsageError("There is nothing to plot: give results of 'bench speed', or of two kinds.")
        for name, picture in plots.items():
            _write(arguments.plots / name, picture)
    if arguments.json:
        report.say_json([_facts(pair) for pair in pairs])
    else:
        report.say(text.rstrip("\n"))
    return 0


def _text(results: "Sequence[Result]", pairs: "Sequence[Pair]") -> str:
    from trainer.bench.tables import pairs_table, results_table, sides_of

    kinds = dict.fromkeys((result.kind, str(result.figures.get("suite", ""))) for result in results)
    parts = []
    for kind, suite in kinds:
        own = [item for item in results if (item.kind, str(item.figures.get("suite", ""))) == (kind, suite)]
        title = f"{kind}: {suite}" if suite and suite != kind else kind
        parts.append(f"## {title}\n\n{results_table(own)}")
    if pairs:
        notes = dict.fromkeys(f"- {sides_of(pair)}: {note}\n" for pair in pairs for note in pair.notes)
        parts.append(f"## differences\n\n{pairs_table(pairs)}" + "".join(["\n", *notes] if notes else []))
    return "\n".join(parts)


def _facts(pair: "Pair") -> dict[str, Any]:
    sides = {
        side: {"kind": item.kind, "model": item.model, "precision": item.precision}
        for side, item in (("before", pair.before), ("after", pair.after))
    }
    return {**sides, "changes": [to_json(change) for change in pair.changes], "notes": list(pair.notes)}


def _write(path: Path, text: str) -> None:
    from core.spec.disk import room_on_disk, write_whole

    with room_on_disk(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
