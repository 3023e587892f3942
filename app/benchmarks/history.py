"""BenchHistory: how a figure of one model has changed from measurement to measurement."""

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from app.benchmarks.ways import FIGURES, MILLION, Suite, Way, doubts, when
from app.charts.axis import Axis
from app.charts.line_chart import LineChart
from app.naming import label, named
from app.theme import Theme

_TOLD = tuple(figure for figure in FIGURES if figure.kind != "any")
_SCALES = {"peak_ram_bytes": MILLION}
_MOST_LINES = 6


class BenchHistory(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "History")
        self._ways: list[Way] = []
        self._suite: Suite | None = None
        self.figure = named(QComboBox(self), "Which figure")
        for figure in _TOLD:
            self.figure.addItem(figure.line, figure.key)
        self.figure.setCurrentIndex(next(i for i, f in enumerate(_TOLD) if f.key == "decode_tokens_per_s"))
        self.chart = LineChart(theme, Axis("Measurement"), Axis("Figure"), "History")
        self.chart.set_empty_text("Choose rows above that have been measured more than once.")
        self._list = label("", "muted", wraps=True)
        top = QHBoxLayout()
        top.addWidget(self.figure)
        top.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(self.chart, 1)
        layout.addWidget(self._list)
        self.figure.currentIndexChanged.connect(self._draw)

    def show_ways(self, ways: list[Way], suite: Suite | None) -> None:
        self._ways, self._suite = ways, suite
        self._draw()

    def _draw(self) -> None:
        figure = _TOLD[self.figure.currentIndex()]
        scale = _SCALES.get(figure.key, 1.0)
        self.chart.clear()
        said = []
        for way in self._ways:
            kind = figure.kind or (self._suite.kind if self._suite else "quality")
            kept = way.history(kind, self._suite.name if self._suite and not figure.kind else "")
            told = [(item, value) for item in kept if (value := item.result.number(figure.key)) is not None]
            told.reverse()
            if len(told) > 1:
                values = [value / scale for _, value in told]
                self.chart.extend(way.title, range(1, len(values) + 1), values)
            said += [
                f"{way.title}, {when(item)}: {figure.line} {value / scale:,.4g}"
                + (f" ({'; '.join(doubts(item))})" if doubts(item) else "")
                for item, value in told
            ]
        more = f"\nand {len(said) - _MOST_LINES} more" if len(said) > _MOST_LINES else ""
        self._list.setText("\n".join(said[-_MOST_LINES:]) + more)
