"""The figures in the README, measured and written there: `python -m tests.benchmarks.tables --help`.

Without options it writes the README's tables and plots anew: what was measured from the results in
tests/benchmarks/published, and what fits which machine from the arithmetic of the program (fits.py).
With --model it measures that model first and puts its rows among them; --full measures it with a text
that fills the context, which takes a minute or two for the larger ones.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core import report
from core.spec.presets import PRESETS
from tests.benchmarks import fits
from trainer.bench.plots import plots_of
from trainer.bench.tables import markdown
from trainer.spec.results import Result, read_results

ROOT = Path(__file__).parents[2]
PUBLISHED = Path(__file__).parent / "published"
PRECISIONS = "int8,int4"
NEW_TOKENS = 64
SHORT = ("--prompt-tokens", "512", "--new-tokens", str(NEW_TOKENS), "--rounds", "3")
MOST_OTHERS_SHARE, UNKNOWN = 0.1, "not yet"
FULL, FULL_PRECISION = "full context", "int8"
# what was guessed of the memory of each before anything was built
EARLY_ESTIMATES_MB = {
    "smallcoder-tiny": 350,
    "smallcoder-small": 750,
    "smallcoder-medium": 1200,
    "smallcoder-tiny-lc": 420,
    "smallcoder-small-lc": 900,
    "smallcoder-medium-lc": 1500,
}


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", action="append", default=[], help="measure this preset or folder; repeatable"
    )
    parser.add_argument(
        "--precision", default=PRECISIONS, help=f"at these precisions (default: {PRECISIONS})"
    )
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0 leaves one core free")
    parser.add_argument("--full", action="store_true", help="instead with a text that fills its context")
    parser.add_argument("--quality", action="store_true", help="also run the fifteen tasks (not for presets)")
    parser.add_argument(
        "--into", default="this-project", metavar="NAME", help="the file of results to add to"
    )
    arguments = parser.parse_args()
    for model in arguments.model:
        words = ["--model", model, "--threads", str(arguments.threads)]
        precisions = ["--precision", arguments.precision]
        if arguments.full:
            add(
                arguments.into,
                measured("speed", *words, "--precision", FULL_PRECISION, *full_flags(model)),
                FULL,
            )
            continue
        add(arguments.into, measured("speed", *words, *precisions, *SHORT))
        if arguments.quality and model not in PRESETS:
            add(arguments.into, measured("quality", *words, *precisions, "--suite", "smallcoder"))
    write()
    return 0


def full_flags(model: str) -> list[str]:
    """For its memory alone, which is the same each time and whatever else runs: one round is enough."""
    context = PRESETS[model].max_context if model in PRESETS else 4096
    least = 4
    words = {"prompt-tokens": context - least, "new-tokens": least, "rounds": 1, "context-tokens": context}
    return [word for name, value in words.items() for word in (f"--{name}", str(value))]


def measured(action: str, *words: str) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "results.json"
        command = [sys.executable, "-c", "import sys, main; sys.exit(main.main())", "bench", action]
        subprocess.run([*command, *words, "--output", str(output)], cwd=ROOT, check=True)
        found: list[dict[str, Any]] = json.loads(output.read_text(encoding="utf-8"))
    return found


def add(name: str, results: list[dict[str, Any]], suite: str = "") -> None:
    """In the place of older ones of the same model and precision; rows of quality are in the file too."""
    path = PUBLISHED / f"{name}.json"
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    for item in results:
        item.pop("path", None)  # of the machine that measured
        if suite:
            item["suite"] = suite
    fresh = {way(item) for item in results}
    merged = sorted([*(item for item in kept if way(item) not in fresh), *results], key=order)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(merged, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def place(item: Result) -> tuple[int, int]:
    names = list(PRESETS)
    where = names.index(item.model) if item.model in names else len(names)
    return where, PRECISIONS.find(item.precision)


def way(item: dict[str, Any]) -> tuple[str, ...]:
    return str(item["kind"]), str(item.get("suite")), str(item["model"]), str(item["precision"])


def order(item: dict[str, Any]) -> tuple[Any, ...]:
    names = list(PRESETS)
    place = names.index(item["model"]) if item["model"] in names else len(names)
    return item["kind"] != "speed", place, item["model"], PRECISIONS.find(item["precision"])


def write() -> None:
    readme = ROOT / "README.md"
    files = {path.stem: read_results(path) for path in sorted(PUBLISHED.glob("*.json"))}
    text = readme.read_text(encoding="utf-8")
    text = with_block(with_block(text, block(files)), fits.table(), "fits")
    readme.write_text(text, encoding="utf-8")
    for name, results in files.items():
        for plot, picture in plots_of(plotted(results)).items():
            (PUBLISHED / f"{name}-{plot}").write_text(picture, encoding="utf-8")
    report.say(f"The README's figures are those of {', '.join(files)}")


def with_block(text: str, written: str, name: str = "figures") -> str:
    place = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end of {name} -->)", re.DOTALL)
    if not place.search(text):
        raise SystemExit(f"The README has no place for {name}: <!-- {name}: ... --> <!-- end of {name} -->")
    return place.sub(lambda found: f"{found[1]}{written}{found[2]}", text)


def block(files: dict[str, list[Result]]) -> str:
    parts = []
    for name, results in files.items():
        speeds = sorted((item for item in results if item.kind == "speed"), key=place)
        rates = [item for item in results if item.kind == "quality"]
        if speeds:
            parts.append(f"{machine_line(speeds)}\n\n{speed_table(speeds)}")
        if rates:
            parts.append(quality_table(rates))
        for plot in plots_of(plotted(results)):
            title = plot.removesuffix(".svg").replace("-", " and ")
            parts.append(f"![{title}](tests/benchmarks/published/{name}-{plot})\n")
    return "\n" + "\n".join(parts) + "\n"


def machine_line(results: Sequence[Result]) -> str:
    figures = results[0].figures
    machine, versions, threads = figures["machine"], figures["versions"], figures["threads"]
    return (
        f"{machine['processor']}, {machine['cores']} cores ({', '.join(machine['features'])}), "
        f"{machine['memory_bytes'] / 2**30:.0f} GB, {machine['system']}, torch {versions['torch']}; "
        f"{threads} thread{'s' if threads != 1 else ''}, kernels {figures['kernel']}:"
    )


def plotted(results: Sequence[Result]) -> list[Result]:
    return [item for item in short(results) if not is_disturbed(item)]


def short(results: Sequence[Result]) -> list[Result]:
    return [item for item in results if item.figures.get("suite") != FULL]


def is_disturbed(item: Result) -> bool:
    return (item.number("others_share") or 0.0) > MOST_OTHERS_SHARE


def speed_table(results: Sequence[Result]) -> str:
    """A line a model and precision; what fills the context has its columns beside the rest. A speed that was
    measured while others were busy is no figure of this program's, and is not shown."""
    full = {(item.model, item.precision): item for item in results if item.figures.get("suite") == FULL}
    found = {(item.model, item.precision): item for item in short(results)}
    heads = ["", "parameters", "precision", "reads, tokens/s", "writes, tokens/s", "after a keystroke"]
    heads += ["peak of memory", "context filled with", "peak of memory", "early estimate"]
    rows = []
    for key in dict.fromkeys((item.model, item.precision) for item in results):
        figures = (found.get(key) or full[key]).figures
        name = f"{key[0]} (random)" if figures["weights"] == "random" else (found.get(key) or full[key]).name
        rows.append(
            [
                *(name, f"{figures['parameters'] / 1e6:,.0f}M", key[1]),
                *short_cells(found.get(key)),
                *(full_cells(full[key]) if key in full else [""] * 3),
            ]
        )
    return markdown(heads, rows)


