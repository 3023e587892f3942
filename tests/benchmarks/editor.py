"""How long the editor lets one wait: `python -m tests.benchmarks.editor --help`.

On a text of real Python (the standard library's own files, one behind the other): opening until painted, each
key until its paint is done, and commands on everything. Without a display the offscreen platform is taken.
"""

import argparse
import os
import statistics
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPaintEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.editor.code_editor import CodeEditor
from app.finding.search import Query, Search
from app.languages import language_named
from core import report

KEYS = 300
clock = time.process_time if "--processor-time" in sys.argv else time.perf_counter


class TimedEditor(CodeEditor):
    """Notes when its last paint was done."""

    painted = 0.0

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self.painted = clock()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=50_000)
    parser.add_argument(
        "--processor-time", action="store_true", help="what the editor itself uses, where others are busy too"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication(sys.argv[:1])
    results: dict[str, float] = {}
    for name, value in measured(application, source(arguments.lines)):
        results[name] = round(value, 2)
        if not arguments.json:
            report.say(f"{name:52} {value:10,.1f}")
    if arguments.json:
        report.say_json(results)
    return 0


def source(lines: int) -> str:
    found: list[str] = []
    for file in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        found += file.read_text(encoding="utf-8", errors="replace").splitlines()
        if len(found) >= lines:
            break
    return "\n".join(found[:lines])


def measured(application: QApplication, text: str) -> Iterator[tuple[str, float]]:
    warm_up(application)
    rss = psutil.Process().memory_info().rss
    editor = TimedEditor()
    editor.resize(1000, 800)
    editor.set_language(language_named("python"))
    editor.show()
    application.processEvents()
    yield "characters", len(text)
    yield "open until painted, ms", timed(application, editor, lambda: editor.setPlainText(text))
    place(editor, editor.blockCount() // 2)
    yield "jump to the middle, not yet lexed, ms", timed(application, editor, editor.centerCursor)
    yield from settled(application, editor)
    yield "memory added, MB", (psutil.Process().memory_info().rss - rss) / 1e6
    for name, line in (("start", 10), ("middle", editor.blockCount() // 2), ("end", editor.blockCount() - 5)):
        place(editor, line)
        yield from keys(application, editor, f"letter at the {name}", "x")
    place(editor, editor.blockCount() // 2)
    yield from keys(application, editor, "new line in the middle", "\n")
    yield from keys(application, editor, "cursor down", "down")
    yield from keys(application, editor, "page down", "page")
    place(editor, 100)
    yield "a string opened at line 100, ms", timed(application, editor, lambda: editor.insertPlainText('"""'))
    yield "taken back, ms", timed(application, editor, editor.undo)
    yield from settled(application, editor)
    yield from on_everything(application, editor, text)
    yield from one_long_line(application, editor)


def on_everything(application: QApplication, editor: TimedEditor, text: str) -> Iterator[tuple[str, float]]:
    search = Search(editor.document(), editor)
    began = clock()
    search.start(Query("self"))
    yield "first slice of a search, ms", (clock() - began) * 1000
    search.finish()
    yield "the whole of it, ms", (clock() - began) * 1000
    yield "found", len(search.spans)
    search.stop()
    place(editor, 1000)
    QGuiApplication.clipboard().setText(text[:1_000_000])
    yield "paste 1 MB, ms", timed(application, editor, editor.paste)
    yield "undo it, ms", timed(application, editor, editor.undo)
    editor.selectAll()
    for action in ("edit.toggle_comment", "edit.indent", "edit.outdent", "edit.trim_trailing"):
        yield f"{action} on all, ms", timed(application, editor, lambda action=action: editor.perform(action))
    yield "undo the first of them, ms", timed(application, editor, editor.undo)
    yield "larger code, ms", timed(application, editor, lambda: editor.set_code_font("", 13.0))


def one_long_line(application: QApplication, editor: TimedEditor) -> Iterator[tuple[str, float]]:
    for size in (20_000, 100_000, 1_000_000):
        line = "x = [" + "12345, " * (size // 7) + "]"
        shown = f"line of {size:,}: "
        yield shown + "open, ms", timed(application, editor, lambda line=line: editor.setPlainText(line))
        place(editor, 0)
        yield shown + "letter at its start, ms", timed(application, editor, lambda: press(editor, "x"))
        editor.moveCursor(QTextCursor.MoveOperation.End)
        yield shown + "letter at its end, ms", timed(application, editor, lambda: press(editor, "x"))


def warm_up(application: QApplication) -> None:
    """What is imported and read once is not the text's."""
    editor = TimedEditor()
    editor.set_language(language_named("python"))
    editor.setPlainText("def f(x):\n    return 'x'  # y\n")
    editor.show()
    application.processEvents()
    editor.close()
    editor.deleteLater()


def place(editor: CodeEditor, line: int) -> None:
    cursor = editor.textCursor()
    block = editor.document().findBlockByNumber(min(line, editor.blockCount() - 1))
    cursor.setPosition(block.position() + block.length() - 1)
    editor.setTextCursor(cursor)


def timed(application: QApplication, editor: TimedEditor, act: Callable[[], object]) -> float:
    """Milliseconds from the act to the end of its paint."""
    application.processEvents()
    editor.painted = 0.0
    began = clock()
    act()
    while editor.painted < began and clock() - began < 5:
        application.processEvents()
    return (max(editor.painted, began) - began) * 1000


def press(editor: CodeEditor, key: str) -> None:
    named = {"\n": Qt.Key.Key_Return, "down": Qt.Key.Key_Down, "page": Qt.Key.Key_PageDown}
    QTest.keyClick(editor, named.get(key, key))


def keys(application: QApplication, editor: TimedEditor, name: str, key: str) -> Iterator[tuple[str, float]]:
    times = []
    for number in range(KEYS):
        if (
            key == "x" and number % 50 == 49
        ):  # or the line outgrows the window, and all of it moves at each key
            place(editor, editor.textCursor().blockNumber() + 3)
        times.append(timed(application, editor, lambda: press(editor, key)))
    times.sort()
    yield f"{name}, p50 ms", statistics.median(times)
    yield f"{name}, p99 ms", times[int(len(times) * 0.99)]


def settled(application: QApplication, editor: CodeEditor) -> Iterator[tuple[str, float]]:
    """The event loop runs on; the longest it did not answer is told."""
    began = last = clock()
    longest = 0.0
    while not editor.highlighter.is_settled:
        application.processEvents()
        now = clock()
        longest, last = max(longest, now - last), now
    yield "all colours known after, ms", (clock() - began) * 1000
    yield "longest turn of the event loop meanwhile, ms", longest * 1000


if __name__ == "__main__":
    sys.exit(main())
