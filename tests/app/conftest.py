"""What tests of the window start from: no window and no running timer may outlive its test."""

import gc
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
from shiboken6 import isValid


@pytest.fixture(autouse=True)
def no_window_left_over(qapp: QApplication) -> Iterator[None]:
    """Before qtbot, so that what qtbot was given to close is closed when this looks."""
    before = {id(window) for window in open_windows()}
    yield
    left = [window for window in open_windows() if id(window) not in before]
    assert not left, f"windows left open: {left}; give them to qtbot.addWidget"
    running = [timer for timer in running_timers() if timer.parent() is not qapp]
    for timer in running:
        timer.stop()
    assert not running, f"timers left running: {[timer.parent() for timer in running]}"


def open_windows() -> list[QWidget]:
    return [window for window in QApplication.topLevelWidgets() if window.isVisible()]


def running_timers() -> list[QTimer]:
    """By exact type first: a search through all objects is then quick enough to make after each test."""
    timers = [thing for thing in gc.get_objects() if type(thing) is QTimer]
    return [timer for timer in timers if isValid(timer) and timer.isActive()]