def short_cells(item: Result | None) -> list[str]:
    if item is None:
        return [UNKNOWN] * 4
    figures = item.figures
    speeds = [f"{figures[name]:,.0f}" for name in ("prefill_tokens_per_s", "decode_tokens_per_s")]
    speeds.append(f"{figures['keystroke_ms']:,.0f} ms")
    shown = [UNKNOWN] * len(speeds) if is_disturbed(item) else speeds
    return [*shown, f"{figures['peak_ram_bytes'] / 1e6:,.0f} MB"]


def full_cells(item: Result) -> list[str]:
    estimate = EARLY_ESTIMATES_MB.get(item.model)
    return [
        f"{item.figures['prompt_tokens'] + item.figures['new_tokens']:,} tokens",
        f"{item.figures['peak_ram_bytes'] / 1e6:,.0f} MB",
        "" if estimate is None else f"{estimate:,} MB",
    ]


def quality_table(results: Sequence[Result]) -> str:
    rows = []
    for item in results:
        rate = item.figures["pass_at"]["1"]
        shown = f"{100 * rate['value']:.0f} % ({100 * rate['low']:.0f} to {100 * rate['high']:.0f})"
        rows.append(
            [
                item.name,
                item.precision,
                f"{item.figures['passed']} of {item.figures['total']}",
                shown,
                f"{item.figures['quality']:.1f}",
                f"{100 * item.figures['syntax']:.0f} %",
                f"{item.figures['answer_ms_p50']:,.0f} ms",
            ]
        )
    heads = ["", "precision", "passed", "pass@1", "quality", "syntax", "an answer"]
    return markdown(heads, rows)


if __name__ == "__main__":
    sys.exit(main())
