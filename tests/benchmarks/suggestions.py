"""What suggestions cost the window at each key: `python -m tests.benchmarks.suggestions --help`.

The real code editor with a long file, offscreen; the engine's part is played by hand, since its time is not
the window's. A key counts from its press until it is painted, in the processor's time of the window's thread:
programs beside it change that little. The same keys are typed into an editor without suggestions, with them
but nothing to show, along suggestions of one line and of several, and with a new answer to show at each key.
Along the file's longest line Qt looks at all lines again, to know how wide the file is.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

from core import report

KEYS, LINES = 600, 5000
LINE_LETTERS = 40
LONGEST = "#" * 120 + "\n"
BLOCK = "\n    if other:\n        return other\n" * 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=KEYS)
    parser.add_argument("--lines", type=int, default=LINES, help="of the file that is edited")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication([])
    rows = [{"typing": name} | measured(way, arguments.keys, arguments.lines) for name, way in WAYS.items()]
    application.processEvents()
    if arguments.json:
        report.say(json.dumps(rows))
    else:
        for row in rows:
            report.say(f"  {row['typing']:<34} {row['p50_ms']:7.2f} ms  p99 {row['p99_ms']:7.2f} ms")
    return 0


class Bench:
    def __init__(self, lines: int, *, with_suggestions: bool) -> None:
        from app.actions import KeyMap
        from app.editor.code_editor import CodeEditor
        from app.languages import PYTHON
        from app.settings import Completion as Settings
        from app.suggestions.completion import Completion
        from app.suggestions.ghost_text import GhostText
        from app.suggestions.wishes import Sources
        from tests.app.desk import READY

        self.editor = CodeEditor()
        self.editor.set_language(PYTHON)
        middle = lines // 2
        text = "def add(first, second):\n    return first + second\n" * middle
        self.editor.setPlainText(LONGEST + text)
        self.editor.resize(1000, 700)
        self.editor.show()
        self.editor.setFocus()
        self.editor.highlighter.settle()
        cursor = self.editor.textCursor()
        block = self.editor.document().findBlockByNumber(middle // 2 * 2)
        cursor.setPosition(block.position() + block.length() - 1)
        cursor.insertText("\n    ")
        self.editor.setTextCursor(cursor)
        self.editor.centerCursor()
        self.ghost = self.completion = None
        if with_suggestions:
            self.ghost = GhostText(self.editor)
            settings = replace(Settings(), pause_ms=2000, look_ahead=False, least_chance=0.0)
            sources = Sources(new_id=count(1).__next__)
            self.completion = Completion(self.editor, self.ghost, KeyMap(), settings, sources)
            self.completion.set_file("a.py", "Python", line_comment="#")
            self.completion.set_engine(READY)
            self.wishes: list[Any] = []
            self.completion.complete_requested.connect(self.wishes.append)
        self.paint()

    def paint(self) -> None:
        from PySide6.QtCore import QCoreApplication

        QCoreApplication.processEvents()

    def new_line(self) -> None:
        from PySide6.QtCore import Qt
        from PySide6.QtTest import QTest

        QTest.keyClick(self.editor, Qt.Key.Key_Return)
        self.editor.highlighter.settle()
        self.paint()

    def answer(self, text: str) -> None:
        from core.spec.messages import Done, Statistics, Text

        self.completion.suggest()
        id = self.wishes[-1].id
        self.completion.engine_said(Text(id, text))
        self.completion.engine_said(Done(id, "trimmed", Statistics()))
        self.paint()
        assert self.ghost.text == text

    def press(self, letter: str) -> float:
        from PySide6.QtTest import QTest

        started = time.thread_time()
        QTest.keyClicks(self.editor, letter)
        self.paint()
        return (time.thread_time() - started) * 1000


def without(bench: Bench, keys: int) -> list[float]:
    taken = []
    for number in range(keys):
        if number % LINE_LETTERS == 0:
            bench.new_line()
        taken.append(bench.press("x"))
    return taken


def along(tail: str, letters: int = LINE_LETTERS) -> Callable[[Bench, int], list[float]]:
    def type_along(bench: Bench, keys: int) -> list[float]:
        taken: list[float] = []
        while len(taken) < keys:
            bench.new_line()
            bench.answer("x" * (letters + 1) + tail)
            taken += [bench.press("x") for _ in range(letters)]
            assert bench.ghost.text == "x" + tail
        return taken

    return type_along


def renewed(bench: Bench, keys: int) -> list[float]:
    """Something else is typed than was suggested, and the next answer is shown; both are counted."""
    taken = []
    for number in range(keys):
        if number % LINE_LETTERS == 0:
            bench.new_line()
        started = time.thread_time()
        bench.press("x")
        bench.answer("yyy = first + second")
        taken.append((time.thread_time() - started) * 1000)
    return taken


WAYS: dict[str, tuple[bool, Callable[[Bench, int], list[float]]]] = {
    "without suggestions": (False, without),
    "nothing to show": (True, without),
    "along a line": (True, along("")),
    "along a block": (True, along(BLOCK)),
    "along the file's longest line": (True, along("", 140)),
    "a new answer at each key": (True, renewed),
}


def measured(way: tuple[bool, Callable[[Bench, int], list[float]]], keys: int, lines: int) -> dict[str, Any]:
    with_suggestions, press = way
    bench = Bench(lines, with_suggestions=with_suggestions)
    press(bench, min(keys, LINE_LETTERS))  # to warm up
    bench.editor.close()
    bench = Bench(lines, with_suggestions=with_suggestions)
    taken = sorted(press(bench, keys))
    bench.editor.close()
    return {
        "p50_ms": round(statistics.median(taken), 3),
        "p99_ms": round(taken[int(len(taken) * 0.99)], 3),
        "longest_ms": round(taken[-1], 3),
        "keys": keys,
        "lines": lines,
    }


if __name__ == "__main__":
    sys.exit(main())
