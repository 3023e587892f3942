"""What tests of the window start from: no window and no running timer may outlive its test."""

import asyncio
import gc
import inspect
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import qasync
from PySide6.QtCore import QCoreApplication, QEvent, QTimer
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot
from shiboken6 import isValid

from app import engines
from tests.app.patience import PATIENCE_MS, PatientBot

if TYPE_CHECKING:
    from tests.app.windows import Start, Started


@pytest.fixture(autouse=True)
def garbage_is_collected_here() -> Iterator[None]:
    """Not in a thread that a test has started, which Qt's objects would not survive."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(autouse=True, scope="session")
def nothing_of_python_s_stays_in_the_clipboard(qapp: QApplication) -> Iterator[None]:
    """Offscreen, what was copied last is destroyed when Python has gone, and takes the process's good end
    with it."""
    yield
    qapp.clipboard().clear()


@pytest.fixture(autouse=True)
def no_model_comes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window begins by loading the embedded one; a test that wants a model says which."""
    monkeypatch.setattr(engines, "EMBEDDED", Path("no model comes along here"))


@pytest.fixture(autouse=True)
def no_window_left_over(qapp: QApplication) -> Iterator[None]:
    """Before qtbot, so that what qtbot was given to close is closed when this looks."""
    before = {id(window) for window in open_windows()}
    font = qapp.font()
    yield
    if qapp.font() != font:
        qapp.setFont(font)  # a theme scales the one it finds
    # what was closed is deleted here, and not by Python in whichever thread it next collects garbage
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    left = [window for window in open_windows() if id(window) not in before]
    assert not left, f"windows left open: {left}; give them to qtbot.addWidget"
    running = [timer for timer in running_timers() if timer.parent() is not qapp]
    for timer in running:
        timer.stop()
    assert not running, f"timers left running: {[timer.parent() for timer in running]}"


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    return PatientBot(request)


def open_windows() -> list[QWidget]:
    return [window for window in QApplication.topLevelWidgets() if window.isVisible()]


def running_timers() -> list[QTimer]:
    """By exact type first: a search through all objects is then quick enough to make after each test."""
    timers = [thing for thing in gc.get_objects() if type(thing) is QTimer]
    return [timer for timer in timers if isValid(timer) and timer.isActive()]


Run = Callable[[Coroutine[Any, Any, Any]], Any]


def process_events(qapp: QApplication, loop: asyncio.AbstractEventLoop) -> None:
    """As by itself, which unlike a run of the loop deletes nothing that a fixture may yet need."""
    asyncio._set_running_loop(loop)
    try:
        qapp.processEvents()
    finally:
        asyncio._set_running_loop(None)


@pytest.fixture
def run(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Runs a coroutine on the window's own kind of loop, and not for ever."""
    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    # pytest-qt lets events through between the steps of a test, and what they reach needs a running loop
    monkeypatch.setattr("pytestqt.plugin._process_events", lambda: process_events(qapp, loop))
    yield lambda coroutine: loop.run_until_complete(asyncio.wait_for(coroutine, 2 * PATIENCE_MS / 1000))
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def start(run: Run, qapp: QApplication) -> "Iterator[Start]":
    """Starts whole windows; those that the test has not ended are ended for it."""
    from tests.app.windows import Started

    made: list[Started] = []

    async def begun(*paths: Path) -> Started:
        made.append(Started(qapp))
        return await made[-1].begin(*paths)

    yield begun
    for window in made:
        run(window.end())


@pytest.fixture
def started(run: Run, start: "Start") -> "Started":
    begun: Started = run(start())
    return begun


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is a coroutine and asks for `run` is run by it."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj) or "run" not in pyfuncitem.funcargs:
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    pyfuncitem.funcargs["run"](pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
