"""Where the results of a benchmark go, and how a person sees them."""

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import report
from core.spec.errors import UsageError
from trainer.cli.bench_voice import Audience
from trainer.spec.results import FORMAT

INTERRUPTED = 130
STOPPED = "It was stopped; what is done is kept, and the same command goes on there."
_SHOWN_FAILURES = 40
_SHOWN_LETTERS = 150


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the results go, as JSON (default: among yours)"
    )
    parser.add_argument("--afresh", action="store_true", help="begin anew, whatever was interrupted")
    parser.add_argument("--json", action="store_true", help="JSON for a program")
    parser.add_argument(
        "--events",
        action="store_true",
        help="a line of JSON an event; the end of standard input stops, to go on another time",
    )


def audience_of(arguments: argparse.Namespace) -> Audience:
    return "program" if arguments.events else "nobody" if arguments.json else "person"


@dataclass(frozen=True)
class Destination:
    """`journal` is beside it, so that a disk without room is met at the first row and not at the last."""

    path: Path
    journal: Path
    started: str
    was_alone: bool = True

    @classmethod
    def of(cls, output: Path | None, kind: str, suite: str, plan: Mapping[str, Any]) -> "Destination":
        """Among the person's results, where no place is named."""
        from trainer.bench.quality import identity_of

        now = datetime.now(UTC)
        if output is not None:
            if output.is_dir():
                raise UsageError(f"{output} is a folder; name the file that the results go to.")
            return cls(output, output.with_name(f"{output.name}.part"), now.isoformat(timespec="seconds"))
        from core.spec.folders import benchmarks_folder

        folder = benchmarks_folder()
        safe = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in suite)[:40]
        title = kind if safe == kind else f"{kind}-{safe}"
        name = f"{now:%Y-%m-%d-%H%M%S}-{title}.json"
        unfinished = f"{kind}-{safe}-{identity_of([json.dumps(plan, sort_keys=True)])[:12]}.part"
        return cls(folder / name, folder / unfinished, now.isoformat(timespec="seconds"))

    def described(self, kind: str, result: Mapping[str, Any]) -> dict[str, Any]:
        from trainer.bench.machine import describe_machine, describe_versions

        head = {"format": FORMAT, "kind": kind, "started": self.started, "was_alone": self.was_alone}
        rows = {"rows": result["rows"]} if "rows" in result else {}
        figures = {key: value for key, value in result.items() if key != "rows"}
        return {**head, **figures, "machine": describe_machine(), "versions": describe_versions(), **rows}

    def write(self, results: Sequence[Mapping[str, Any]]) -> None:
        from core.spec.disk import room_on_disk, write_whole

        text = json.dumps(list(results), indent=1, ensure_ascii=False)
        with room_on_disk(self.path.parent):
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(self.path, text.encode("utf-8", "backslashreplace").decode() + "\n")
            except PermissionError as error:
                raise UsageError(
                    f"{self.path} cannot be written ({error.strerror}); choose another --output."
                ) from None


def say_results(results: list[dict[str, Any]], place: Path | None) -> None:
    for result in results:
        _say_result(result)
    if results:
        report.say(f"\n{results[0]['formula']}")
    if place is not None:
        report.say(f"All answers, with what became of each: {place}")


def _say_result(result: dict[str, Any]) -> None:
    where = f", {result['kernel']} on the {result['device']}" if "kernel" in result else ""
    report.say(f"{result['model']} {result['precision']}{where}")
    report.say(f"  {_rates(result)}")
    scores = [
        f"{name} {result[name]:.0%}"
        for name in ("syntax", "constructs", "flow", "practices", "exact", "similarity")
        if result[name] is not None
    ]
    report.say(f"  {', '.join(scores)}")
    if result["answer_ms_p50"] is not None:
        report.say(
            f"  an answer takes {result['answer_ms_p50']:,.0f} ms (p95 {result['answer_ms_p95']:,.0f}), its "
            f"first token {result['first_token_ms_p50']:,.0f} ms (p95 {result['first_token_ms_p95']:,.0f})"
        )
    for name, part in result["categories"].items():
        report.say(f"  {name}: {part['passed']} of {part['total']}, quality {part['quality']:.1f}")
    _say_failures(result["rows"])
    if result["skipped"]:
        report.say(f"  left out: {len(result['skipped'])}, each named in the results")


def _rates(result: dict[str, Any]) -> str:
    spread = f"{result['quality_low']:.1f} to {result['quality_high']:.1f}"
    shown = f"quality {result['quality']:.1f} ({spread}); {result['passed']} of {result['total']} "
    if "pass_at" not in result:
        return f"{shown}as it stood there ({result['exact_low']:.1%} to {result['exact_high']:.1%})"
    rates = [
        f"pass@{k} {rate['value']:.1%} ({rate['low']:.1%} to {rate['high']:.1%})"
        for k, rate in result["pass_at"].items()
    ]
    return f"{shown}pass; {', '.join(rates)}"


def _say_failures(rows: list[dict[str, Any]]) -> None:
    wrong = [row for row in rows if row["outcome"] not in ("passed", "exact", "different")]
    for row in wrong[:_SHOWN_FAILURES]:
        reason = " ".join(str(row["reason"]).split())
        text = f"  {row['task']}: {row['outcome']}, {reason}"
        report.say(text if len(text) <= _SHOWN_LETTERS else f"{text[: _SHOWN_LETTERS - 1]}…")
    if len(wrong) > _SHOWN_FAILURES:
        report.say(f"  and {len(wrong) - _SHOWN_FAILURES:,} more")
