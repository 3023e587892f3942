"""Samples: the points of one curve. Adding some costs what is added; a view costs what it has pixels.

Beside the points stand the lowest and highest of every 4, 16, 64, ... of them, so that a million are drawn by
a few hundred pairs which show each peak.
"""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_FEWER = 4
_FIRST_ROOM = 1024


class Samples:
    """In the order of x. What begins before the last x overwrites what stood there: a run that was resumed
    goes over its last steps again."""

    def __init__(self) -> None:
        self._x, self._y = _Column(), _Column()
        self._lows: list[_Column] = []
        self._highs: list[_Column] = []

    def __len__(self) -> int:
        return self._x.count

    @property
    def x(self) -> Numbers:
        return self._x.values

    @property
    def y(self) -> Numbers:
        return self._y.values

    def extend(self, xs: Iterable[float], ys: Iterable[float]) -> None:
        x, y = _numbers(xs), _numbers(ys)
        known = np.isfinite(x)
        x, y = x[known], y[known]
        for part in _rising(x):
            if len(self) and x[part][0] <= self.x[-1]:
                self._forget_from(float(x[part][0]))
            self._x.extend(x[part])
            self._y.extend(y[part])
        self._sum_up()

    def view(self, left: float, right: float, most: int) -> tuple[Numbers, Numbers]:
        """What a line from left to right looks like, in at most about so many points."""
        begin, end = self._between(left, right)
        width = _FEWER
        place = -1
        if end - begin > most:
            place, width = 0, _FEWER
            while 2 * (end - begin) // width > most and place + 1 < len(self._lows):
                place, width = place + 1, width * _FEWER
        if place < 0:
            return self.x[begin:end], self.y[begin:end]
        first = -(-begin // width)
        last = max(first, min(end // width, self._lows[place].count))
        middle_x = np.repeat(self.x[first * width : last * width : width], 2)
        middle_y = np.empty_like(middle_x)
        middle_y[0::2] = self._lows[place].values[first:last]
        middle_y[1::2] = self._highs[place].values[first:last]
        head, tail = slice(begin, min(first * width, end)), slice(max(begin, last * width), end)
        return (
            np.concatenate((self.x[head], middle_x, self.x[tail])),
            np.concatenate((self.y[head], middle_y, self.y[tail])),
        )

    def bounds(self, left: float, right: float, most: int = 2000) -> tuple[float, float] | None:
        """The lowest and the highest y there; None where there is none."""
        _, y = self.view(left, right, most)
        y = y[np.isfinite(y)]
        return (float(y.min()), float(y.max())) if y.size else None

    def nearest(self, x: float) -> tuple[float, float] | None:
        if not len(self):
            return None
        place = int(np.searchsorted(self.x, x))
        around = [at for at in (place - 1, place) if 0 <= at < len(self)]
        best = min(around, key=lambda at: abs(self.x[at] - x))
        return float(self.x[best]), float(self.y[best])

    def stepped(self, x: float, steps: int) -> float:
        """The x so many points after this one, or before it; the last and the first are the ends."""
        if steps > 0:
            place = int(np.searchsorted(self.x, x, "right")) + steps - 1
        else:
            place = int(np.searchsorted(self.x, x, "left")) + steps
        return float(self.x[max(0, min(len(self) - 1, place))])

    def _between(self, left: float, right: float) -> tuple[int, int]:
        """One more at each end, so that lines go on to the edges."""
        begin = int(np.searchsorted(self.x, left, "left")) - 1
        end = int(np.searchsorted(self.x, right, "right")) + 1
        return max(0, begin), min(len(self), end)

    def _forget_from(self, x: float) -> None:
        count = int(np.searchsorted(self.x, x, "left"))
        self._x.count = self._y.count = count
        for lows, highs in zip(self._lows, self._highs, strict=True):
            count //= _FEWER
            lows.count = highs.count = count

    def _sum_up(self) -> None:
        """All whole groups that have no lowest and highest yet."""
        low, high = self._y, self._y
        for place in range(64):
            if low.count < _FEWER:
                return
            if place == len(self._lows):
                self._lows.append(_Column())
                self._highs.append(_Column())
            for below, above, of in ((low, self._lows[place], np.fmin), (high, self._highs[place], np.fmax)):
                groups = below.values[above.count * _FEWER : below.count // _FEWER * _FEWER]
                above.extend(of.reduce(groups.reshape(-1, _FEWER), axis=1))
            low, high = self._lows[place], self._highs[place]


class _Column:
    """Numbers with room behind them."""

    def __init__(self) -> None:
        self._room = np.empty(_FIRST_ROOM)
        self.count = 0

    @property
    def values(self) -> Numbers:
        return self._room[: self.count]

    def extend(self, values: Numbers) -> None:
        wanted = self.count + len(values)
        if wanted > len(self._room):
            larger = np.empty(max(wanted, 2 * len(self._room)))
            larger[: self.count] = self.values
            self._room = larger
        self._room[self.count : wanted] = values
        self.count = wanted


def _numbers(values: Iterable[float]) -> Numbers:
    found = np.array(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
    found[~np.isfinite(found)] = np.nan
    return found


def _rising(x: Numbers) -> Iterator[slice]:
    """The parts in which x rises."""
    falls = np.flatnonzero(np.diff(x) <= 0) + 1
    edges = [0, *falls.tolist(), len(x)]
    yield from (slice(begin, end) for begin, end in pairwise(edges) if end > begin)
