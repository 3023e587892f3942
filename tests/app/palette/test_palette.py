"""The palette driven by keys: typed, moved in, chosen from, left; focus goes back where it came from."""

import asyncio
from collections.abc import Iterator

import pytest
import qasync
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMainWindow
from pytestqt.qtbot import QtBot

from app.palette.palette import Choice, Entry, Palette, Source
from app.settings import Appearance
from app.theme import Theme

COMMANDS = [
    Entry("save", "File: Save", keys="Ctrl+S"),
    Entry("all", "File: Save All"),
    Entry("quit", "File: Quit"),
]
FILES = [Entry("/a/one.py", "one.py", "a"), Entry("/b/two.py", "two.py", "b")]
SOURCES = {
    ">": Source(lambda: COMMANDS, "Type a command", "No command fits"),
    ":": Source(list, "Type a line", takes_text=True),
    "": Source(lambda: FILES, "Type a name"),
}


class Opened:
    """A window with a field that has the focus, and the palette above it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, qapp: QApplication, qtbot: QtBot) -> None:
        self.window = QMainWindow()
        qtbot.addWidget(self.window)
        self.field = QLineEdit(self.window)
        self.window.setCentralWidget(self.field)
        self.palette = Palette(Theme(qapp, Appearance()), self.window)
        self.window.resize(800, 600)
        self.window.show()
        qtbot.waitExposed(self.window)
        self.window.activateWindow()
        self.field.setFocus()
        self._loop, self._qtbot = loop, qtbot

    def choose(self, *keys: Qt.Key | str, text: str = "") -> Choice | None:
        """What comes of these keys."""

        async def chosen() -> Choice | None:
            answer = asyncio.ensure_future(self.palette.choose(SOURCES, text))
            await asyncio.sleep(0)
            for key in keys:
                line = self.palette.findChild(QLineEdit)
                if isinstance(key, str):
                    QTest.keyClicks(line, key)
                else:
                    QTest.keyClick(line, key)
            return await asyncio.wait_for(answer, 5)

        return self._loop.run_until_complete(chosen())


@pytest.fixture
def opened(qapp: QApplication, qtbot: QtBot) -> Iterator[Opened]:
    loop = qasync.QEventLoop(qapp)
    yield Opened(loop, qapp, qtbot)
    loop.close()


def test_the_first_that_fits_is_taken_with_enter_and_the_focus_goes_back(opened: Opened) -> None:
    assert opened.choose("two", Qt.Key.Key_Return) == Choice("", "/b/two.py", "two")
    assert opened.palette.isHidden()
    assert opened.window.focusWidget() is opened.field


def test_arrows_move_and_go_round(opened: Opened) -> None:
    assert opened.choose(">save", Qt.Key.Key_Down, Qt.Key.Key_Return) == Choice(">", "all", "save")
    assert opened.choose(">", Qt.Key.Key_Up, Qt.Key.Key_Return) == Choice(">", "quit", "")


def test_what_is_typed_before_says_among_what(opened: Opened) -> None:
    assert opened.choose(Qt.Key.Key_Return, text=">") == Choice(">", "save", "")
    assert opened.choose(Qt.Key.Key_Backspace, Qt.Key.Key_Return, text=">") == Choice("", "/a/one.py", "")


def test_text_is_an_answer_where_it_may_be(opened: Opened) -> None:
    assert opened.choose(":42", Qt.Key.Key_Return) == Choice(":", None, "42")


def test_enter_where_nothing_fits_does_nothing_and_escape_leaves(opened: Opened) -> None:
    assert opened.choose("nowhere", Qt.Key.Key_Return, Qt.Key.Key_Escape) is None
    assert opened.window.focusWidget() is opened.field


def test_a_second_wish_ends_the_first(opened: Opened) -> None:
    async def both() -> tuple[Choice | None, Choice | None]:
        first = asyncio.ensure_future(opened.palette.choose(SOURCES))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(opened.palette.choose(SOURCES, ">"))
        await asyncio.sleep(0)
        QTest.keyClick(opened.palette.findChild(QLineEdit), Qt.Key.Key_Return)
        return await first, await second

    assert opened._loop.run_until_complete(both()) == (None, Choice(">", "save", ""))


def test_the_palette_is_seen_whole_in_a_small_window(opened: Opened) -> None:
    opened.window.resize(320, 240)

    async def shown() -> bool:
        answer = asyncio.ensure_future(opened.palette.choose(SOURCES))
        await asyncio.sleep(0)
        is_inside = opened.window.rect().contains(opened.palette.geometry())
        QTest.keyClick(opened.palette.findChild(QLineEdit), Qt.Key.Key_Escape)
        await answer
        return is_inside

    assert opened._loop.run_until_complete(shown())
