"""Where objects that only a circle keeps are destroyed."""

import gc
import threading
import weakref

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from app.garbage import MainThreadGarbage


class Circle:
    def __init__(self) -> None:
        self.itself = self


def allocate() -> None:
    [[number] for number in range(5000)]


def test_another_thread_collects_nothing_and_the_window_does(qtbot: QtBot) -> None:
    garbage = MainThreadGarbage()
    try:
        destroyed_in: list[threading.Thread] = []
        circle = Circle()
        weakref.finalize(circle, lambda: destroyed_in.append(threading.current_thread()))
        del circle
        worker = threading.Thread(target=allocate)
        worker.start()
        worker.join()
        assert destroyed_in == []
        kept = [QObject() for _ in range(1000)]
        qtbot.waitUntil(lambda: bool(destroyed_in))
        assert destroyed_in == [threading.main_thread()]
        assert len(kept) == 1000
    finally:
        garbage.stop()
    assert gc.isenabled()
