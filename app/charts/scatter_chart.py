"""ScatterChart: things as named points in a field of two numbers, in groups of a colour and a marker."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.charts.axis import Axis
from app.charts.chart_frame import ChartFrame
from app.charts.look import MARKER_PIXELS, Look
from app.theme import Theme

if TYPE_CHECKING:
    from app.charts.plot import Plot

_LARGER = 1.6  # than a curve's markers
_MAX_NAMES = 60


@dataclass(frozen=True)
class Mark:
    """One thing: what it is called, where it stands, and to which group it belongs."""

    name: str
    x: float
    y: float
    group: str = ""


class ScatterChart(QWidget):
    """Signals:
    chosen: a mark was clicked.
    saved, failed: what came of writing a file: its path, or a sentence.
    """

    chosen = Signal(object)
    saved = Signal(Path)
    failed = Signal(str)

    def __init__(
        self, theme: Theme, x: Axis, y: Axis, title: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._x, self._y = theme, x, y
        self._marks: list[Mark] = []
        self._looks: dict[str, Look] = {}
        self._hidden: set[str] = set()
        self._items: list[Any] = []
        self._texts: list[tuple[Any, Mark]] = []
        self._reading = -1
        self.frame = ChartFrame(theme, title or f"{y.name} over {x.name}", self._make_plot, has_lines=False)
        self.frame.rows = self._rows
        self.frame.legend.toggled.connect(self._show_group)
        self.frame.made.connect(self._draw)
        self.frame.saved.connect(self.saved)
        self.frame.failed.connect(self.failed)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.frame)
        theme.changed.connect(self._draw)

    def set_marks(self, marks: Sequence[Mark]) -> None:
        """All there are, instead of those before. A group keeps its look for as long as the chart lives."""
        self._marks = list(marks)
        self._reading = -1
        self.frame.legend.clear()
        for group in dict.fromkeys(mark.group for mark in self._marks):
            self._looks.setdefault(group, Look(len(self._looks)))
            if group:
                self.frame.legend.add(group, self._looks[group])
        self._hidden.clear()
        self.frame.set_has_data(bool(self._marks))
        self.frame.set_summary(self.summary)
        self._draw()

    def set_empty_text(self, text: str) -> None:
        self.frame.set_empty_text(text)

    def save(self, path: Path) -> None:
        """As a picture, a drawing or numbers, by the name's ending: .png, .svg, .csv."""
        self.frame.make_plot()
        self.frame.save(path)

    @property
    def summary(self) -> str:
        said = [f"{mark.name}: {self._words(mark)}" for mark in self._marks]
        return f"{self._y.name} over {self._x.name}. {'; '.join(said)}." if said else ""

    @property
    def shown(self) -> list[Mark]:
        return [mark for mark in self._marks if mark.group not in self._hidden]

    def _words(self, mark: Mark) -> str:
        return f"{self._x.name} {self._x.said(mark.x)}, {self._y.name} {self._y.said(mark.y)}"

    def _make_plot(self) -> "Plot":
        from app.charts.plot import Plot

        plot = Plot(self._theme, self._x, self._y)
        plot.pointed.connect(self._read_at)
        plot.stepped.connect(self._step)
        plot.view_changed.connect(self._place_names)
        return plot

    def _draw(self) -> None:
        plot = self.frame.plot
        if plot is None:
            return
        import pyqtgraph

        from app.charts.plot import View

        for item in self._items:
            plot.items.removeItem(item)
        self._items, self._texts = [], []
        marks = self.shown
        if not marks:
            return
        for group, look in self._looks.items():
            own = [mark for mark in marks if mark.group == group]
            if own:
                points = pyqtgraph.ScatterPlotItem(
                    [mark.x for mark in own],
                    [mark.y for mark in own],
                    symbol=look.marker,
                    size=self._theme.scaled(MARKER_PIXELS * _LARGER),
                    brush=look.colour(self._theme.colours),
                    pen=QPen(Qt.PenStyle.NoPen),
                )
                points.sigClicked.connect(self._choose)
                self._add(plot, points)
        for mark in marks[:_MAX_NAMES]:
            text = pyqtgraph.TextItem(mark.name, color=self._theme.colours.colour("text"))
            text.setFont(self.font())
            self._texts.append((text, mark))
            self._add(plot, text)
        xs, ys = [mark.x for mark in marks], [mark.y for mark in marks]
        plot.set_whole(View(min(xs), max(xs), min(ys), max(ys)))
        self._place_names()

    def _add(self, plot: "Plot", item: Any) -> None:
        plot.items.addItem(item, ignoreBounds=True)
        self._items.append(item)

    def _place_names(self) -> None:
        """Each beside its mark where it covers no other; one that finds no place is left to the pointer."""
        plot = self.frame.plot
        if plot is None:
            return
        gap = self._theme.scaled(MARKER_PIXELS)
        bounds = plot.box.sceneBoundingRect()
        taken = []
        for mark in self.shown:
            spot = plot.box.mapViewToScene(QPointF(mark.x, mark.y))
            taken.append(QRectF(spot.x() - gap / 2, spot.y() - gap / 2, gap, gap))
        for text, mark in self._texts:
            spot = plot.box.mapViewToScene(QPointF(mark.x, mark.y))
            size = text.textItem.boundingRect()
            left, up = -size.width() - gap, -size.height()
            for across, down, anchor in (
                (gap, up / 2, (0, 0.5)),
                (left, up / 2, (1, 0.5)),
                (-size.width() / 2, up - gap / 2, (0.5, 1)),
                (-size.width() / 2, gap / 2, (0.5, 0)),
                *((gap, down, (0, above)) for down, above in ((0.0, 0), (up, 1))),
                *((left, down, (1, above)) for down, above in ((0.0, 0), (up, 1))),
            ):
                place = QRectF(spot.x() + across, spot.y() + down, size.width(), size.height())
                if bounds.contains(place) and not any(place.intersects(other) for other in taken):
                    shift = gap if anchor[0] == 0 else -gap if anchor[0] == 1 else 0
                    away = plot.box.mapSceneToView(spot + QPointF(shift, 0))
                    text.setAnchor(anchor)
                    text.setPos(away.x(), mark.y)
                    taken.append(place)
                    text.show()
                    break
            else:
                text.hide()

    def _choose(self, item: Any, points: Sequence[Any]) -> None:
        for point in points:
            place = point.pos()
            mark = next((m for m in self.shown if m.x == place.x() and m.y == place.y()), None)
            if mark is not None:
                self.chosen.emit(mark)
                return

    def _show_group(self, group: str, shown: bool) -> None:
        (self._hidden.discard if shown else self._hidden.add)(group)
        self._reading = -1
        self._draw()

    def _read_at(self, place: QPointF | None) -> None:
        plot = self.frame.plot
        if plot is None:
            return
        near = [mark for mark in self.shown if place is not None and plot.is_near(place, mark.x, mark.y)]
        if near:
            self._read(near)
        else:
            plot.hide_readout()

    def _read(self, marks: Sequence[Mark]) -> None:
        """Several where they stand on each other."""
        plot = self.frame.plot
        if plot is None:
            return
        lines = []
        for mark in marks[:5]:
            lines.append(f"<b>{escape(mark.name)}</b>")
            lines += [
                f"{escape(axis.name)} {escape(axis.said(value))}"
                for axis, value in ((self._x, mark.x), (self._y, mark.y))
            ]
        plot.show_readout("<br>".join(lines), marks[0].x, marks[0].y)
        plot.setAccessibleDescription("; ".join(f"{mark.name}: {self._words(mark)}" for mark in marks))

    def _step(self, steps: int) -> None:
        """With the keys: from mark to mark, from left to right."""
        ordered = sorted(self.shown, key=lambda mark: mark.x)
        if ordered:
            first = 0 if steps > 0 else len(ordered) - 1
            self._reading = first if self._reading < 0 else (self._reading + steps) % len(ordered)
            self._read([ordered[self._reading]])

    def _rows(self) -> Iterator[Sequence[str]]:
        yield ("name", "group", self._x.title, self._y.title)
        yield from ((mark.name, mark.group, repr(mark.x), repr(mark.y)) for mark in self._marks)
