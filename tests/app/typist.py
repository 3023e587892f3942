"""The whole program, in which somebody types, and that says on stdout how far they have come and when.

Started by test_recovery as a process of its own, and killed. Lines: `ready`, then how many characters have
been typed and the clock, once the key has been handled.
"""

import asyncio
import sys
import time
from pathlib import Path

import qasync
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app import engines
from app.run import make_window

LETTERS = "abcdefghij\n"
_SAVED_AFTER = 40  # keys


def typed(count: int) -> str:
    """The text of so many keys."""
    return (LETTERS * (count // len(LETTERS) + 1))[:count]


async def type_for_ever(application: QApplication, path: Path | None) -> None:
    """Without a file nothing is saved."""
    engines.EMBEDDED = Path("no model is needed to type")
    window = make_window(application)
    window.show()
    await window.begin([path] if path else [])
    document = window.tabs.current() or window.documents.new()
    sys.stdout.write("ready\n")
    count = 0

    def type_one() -> None:
        nonlocal count
        letter = LETTERS[count % len(LETTERS)]
        if letter == "\n":
            QTest.keyClick(document.editor, Qt.Key.Key_Return)
        else:
            QTest.keyClicks(document.editor, letter)
        count += 1
        sys.stdout.write(f"{count} {time.monotonic()}\n")
        sys.stdout.flush()
        if path is not None and count % _SAVED_AFTER == 0:
            window.commands.trigger("file.save")

    timer = QTimer(window, interval=10)
    timer.timeout.connect(type_one)
    timer.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    application = QApplication([])
    application.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(type_for_ever(application, Path(sys.argv[1]) if sys.argv[1:] else None))
