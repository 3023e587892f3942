"""Without a mouse and without eyes: every control of every page is reached by Tab and named, and what appears
without a key is said."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QMenuBar, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.settings import Appearance
from app.shell.notices import Notice, NoticeBar
from app.theme import Theme
from tests.app.conftest import Run
from tests.app.desk import Desk
from tests.app.windows import PARTS, Started

_MOST_STEPS = 600


def controls(window: QWidget) -> list[QWidget]:
    """What can be worked with now."""
    return [
        widget
        for widget in window.findChildren(QWidget)
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus
        and widget.isVisible()
        and widget.isEnabled()
        and widget.focusProxy() is None
        and not isinstance(widget, QMenuBar)  # reached by Alt and F10
    ]


def walked(window: QWidget) -> list[QWidget]:
    """Where Tab leads from the control that has the focus, until it is there again."""
    here = window.focusWidget()
    visited: list[QWidget] = []
    for _ in range(_MOST_STEPS):
        visited.append(here)
        if isinstance(here, QPlainTextEdit):
            here.setTabChangesFocus(True)  # what Ctrl+M does in an editor
        QTest.keyClick(here, Qt.Key.Key_Tab)
        here = window.focusWidget()
        if here is visited[0]:
            return visited
    raise AssertionError(f"Tab never comes back to {visited[0]}")


def described(widget: QWidget) -> str:
    name = widget.accessibleName() or widget.property("text") or widget.objectName()
    return f"{type(widget).__name__} {name!r} in {type(widget.parent()).__name__}"


@pytest.mark.parametrize("part", PARTS)
async def test_every_control_of_a_page_is_reached_by_tab(run: Run, started: Started, part: str) -> None:
    window = started.window
    started.trigger("file.new")
    window._warn("Something to see.")
    started.trigger("edit.find")
    started.trigger(f"view.{part}")
    first = next(control for control in controls(window) if not isinstance(control, QPlainTextEdit))
    first.setFocus()
    visited = walked(window)
    assert len(visited) > len(controls(window.frame.activity)) + 3, "more than the bar at the edge"
    # of buttons of which one is chosen, Tab reaches that one, and arrows lead to the others
    missed = [
        control
        for control in controls(window)
        if control not in visited
        and not (isinstance(control, QAbstractButton) and control.autoExclusive() and not control.isChecked())
    ]
    assert [described(control) for control in missed] == []


@pytest.fixture
def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a screen reader would be told; there is none here, and Qt tells nobody else."""
    said: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, QAccessibleAnnouncementEvent):
            said.append(event.message())

    monkeypatch.setattr(QAccessible, "isActive", lambda: True)
    monkeypatch.setattr(QAccessible, "updateAccessibility", hear)
    return said


def test_a_suggestion_is_said_to_who_cannot_see_it(qtbot: QtBot, announced: list[str]) -> None:
    desk = Desk(qtbot, "total = ")
    desk.suggested("s", "um(prices)")
    assert len(announced) == 1
    assert "um(prices)" in announced[0]


def test_a_notice_is_said(qtbot: QtBot, qapp: QApplication, announced: list[str]) -> None:
    bar = NoticeBar(Theme(qapp, Appearance()))
    qtbot.addWidget(bar)
    bar.add(Notice("The engine was started again."))
    assert announced == ["The engine was started again."]
