"""`bench held-out` and `bench card`: what the embedded model is measured by, and the card that says it."""

import argparse
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import report
from core.cli.command import Commands, guarded
from core.spec.disk import write_whole
from core.spec.errors import UsageError
from core.spec.fields import add_flags, from_flags, to_json
from core.spec.headers import read_json
from core.spec.placement import Placement
from trainer.spec.plans import SPECS
from trainer.spec.runs import Run, find_run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.engine import Engine
    from trainer.bench.held_out import Part, Questions, Say

MEASURED = "measured.json"
PACKAGES = SPECS / "nano-packages.json"
PARTS: "tuple[Part, ...]" = ("bits", "next", "fim")
_WAYS = ("model", "recall", "untrained", "counts")
_KEPT = frozenset(
    {
        *("machine", "precision", "threads", "prompt_tokens", "prefill_tokens_per_s", "decode_tokens_per_s"),
        *("first_token_ms", "peak_ram_bytes", "passed", "total"),
    }
)


def add_actions(actions: Commands) -> None:
    held_out = actions.add_parser("held-out", help="lines and bits of packages that a model never saw")
    held_out.add_argument("--model", type=Path, required=True, help="the model's folder")
    held_out.add_argument("--source", type=Path, required=True, metavar="FOLDER", help="the packages' Python")
    held_out.add_argument("--lines", type=int, default=1000, metavar="N", help="asked for (default: 1000)")
    held_out.add_argument("--text-kb", type=int, default=400, metavar="N", help="read for bits a byte")
    held_out.add_argument("--seed", type=int, default=42, help="draws the lines and the texts (default: 42)")
    held_out.add_argument(
        "--only",
        choices=_WAYS,
        action="append",
        help="the network, with its recall, the same untrained, or counts; all if not said",
    )
    held_out.add_argument(
        "--run",
        dest="runs",
        metavar="RUN",
        action="append",
        help="that made it; counts are of what it has read",
    )
    held_out.add_argument(
        "--data", type=Path, metavar="FOLDER", help="prepared data; counts are of all of it instead"
    )
    held_out.add_argument(
        "--part",
        choices=PARTS,
        action="append",
        help="bits a byte, next or missing lines; all if not said",
    )
    held_out.add_argument("--output", type=Path, metavar="FILE", help="add the JSON to this file, too")
    held_out.add_argument("--json", action="store_true", help="JSON for a program")
    add_flags(held_out, Placement, leave_out=("draft_model", "cache_mb"))
    held_out.set_defaults(run=guarded(_held_out))
    card = actions.add_parser("card", help=f"the model card of a folder, from its {MEASURED}")
    card.add_argument("folder", metavar="FOLDER", type=Path)
    card.add_argument("--speed", type=Path, metavar="FILE", help="what 'bench speed --output' wrote")
    card.add_argument("--tasks", type=Path, metavar="FILE", help="what 'bench quality --output' wrote")
    card.set_defaults(run=guarded(_card))


def _held_out(arguments: argparse.Namespace) -> int:
    runs = [find_run(name) for name in arguments.runs or ()]
    ways = _ways(arguments)
    if "counts" in ways and not runs and arguments.data is None:
        raise UsageError(
            "Counts are taken of what a run has read, or of prepared data; name one with --run or --data, or "
            "say --only model."
        )
    from core.engine import load
    from trainer.bench.held_out import ModelWriter, Questions
    from trainer.bench.lines import draw_lines, draw_texts, python_files

    say: Say = _silent if arguments.json else report.say
    files = python_files(arguments.source)
    engine = load(arguments.model, from_flags(Placement, arguments))
    texts = draw_texts(files, arguments.text_kb * 1024, arguments.seed)
    questions = Questions(engine.tokenizer, texts, draw_lines(files, arguments.lines, arguments.seed))
    result: dict[str, Any] = {
        "seed": arguments.seed,
        "files": len(files),
        "text_bytes": sum(len(text.encode()) for text in texts),
        "context_tokens": engine.max_context,
        "precision": engine.facts()["precision"],
    }
    parts = arguments.part or PARTS
    if "model" in ways:
        result["model"] = questions.ask(ModelWriter(engine), parts, say)
    if "recall" in ways:
        result["recall"] = questions.ask(ModelWriter(engine, recall=True), parts, say)
    if "untrained" in ways:
        with _untrained(arguments) as other:
            result["untrained"] = questions.ask(ModelWriter(other), parts, say)
    if "counts" in ways:
        result["counts"] = _counts(_rows_counted(arguments.data, runs), questions, parts, say)
    if arguments.output is not None:
        _add_to(arguments.output, result, _cost(runs, engine.facts()["parameters"]))
    report.say_json(result) if arguments.json else _say_table(result)
    return 0


