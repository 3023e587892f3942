"""Grey text in a real editor: seen, in no document, and gone without a trace; nothing else is disturbed."""

import gc
from itertools import count

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QImage, QSyntaxHighlighter, QTextCharFormat, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit
from pytestqt.qtbot import QtBot

from app.actions import KeyMap
from app.editor.code_editor import CodeEditor
from app.languages import PYTHON
from app.settings import Completion as Settings
from app.suggestions.completion import Completion
from app.suggestions.ghost_text import GhostText
from app.suggestions.preedit_formats import is_ghost
from app.suggestions.wishes import Sources
from app.theme import DARK, LIGHT, Colours
from tests.app.desk import code_editor

CODE = "def add(a, b):\n    total = a\n    return total\n"


class Shown:
    def __init__(self, qtbot: QtBot, editor: QPlainTextEdit, text: str = CODE, line: int = 1) -> None:
        self.editor = editor
        qtbot.addWidget(editor)
        editor.setPlainText(text)
        editor.resize(480, 240)
        editor.show()
        editor.setFocus()
        qtbot.waitUntil(editor.hasFocus)
        self.ghost = GhostText(editor)
        cursor = editor.textCursor()
        block = editor.document().findBlockByNumber(line)
        cursor.setPosition(block.position() + block.length() - 1)
        editor.setTextCursor(cursor)

    def picture(self) -> QImage:
        self.editor.setCursorWidth(0)
        return self.editor.grab().toImage()


@pytest.mark.parametrize("make", [QPlainTextEdit, code_editor])
def test_it_is_seen_and_leaves_no_trace(qtbot: QtBot, make: type) -> None:
    shown = Shown(qtbot, make())
    before = shown.picture()
    formats = [part.start for part in shown.editor.textCursor().block().layout().formats()]
    assert shown.ghost.show(" + b\n    print(total)")
    assert shown.picture() != before
    document = shown.editor.document()
    assert document.toPlainText() == CODE
    assert not document.isModified()
    assert not document.isUndoAvailable()
    assert document.find("print").isNull()
    shown.editor.selectAll()
    assert shown.editor.textCursor().selection().toPlainText() == CODE
    assert shown.ghost.text == ""
    shown.editor.moveCursor(QTextCursor.MoveOperation.Start)
    assert [part.start for part in document.findBlockByNumber(1).layout().formats()] == formats
    cursor = shown.editor.textCursor()
    cursor.setPosition(len("def add(a, b):\n    total = a"))
    shown.editor.setTextCursor(cursor)
    assert shown.picture() == before


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_it_is_drawn_in_the_theme_s_grey(qtbot: QtBot, colours: Colours) -> None:
    editor = code_editor()
    editor.set_colours(colours)
    shown = Shown(qtbot, editor, "x = \n", line=0)
    shown.ghost.set_colour(colours.colour("ghost"))
    found = pixels(shown.picture())
    shown.ghost.show("█" * 12)
    assert pixels(shown.picture()).get(colours.ghost, 0) > 200 + found.get(colours.ghost, 0)


def pixels(image: QImage) -> dict[str, int]:
    found: dict[str, int] = {}
    for x in range(image.width()):
        for y in range(0, image.height(), 2):
            name = QColor(image.pixel(x, y)).name()
            found[name] = found.get(name, 0) + 1
    return found


def test_lines_below_make_room_for_several_and_close_up_again(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit())
    below = QTextCursor(shown.editor.document().findBlockByNumber(2))
    top, height = shown.editor.cursorRect(below).top(), shown.editor.fontMetrics().lineSpacing()
    shown.ghost.show(" + b\n    one\n    two")
    assert shown.editor.cursorRect(below).top() >= top + 2 * height
    caret = shown.editor.cursorRect()
    shown.ghost.clear()
    assert shown.editor.cursorRect(below).top() == top
    assert shown.editor.cursorRect() == caret


@pytest.mark.parametrize("scrolled", [0, 5, 30])
def test_what_is_in_sight_stays_where_it_is_when_grey_lines_above_go(qtbot: QtBot, scrolled: int) -> None:
    shown = Shown(qtbot, QPlainTextEdit(), "x = 1\n" * 200, line=5)
    shown.ghost.show("\nanother" * 6)
    shown.editor.grab()
    bar = shown.editor.verticalScrollBar()
    bar.setValue(scrolled + (6 if scrolled > 5 else 0))
    line = first_line_in_sight(shown.editor)
    shown.ghost.clear()
    assert first_line_in_sight(shown.editor) == line


def first_line_in_sight(editor: QPlainTextEdit) -> int:
    return editor.cursorForPosition(QPoint(1, 1)).blockNumber()


def test_it_is_not_shown_where_the_cursor_is_out_of_sight(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit(), "x = 1\n" * 200)
    shown.editor.verticalScrollBar().setValue(100)
    assert not shown.ghost.show("abc")
    assert shown.ghost.text == ""


def test_marks_behind_the_cursor_wait_until_it_has_gone(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit(), "find (find) find\nfind\n", line=0)
    shown.editor.moveCursor(QTextCursor.MoveOperation.Start)
    for _ in range(6):
        shown.editor.moveCursor(QTextCursor.MoveOperation.Right)
    shown.editor.setExtraSelections([mark(shown.editor, place) for place in (0, 6, 12, 17)])
    shown.ghost.show("other")
    assert [found.cursor.selectionStart() for found in shown.editor.extraSelections()] == [0, 17]
    shown.editor.setExtraSelections([mark(shown.editor, place) for place in (0, 6, 12, 17)])
    shown.editor.grab()
    assert [found.cursor.selectionStart() for found in shown.editor.extraSelections()] == [0, 17]
    shown.ghost.clear()
    starts = sorted(found.cursor.selectionStart() for found in shown.editor.extraSelections())
    assert starts == [0, 6, 12, 17]


