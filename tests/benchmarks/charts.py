"""What a chart costs while it grows and is moved: `python -m tests.benchmarks.charts --points 1000000`.

One curve of noise, added to in small portions as a run does, then zoomed and moved across. Told for each: how
long the window was held up by one portion with its painting, and by one move with its painting; by the clock
and, where other programs disturb that, by the processor's time (cpu). Prints one line of JSON.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable

os.environ["QT_API"] = "pyside6"
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from app.charts.axis import Axis
from app.charts.line_chart import LineChart
from app.settings import Appearance
from app.theme import Theme
from core import report

PORTION, MOVES, HOVERS = 20, 200, 200


def timed(deed: Callable[[], object], application: QApplication) -> tuple[float, float]:
    """Milliseconds by the clock and by the processor."""
    began, began_cpu = time.perf_counter(), time.thread_time()
    deed()
    application.processEvents()
    return (time.perf_counter() - began) * 1000, (time.thread_time() - began_cpu) * 1000


def summed_up(times_ms: list[tuple[float, float]]) -> dict[str, float]:
    told = {}
    for name, times in zip(("", "cpu_"), zip(*times_ms, strict=True), strict=True):
        p50, p99 = numpy.percentile(times, [50, 99])
        told |= {f"{name}p50_ms": round(float(p50), 2), f"{name}p99_ms": round(float(p99), 2)}
        told[f"{name}max_ms"] = round(max(times), 2)
    return told


def measure(points: int, series: int, appends: int) -> dict[str, object]:
    application = QApplication(sys.argv[:1])
    theme = Theme(application, Appearance(theme="light"))
    chart = LineChart(theme, Axis("Step"), Axis("Loss"), "Loss")
    chart.resize(1000, 500)
    chart.show()
    application.processEvents()  # the placeholder is seen
    first_ms = timed(chart.frame.make_plot, application)
    random = numpy.random.default_rng(0)
    names = [f"run {number}" for number in range(series)]
    filling_ms = timed(
        lambda: [chart.extend(name, numpy.arange(points), random.normal(size=points)) for name in names],
        application,
    )
    plot = chart.frame.plot
    assert plot is not None

    def append(at: int) -> None:
        for name in names:
            chart.extend(name, range(at, at + PORTION), random.normal(size=PORTION))
        chart._draw()

    growing = [
        timed(lambda at=at: append(at), application)
        for at in range(points, points + appends * PORTION, PORTION)
    ]
    for _ in range(6):
        plot.zoom(1)
    moving = [timed(lambda: plot.box.translateBy(x=points / 2000), application) for _ in range(MOVES)]
    seen = plot.view
    middle = (seen.left + seen.right) / 2
    hovering = [
        timed(lambda at=at: chart._read_at(QPointF(middle + at, 0)), application) for at in range(HOVERS)
    ]
    return {
        "machine": platform.processor() or platform.machine(),
        "points": points * series,
        "first_plot_ms": round(first_ms[0], 1),
        "filling_ms": round(filling_ms[0], 1),
        "growing": summed_up(growing),
        "moving": summed_up(moving),
        "hovering": summed_up(hovering),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000, help="of each curve, before it grows")
    parser.add_argument("--series", type=int, default=1)
    parser.add_argument("--appends", type=int, default=200)
    arguments = parser.parse_args()
    report.say(json.dumps(measure(arguments.points, arguments.series, arguments.appends)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
