"""BenchCharts: what is better against what it costs, a name at each point."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.benchmarks.ways import FIGURES, MILLION, Suite, Way, number
from app.charts.axis import Axis
from app.charts.scatter_chart import Mark, ScatterChart
from app.naming import named
from app.theme import Theme

_BY_KEY = {figure.key: figure for figure in FIGURES}


_SPEED = Axis("Writes", "tokens/s", from_zero=True)
_PICTURE = (800, 480)


class BenchCharts(QWidget):
    """`saved`, `failed`: a chart was written to a file, or a sentence why not."""

    saved = Signal(Path)
    failed = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Charts")
        self._theme = theme
        self.quality = _quality_chart(theme)
        self.memory = ScatterChart(theme, Axis("Memory", "MB", from_zero=True), _SPEED, "Speed and memory")
        self.quality.set_empty_text(
            "Measure a model's speed and its answers to tasks, and it has a point here: "
            "to the right is faster, above is better."
        )
        self.memory.set_empty_text("Measure a model's speed, and it has a point here.")
        layout = self._column = QVBoxLayout(self)
        layout.setContentsMargins(0, 16, 0, 0)
        layout.setSpacing(24)
        for chart in (self.quality, self.memory):
            layout.addWidget(chart, 1)
            chart.saved.connect(self.saved)
            chart.failed.connect(self.failed)

    def save_quality(self, path: Path) -> None:
        """In a size of its own, whether anybody has looked at it yet or not."""
        chart = _quality_chart(self._theme)
        chart.saved.connect(self.saved)
        chart.failed.connect(self.failed)
        chart.set_marks(self.quality.shown)
        chart.resize(self._theme.scaled(_PICTURE[0]), self._theme.scaled(_PICTURE[1]))
        chart.frame.make_plot()
        chart.grab()  # Qt lays out what is hidden for a picture alone
        chart.save(path)
        chart.deleteLater()

    def show_ways(self, ways: Sequence[Way], suite: Suite | None) -> None:
        def marks(x: str, y: str, scale: float) -> list[Mark]:
            found = []
            for way in ways:
                across, up = (number(way, _BY_KEY[key], suite) for key in (x, y))
                if across is not None and up is not None:
                    found.append(Mark(way.title, across / scale, up, way.shown_name))
            return found

        found = (
            (self.quality, marks("decode_tokens_per_s", "quality", 1.0)),
            (self.memory, marks("peak_ram_bytes", "decode_tokens_per_s", MILLION)),
        )
        for place, (chart, points) in enumerate(found):
            chart.set_marks(points)
            self._column.setStretch(place, 1 if points else 0)  # one with nothing to show takes less room


def _quality_chart(theme: Theme) -> ScatterChart:
    return ScatterChart(theme, _SPEED, Axis("Quality", "of 100", from_zero=True), "Quality and speed")
