"""Typing and commands, each as a person sees it: `|` is the cursor, and ⟦ ⟧ are a selection's ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.actions import ACTIONS
from app.editor.code_editor import CodeEditor
from app.editor.indentation import Indentation
from app.editor.marks import areas_of
from app.languages import language_named
from app.settings import Editing
from app.suggestions.surroundings import line_around

START, END = "⟦", "⟧"


@pytest.fixture
def editor(qtbot: QtBot) -> CodeEditor:
    made = CodeEditor()
    qtbot.addWidget(made)
    made.set_language(language_named("python"))
    made.resize(600, 400)
    return made


def put(editor: CodeEditor, text: str) -> None:
    plain = text.replace("|", "").replace(START, "").replace(END, "")
    editor.setPlainText(plain)
    editor.highlighter.settle()
    cursor = editor.textCursor()
    if START in text:
        start, end = text.index(START), text.index(END) - 1
        cursor.setPosition(start)
        cursor.setPosition(end, cursor.MoveMode.KeepAnchor)
    elif "|" in text:
        cursor.setPosition(text.index("|"))
    editor.setTextCursor(cursor)


def seen(editor: CodeEditor) -> str:
    text, cursor = editor.toPlainText(), editor.textCursor()
    if not cursor.hasSelection():
        return text[: cursor.position()] + "|" + text[cursor.position() :]
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    return text[:start] + START + text[start:end] + END + text[end:]


def type_in(editor: CodeEditor, text: str) -> None:
    for letter in text:
        if letter == "\n":
            QTest.keyClick(editor, Qt.Key.Key_Return)
        elif letter == "\b":
            QTest.keyClick(editor, Qt.Key.Key_Backspace)
        elif letter == "\t":
            QTest.keyClick(editor, Qt.Key.Key_Tab)
        else:
            QTest.keyClicks(editor, letter)


TYPED = [
    ("|", "(", "(|)"),
    ("|", "()", "()|"),
    ("|", "f(a)b", "f(a)b|"),
    ("|", "(\b", "|"),
    ("(|)", "\b", "|)"),  # not put in by us
    ("(|)", ")", "()|)"),
    ("|x", "(", "(|x"),
    ("| x", "(", "(|) x"),
    ("x = |", '"', 'x = "|"'),
    ("x = |", '""', 'x = ""|'),
    ("x = |", '"""', 'x = """|"""'),
    ("x = |", 'f"', 'x = f"|"'),
    ("don|", "'", "don'|"),
    ("# it is a dog|", "'", "# it is a dog'|"),
    ('x = "a|"', "'", 'x = "a\'|"'),
    ("a⟦bc⟧d", "(", "a(⟦bc⟧)d"),
    ("a⟦bc⟧d", '"', 'a"⟦bc⟧"d'),
    ("a⟦bc⟧d", "x", "ax|d"),
    ("def f():|", "\n", "def f():\n    |"),
    ("def f():  # why: so|", "\n", "def f():  # why: so\n    |"),
    ("x = 1  # so:|", "\n", "x = 1  # so:\n|"),
    ('x = "a:"|', "\n", 'x = "a:"\n|'),
    ("# a comment here|", "\n", "# a comment here\n|"),
    ("if a:\n    # why: so|", "\n", "if a:\n    # why: so\n    |"),
    ("    # half of| it", "\n", "    # half of\n    | it"),
    ("    x = f(|)", "\n", "    x = f(\n        |\n    )"),
    ("    return 1|", "\n", "    return 1\n|"),
    ("    returned = 1|", "\n", "    returned = 1\n    |"),
    ("    |", "\n", "\n    |"),
    ("if a:\n    |", "}", "if a:\n    }|"),
    ("    x = {\n        |", "}", "    x = {\n    }|"),
    ("        |x", "\b", "    |x"),
    ("      |x", "\b", "    |x"),
    ("a   |x", "\b", "a  |x"),
    ("a|b", "\t", "a   |b"),
    ("|ab", "\t", "    |ab"),
    ("⟦ab\ncd⟧", "\t", "⟦    ab\n    cd⟧"),
    ("⟦ab\n⟧cd", "\t", "⟦    ab\n⟧cd"),
    ("a⟦b\n\n c⟧d", "\t", "    a⟦b\n\n    c⟧d"),
    ("⟦ab⟧", "\t", "⟦    ab⟧"),
    ("a⟦b⟧c", "\t", "a   |c"),
    ("\U0001f600|", "(", "\U0001f600(|)"),
]


