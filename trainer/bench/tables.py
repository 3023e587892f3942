"""Results as tables: Markdown for people, CSV for spreadsheets."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from trainer.bench.compare import Pair
from trainer.spec.results import Result

_MB = 1e6


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _megabytes(value: float) -> str:
    return f"{value / _MB:,.0f} MB"


def _milliseconds(value: float) -> str:
    return f"{value:,.0f} ms" if value >= 10 else f"{value:.1f} ms"


def _speed(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


# figure: the head of its column, and how it is shown
_COLUMNS: dict[str, tuple[str, Callable[[float], str]]] = {
    "parameters": ("parameters", lambda value: f"{value / 1e6:,.1f}M"),
    "quality": ("quality", lambda value: f"{value:.1f}"),
    "syntax": ("syntax", _percent),
    "constructs": ("constructs", _percent),
    "flow": ("flow", _percent),
    "practices": ("practices", _percent),
    "exact": ("exact match", _percent),
    "similarity": ("edit similarity", _percent),
    "answer_ms_p50": ("an answer", _milliseconds),
    "prefill_tokens_per_s": ("reads, tokens/s", _speed),
    "decode_tokens_per_s": ("writes, tokens/s", _speed),
    "first_token_ms": ("first token", _milliseconds),
    "keystroke_ms": ("after a keystroke", _milliseconds),
    "peak_ram_bytes": ("peak of memory", _megabytes),
    "peak_vram_bytes": ("peak of the card's", _megabytes),
}
_CSV_WORDS = (
    "kind",
    "suite",
    "model",
    "precision",
    "weights",
    "device",
    "threads",
    "kernel",
    "started",
    "seed",
)


def results_table(results: Sequence[Result]) -> str:
    """Columns that no result has are left out."""
    columns = [name for name in _COLUMNS if any(item.number(name) is not None for item in results)]
    has_rates = any(item.number("total") for item in results)
    heads = ["model", "precision", *(["passed", "pass@1"] if has_rates else [])]
    rows = []
    for name, item in zip(names_of(results), results, strict=True):
        cells = [name, item.precision, *(_rates(item) if has_rates else [])]
        for figure in columns:
            value = item.number(figure)
            cells.append("" if value is None else _COLUMNS[figure][1](value))
        rows.append(cells)
    return markdown([*heads, *(_COLUMNS[name][0] for name in columns)], rows)


def pairs_table(pairs: Sequence[Pair]) -> str:
    rows = []
    for pair in pairs:
        for change in pair.changes:
            word = "noise" if change.is_noise else "better" if change.is_better else "worse"
            word = "same" if change.before == change.after else word
            rows.append(
                [
                    sides_of(pair),
                    change.name.replace("bytes", "MB"),
                    *(_shown(value, change.figure) for value in (change.before, change.after)),
                    word,
                    change.why,
                ]
            )
    return markdown(["from -> to", "figure", "before", "after", "", "why"], rows)


def csv_text(results: Sequence[Result]) -> str:
    numbers = [
        name
        for name in dict.fromkeys(key for item in results for key in item.figures)
        if any(item.number(name) is not None for item in results) and name not in _CSV_WORDS
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*_CSV_WORDS, "processor", *numbers])
    for item in results:
        words = [item.figures.get(name, "") for name in _CSV_WORDS]
        machine: Any = item.figures.get("machine")
        processor = machine.get("processor", "") if isinstance(machine, dict) else ""
        values = [item.number(name) for name in numbers]
        writer.writerow([*words, processor, *("" if value is None else f"{value:.10g}" for value in values)])
    return file.getvalue()


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def names_of(results: Sequence[Result]) -> list[str]:
    """Of models; where two of one name are at one precision, also the file that each is from, or its time."""
    alike = Counter((_named(item), item.precision) for item in results)
    sources = {item.source for item in results if item.source is not None}
    files = Counter(source.name for source in sources)

    def told_apart(item: Result) -> str:
        if item.source is not None and len(sources) > 1:
            return item.source.name if files[item.source.name] == 1 else str(item.source)
        return str(item.figures.get("started", ""))

    return [
        f"{_named(item)} ({told_apart(item)})"
        if alike[_named(item), item.precision] > 1 and told_apart(item)
        else _named(item)
        for item in results
    ]


def sides_of(pair: Pair) -> str:
    """What is compared with what."""
    before, after = names_of((pair.before, pair.after))
    return f"{before} {pair.before.precision} -> {after} {pair.after.precision}"


def _named(item: Result) -> str:
    return f"{item.name} (random weights)" if item.has_random_weights else item.name


def _rates(item: Result) -> list[str]:
    passed, total = item.number("passed"), item.number("total")
    if passed is None or total is None:
        return ["", ""]
    rates: Any = item.figures.get("pass_at")
    first = rates.get("1") if isinstance(rates, dict) else None
    shown = ""
    if isinstance(first, dict):
        shown = f"{100 * first['value']:.1f} % ({100 * first['low']:.0f} to {100 * first['high']:.0f})"
    return [f"{passed:.0f} of {total:.0f}", shown]


def _shown(value: float, figure: str) -> str:
    if figure.endswith("_bytes"):
        return f"{value / _MB:,.0f}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
