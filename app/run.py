"""Opens the window, or hands files to the one that is open; when it is closed, nothing of it goes on.

Qt is imported where a window is made, so that whether there is a display can be asked before Qt is there.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from app.instance import Instance
    from app.main_window import MainWindow

PLATFORMS_WITHOUT_DISPLAY = {"offscreen", "minimal", "vnc", "eglfs", "linuxfb"}


def display_problem() -> str:
    """Empty where a window can be shown. Without a display Qt would end the process with SIGABRT."""
    platform = os.environ.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if sys.platform != "linux" or platform in PLATFORMS_WITHOUT_DISPLAY or os.environ.get("WAYLAND_DISPLAY"):
        return ""
    display = os.environ.get("DISPLAY")
    if not display:
        return "There is no display to open a window on"
    return "" if answers(display) else f"The display {display} does not answer"


def answers(display: str) -> bool:
    try:
        x11 = ctypes.CDLL("libX11.so.6")
    except OSError:  # the check of Qt's libraries says so better
        return True
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    connection = x11.XOpenDisplay(display.encode())
    if connection:
        x11.XCloseDisplay(connection)
    return bool(connection)


def run(paths: Sequence[Path] = ()) -> int:
    from PySide6.QtWidgets import QApplication

    from app.instance import Instance
    from core.spec import network

    network.watch("window")
    application = QApplication([])
    application.setApplicationName("smallcoder")
    application.setApplicationDisplayName("SmallCoder")
    application.setDesktopFileName("smallcoder")
    application.setQuitOnLastWindowClosed(False)  # the loop ends once all is put away
    instance = Instance(parent=application)
    if not instance.is_first(paths):
        return 0
    os.environ["QT_API"] = "pyside6"  # qasync would look for others first
    import asyncio

    import qasync

    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    try:
        return int(loop.run_until_complete(live(application, instance, paths)))
    finally:
        instance.close()
        loop.close()


async def live(application: QApplication, instance: Instance, paths: Sequence[Path]) -> int:
    """From the first sight of the window to its last; the exit code."""
    import asyncio

    from app.garbage import MainThreadGarbage

    window = make_window(application)
    left = asyncio.Event()
    killed_by: list[int] = []
    window.left.connect(left.set)
    instance.asked.connect(window.show_paths)
    garbage = MainThreadGarbage(application)
    window.show()
    garbage.keep_all_there_is()

    def leave_at_once(signal_number: int) -> None:
        killed_by.append(signal_number)  # unsaved text stays in its journal
        left.set()

    with told_of_signals(leave_at_once):
        window.start(begin(window, paths))  # whatever comes of it, the window stays
        await left.wait()
        window.hide()
        await window.end()
    garbage.stop()
    return 128 + killed_by[0] if killed_by else 0


async def begin(window: MainWindow, paths: Sequence[Path]) -> None:
    await window.begin(paths)
    if not paths:
        window.welcome_newcomer()


def make_window(application: QApplication) -> MainWindow:
    from app.main_window import MainWindow
    from app.session import SessionFile
    from app.settings import SettingsFile, SettingsStore
    from app.shell.networking import Networking
    from app.theme import Theme

    store = SettingsStore(SettingsFile(), application)
    theme = Theme(application, store.settings.appearance)
    window = MainWindow(store, theme, SessionFile())
    Networking(store, theme, window.commands, window)
    return window


@contextmanager
def told_of_signals(tell: Callable[[int], object]) -> Iterator[None]:
    """Ctrl+C in the terminal and a polite kill. Qt's loop sleeps outside Python, and is woken by a byte."""
    import asyncio
    import signal
    import socket

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda number, _: tell(number)) for number in numbers}
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    wakeup_before = signal.set_wakeup_fd(far.fileno())
    if sys.platform != "win32":
        loop.add_reader(near.fileno(), lambda: near.recv(4096))
    try:
        yield
    finally:
        if sys.platform != "win32":
            loop.remove_reader(near.fileno())
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        near.close()
        far.close()
