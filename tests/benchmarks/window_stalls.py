"""One window, typed into while something else goes on: `python -m tests.benchmarks.window_stalls LOAD`.

LOAD is nothing, generating (a real model that never ends by itself answers each pause), loading (a model is
loaded again and again), burning (other processes take every core), training (a run of the trainer, with as
many threads as there are cores, which does not stand back for who types), standing-back (the same run as the
window has it by default), opening (nobody types; files of 50,000 lines, of 10 MB, and with a line of 1 MB
are opened) or models (nobody types; the page of models is gone through, with 200 of them on the disk and one
on its way here). Prints one line of JSON; `run_cores` is how many cores the run had meanwhile.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

os.environ["QT_API"] = "pyside6"

import psutil
import qasync
from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.engine_client import EngineState
from app.garbage import MainThreadGarbage
from app.main_window import MainWindow
from app.models.models_page import ModelsPage
from app.process import own_command
from app.run import make_window
from core import report
from core.spec.folders import models_folder
from core.spec.messages import Progress
from tests.app.workers import tireless_model
from tests.hub import ID, Hub, running
from tests.tiny import tiny_folder, tiny_tokenizer
from trainer.spec.runs import find_run

MODELS, DOWNLOAD_BYTES = 200, 200_000_000
BEAT_MS, KEYS, KEY_EVERY_S = 4, 150, 0.06
RUN = "beside"  # of the model that comes along, on the sample code, and never over
RUN_WORDS = ("--spec", "finetune-folder", "--recipe", "full", "--steps", "1000000", "--accumulation", "1")
PATIENCE_S = 300  # with a run that has the lowest priority on a machine that others use too
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


async def open_long(window: MainWindow, home: Path) -> dict[str, float]:
    """Milliseconds until each is there."""
    texts = {
        "50000_lines": (TEXT * (50_000 // TEXT.count("\n") + 1)).encode(),
        "10_mb": (TEXT * (10_000_000 // len(TEXT))).encode(),
        "line_of_1_mb": b"[" + b"1234567, " * 111_000 + b"0]",
    }
    found = {}
    for name, text in texts.items():
        (home / f"{name}.py").write_bytes(text)
        begun = time.perf_counter()
        await window.documents.open(home / f"{name}.py")
        found[f"open_{name}_ms"] = round((time.perf_counter() - begun) * 1000, 1)
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


async def until(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}; others may need all cores"
        await asyncio.sleep(0.1)


async def begin_run(window: MainWindow, *, stands_back: bool) -> psutil.Process:
    """As the window begins one."""
    window._store.change("training", pause_while_typing=stands_back)
    threads = str(os.cpu_count() or 1)
    words = ("train", "new", RUN, *RUN_WORDS, "--threads", threads, "--begin-only")
    subprocess.run(own_command(words), check=True, capture_output=True)
    run = find_run(RUN)
    window.training.runs.start(run)
    await until(run.claim, "the run")
    return psutil.Process((run.claim() or (0, 0))[0])


def has_stepped() -> bool:
    return any(isinstance(event, Progress) for event in find_run(RUN).events())


async def load_model(window: MainWindow, home: Path, *, again: bool) -> None:
    def load_again(state: EngineState) -> None:
        if state.phase == "ready":
            QTimer.singleShot(0, window.engines.load)

    model = tireless_model(home)
    window._store.change("completion", least_chance=0.0, extent="block", pause_ms=20)
    if again:
        window.engine.state_changed.connect(load_again)
    window._store.change("engine", model=str(model), precision="fp32", threads=1)
    if not again:
        await until(lambda: window.engine.is_ready, "the model")


@contextlib.asynccontextmanager
async def beside(window: MainWindow, load: str, home: Path) -> AsyncIterator[list[psutil.Process]]:
    """What goes on meanwhile; the processes that take cores from the window."""
    processes: list[psutil.Process] = []
    match load:
        case "generating" | "loading":
            await load_model(window, home, again=load == "loading")
        case "training" | "standing-back":
            processes = [await begin_run(window, stands_back=load == "standing-back")]
        case "burning":
            command = [sys.executable, "-c", "while True: pass"]
            processes = [psutil.Popen(command) for _ in range(os.cpu_count() or 1)]
    try:
        if load in ("training", "standing-back"):
            await until(has_stepped, "the run's first step")
        yield processes
    finally:
        for process in processes:
            process.kill()  # none has anything that is worth being saved
        psutil.wait_procs(processes)


def seconds_of(processes: Sequence[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


async def done(window: MainWindow, load: str, home: Path) -> dict[str, float]:
    if load == "opening":
        return await open_long(window, home)
    took = await (look_at_models(window, home) if load == "models" else type_into(window))
    return spread("key_to_paint", took)


async def measured(application: QApplication, load: str, home: Path) -> dict[str, float]:
    window = make_window(application)
    window.show()
    garbage = MainThreadGarbage(window)  # as app.run does
    garbage.keep_all_there_is()
    (home / "typed.py").write_text(TEXT)
    await window.begin([home / "typed.py"])
    beats = Beats()
    async with beside(window, load, home) as processes:
        await asyncio.sleep(1)
        begun, before = time.perf_counter(), seconds_of(processes)
        beats.start()
        figures = await done(window, load, home)
        beats.stop()
        if processes:
            spent = seconds_of(processes) - before
            figures["run_cores"] = round(spent / (time.perf_counter() - begun), 2)
    garbage.stop()
    window._has_left = True
    window.close()
    await window.end()
    return spread("late", beats.late_ms) | figures


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
