"""Results side by side: how much each differs from another one, and whether that is more than noise.

Quality: of the tasks that both were asked, drawn anew many times; noise where the difference could as well be
none. Speed: noise where the rounds of both overlap, and where there are no rounds to look at, within 5 %.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from core.spec.trials import Trial
from trainer.bench.estimates import Estimate, difference, is_noise
from trainer.spec.results import Result

_CLOSE = 0.05
# figure: what it is called, and whether more of it is better
QUALITY_FIGURES = {
    "quality": ("quality", True),
    "passed": ("passed", True),
    "exact": ("exact match", True),
    "similarity": ("edit similarity", True),
    "syntax": ("syntax", True),
}
SPEED_FIGURES = {
    "decode_tokens_per_s": ("writes, tokens/s", True),
    "prefill_tokens_per_s": ("reads, tokens/s", True),
    "first_token_ms": ("first token, ms", False),
    "keystroke_ms": ("after a keystroke, ms", False),
    "peak_ram_bytes": ("peak of memory, bytes", False),
    "peak_vram_bytes": ("peak of the card's memory, bytes", False),
}


@dataclass(frozen=True)
class Change:
    """From `before` to `after`; `low` and `high` bound the difference where that can be told."""

    figure: str
    name: str
    before: float
    after: float
    is_better: bool
    is_noise: bool
    why: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Pair:
    """`notes`: what else differs between the two, or disturbed one."""

    before: Result
    after: Result
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def compared(files: Sequence[Sequence[Result]]) -> list[Pair]:
    """Each result with that of the same model and precision in an earlier file, the first that has one; or
    else with the first result of its kind."""
    pairs = []
    earlier: list[Result] = []
    for results in files:
        known = [*earlier]
        for result in results:
            before = _counterpart(result, known) or _counterpart(result, earlier, is_same=False)
            if before is not None:
                pairs.append(_pair(before, result))
            earlier.append(result)
    return pairs


def _counterpart(result: Result, earlier: Sequence[Result], *, is_same: bool = True) -> Result | None:
    for item in earlier:
        is_alike = (item.kind, _suite(item)) == (result.kind, _suite(result))
        is_twin = (item.model, item.precision) == (result.model, result.precision)
        if is_alike and (is_twin or not is_same):
            return item
    return None


def _suite(result: Result) -> str:
    return str(result.figures.get("suite", ""))


def _pair(before: Result, after: Result) -> Pair:
    changes = _of_speed(before, after) if after.kind == "speed" else _of_quality(before, after)
    return Pair(before, after, tuple(changes), tuple(_notes(before, after)))


def _of_quality(before: Result, after: Result) -> Iterator[Change]:
    old, new = _by_task(before.rows), _by_task(after.rows)
    shared = [task for task in new if task in old]
    if not shared:
        return
    for figure, (name, more_is_better) in QUALITY_FIGURES.items():
        values = [[_value(rows[task], figure) for task in shared] for rows in (old, new)]
        pairs = [
            (one, other) for one, other in zip(*values, strict=True) if one is not None and other is not None
        ]
        if not pairs:
            continue
        ones, others = [one for one, _ in pairs], [other for _, other in pairs]
        change = difference(ones, others)
        yield Change(
            figure=figure,
            name=name,
            before=sum(ones) / len(ones),
            after=sum(others) / len(others),
            is_better=(change.value > 0) == more_is_better,
            is_noise=is_noise(change),
            why=_why(change, len(pairs)),
            low=change.low,
            high=change.high,
        )


def _why(change: Estimate, tasks: int) -> str:
    return f"of {tasks} tasks that both were asked; between {change.low:+.3g} and {change.high:+.3g}"


def _of_speed(before: Result, after: Result) -> Iterator[Change]:
    for figure, (name, more_is_better) in SPEED_FIGURES.items():
        one, other = before.number(figure), after.number(figure)
        if one is None or other is None:
            continue
        ranges = [_range(result, figure) for result in (before, after)]
        if ranges[0] is not None and ranges[1] is not None:
            overlap = ranges[0][0] <= ranges[1][1] and ranges[1][0] <= ranges[0][1]
            why = (
                "the rounds of both overlap" if overlap else "every round of one is beyond those of the other"
            )
        else:
            overlap = abs(other - one) <= _CLOSE * max(abs(one), abs(other))
            why = f"{'within' if overlap else 'more than'} {_CLOSE:.0%}"
        yield Change(figure, name, one, other, (other > one) == more_is_better, overlap, why)


def _range(result: Result, figure: str) -> tuple[float, float] | None:
    low, high = result.number(f"{figure}_low"), result.number(f"{figure}_high")
    return None if low is None or high is None else (low, high)


def _notes(before: Result, after: Result) -> Iterator[str]:
    for key, what in (("machine", "on another machine"), ("versions", "with other versions")):
        one, other = before.figures.get(key), after.figures.get(key)
        if one and other and one != other:
            yield f"measured {what}: {_changed(one, other)}"
    settings = [result.figures.get("settings") for result in (before, after)]
    if settings[0] != settings[1]:
        yield f"asked in another way: {_changed(*settings)}"
    if not all(result.figures.get("was_alone", True) for result in (before, after)):
        yield "another benchmark was running"
    shares = [result.number("others_share") or 0.0 for result in (before, after)]
    if max(shares) > _CLOSE:
        yield f"other programs took {shares[0]:.0%} and {shares[1]:.0%} of the processors"
    if after.kind == "speed":
        for key in ("prompt_tokens", "new_tokens", "threads", "device"):
            if before.figures.get(key) != after.figures.get(key):
                yield f"{key} was {before.figures.get(key)} and is {after.figures.get(key)}"


def _changed(one: Any, other: Any) -> str:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return "not told"
    names = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    return ", ".join(f"{name} {one.get(name)} and {other.get(name)}" for name in names)


def _by_task(rows: Sequence[Trial]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for row in rows:
        found.setdefault(row.task, []).append(row)
    return found


def _value(rows: Sequence[Trial], figure: str) -> float | None:
    """The mean over a task's attempts."""
    values = [_of_row(row, figure) for row in rows]
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None


def _of_row(row: Trial, figure: str) -> float | None:
    if figure == "passed":
        return None if row.passed is None else float(row.passed)
    value: float | None = getattr(row, figure)
    return value
