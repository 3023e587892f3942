"""LineChart: curves over steps or time, several in one chart, that grow while one looks at them.

A series is named; its first point makes it. A million points are drawn as what can be seen of them.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QPen, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.charts.axis import Axis, written
from app.charts.chart_frame import ChartFrame
from app.charts.look import MARKER_PIXELS, Look
from app.theme import Theme

if TYPE_CHECKING:
    from app.charts.plot import Plot
    from app.charts.samples import Samples

_DRAW_EVERY_MS = 33
_MARKER_EVERY_PIXELS = 96
_POINTS_A_PIXEL = 1
_WILD = 3.0  # times as long as the plot is wide: Qt takes a second for the outline of such a line
_FEW = 256  # points, whose outline is quick however they lie
_WILD_WIDTH = 1.0  # Qt has a quick way for these, and for none that are wider


class LineChart(QWidget):
    """`saved`, `failed`: what came of writing a file: its path, or a sentence."""

    saved = Signal(Path)
    failed = Signal(str)

    def __init__(
        self, theme: Theme, x: Axis, y: Axis, title: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._x, self._y = theme, x, y
        self._curves: dict[str, _Curve] = {}
        self._waiting: list[tuple[str, array[float], array[float]]] = []  # until there is a plot to draw in
        self._reading: float | None = None
        self.frame = ChartFrame(theme, title or y.name, self._make_plot, has_lines=True)
        self.frame.rows = self._rows
        self.frame.legend.toggled.connect(self._show_curve)
        self.frame.saved.connect(self.saved)
        self.frame.failed.connect(self.failed)
        self._later = QTimer(self, singleShot=True, interval=_DRAW_EVERY_MS)
        self._later.timeout.connect(self._draw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.frame)
        theme.changed.connect(self._draw_colours)

    def append(self, series: str, x: float, y: float) -> None:
        self.extend(series, (x,), (y,))

    def extend(self, series: str, xs: Iterable[float], ys: Iterable[float]) -> None:
        """In the order of x; what begins before the last x overwrites what stood there."""
        if series not in self._curves:
            self._curves[series] = _Curve(Look(len(self._curves)))
            self.frame.legend.add(series, self._curves[series].look)
        if self.frame.plot is None:
            self._waiting.append((series, array("d", xs), array("d", ys)))
        else:
            self._curves[series].taken(self.frame.plot, self._theme).extend(xs, ys)
        self.frame.set_has_data(True)
        if self.isVisible() and not self._later.isActive():
            self._later.start()

    def clear(self) -> None:
        """For other curves."""
        for curve in self._curves.values():
            curve.remove(self.frame.plot)
        self._curves.clear()
        self._waiting.clear()
        self._reading = None
        self.frame.legend.clear()
        self.frame.set_has_data(False)
        self.frame.set_summary("")
        if self.frame.plot is not None:
            self.frame.plot.hide_readout()
            self.frame.plot.show_whole()

    def set_empty_text(self, text: str) -> None:
        self.frame.set_empty_text(text)

    def save(self, path: Path) -> None:
        """As a picture, a drawing or numbers, by the name's ending: .png, .svg, .csv."""
        self.frame.make_plot()
        self._draw()
        self.frame.save(path)

    @property
    def summary(self) -> str:
        """What the curves say, in words."""
        said = []
        for name, samples in self._drawn():
            bounds = samples.bounds(float(samples.x[0]), float(samples.x[-1]))
            if bounds is not None:
                low, high = (self._y.said(value) for value in bounds)
                last = self._y.said(float(samples.y[-1]))
                said.append(f"{name}: last {last}, between {low} and {high}")
        return f"{self._y.name} over {self._x.name}. {'; '.join(said)}." if said else ""

    def showEvent(self, event: QShowEvent) -> None:
        """What came while nobody could see it is not drawn yet."""
        super().showEvent(event)
        if self._curves:
            self._later.start()

    def _make_plot(self) -> "Plot":
        from app.charts.plot import Plot

        plot = Plot(self._theme, self._x, self._y)
        for series, xs, ys in self._waiting:
            self._curves[series].taken(plot, self._theme).extend(xs, ys)
        self._waiting.clear()
        plot.view_changed.connect(self._draw_view)
        plot.pointed.connect(self._read_at)
        plot.stepped.connect(self._step)
        self.frame.made.connect(self._draw)
        return plot

    def _drawn(self) -> Iterator[tuple[str, "Samples"]]:
        for name, curve in self._curves.items():
            if curve.samples is not None and len(curve.samples) and curve.is_shown:
                yield name, curve.samples

    def _draw(self) -> None:
        from app.charts.plot import View

        self._later.stop()
        plot = self.frame.plot
        samples = [found for _, found in self._drawn()]
        if plot is None or not samples:
            return
        left = min(float(found.x[0]) for found in samples)
        right = max(float(found.x[-1]) for found in samples)
        low, high = self._bounds(left, right)
        plot.set_whole(View(left, right, low, high))
        self._draw_view()
        self.frame.set_summary(self.summary)

    def _draw_view(self) -> None:
        """What can be seen of each curve."""
        plot = self.frame.plot
        if plot is None:
            return
        for curve in self._curves.values():
            curve.draw(plot)

    def _bounds(self, left: float, right: float) -> tuple[float, float]:
        found = [bounds for _, samples in self._drawn() if (bounds := samples.bounds(left, right))]
        if not found:
            return 0.0, 1.0
        return min(low for low, _ in found), max(high for _, high in found)

    def _show_curve(self, series: str, shown: bool) -> None:
        curve = self._curves[series]
        curve.is_shown = shown
        curve.show_items()
        self._draw()

    def _draw_colours(self) -> None:
        for curve in self._curves.values():
            curve.draw_colours(self._theme)
        self._draw_view()

    def _read_at(self, place: QPointF | None) -> None:
        plot = self.frame.plot
        if plot is None:
            return
        near = [found for _, samples in self._drawn() if place and (found := samples.nearest(place.x()))]
        if place is None or not near:
            plot.hide_readout()
            return
        x = min((found[0] for found in near), key=lambda at: abs(at - place.x()))
        self._read(x)

    def _read(self, x: float) -> None:
        """The values at x, of each curve that has one near it."""
        plot = self.frame.plot
        if plot is None:
            return
        self._reading = x
        lines, words = [f"<b>{escape(self._x.name)} {written(x)}</b>"], [f"{self._x.name} {written(x)}"]
        for name, samples in self._drawn():
            found = samples.nearest(x)
            if found is None or not samples.x[0] <= x <= samples.x[-1]:
                continue
            colour = self._curves[name].look.colour(self._theme.colours).name()
            value = self._y.said(found[1])
            aside = "" if found[0] == x else f" at {written(found[0])}"
            lines.append(
                f'<span style="color:{colour}">&#9632;</span> {escape(name)} <b>{escape(value)}</b>{aside}'
            )
            words.append(f"{name} {value}{aside}")
        plot.show_readout("<br>".join(lines), x)
        plot.setAccessibleDescription(", ".join(words))

    def _step(self, steps: int) -> None:
        """With the keys: to the next point of the first curve that is shown."""
        plot = self.frame.plot
        first = next((samples for _, samples in self._drawn()), None)
        if plot is None or first is None:
            return
        self._read(first.stepped(plot.view.left if self._reading is None else self._reading, steps))

    def _rows(self) -> Iterator[Sequence[str]]:
        yield ("series", self._x.title, self._y.title)
        for name, curve in self._curves.items():
            if curve.samples is not None:
                pairs = zip(curve.samples.x.tolist(), curve.samples.y.tolist(), strict=True)
                yield from ((name, repr(x), repr(y)) for x, y in pairs)


