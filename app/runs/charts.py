"""RunCharts: what a run has learnt over its steps: its losses, and the size of the steps themselves."""

from collections.abc import Iterable, Sequence

from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.charts.axis import Axis
from app.charts.line_chart import LineChart
from app.theme import Theme
from core.spec.messages import Event, Progress

LOSS, KEPT_APART, STEP_SIZE = "loss", "on files kept apart", "step size"
_NAMES = {"loss": LOSS, "validation_loss": KEPT_APART, "learning_rate": STEP_SIZE}
_LOSS_HEIGHT, _RATE_HEIGHT = 304, 240


class RunCharts(QWidget):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loss = LineChart(theme, Axis("Step"), Axis("Loss"), "Loss", self)
        self.rate = LineChart(theme, Axis("Step"), Axis("Step size"), "Step size", self)
        self.loss.set_empty_text("The curves begin with the first step.")
        self.rate.set_empty_text("The curves begin with the first step.")
        self.loss.setFixedHeight(theme.scaled(_LOSS_HEIGHT))
        self.rate.setFixedHeight(theme.scaled(_RATE_HEIGHT))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(16)
        layout.addWidget(self.loss)
        layout.addWidget(self.rate)

    def clear(self) -> None:
        self.loss.clear()
        self.rate.clear()

    def take(self, events: Sequence[Event]) -> None:
        for name, shown in _NAMES.items():
            steps, values = points(events, name)
            if steps:
                (self.rate if shown == STEP_SIZE else self.loss).extend(shown, steps, values)


def points(events: Iterable[Event], name: str) -> tuple[list[float], list[float]]:
    """Of one curve, in the order in which they were told."""
    steps: list[float] = []
    values: list[float] = []
    for event in events:
        if not isinstance(event, Progress):
            continue
        for metric in event.metrics:
            if metric.name == name and metric.value is not None:
                if steps and event.step <= steps[-1]:  # killed, and gone on from an earlier step
                    kept = next(place for place, step in enumerate(steps) if step >= event.step)
                    del steps[kept:], values[kept:]
                steps.append(float(event.step))
                values.append(metric.value)
    return steps, values
