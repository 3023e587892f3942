"""What can be seen in the program, and where: it runs as ever, and writes that down for a test to read.

The words are those that a screen reader is told. Not here: pressing and clicking, which is the display's.
"""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QModelIndex, QObject, QRect, Qt, QTimer
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QLabel,
    QLineEdit,
    QMainWindow,
    QMenu,
    QTabBar,
    QTableView,
    QWidget,
)

from app.charts.chart_frame import ChartFrame

START = (
    "import sys; sys.path.insert(0, ''); import main; from tests.journeys import sight; "
    "sight.write_what_is_seen(); sys.exit(main.main())"
)
FILE = "SMALLCODER_TEST_SIGHT"
_LOOK_MS = 200
_BOX = 12  # points from its edge, where a box to tick is


@dataclass(frozen=True)
class Seen:
    """`kind`: button, box, field, tab, choice (of a menu), cell, chart (what it says), or words. `within`,
    `row`: of a cell, the name of its table or list, and where in it."""

    kind: str
    words: str
    x: int
    y: int
    is_enabled: bool = True
    is_ticked: bool = False
    within: str = ""
    row: int = -1


def seen_in(file: Path) -> list[Seen]:
    """As it was a moment ago; nothing before the window is there."""
    return [Seen(**item) for item in json.loads(file.read_text())] if file.exists() else []


def write_what_is_seen() -> None:
    """From when the window is made."""
    from app import run

    make = run.make_window

    def made(application: QApplication) -> QMainWindow:
        window = make(application)
        _Writer(window, Path(os.environ[FILE]))
        return window

    run.make_window = made  # type: ignore[assignment]


class _Writer(QObject):
    def __init__(self, window: QMainWindow, file: Path) -> None:
        super().__init__(window)
        self._file = file
        timer = QTimer(self, interval=_LOOK_MS)
        timer.timeout.connect(self._write)
        timer.start()

    def _write(self) -> None:
        shown = [asdict(seen) for seen in _all_seen()]
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps(shown))
        beside.replace(self._file)


def _all_seen() -> Iterator[Seen]:
    for window in QApplication.topLevelWidgets():
        if window.isVisible():
            for widget in (window, *window.findChildren(QWidget)):
                if widget.isVisible() and not widget.visibleRegion().isEmpty():
                    yield from _seen_of(widget)


def _seen_of(widget: QWidget) -> Iterator[Seen]:
    in_sight = widget.visibleRegion().boundingRect()
    match widget:
        case QMenu():
            for action in widget.actions():
                area = widget.actionGeometry(action)
                yield _at(widget, area, "choice", action.text(), is_enabled=action.isEnabled())
        case QTabBar():
            for place in range(widget.count()):
                yield _at(widget, widget.tabRect(place), "tab", widget.tabText(place))
        case QAbstractItemView():
            yield from _cells(widget)
        case QCheckBox():
            in_sight.setWidth(2 * _BOX)
            yield _at(widget, in_sight, "box", widget.text(), is_ticked=widget.isChecked())
        case QAbstractButton():
            words = widget.text() or widget.accessibleName()
            yield _at(widget, in_sight, "button", words, is_enabled=widget.isEnabled())
        case QLineEdit():
            parent = widget.parentWidget()  # of a box for numbers, which has the name
            yield _at(widget, in_sight, "field", widget.accessibleName() or parent.accessibleName())
        case QLabel() | ChartFrame():
            shown = ("words", widget.text()) if isinstance(widget, QLabel) else _told_by(widget)
            yield _at(widget, in_sight, *shown)


def _told_by(chart: ChartFrame) -> tuple[str, str]:
    return "chart", chart.accessibleDescription()


def _cells(view: QAbstractItemView) -> Iterator[Seen]:
    model = view.model()
    columns = view.horizontalHeader().count() if isinstance(view, QTableView) else 1
    for row in range(model.rowCount(QModelIndex()) if model else 0):
        for column in range(columns):
            index = model.index(row, column)
            area = view.visualRect(index)
            if area.isEmpty():
                continue
            ticked = index.data(Qt.ItemDataRole.CheckStateRole)
            if ticked is not None:
                area.setWidth(2 * _BOX)
            is_ticked = ticked is not None and Qt.CheckState(ticked) == Qt.CheckState.Checked
            place = {"within": view.accessibleName(), "row": row}
            yield _at(view.viewport(), area, "cell", str(index.data() or ""), is_ticked=is_ticked, **place)


def _at(widget: QWidget, area: QRect, kind: str, words: str, **more: Any) -> Seen:
    middle = widget.mapToGlobal(area.center())
    return Seen(kind, words.replace("&", ""), middle.x(), middle.y(), **more)