def _ways(arguments: argparse.Namespace) -> Sequence[str]:
    from core.checkpoint.load import open_unchecked

    has_recall = open_unchecked(arguments.model).about.recall is not None
    if "recall" in (arguments.only or ()) and not has_recall:
        raise UsageError(f"{arguments.model} says nothing of recall; 'train recall' fits it.")
    return arguments.only or [way for way in _WAYS if way != "recall" or has_recall]


def _cost(runs: list[Run], parameters: int) -> dict[str, Any] | None:
    """Of the runs, and of the model that the first of them went on from."""
    if not runs:
        return None
    from trainer.bench.reading import cost_in, cost_of

    cost, before = cost_of(runs, parameters), cost_in(Path(runs[0].spec().model) / MEASURED)
    return to_json(cost if before is None else before + cost)


def _add_to(path: Path, result: dict[str, Any], cost: dict[str, Any] | None) -> None:
    """Ways and parts that were measured another time stay."""
    known = read_json(path) if path.exists() else {}
    before = known.get("held_out", {})
    ways = {way: before.get(way, {}) | result.get(way, {}) for way in _WAYS if way in before or way in result}
    measured = known | {"held_out": before | result | ways}
    if cost is not None:
        measured["training"] = cost
    write_whole(path, json.dumps(measured, indent=1) + "\n")


@contextmanager
def _untrained(arguments: argparse.Namespace) -> Iterator["Engine"]:
    """The same network with the weights that a run would begin with."""
    import tempfile

    import torch

    from core.checkpoint.load import open_model
    from core.checkpoint.native import write_native
    from core.engine import load
    from core.model.transformer import with_random_weights

    stored = open_model(arguments.model)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "untrained"
        model = with_random_weights(stored.config, arguments.seed)
        write_native(model, stored.tokenizer(), folder, torch.float32)
        yield load(folder, from_flags(Placement, arguments))


def _rows_counted(data: Path | None, runs: list[Run]) -> "list[NDArray[np.int64]]":
    from trainer.bench.reading import rows_prepared, rows_read

    return [row for run in runs for row in rows_read(run)] if data is None else rows_prepared(data)


def _counts(
    rows: "Sequence[NDArray[np.int64]]", questions: "Questions", parts: "Sequence[Part]", say: "Say"
) -> dict[str, float]:
    from trainer.bench.held_out import CountsWriter
    from trainer.bench.ngrams import NGrams

    counts = NGrams(rows, questions.tokenizer.vocab_size)
    say(f"counted {counts.tokens:,} tokens")
    marks = questions.ask(CountsWriter(counts, questions.tokenizer), parts, say)
    return marks | {"counted_tokens": float(counts.tokens)}


def _card(arguments: argparse.Namespace) -> int:
    from trainer.bench.machine import describe_machine
    from trainer.bench.model_card import card_of
    from trainer.corpus.packages import read_list

    path = arguments.folder / MEASURED
    facts = read_json(path)
    if not isinstance(facts, dict):
        raise UsageError(f"{path} must hold what was measured, a JSON object; see 'bench held-out --output'.")
    for name in ("speed", "tasks"):
        given = getattr(arguments, name)
        if given is not None:
            facts[name] = {**read_json(given)[0], "machine": describe_machine()["processor"]}
            facts[name] = {key: value for key, value in facts[name].items() if key in _KEPT}
    write_whole(path, json.dumps(facts, indent=1) + "\n")
    plan = read_list(PACKAGES)
    write_whole(arguments.folder / "README.md", card_of(facts, plan, arguments.folder))
    report.say(f"{arguments.folder / 'README.md'} written")
    return 0


def _say_table(result: dict[str, Any]) -> None:
    for way in _WAYS:
        for name, mark in result.get(way, {}).items():
            report.say(f"{way:10} {name.replace('_', ' '):16} {mark:,.3f}")


def _silent(_: str) -> None: ...