@pytest.mark.parametrize(("before", "typed", "after"), TYPED)
def test_typing(editor: CodeEditor, before: str, typed: str, after: str) -> None:
    if before.startswith("\U0001f600"):
        put(editor, "\U0001f600")
        editor.moveCursor(editor.textCursor().MoveOperation.End)
        type_in(editor, typed)
        assert editor.toPlainText() == after.replace("|", "")
        return
    put(editor, before)
    type_in(editor, typed)
    assert seen(editor) == after


def test_shift_tab_takes_a_level_away(editor: CodeEditor) -> None:
    put(editor, "    ⟦a\n        b\nc⟧")
    QTest.keyClick(editor, Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert seen(editor) == "⟦a\n    b\nc⟧"


def test_home_goes_to_the_first_letter_and_then_to_the_margin(editor: CodeEditor) -> None:
    put(editor, "    ab|c")
    for expected in ("    |abc", "|    abc", "    |abc"):
        QTest.keyClick(editor, Qt.Key.Key_Home)
        assert seen(editor) == expected


def test_closing_by_itself_can_be_switched_off(editor: CodeEditor) -> None:
    editor.set_editing(Editing(close_brackets=False))
    type_in(editor, '("')
    assert seen(editor) == '("|'


def test_tab_moves_the_focus_where_that_is_wanted(editor: CodeEditor) -> None:
    put(editor, "|")
    editor.perform("edit.tab_moves_focus")
    type_in(editor, "\t")
    assert editor.toPlainText() == ""


COMMANDS = [
    ("selection.move_lines_up", "a\nb|c\nd", "b|c\na\nd"),
    ("selection.move_lines_up", "a|b\nc", "a|b\nc"),
    ("selection.move_lines_up", "a\n⟦b\nc⟧\nd", "⟦b\nc⟧\na\nd"),
    ("selection.move_lines_down", "a\nb|c\nd", "a\nd\nb|c"),
    ("selection.move_lines_down", "⟦a\n⟧b\nc", "b\n⟦a\n⟧c"),
    ("selection.move_lines_down", "a\nb|", "a\nb|"),
    ("selection.copy_lines_down", "a|b\nc", "ab\na|b\nc"),
    ("selection.copy_lines_up", "a|b\nc", "a|b\nab\nc"),
    ("selection.duplicate", "a⟦b⟧c", "ab⟦b⟧c"),
    ("selection.duplicate", "a|b", "ab\na|b"),
    ("selection.next_occurrence", "ab(|cd, cd)", "ab(⟦cd⟧, cd)"),
    ("selection.next_occurrence", "⟦cd⟧ cde CD\ncd", "cd cde CD\n⟦cd⟧"),
    ("selection.next_occurrence", "cd cde\n⟦cd⟧", "⟦cd⟧ cde\ncd"),
    ("selection.next_occurrence", "a⟦b.⟧c b.", "ab.c ⟦b.⟧"),
    ("selection.next_occurrence", "⟦a\nb⟧\na\nb", "⟦a\nb⟧\na\nb"),
    ("selection.delete_lines", "a\nb|c\nd", "a\nd|"),
    ("selection.delete_lines", "a\nb|c", "a|"),
    ("selection.delete_lines", "⟦a\nb⟧", "|"),
    ("edit.join_lines", "a|  \n   b\nc", "a| b\nc"),
    ("edit.join_lines", "⟦a\nb\n\nc⟧", "a b| c"),
    ("edit.join_lines", "a|", "a|"),
    ("edit.toggle_comment", "a|b", "# a|b"),
    ("edit.toggle_comment", "# a|b", "a|b"),
    ("edit.toggle_comment", "#a|b", "a|b"),
    ("edit.toggle_comment", "⟦    a\n\n  b⟧", "⟦  #   a\n\n  # b⟧"),
    ("edit.toggle_comment", "⟦# a\nb⟧", "⟦# # a\n# b⟧"),
    ("edit.indent", "a|b", "    a|b"),
    ("edit.outdent", "      a|b", "    a|b"),
    ("edit.trim_trailing", "a  \n\t\nb|", "a\n\nb|"),
    ("selection.all", "a\nb|", "⟦a\nb⟧"),
    ("go.bracket", "a|(b[0])", "a(b[0]|)"),
    ("go.bracket", "a(b[0])|", "a|(b[0])"),
    ("go.bracket", "a|b", "a|b"),
]


@pytest.mark.parametrize(("action", "before", "after"), COMMANDS)
def test_commands(editor: CodeEditor, action: str, before: str, after: str) -> None:
    put(editor, before)
    assert editor.perform(action)
    assert seen(editor) == after
    if editor.document().isUndoAvailable():
        editor.undo()
        assert editor.toPlainText() == before.replace("|", "").replace(START, "").replace(END, "")


@pytest.mark.parametrize(
    "action", ["edit.toggle_comment", "selection.move_lines_up", "edit.indent", "edit.trim_trailing"]
)
def test_undo_and_redo_leave_cursor_and_view_where_the_change_was(editor: CodeEditor, action: str) -> None:
    put(editor, "a = 1\n" * 200 + "b|c  \n" + "a = 1\n" * 20)
    editor.show()
    editor.centerCursor()
    line, top = editor.textCursor().blockNumber(), editor.verticalScrollBar().value()
    editor.perform(action)
    for key in (Qt.Key.Key_Z, Qt.Key.Key_Y):
        QTest.keyClick(editor, key, Qt.KeyboardModifier.ControlModifier)
        assert abs(editor.textCursor().blockNumber() - line) <= 1
        assert editor.verticalScrollBar().value() == top


@pytest.mark.parametrize("key", [Qt.Key.Key_D, Qt.Key.Key_K, Qt.Key.Key_U])
def test_no_key_of_another_editor_deletes_what_is_selected(editor: CodeEditor, key: Qt.Key) -> None:
    put(editor, "a ⟦b⟧ c")
    QTest.keyClick(editor, key, Qt.KeyboardModifier.ControlModifier)
    assert editor.toPlainText() == "a b c"


def test_comments_in_a_language_that_has_only_blocks_of_them(editor: CodeEditor) -> None:
    editor.set_language(language_named("css"))
    put(editor, "  a {|}")
    editor.perform("edit.toggle_comment")
    assert seen(editor) == "  /* a {|} */"
    editor.perform("edit.toggle_comment")
    assert seen(editor) == "  a {|}"


CHANGES = [action.id for action in ACTIONS if action.context == "editor"]
TEXTS = st.text(st.sampled_from("ab(){}[]\"'#: \t\n\U0001f600é"), max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    text=TEXTS,
    keys=st.lists(st.one_of(st.sampled_from(CHANGES), st.sampled_from("a(\"'{) \n\b\t")), max_size=12),
    ends=st.tuples(st.integers(0, 40), st.integers(0, 40)),
    data=st.data(),
)
def test_undoing_everything_gives_the_text_back(
    qapp: QApplication, text: str, keys: list[str], ends: tuple[int, int], data: st.DataObject
) -> None:
    editor = CodeEditor()
    editor.set_language(language_named(data.draw(st.sampled_from(["python", "html", "go", "css"]))))
    editor.setPlainText(text)
    cursor = editor.textCursor()
    first, last = (len(text[:end].encode("utf-16-le")) // 2 for end in ends)  # never within a character
    cursor.setPosition(first)
    cursor.setPosition(last, cursor.MoveMode.KeepAnchor)
    editor.setTextCursor(cursor)
    before = editor.document().toRawText()
    for key in keys:
        if len(key) > 1:
            editor.perform(key)
        else:
            type_in(editor, key)
    after = editor.document().toRawText()
    undone = 0
    while editor.document().isUndoAvailable():
        editor.undo()
        undone += 1
    assert editor.document().toRawText() == before
    for _ in range(undone):
        editor.redo()
    assert editor.document().toRawText() == after
    editor.deleteLater()


def test_undo_goes_by_words(editor: CodeEditor) -> None:
    type_in(editor, "one two  three")
    texts = []
    while editor.document().isUndoAvailable():
        editor.undo()
        texts.append(editor.toPlainText())
    assert texts == ["one two  ", "one ", ""]


def test_a_read_only_text_is_not_changed_by_anything(editor: CodeEditor) -> None:
    put(editor, "⟦ab  \n⟧cd")
    editor.setReadOnly(True)
    QGuiApplication.clipboard().setText("pasted")
    for action in CHANGES:
        editor.perform(action)
    type_in(editor, "x\n\b\t(")
    assert editor.toPlainText() == "ab  \ncd"


def test_a_line_copied_without_a_selection_is_pasted_above(editor: CodeEditor) -> None:
    put(editor, "    a|b\nc")
    editor.perform("edit.copy")
    put(editor, "x\ny|z")
    editor.perform("edit.paste")
    assert seen(editor) == "x\n    ab\ny|z"
    assert QGuiApplication.clipboard().text() == "    ab\n"


def test_cut_without_a_selection_takes_the_line(editor: CodeEditor) -> None:
    put(editor, "a\nb|c\nd")
    QTest.keySequence(editor, QKeySequence(QKeySequence.StandardKey.Cut))
    assert seen(editor) == "a\nd|"
    assert QGuiApplication.clipboard().text() == "bc\n"


def test_only_text_is_copied_and_pasted(editor: CodeEditor) -> None:
    put(editor, "⟦import os⟧")
    assert editor.createMimeDataFromSelection().formats() == ["text/plain"]
    rich = QMimeData()
    rich.setHtml("<b>x</b>")
    editor.insertFromMimeData(rich)
    assert editor.toPlainText() == "import os"


@pytest.mark.parametrize(
    ("text", "width", "tabs"),
    [
        ("a\n  b\n    c\n  d\n", 2, False),
        ("a\n\tb\n\t\tc\n", 4, True),
        ("def f(x,\n      y):\n    a\n    if b:\n        c\ndef g():\n    d\n", 4, False),
        ("a\nb\n", 4, False),
        ("/*\n * a\n * b\n */\nint f() {\n   a;\n}\nint g() {\n   a;\n}\n", 3, False),
    ],
)
def test_the_indentation_is_read_off_the_file(editor: CodeEditor, text: str, width: int, tabs: bool) -> None:
    editor.setPlainText(text)
    assert (editor.indentation.width, editor.indentation.uses_tabs) == (width, tabs)


def test_an_indentation_that_was_chosen_stays(editor: CodeEditor) -> None:
    editor.setPlainText("a\n    b\n")
    editor.set_indentation(Indentation(2))
    editor.set_editing(Editing(wrap_lines=True, tab_width=8))
    editor.set_language(language_named("go"))
    assert editor.indentation == Indentation(2)


def test_tabs_are_put_in_where_the_file_has_them(editor: CodeEditor) -> None:
    put(editor, "if a:\n\tb\nif c:|")
    type_in(editor, "\nd\t(")
    assert editor.toPlainText() == "if a:\n\tb\nif c:\n\td\t()"


def test_brackets_in_strings_and_comments_do_not_count(editor: CodeEditor) -> None:
    put(editor, "f|(')', # )\n  [1])")
    editor.perform("go.bracket")
    assert seen(editor) == "f(')', # )\n  [1]|)"


def test_composing_leaves_the_colours_and_the_text_right(editor: CodeEditor) -> None:
    put(editor, "import | os")
    colours = [part.start for part in editor.document().firstBlock().layout().formats()]
    editor.inputMethodEvent(QInputMethodEvent("かな", []))
    assert editor.document().firstBlock().layout().formats()
    event = QInputMethodEvent("", [])
    editor.inputMethodEvent(event)
    assert [part.start for part in editor.document().firstBlock().layout().formats()] == colours
    commit = QInputMethodEvent("", [])
    commit.setCommitString("仮名")
    editor.inputMethodEvent(commit)
    assert editor.toPlainText() == "import 仮名 os"


def test_line_numbers_have_room_and_take_lines(editor: CodeEditor, qtbot: QtBot) -> None:
    put(editor, "a\nb\nc\n")
    editor.show()
    before = editor.gutter.width()
    height = editor.fontMetrics().lineSpacing()
    QTest.mouseClick(editor.gutter, Qt.MouseButton.LeftButton, pos=QPoint(4, height + height // 2 + 4))
    assert seen(editor) == "a\n⟦b\n⟧c\n"
    editor.setPlainText("x\n" * 20_000)
    assert editor.gutter.width() > before
    assert editor.viewport().geometry().left() == editor.gutter.width()
    editor.highlighter.settle()


@settings(max_examples=60, deadline=None)
@given(
    text=TEXTS,
    keys=st.lists(st.sampled_from(["all", "x", "(", "undo", "end", "\b", "\n", "find"]), max_size=10),
)
def test_whatever_is_done_it_can_be_painted(qapp: QApplication, text: str, keys: list[str]) -> None:
    editor = CodeEditor()
    editor.set_language(language_named("python"))
    editor.set_editing(Editing(ruler_column=3, wrap_lines=len(text) % 2 == 0, show_blanks=True))
    editor.resize(120, 60)
    editor.setPlainText(text)
    for key in keys:
        if key == "all":
            editor.selectAll()
        elif key == "undo":
            editor.undo()
        elif key == "end":
            editor.moveCursor(editor.textCursor().MoveOperation.End)
        elif key == "find":
            editor.marks.set_found([(0, 1), (3, 9), (30, 30)], (3, 9))
        else:
            type_in(editor, key)
        editor.grab()
        qapp.processEvents()
    editor.deleteLater()


def test_marks_behind_grey_text_stand_where_their_letters_do(editor: CodeEditor) -> None:
    put(editor, "ab|(c)")
    editor.show()
    block = editor.document().firstBlock()

    def left_of(column: int) -> float:
        area = editor.blockBoundingGeometry(block).translated(editor.contentOffset())
        return next(areas_of(block, area, column, column + 1)).left()

    before = [left_of(column) for column in range(5)]
    block.layout().setPreeditArea(2, "grey")
    editor.document().markContentsDirty(0, block.length())
    letter = before[1] - before[0]
    moved = [0, 0, 4 * letter, 4 * letter, 4 * letter]
    assert [left_of(column) for column in range(5)] == pytest.approx(
        [old + shift for old, shift in zip(before, moved, strict=True)]
    )


def test_a_changed_text_gives_way_to_another_and_who_is_told_of_it_may_look(editor: CodeEditor) -> None:
    looks: list[tuple[bool, tuple[str, str]]] = []
    put(editor, "old = 1\n" * 9 + "old|")
    type_in(editor, "er")
    editor.document().modificationChanged.connect(
        lambda is_modified: looks.append((is_modified, line_around(editor.textCursor())))
    )
    editor.setPlainText("new = 2\nnewer = 3")
    assert looks[-1][0] is False
    assert all("old" not in left + right for _, (left, right) in looks)
    assert seen(editor) == "|new = 2\nnewer = 3"
    assert not editor.document().isModified()
    assert not editor.document().isUndoAvailable()


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("edit.line_below", "def f|(x):\n    y", "def f(x):\n    |\n    y"),
        ("edit.line_below", "    a|b = 1", "    ab = 1\n    |"),
        ("edit.line_above", "x\n    a|b = 1", "x\n    |\n    ab = 1"),
        ("edit.line_above", "a⟦b⟧", "|\nab"),
    ],
)
def test_a_line_is_opened_beside_the_cursor_s_wherever_in_it_that_is(
    editor: CodeEditor, action: str, before: str, after: str
) -> None:
    put(editor, before)
    editor.perform(action)
    assert seen(editor) == after
    editor.undo()
    assert editor.toPlainText() == before.replace("|", "").replace(START, "").replace(END, "")
    editor.setReadOnly(True)
    editor.perform(action)
    assert editor.toPlainText().count("\n") == before.count("\n")