def test_marks_that_the_editor_has_set_meanwhile_are_not_overwritten(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit(), "find find\n", line=0)
    shown.editor.moveCursor(QTextCursor.MoveOperation.Start)
    shown.editor.setExtraSelections([mark(shown.editor, 0), mark(shown.editor, 5)])
    shown.ghost.show("other")
    shown.editor.setExtraSelections([mark(shown.editor, 5)])
    shown.ghost.clear()
    assert [found.cursor.selectionStart() for found in shown.editor.extraSelections()] == [5]


def mark(editor: QPlainTextEdit, start: int) -> QTextEdit.ExtraSelection:
    made = QTextEdit.ExtraSelection()
    made.cursor = QTextCursor(editor.document())
    made.cursor.setPosition(start)
    made.cursor.setPosition(start + 4, QTextCursor.MoveMode.KeepAnchor)
    made.format = QTextCharFormat()
    made.format.setBackground(QColor("yellow"))
    return made


class Bold(QSyntaxHighlighter):
    """Colours from the letter before the cursor on, and so over what stands there."""

    def highlightBlock(self, text: str) -> None:
        bold = QTextCharFormat()
        bold.setForeground(QColor("red"))
        self.setFormat(0, len(text), bold)


def test_a_highlighter_of_qt_s_own_does_not_colour_it(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit(), "total = a and more\n", line=0)
    highlighter = Bold(shown.editor.document())
    qtbot.waitUntil(lambda: bool(shown.editor.document().firstBlock().layout().formats()))
    cursor = shown.editor.textCursor()
    cursor.setPosition(9)
    shown.editor.setTextCursor(cursor)
    shown.ghost.show("bcd")
    highlighter.rehighlight()
    assert is_ghost(shown.editor.document().firstBlock().layout().formats()[-1])
    shown.ghost.clear()
    assert not any(map(is_ghost, shown.editor.document().firstBlock().layout().formats()))


def test_the_code_editor_s_colours_come_and_go_around_it(qtbot: QtBot) -> None:
    editor = code_editor()
    shown = Shown(qtbot, editor, 'name = f("text", 1)\n', line=0)
    cursor = editor.textCursor()
    cursor.setPosition(12)
    editor.setTextCursor(cursor)
    editor.highlighter.settle()
    layout = editor.document().firstBlock().layout()
    before = spans(editor)
    shown.ghost.show(" 🦙 text")
    assert is_ghost(layout.formats()[-1])
    editor.highlighter.repair(editor.document().firstBlock())
    editor.set_colours(DARK)
    shown.ghost.show(" 🦙 text")
    assert [span for span in spans(editor) if not span[2]] != before
    shown.ghost.clear()
    assert spans(editor) == before


def spans(editor: QPlainTextEdit) -> list[tuple[int, int, bool]]:
    formats = editor.document().firstBlock().layout().formats()
    return [(part.start, part.length, is_ghost(part)) for part in formats]


def test_a_click_lands_where_the_text_is_and_not_where_grey_moved_it(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit(), "call()\n", line=0)
    cursor = shown.editor.textCursor()
    cursor.setPosition(5)
    shown.editor.setTextCursor(cursor)
    bracket = shown.editor.cursorRect().center()
    shown.ghost.show("first, second")
    QTest.mouseClick(shown.editor.viewport(), Qt.MouseButton.LeftButton, pos=bracket + QPoint(60, 0))
    assert shown.editor.textCursor().position() == 6
    assert shown.ghost.text == ""


def test_taking_it_back_makes_an_unchanged_file_unchanged_again(qtbot: QtBot) -> None:
    shown = Shown(qtbot, QPlainTextEdit())
    shown.ghost.show(" + b")
    shown.ghost.insert(" + b")
    assert shown.editor.document().isModified()
    shown.editor.undo()
    assert not shown.editor.document().isModified()
    shown.editor.redo()
    assert shown.editor.toPlainText() == CODE.replace("= a", "= a + b")


def test_an_editor_with_grey_text_is_closed_and_collected(qtbot: QtBot) -> None:
    editor = code_editor()
    sources = Sources(new_id=count(1).__next__)
    Completion(editor, GhostText(editor), KeyMap(), Settings(), sources)
    editor.setPlainText("x = ")
    editor.show()
    editor.setFocus()
    qtbot.waitUntil(editor.hasFocus)
    gone: list[bool] = []
    editor.document().destroyed.connect(lambda: gone.append(True))
    QTest.keyClicks(editor, "abc")
    editor.close()
    del editor, sources
    gc.collect()
    qtbot.waitUntil(lambda: bool(gone))


@pytest.mark.parametrize("width", [120, 480])
def test_wrapped_lines_stay_in_order_with_it(qtbot: QtBot, width: int) -> None:
    editor = CodeEditor()
    editor.set_language(PYTHON)
    editor.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
    shown = Shown(qtbot, editor, "some_function(with_many, arguments)\nnext\n", line=0)
    editor.resize(width, 240)
    editor.grab()
    shown.ghost.show(" + some_function(with_many, arguments)\nand more")
    document = editor.document()
    tops = [editor.blockBoundingGeometry(document.findBlockByNumber(line)).top() for line in range(3)]
    assert tops == sorted(tops)
    assert len({*tops}) == 3
    lines = document.firstBlock().layout().lineCount()
    assert lines >= 2
    shown.ghost.clear()
    editor.grab()
    assert document.firstBlock().layout().lineCount() < lines
