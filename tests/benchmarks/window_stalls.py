"""One window, typed into while something else goes on: `python -m tests.benchmarks.window_stalls LOAD`.

LOAD is nothing, generating (a real model that never ends by itself answers each pause), loading (a model is
loaded again and again), burning (other processes take every core), opening (nobody types; a file of 10 MB
and one with a line of 1 MB are opened) or models (nobody types; the page of models is gone through, with 200
of them on the disk and one on its way here). Prints one line of JSON.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["QT_API"] = "pyside6"

import qasync
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.garbage import MainThreadGarbage
from app.main_window import MainWindow
from app.models.models_page import ModelsPage
from app.run import make_window
from core import report
from core.spec.folders import models_folder
from tests.app.workers import tireless_model
from tests.hub import ID, Hub, running
from tests.tiny import tiny_folder, tiny_tokenizer

MODELS, DOWNLOAD_BYTES = 200, 200_000_000
BEAT_MS, KEYS, KEY_EVERY_S = 4, 150, 0.06
TEXT = "def total(prices, rate):\n    return sum(price * rate for price in prices)\n\n\n" * 300


class Beats(QObject):
    """How late a timer comes that should fire every few milliseconds."""

    def __init__(self) -> None:
        super().__init__()
        self.late_ms: list[float] = []
        self._timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._note)
        self._last = time.perf_counter()

    def start(self) -> None:
        self.late_ms.clear()
        self._last = time.perf_counter()
        self._timer.start()

    def stop(self) -> None:
        self._timer.stop()

    def _note(self) -> None:
        now = time.perf_counter()
        self.late_ms.append(max(0.0, (now - self._last) * 1000 - BEAT_MS))
        self._last = now


class Paints(QObject):
    """Tells the end of the next paint of a widget."""

    def __init__(self, widget: QObject) -> None:
        super().__init__(widget)
        self._waiting: asyncio.Future[float] | None = None
        widget.installEventFilter(self)

    def next(self) -> "asyncio.Future[float]":
        self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and self._waiting is not None:
            QTimer.singleShot(0, self._tell)
        return False

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(time.perf_counter())


async def type_into(window: MainWindow) -> list[float]:
    """Milliseconds from each key to the end of its paint."""
    document = window.tabs.current()
    assert document is not None
    editor = document.editor
    editor.moveCursor(editor.textCursor().MoveOperation.End)
    editor.setFocus()
    paints, found = Paints(editor.viewport()), []
    for number in range(KEYS):
        begun = time.perf_counter()
        painted = paints.next()
        QTest.keyClick(editor, "value = total ( prices )\r"[number % 25])
        found.append((await painted - begun) * 1000)
        await asyncio.sleep(KEY_EVERY_S)
    return found


async def open_long(window: MainWindow, home: Path) -> list[float]:
    """Milliseconds until each is there."""
    (home / "huge.py").write_text(TEXT * (10_000_000 // len(TEXT)))
    (home / "line.json").write_text("[" + "1234567, " * 111_000 + "0]")
    found = []
    for name in ("huge.py", "line.json"):
        begun = time.perf_counter()
        await window.documents.open(home / name)
        found.append((time.perf_counter() - begun) * 1000)
        await asyncio.sleep(1)  # what is put off counts too
    return found


async def look_at_models(window: MainWindow, home: Path) -> list[float]:
    """Milliseconds from each choice to the end of its paint; the first is the page itself."""
    made = tiny_folder(home / "made", tiny_tokenizer(home))
    for number in range(MODELS):
        shutil.copytree(made, models_folder() / f"model-{number:03}")
    with running(Hub({"m.gguf": b"GGUF" + bytes(DOWNLOAD_BYTES)}, large=frozenset({"m.gguf"}))) as hub:
        os.environ.update(HF_ENDPOINT=hub.url, HF_HUB_OFFLINE="0", NO_PROXY="127.0.0.1")
        window.modelling.downloads.start(ID)
        begun = time.perf_counter()
        window.commands.trigger("view.models")
        page = window.frame.made_page("models")
        assert isinstance(page, ModelsPage)
        paints = Paints(page.list.viewport())
        found = [(await paints.next() - begun) * 1000]
        shelf = window.modelling.counsel.shelf
        while not shelf.has_looked or shelf.is_looking:
            await asyncio.sleep(0.05)
        for _ in range(KEYS):
            begun = time.perf_counter()
            painted = paints.next()
            QTest.keyClick(page.list, Qt.Key.Key_Down)
            found.append((await painted - begun) * 1000)
            await asyncio.sleep(KEY_EVERY_S)
    return found


async def measured(application: QApplication, load: str, home: Path) -> dict[str, float]:
    model = tireless_model(home) if load in ("generating", "loading") else None
    window = make_window(application)
    window.show()
    garbage = MainThreadGarbage(window)  # as app.run does
    garbage.keep_all_there_is()
    (home / "typed.py").write_text(TEXT)
    await window.begin([home / "typed.py"])
    if model is not None:
        window._store.change("completion", least_chance=0.0, extent="block", pause_ms=20)
        window._store.change("engine", model=str(model), precision="fp32", threads=1)
        while load == "generating" and not window.engine.is_ready:
            await asyncio.sleep(0.05)
    burners = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range((os.cpu_count() or 1) if load == "burning" else 0)
    ]
    await asyncio.sleep(1)
    beats = Beats()
    beats.start()
    doing = {"opening": open_long, "models": look_at_models}.get(load)
    took = await (doing(window, home) if doing else type_into(window))
    beats.stop()
    for burner in burners:
        burner.kill()
        burner.wait()
    garbage.stop()
    window._has_left = True
    window.close()
    await window.end()
    return spread("late", beats.late_ms) | spread("open" if load == "opening" else "key_to_paint", took)


def spread(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{name}_p50_ms": round(ordered[len(ordered) // 2], 1),
        f"{name}_p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 1),
        f"{name}_max_ms": round(ordered[-1], 1),
    }


def main() -> int:
    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    with tempfile.TemporaryDirectory() as home:
        os.environ["SMALLCODER_HOME"] = home
        figures = loop.run_until_complete(measured(application, sys.argv[1], Path(home)))
    report.say(json.dumps(figures))
    loop.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
