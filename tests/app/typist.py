"""A program that types into a real document of the window's, and says on stdout what it has typed and when.

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
from PySide6.QtWidgets import QApplication, QPlainTextEdit

from app.editor.documents import Documents
from app.editor.questions import Questions
from app.editor.recovery import Recovery

LETTERS = "abcdefghij\n"


def typed(count: int) -> str:
    """The text of so many keys."""
    return (LETTERS * (count // len(LETTERS) + 1))[:count]


async def type_for_ever(root: Path, path: Path | None) -> None:
    from PySide6.QtWidgets import QWidget

    window = QWidget()
    documents = Documents(QPlainTextEdit, Questions(window), window)
    recovery = Recovery(documents, root)
    await recovery.restore()
    document = await documents.open(path) if path else documents.new()
    assert document is not None
    document.editor.setParent(window)
    window.show()
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
        if path is not None and count % 40 == 0:
            documents.errands.start(documents.save(document))

    timer = QTimer(window, interval=10)
    timer.timeout.connect(type_one)
    timer.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    application = QApplication([])
    loop = qasync.QEventLoop(application)
    asyncio.set_event_loop(loop)
    loop.run_until_complete(type_for_ever(Path(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else None))