class _Curve:
    """One series, and what is drawn of it."""

    def __init__(self, look: Look) -> None:
        self.look = look
        self.is_shown = True
        self.samples: Samples | None = None
        self._line: Any = None
        self._markers: Any = None
        self._pen = self._solid = QPen()

    def taken(self, plot: "Plot", theme: Theme) -> "Samples":
        """Its points; where it has none yet, it takes its place in the plot."""
        if self.samples is None:
            import pyqtgraph

            from app.charts.samples import Samples

            self.samples = Samples()
            self._line = pyqtgraph.PlotCurveItem(connect="finite")
            self._markers = pyqtgraph.ScatterPlotItem(pxMode=True, symbol=self.look.marker)
            for item in (self._line, self._markers):
                plot.items.addItem(item, ignoreBounds=True)
            self.draw_colours(theme)
            self.show_items()
        return self.samples

    def draw(self, plot: "Plot") -> None:
        if self.samples is None:
            return
        view = plot.view
        x, y = self.samples.view(view.left, view.right, plot.pixels * _POINTS_A_PIXEL)
        is_wild = len(x) > _FEW and plot.length_of(x, y) > _WILD * plot.pixels
        self._line.setSegmentedLineMode("on" if is_wild else "off")  # each piece by itself, in a millisecond
        self._line.setPen(self._solid if is_wild else self._pen)
        self._line.setData(x, y)
        every = max(1, round(len(x) * _MARKER_EVERY_PIXELS / plot.pixels)) if len(x) > 1 else 1
        self._markers.setData(x[self.look.place % every :: every], y[self.look.place % every :: every])

    def draw_colours(self, theme: Theme) -> None:
        if self._line is None:
            return
        self._pen = self.look.pen(theme.colours, theme.scale)
        self._solid = QPen(self._pen.color(), _WILD_WIDTH)  # dashes would begin anew with each piece
        self._solid.setCosmetic(True)
        self._markers.setPen(QPen(Qt.PenStyle.NoPen))
        self._markers.setBrush(self.look.colour(theme.colours))
        self._markers.setSize(theme.scaled(MARKER_PIXELS))

    def show_items(self) -> None:
        for item in (self._line, self._markers):
            if item is not None:
                item.setVisible(self.is_shown)

    def remove(self, plot: "Plot | None") -> None:
        if plot is not None and self._line is not None:
            for item in (self._line, self._markers):
                plot.items.removeItem(item)
