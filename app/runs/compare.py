"""RunComparison: two runs beside each other: their curves, what was set otherwise, what became of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.charts.axis import Axis
from app.charts.line_chart import LineChart
from app.form import title
from app.layouts import Column, empty
from app.naming import label, named
from app.runs.charts import points
from app.theme import Theme
from core.spec.fields import settings_of
from core.spec.messages import Event
from trainer.spec.jobs import TrainSpec
from trainer.spec.verdict import Verdict

_HEIGHT = 304
_NOT_COMPARED = frozenset({"data", "ram_mb", "anyway"})


@dataclass(frozen=True)
class Side:
    name: str
    spec: TrainSpec
    events: Sequence[Event]
    verdict: Verdict | None = None


class RunComparison(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = label("", "title", wraps=True)
        self.chart = LineChart(theme, Axis("Step"), Axis("Loss"), "Loss", self)
        self.chart.setFixedHeight(theme.scaled(_HEIGHT))
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(6)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(self._title)
        column.addWidget(self.chart)
        column.addLayout(self._grid)
        column.addStretch(1)
        scroll = named(QScrollArea(self, widgetResizable=True), "Two runs compared", style="page")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(Column(theme, column))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def show_sides(self, one: Side, other: Side) -> None:
        self._title.setText(f"{one.name} and {other.name}")
        self.chart.clear()
        for side in (one, other):
            for name, text in (("loss", "loss"), ("validation_loss", "on files kept apart")):
                steps, values = points(side.events, name)
                if steps:
                    self.chart.extend(f"{side.name}: {text}", steps, values)
        self._show_rows(one, other)

    def rows(self) -> list[tuple[str, ...]]:
        """What the table says."""
        found = []
        for row in range(self._grid.rowCount()):
            items = [self._grid.itemAtPosition(row, column) for column in range(3)]
            if all(item is not None for item in items):
                found.append(tuple(item.widget().text() for item in items))  # type: ignore[union-attr]
        return found

    def _show_rows(self, one: Side, other: Side) -> None:
        empty(self._grid)
        rows = [("", one.name, other.name), *_outcomes(one, other), *_settings(one, other)]
        for row, texts in enumerate(rows):
            for column, text in enumerate(texts):
                made = label(
                    text, "heading" if row == 0 else "muted" if column == 0 else "", wraps=column > 0
                )
                made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                self._grid.addWidget(made, row, column, Qt.AlignmentFlag.AlignTop)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)


def _outcomes(one: Side, other: Side) -> list[tuple[str, str, str]]:
    texts = [[_judged(side.verdict), _bits(side, "held_out"), _bits(side, "fixed")] for side in (one, other)]
    names = ("Verdict", "Bits a byte, your files", "Bits a byte, fixed benchmark")
    return [(name, texts[0][place], texts[1][place]) for place, name in enumerate(names)]


def _judged(verdict: Verdict | None) -> str:
    return "not compared yet" if verdict is None else verdict.judgement


def _bits(side: Side, part: str) -> str:
    before = getattr(side.verdict, f"{part}_before", None)
    after = getattr(side.verdict, f"{part}_after", None)
    if after is None:
        return "–"  # noqa: RUF001
    return f"{after.bits:.3f}" if before is None else f"{before.bits:.3f} → {after.bits:.3f}"


def _settings(one: Side, other: Side) -> list[tuple[str, str, str]]:
    """Those that differ."""
    found: list[tuple[str, str, str]] = []
    for item in settings_of(TrainSpec):
        values = getattr(one.spec, item.name), getattr(other.spec, item.name)
        if values[0] != values[1] and item.name not in _NOT_COMPARED:
            found.append((title(item.name), _shown(values[0]), _shown(values[1])))
    return found or [("Settings", "the same", "the same")]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "all"
    return "none" if value is None else "yes" if value is True else "no" if value is False else str(value)
