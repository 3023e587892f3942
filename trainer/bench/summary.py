"""The figures of a model's rows: pass rates with intervals, means of scores, delays, one quality."""

from collections.abc import Iterable, Sequence
from typing import Any

from core.spec.fields import to_json
from core.spec.trials import Trial
from trainer.bench.estimates import Estimate, mean, pass_at_k, percentile, share
from trainer.bench.score import WITH_TESTS, WITHOUT_TESTS, formula, rules

_SCORES = ("syntax", "constructs", "flow", "practices", "exact", "similarity")


def figures_of(rows: Sequence[Trial], ks: Iterable[int], seed: int) -> dict[str, Any]:
    has_tests = any(row.passed is not None for row in rows)
    quality = mean([_mean(row.quality for row in group) for group in _by_task(rows)], seed)
    found: dict[str, Any] = {
        "passed": sum(row.is_good for row in rows),
        "total": len(rows),
        "tasks": len(_by_task(rows)),
        "quality": quality.value,
        "quality_low": quality.low,
        "quality_high": quality.high,
        "formula": formula(WITH_TESTS if has_tests else WITHOUT_TESTS),
    }
    if has_tests:
        found |= {"pass_at": _pass_rates(rows, ks, seed), "rules": rules()}
    else:
        exact = share(sum(row.is_good for row in rows), len(rows))
        found |= {"exact_low": exact.low, "exact_high": exact.high}
    for name in _SCORES:
        values = [value for row in rows if (value := getattr(row, name)) is not None]
        found[name] = _mean(values) if values else None
    return found | _delays(rows) | {"outcomes": _outcomes(rows), "categories": _categories(rows)}


def _pass_rates(rows: Sequence[Trial], ks: Iterable[int], seed: int) -> dict[str, Any]:
    counts = [(len(group), sum(row.is_good for row in group)) for group in _by_task(rows)]
    rates: dict[str, Estimate] = {}
    for k in sorted({1, *ks}):
        enough = [count for count in counts if count[0] >= k]  # given samples may be fewer
        if enough:
            rates[str(k)] = pass_at_k(k, enough, seed)
    return {k: to_json(rate) for k, rate in rates.items()}


def _delays(rows: Sequence[Trial]) -> dict[str, Any]:
    """Of what a model was asked; given samples have none."""
    asked = [row for row in rows if row.new_tokens > 0]
    writing_ms = sum(row.total_ms - row.first_token_ms for row in asked)
    written = sum(row.new_tokens - 1 for row in asked)
    return {
        "first_token_ms_p50": percentile([row.first_token_ms for row in asked], 50),
        "first_token_ms_p95": percentile([row.first_token_ms for row in asked], 95),
        "answer_ms_p50": percentile([row.total_ms for row in asked], 50),
        "answer_ms_p95": percentile([row.total_ms for row in asked], 95),
        "written_tokens_per_s": 1000 * written / writing_ms if writing_ms > 0 and written else None,
    }


def _outcomes(rows: Sequence[Trial]) -> dict[str, int]:
    names = sorted({row.outcome for row in rows})
    return {name: sum(row.outcome == name for row in rows) for name in names}


def _categories(rows: Sequence[Trial]) -> dict[str, Any]:
    names = dict.fromkeys(row.category for row in rows)
    found = {}
    for name in names:
        own = [row for row in rows if row.category == name]
        found[name] = {
            "passed": sum(row.is_good for row in own),
            "total": len(own),
            "quality": _mean(row.quality for row in own),
        }
    return found


def _by_task(rows: Sequence[Trial]) -> list[list[Trial]]:
    groups: dict[str, list[Trial]] = {}
    for row in rows:
        groups.setdefault(row.task, []).append(row)
    return list(groups.values())


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    return sum(found) / len(found) if found else 0.0
