"""Charts as they are seen and used: by pixels, by keys, by what is read aloud, and as files."""

import csv
from itertools import combinations
from pathlib import Path

import numpy
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QToolButton
from pytestqt.qtbot import QtBot

from app.charts.axis import Axis, ticks, written
from app.charts.line_chart import LineChart
from app.charts.look import Look
from app.charts.scatter_chart import Mark, ScatterChart
from app.settings import Appearance
from app.theme import DARK, LIGHT, Colours, Theme

MARKS = [
    Mark("nano int8", 300, 18, "nano"),
    Mark("nano fp32", 120, 19, "nano"),
    Mark("qwen int8", 50, 41, "qwen"),
]


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, Appearance(theme="light"))


def shown(chart: LineChart | ScatterChart, qtbot: QtBot) -> LineChart | ScatterChart:
    qtbot.addWidget(chart)
    chart.resize(600, 320)
    chart.show()
    qtbot.waitUntil(lambda: chart.frame.plot is not None and chart.frame.plot.isVisible())
    return chart


@pytest.fixture
def curves(theme: Theme, qtbot: QtBot) -> LineChart:
    chart = LineChart(theme, Axis("Step"), Axis("Loss", "nats"), "Loss")
    chart.extend("training", range(101), [5 - x / 25 for x in range(101)])
    chart.extend("validation", range(0, 101, 10), [5.5 - x / 25 for x in range(0, 101, 10)])
    shown(chart, qtbot)
    return chart


def inked(chart: LineChart | ScatterChart, colour: str) -> int:
    assert chart.frame.plot is not None
    image = chart.frame.plot.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    return list(memoryview(image.constBits()).cast("I")).count(QColor(colour).rgb())


def test_nothing_is_read_or_drawn_before_the_chart_is_seen(theme: Theme, qtbot: QtBot) -> None:
    chart = LineChart(theme, Axis("Step"), Axis("Loss"))
    qtbot.addWidget(chart)
    chart.append("training", 1, 2)
    assert chart.frame.plot is None
    assert chart.frame.legend.findChild(QToolButton).text() == "training"


def test_curves_are_drawn_in_their_colours_and_go_with_their_button(curves: LineChart, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: inked(curves, LIGHT.series[0]) > 50)
    button = next(b for b in curves.frame.legend.findChildren(QToolButton) if b.text() == "training")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: inked(curves, LIGHT.series[0]) == 0)
    assert inked(curves, LIGHT.series[1]) > 10
    assert "training" not in curves.summary


def test_the_view_grows_with_the_curve_unless_a_part_is_looked_at(curves: LineChart, qtbot: QtBot) -> None:
    plot = curves.frame.plot
    assert plot is not None
    curves.append("training", 200, 1)
    qtbot.waitUntil(lambda: plot.view.right > 200)
    plot.zoom(1)
    part = plot.view
    curves.append("training", 400, 1)
    qtbot.waitUntil(lambda: not curves._later.isActive())
    assert plot.view == part
    QTest.keyClick(plot, Qt.Key.Key_Home)
    assert plot.view.right > 400


def test_what_came_while_nobody_looked_is_there_when_one_looks_again(curves: LineChart, qtbot: QtBot) -> None:
    plot = curves.frame.plot
    assert plot is not None
    curves.hide()
    curves.append("training", 200, 1)
    curves.show()
    qtbot.waitUntil(lambda: plot.view.right > 200)


def test_each_step_of_zooming_finds_back(curves: LineChart) -> None:
    plot = curves.frame.plot
    assert plot is not None
    seen = [plot.view]
    for _ in range(3):
        QTest.keyClick(plot, Qt.Key.Key_Plus)
        seen.append(plot.view)
    assert len({view.left for view in seen}) == 4
    for view in reversed(seen[:-1]):
        QTest.keyClick(plot, Qt.Key.Key_Backspace)
        assert plot.view.left == pytest.approx(view.left)
        assert plot.view.top == pytest.approx(view.top)
    assert plot.is_whole


def test_values_are_read_at_the_pointer_and_with_the_keys(curves: LineChart) -> None:
    plot = curves.frame.plot
    assert plot is not None
    plot.pointed.emit(QPointF(50.2, 3))
    readout = plot.findChild(QLabel, "chart_readout")
    assert readout.isVisible()
    assert "Step 50" in readout.text()
    assert "3 nats" in readout.text()
    QTest.keyClick(plot, Qt.Key.Key_Right)
    assert "Step 51" in readout.text()
    assert "Step 51, training 2.96 nats" in plot.accessibleDescription()
    plot.pointed.emit(None)
    assert not readout.isVisible()


def test_a_resumed_run_draws_over_its_last_steps(curves: LineChart, qtbot: QtBot) -> None:
    curves.extend("training", range(90, 95), [4.0] * 5)
    qtbot.waitUntil(lambda: "training: last 4 nats" in curves.summary)


def test_other_curves_take_the_place_of_cleared_ones(curves: LineChart, qtbot: QtBot) -> None:
    curves.clear()
    assert curves.summary == ""
    assert curves.frame.plot is not None
    assert not curves.frame.plot.isVisible()
    curves.extend("other", [1000, 2000], [1, 2])
    qtbot.waitUntil(lambda: "other: last 2 nats" in curves.frame.accessibleDescription())
    assert curves.frame.plot.view.left > 900


