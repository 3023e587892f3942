"""What a folder of many files and a long text cost the window: `python -m tests.benchmarks.folder --help`.

For each thing that is done: how long it takes until it is there, and how late the window's loop was
meanwhile (its 99th percentile and its worst moment). All in the whole window, offscreen, without a model.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ |= {"QT_API": "pyside6", "QT_QPA_PLATFORM": "offscreen"}

import psutil
import qasync
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from app import engines
from app.garbage import MainThreadGarbage
from app.main_window import MainWindow
from app.run import make_window
from core import report

_BEAT_S = 0.002
_FILES_IN_FOLDER = 100
_KEYS, _KEY_EVERY_S = 60, 0.06


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--megabytes", type=float, nargs="*", default=[0.1, 1.8, 10.0])
    arguments = parser.parse_args()
    engines.EMBEDDED = Path("no model is needed here")
    with tempfile.TemporaryDirectory() as place:
        os.environ["SMALLCODER_HOME"] = str(Path(place, "home"))
        folder = Path(place, "project")
        fill(folder, arguments.files)
        application = QApplication([])
        application.setQuitOnLastWindowClosed(False)
        loop = qasync.QEventLoop(application)
        asyncio.set_event_loop(loop)
        loop.run_until_complete(measured(application, folder, arguments.files, arguments.megabytes))
        loop.close()
    return 0


def fill(folder: Path, count: int) -> None:
    for number in range(0, count, _FILES_IN_FOLDER):
        below = folder / f"part_{number // 5000}" / f"folder_{number // _FILES_IN_FOLDER}"
        below.mkdir(parents=True)
        for name in range(min(_FILES_IN_FOLDER, count - number)):
            (below / f"file_{name}.py").write_text(f"def f{name}():\n    return {number}\n")


async def measured(application: QApplication, folder: Path, count: int, sizes: list[float]) -> None:
    window = make_window(application)
    window.show()
    await window.begin([])
    garbage = MainThreadGarbage(application)
    await asyncio.sleep(1)
    await measure_folder(window, folder, count)
    for megabytes in sizes:
        await measure_text(window, folder.parent / "long.py", megabytes)
    await measure_idle()
    garbage.stop()
    window.hide()
    await window.end()


async def measure_folder(window: MainWindow, folder: Path, count: int) -> None:
    window.opening.open_folder(folder)
    await timed(f"all of {count:,} files known by name", lambda: len(window.project.entries()) >= count)
    finder, found = window.project.finder, []
    finder._search.finished.connect(found.append)
    window.commands.trigger("edit.find_in_files")
    for text, name in (("return 700", "found in all files: one folder"), ("return", "found: in each file")):
        found.clear()
        finder._words.setText(text)
        await timed(name, lambda: found)
    deep = max(folder.glob("part_0/folder_*/file_9.py"))
    window.project.tree.reveal(deep)
    await timed("a file shown in the tree", lambda: window.project.tree.chosen() == deep)
    window.commands.trigger("go.file")
    await timed("going to a file: the list is there", window.palette_line.isVisible)
    line = window.palette_line.findChildren(QLineEdit)[0]
    for letter in "file_7":
        begin = time.perf_counter()
        QTest.keyClicks(line, letter)
        report.say(f"{f'  key {letter}':44} {(time.perf_counter() - begin) * 1000:8.0f} ms")


async def measure_text(window: MainWindow, path: Path, megabytes: float) -> None:
    line = "def function(argument):\n    return argument + 12345678\n"
    path.write_text(line * int(megabytes * 1e6 / len(line)))
    begin = time.perf_counter()
    document = await window.documents.open(path)
    if document is None:
        raise RuntimeError(f"{path} did not open")
    report.say(f"{f'opening {megabytes} MB':44} {(time.perf_counter() - begin) * 1000:8.0f} ms")
    await asyncio.sleep(3)  # the first colours
    for keeps in (False, True):
        window.recovery.keep_texts(keeps)
        typed: list[int] = []

        async def type_into(typed: list[int] = typed) -> None:
            for key in range(_KEYS):
                QTest.keyClicks(document.editor, "x")
                typed.append(key)
                await asyncio.sleep(_KEY_EVERY_S)

        typing = asyncio.ensure_future(type_into())
        name = f"  typing, {'kept safe' if keeps else 'nothing kept'}"
        await timed(name, lambda typed=typed: len(typed) == _KEYS)
        await typing
    document.editor.document().setModified(False)
    await window.documents.close(document)


async def measure_idle() -> None:
    process = psutil.Process()
    await asyncio.sleep(3)
    before, begin = process.cpu_times(), time.perf_counter()
    await asyncio.sleep(10)
    after = process.cpu_times()
    used = (after.user + after.system) - (before.user + before.system)
    report.say(f"{'idle, of one core':44} {100 * used / (time.perf_counter() - begin):8.2f} %")
    report.say(f"{'resident':44} {process.memory_info().rss / (1 << 20):8.0f} MB")


async def timed(name: str, is_done: Callable[[], object]) -> None:
    late_ms = []
    begin = time.perf_counter()
    while not is_done():
        beat = time.perf_counter()
        await asyncio.sleep(_BEAT_S)
        late_ms.append((time.perf_counter() - beat - _BEAT_S) * 1000)
    late_ms = sorted(late_ms) or [0.0]
    took_ms = (time.perf_counter() - begin) * 1000
    p99 = late_ms[int(len(late_ms) * 0.99)]
    report.say(f"{name:44} {took_ms:8.0f} ms   late p99 {p99:5.1f}  worst {late_ms[-1]:5.1f} ms")


if __name__ == "__main__":
    raise SystemExit(main())
