"""Axis: what is counted along one side of a chart, in which unit, and how its numbers are written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_DIGITS = 4


@dataclass(frozen=True)
class Axis:
    """`from_zero`: the side begins at 0 while the whole is seen, so that lengths can be compared by eye."""

    name: str
    unit: str = ""
    from_zero: bool = False

    @property
    def title(self) -> str:
        return f"{self.name} ({self.unit})" if self.unit else self.name

    def said(self, value: float) -> str:
        return f"{written(value)} {self.unit}".rstrip()


def written(value: float) -> str:
    """As many digits as tell something: 1,234,567 and 2.312 and 3e-05."""
    if not math.isfinite(value):
        return "none"
    size = abs(value)
    if value == round(value) and size < 1e15:
        return f"{value:,.0f}"
    if size < 1e-4 or size >= 1e15:
        return f"{value:.{_DIGITS - 1}g}"
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(size)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def ticks(values: Sequence[float], spacing: float) -> list[str]:
    """All with as many decimals as the step between them needs."""
    if spacing < 1e-6 or max(map(abs, values), default=0) >= 1e15:
        return [f"{value:g}" for value in values]
    decimals = 0
    while abs(spacing * 10**decimals - round(spacing * 10**decimals)) > 1e-6:
        decimals += 1
    return [f"{value:,.{decimals}f}" for value in values]