def test_names_cover_no_mark_and_no_name(theme: Theme, qtbot: QtBot) -> None:
    chart = ScatterChart(theme, Axis("Speed", "tokens/s", from_zero=True), Axis("Quality", from_zero=True))
    close = [Mark(f"close {n}", 10 + n / 100, 5, "close") for n in range(6)]
    chart.set_marks([*MARKS, *close])
    shown(chart, qtbot)
    qtbot.waitUntil(lambda: any(text.isVisible() for text, _ in chart._texts))
    places = [text.sceneBoundingRect() for text, _ in chart._texts if text.isVisible()]
    assert len(places) >= 4
    assert not any(
        one.adjusted(2, 2, -2, -2).intersects(other.adjusted(2, 2, -2, -2))
        for one, other in combinations(places, 2)
    )


def test_a_mark_in_the_corner_of_a_low_chart_has_its_name_too(theme: Theme, qtbot: QtBot) -> None:
    chart = ScatterChart(theme, Axis("Speed", from_zero=True), Axis("Quality", from_zero=True))
    chart.set_marks([Mark("smallcoder-nano int8", 1132, 9.8, "nano")])
    qtbot.addWidget(chart)
    chart.resize(900, 240)
    chart.show()
    qtbot.waitUntil(lambda: bool(chart._texts) and chart._texts[0][0].isVisible())


def test_marks_are_named_at_the_pointer_and_in_words(theme: Theme, qtbot: QtBot) -> None:
    chart = ScatterChart(theme, Axis("Speed", "tokens/s"), Axis("Quality"))
    chart.set_marks(MARKS)
    shown(chart, qtbot)
    plot = chart.frame.plot
    assert plot is not None
    plot.pointed.emit(QPointF(50, 41))
    assert "<b>qwen int8</b>" in plot.findChild(QLabel, "chart_readout").text()
    assert "nano int8: Speed 300 tokens/s, Quality 18" in chart.frame.accessibleDescription()
    QTest.keyClick(plot, Qt.Key.Key_Right)  # from the left: the slowest
    assert plot.accessibleDescription().startswith("qwen int8")


def test_a_chart_is_saved_as_picture_drawing_and_numbers(curves: LineChart, tmp_path: Path) -> None:
    for kind in ("png", "svg", "csv"):
        curves.save(tmp_path / f"loss.{kind}")
    picture = QImage(str(tmp_path / "loss.png"))
    assert picture.width() == 2 * curves.frame.width()
    drawing = (tmp_path / "loss.svg").read_text()
    assert "training" in drawing
    assert LIGHT.series[0] in drawing
    with (tmp_path / "loss.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["series", "Step", "Loss (nats)"]
    assert ["training", "50.0", "3.0"] in rows
    assert len(rows) == 1 + 101 + 11


def test_a_file_that_cannot_be_written_is_said(curves: LineChart, qtbot: QtBot, tmp_path: Path) -> None:
    for kind in ("png", "svg", "csv"):
        with qtbot.waitSignal(curves.failed) as told:
            curves.save(tmp_path / "nowhere" / f"loss.{kind}")
        assert str(tmp_path) in told.args[0]


def test_a_chart_follows_the_theme(theme: Theme, curves: LineChart, qtbot: QtBot) -> None:
    theme.take(Appearance(theme="dark"))
    qtbot.waitUntil(lambda: inked(curves, DARK.series[0]) > 50)
    assert inked(curves, DARK.ground) > 1000


# how those see who lack one kind of cone (Machado, Oliveira and Fernandes 2009)
SEEN = {
    "all": numpy.eye(3),
    "no red": numpy.array([[0.1523, 1.0526, -0.2049], [0.1145, 0.7863, 0.0992], [-0.0039, -0.0481, 1.0520]]),
    "no green": numpy.array([[0.3673, 0.8606, -0.2280], [0.2801, 0.6725, 0.0474], [-0.0118, 0.0429, 0.9689]]),
    "no blue": numpy.array([[1.2555, -0.0767, -0.1788], [-0.0784, 0.9308, 0.1476], [0.0047, 0.6914, 0.3039]]),
}


def lab(colour: str, seen: numpy.ndarray) -> numpy.ndarray:
    shares = numpy.array(QColor(colour).getRgbF()[:3])
    linear = numpy.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    r, g, b = numpy.clip(seen @ linear, 0, 1)
    x, y, z = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        0.2126 * r + 0.7152 * g + 0.0722 * b,
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    fx, fy, fz = (numpy.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return numpy.array([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_series_differ_for_every_eye_and_without_colour(colours: Colours) -> None:
    for seen in SEEN.values():
        for one, other in combinations(colours.series, 2):
            assert numpy.linalg.norm(lab(one, seen) - lab(other, seen)) > 20
    shapes = {
        (look.dash, tuple((e.x, e.y) for e in map(look.marker.elementAt, range(look.marker.elementCount()))))
        for look in map(Look, range(12))
    }
    assert len(shapes) == 12


@pytest.mark.parametrize(
    ("value", "text"),
    [(1_234_567, "1,234,567"), (2.31249, "2.312"), (0.00003, "3e-05"), (0.05, "0.05"), (-12.5, "-12.5")],
)
def test_numbers_are_written_as_a_person_would(value: float, text: str) -> None:
    assert written(value) == text


def test_ticks_have_as_many_decimals_as_their_step() -> None:
    assert ticks([0, 0.25, 0.5], 0.25) == ["0.00", "0.25", "0.50"]
    assert ticks([0, 5000, 10000], 5000) == ["0", "5,000", "10,000"]
