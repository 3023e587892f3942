"""Scatter plots as SVG: what is better against what it costs, a point a model and precision, named beside it.

Written by hand, for a chart library would be the largest thing in a command line. Its colours are read on
light and on dark grounds, so one picture serves both.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from trainer.spec.results import Result

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 24, 40, 52
_GREY = "#7d8590"
_COLOURS = ("#2f81f7", "#d4622a", "#2da44e", "#a371f7", "#d29922", "#db61a2")
_FAINT = 'stroke-opacity="0.3"'
_LETTER, _LINE_HEIGHT = 6.2, 13
_TICKS = 5
_MOST_LETTERS = 30  # of a label


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    label: str
    group: str


@dataclass(frozen=True)
class Axis:
    title: str
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, title: str, values: Sequence[float]) -> "Axis":
        """From 0, so that twice as far is twice as much."""
        step = _nice_step(max(values) or 1.0)
        return cls(
            title, tuple(step * number for number in range(math.ceil((max(values) or 1.0) / step) + 1))
        )

    @property
    def end(self) -> float:
        return self.ticks[-1]


def plots_of(results: Iterable[Result]) -> dict[str, str]:
    """File names with their SVG: those for which there are figures."""
    found = list(results)
    speeds = {_way(item): item for item in found if item.kind == "speed"}
    qualities = [item for item in found if item.kind != "speed"]
    plots = {}
    points = [
        Point(speed, quality, _label_of(item), item.precision)
        for item in qualities
        if (speed := _writing_speed(item, speeds.get(_way(item)))) is not None
        and (quality := item.number("quality")) is not None
    ]
    if points:
        plots["quality-speed.svg"] = scatter(
            points, "Quality and speed", "writes, tokens a second (more is better)", "quality, of 100"
        )
    points = [
        Point(memory / 1e6, speed, _label_of(item), item.precision)
        for item in speeds.values()
        if (memory := item.number("peak_ram_bytes")) is not None
        and (speed := item.number("decode_tokens_per_s")) is not None
    ]
    if points:
        plots["speed-memory.svg"] = scatter(
            points, "Speed and memory", "peak of memory, MB (less is better)", "writes, tokens a second"
        )
    return plots


def scatter(points: Sequence[Point], title: str, across: str, up: str) -> str:
    x_axis = Axis.around(across, [point.x for point in points])
    y_axis = Axis.around(up, [point.y for point in points])
    groups = list(dict.fromkeys(point.group for point in points))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" role="img" font-family="system-ui, sans-serif" font-size="11" fill="{_GREY}">',
        f"<title>{escape(title)}</title>",
        _text(_LEFT, 20, title, more='font-size="14" font-weight="600"'),
        *_frame(x_axis, y_axis),
        *_legend(groups),
    ]
    places = [(_x(point.x, x_axis), _y(point.y, y_axis)) for point in points]
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    for point, (x, y) in zip(points, places, strict=True):
        colour = _COLOURS[groups.index(point.group) % len(_COLOURS)]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>')
        shown = point.label if len(point.label) <= _MOST_LETTERS else f"{point.label[: _MOST_LETTERS - 1]}…"
        parts.append(_label(shown, x, y, taken))
    return "\n".join([*parts, "</svg>", ""])


def _label_of(item: Result) -> str:
    return f"{item.name} (random)" if item.has_random_weights else item.name


def _way(item: Result) -> tuple[str, str]:
    return item.model, item.precision


def _writing_speed(item: Result, measured: Result | None) -> float | None:
    """As measured by itself, or else while it answered."""
    by_itself = measured.number("decode_tokens_per_s") if measured is not None else None
    return by_itself if by_itself is not None else item.number("written_tokens_per_s")


def _frame(x_axis: Axis, y_axis: Axis) -> list[str]:
    bottom, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    parts = []
    for tick in y_axis.ticks:
        y = _y(tick, y_axis)
        parts.append(f'<line x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_GREY}" {_FAINT}/>')
        parts.append(_text(_LEFT - 8, y + 4, _tick(tick), anchor="end"))
    for tick in x_axis.ticks:
        x = _x(tick, x_axis)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom}" y2="{bottom + 5}" stroke="{_GREY}"/>')
        parts.append(_text(x, bottom + 18, _tick(tick), anchor="middle"))
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 12, x_axis.title, anchor="middle"))
    middle = (_TOP + bottom) / 2
    turned = f'transform="rotate(-90 16 {middle:.1f})"'
    parts.append(_text(16, middle, y_axis.title, anchor="middle", more=turned))
    return parts


def _legend(groups: Sequence[str]) -> list[str]:
    parts, x = [], float(_WIDTH - _RIGHT)
    for place in range(len(groups) - 1, -1, -1):
        x -= len(groups[place]) * _LETTER + 4
        parts.append(_text(x, 20, groups[place]))
        x -= 10
        parts.append(f'<circle cx="{x:.1f}" cy="16" r="4" fill="{_COLOURS[place % len(_COLOURS)]}"/>')
        x -= 12
    return parts


def _label(text: str, x: float, y: float, taken: list[tuple[float, float, float, float]]) -> str:
    """Beside its point, wherever no other label or point stands."""
    width = len(text) * _LETTER
    for rise in (0, -_LINE_HEIGHT, _LINE_HEIGHT, -2 * _LINE_HEIGHT, 2 * _LINE_HEIGHT, -3 * _LINE_HEIGHT):
        for left in (x + 9, x - 9 - width, x - width / 2):
            box = (left, y + rise - 7, left + width, y + rise + 5)
            is_across = box[0] >= _LEFT and box[2] <= _WIDTH
            is_inside = is_across and box[1] >= _TOP - 8 and box[3] <= _HEIGHT - _BOTTOM
            if is_inside and not any(_overlap(box, other) for other in taken):
                taken.append(box)
                return _text(left, y + rise + 4, text)
    return ""  # the table beside the plot has it


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _text(x: float, y: float, text: str, anchor: str = "start", more: str = "") -> str:
    printable = "".join(letter if letter.isprintable() else "?" for letter in text)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(printable)}</text>'


def _x(value: float, axis: Axis) -> float:
    return _LEFT + value / axis.end * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, axis: Axis) -> float:
    return _HEIGHT - _BOTTOM - value / axis.end * (_HEIGHT - _TOP - _BOTTOM)


def _tick(value: float) -> str:
    return f"{value:,.10g}"


def _nice_step(largest: float) -> float:
    """1, 2 or 5 times a power of ten, which gives about so many ticks."""
    raw = largest / _TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    return power * next(factor for factor in (1, 2, 5, 10) if factor * power >= raw)
