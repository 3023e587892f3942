"""Finding and replacing, by the bar's fields and buttons, on real texts."""

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QTextCursor, QTextDocument
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextDocumentLayout, QToolButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from app.editor.code_editor import CodeEditor
from app.finding.find_bar import FindBar
from app.finding.search import MOST_FOUND, Query, Search
from app.settings import Appearance
from app.theme import Theme


@pytest.fixture
def bar(qtbot: QtBot, qapp: QApplication) -> Iterator[FindBar]:
    window = QWidget()
    qtbot.addWidget(window)
    layout = QVBoxLayout(window)
    editor = CodeEditor()
    theme = Theme(qapp, Appearance(theme="light"))
    made = FindBar(theme)
    layout.addWidget(editor)
    layout.addWidget(made)
    made.attach(editor)
    window.show()
    yield made
    made.close_bar()
    theme.deleteLater()


def editor_of(bar: FindBar) -> CodeEditor:
    editor = bar.parentWidget().findChild(CodeEditor)
    assert isinstance(editor, CodeEditor)
    return editor


def found(document: QTextDocument, query: Query) -> list[tuple[int, int]]:
    search = Search(document)
    search.start(query)
    search.finish()
    assert search.problem == ""
    return search.spans


def plain(text: str) -> QTextDocument:
    document = QTextDocument()
    document.setDocumentLayout(QPlainTextDocumentLayout(document))
    document.setPlainText(text)
    return document


def find(bar: FindBar, text: str, *options: str, replacement: str | None = None) -> None:
    bar.open(with_replace=replacement is not None)
    for option in options:
        bar.options[f"find.{option}"].setChecked(True)
    bar.find_field.setText(text)
    if replacement is not None:
        bar.replace_field.setText(replacement)
    QApplication.processEvents()


def selected(bar: FindBar) -> tuple[int, int]:
    cursor = editor_of(bar).textCursor()
    return cursor.selectionStart(), cursor.selectionEnd()


LETTERS = st.sampled_from("abAB .*(_\n\U0001f600é")


@settings(max_examples=200, deadline=None)
@given(
    text=st.text(LETTERS, max_size=60),
    wanted=st.text(st.sampled_from("abAB .*(_\U0001f600é"), min_size=1, max_size=3),
    match_case=st.booleans(),
    whole_word=st.booleans(),
    edit=st.tuples(st.integers(0, 60), st.integers(0, 9), st.text(LETTERS, max_size=9)),
)
def test_what_is_found_is_what_python_finds_before_and_after_an_edit(
    qapp: QApplication,
    text: str,
    wanted: str,
    match_case: bool,
    whole_word: bool,
    edit: tuple[int, int, str],
) -> None:
    document = plain(text)
    search = Search(document)
    search.start(Query(wanted, match_case=match_case, whole_word=whole_word))
    search.finish()
    assert search.spans == expected(text, wanted, match_case, whole_word)
    start, length, added = edit
    start = min(start, len(text))
    cursor = QTextCursor(document)
    cursor.setPosition(len(text[:start].encode("utf-16-le")) // 2)
    cursor.setPosition(len(text[: start + length].encode("utf-16-le")) // 2, QTextCursor.MoveMode.KeepAnchor)
    cursor.insertText(added)
    search.finish()
    changed = text[:start] + added + text[start + length :]
    assert search.spans == expected(changed, wanted, match_case, whole_word)


def expected(text: str, wanted: str, match_case: bool, whole_word: bool) -> list[tuple[int, int]]:
    pattern = re.escape(wanted)
    if whole_word:
        edges = [r"\b" if re.match(r"\w", letter) else "" for letter in (wanted[0], wanted[-1])]
        pattern = edges[0] + pattern + edges[1]
    flags = 0 if match_case else re.IGNORECASE
    return [
        tuple(len(text[:place].encode("utf-16-le")) // 2 for place in match.span())  # type: ignore[misc]
        for match in re.finditer(pattern, text, flags)
    ]


def test_typing_finds_the_first_from_the_cursor_and_counts(bar: FindBar) -> None:
    editor = editor_of(bar)
    editor.setPlainText("cat dog cat Cat")
    cursor = editor.textCursor()
    cursor.setPosition(4)
    editor.setTextCursor(cursor)
    find(bar, "cat")
    assert selected(bar) == (8, 11)
    assert bar.count.text() == "2 of 3"
    bar.find_field.setText("ca")
    assert selected(bar) == (8, 10)
    bar.find_field.setText("cow")
    assert bar.count.text() == "Nothing found"


def test_enter_goes_round_in_both_directions(bar: FindBar) -> None:
    editor_of(bar).setPlainText("a-a-a")
    find(bar, "a")
    starts = []
    for modifiers in (Qt.KeyboardModifier.NoModifier,) * 3 + (Qt.KeyboardModifier.ShiftModifier,) * 2:
        QTest.keyClick(bar.find_field, Qt.Key.Key_Return, modifiers)
        starts.append(selected(bar)[0])
    assert starts == [2, 4, 0, 4, 2]


def test_escape_leaves_the_match_selected_and_nothing_marked(bar: FindBar) -> None:
    editor_of(bar).setPlainText("x cat")
    find(bar, "cat")
    QTest.keyClick(bar.find_field, Qt.Key.Key_Escape)
    assert not bar.isVisible()
    assert selected(bar) == (2, 5)
    assert list(editor_of(bar).marks._found) == []


def test_the_selection_is_what_to_find(bar: FindBar) -> None:
    editor_of(bar).setPlainText("one two one")
    editor_of(bar).select_range(4, 7)
    bar.open()
    assert bar.find_field.text() == "two"


def test_several_selected_lines_are_where_to_look(bar: FindBar) -> None:
    editor_of(bar).setPlainText("a\na\na\na")
    editor_of(bar).select_range(2, 5)
    find(bar, "a")
    assert bar.count.text() == "1 of 2"
    bar.options["find.in_selection"].setChecked(False)
    assert bar.count.text().endswith("of 4") or bar.count.text() == "4 found"


def test_options_count_whole_words_case_and_patterns(bar: FindBar) -> None:
    editor_of(bar).setPlainText("cat Cat cats c.t")
    find(bar, "cat", "match_case", "whole_word")
    assert bar.count.text() == "1 of 1"
    bar.options["find.match_case"].setChecked(False)
    bar.options["find.whole_word"].setChecked(False)
    bar.options["find.regex"].setChecked(True)
    bar.find_field.setText("c.t")
    assert bar.count.text().endswith("of 4")


@pytest.mark.parametrize(
    ("pattern", "replacement", "before", "after"),
    [
        (r"(\w+)=(\w+)", "$2=$1", "a=b c=d", "b=a d=c"),
        (r"(?<k>\w+)=", "${k}: ", "a=b", "a: b"),
        (r"^", "> ", "a\nb", "> a\n> b"),
        (r"\s+$", "", "a  \nb \n", "a\nb"),
        (r"a\nb", "x", "a\nb\na\nb", "x\nx"),
        (r"(a)|b", "[$1]", "ab", "[a][]"),
        (r"b", r"\n\t$$\\$&", "abc", "a\n\t$\\bc"),
        (r"\U0001f600(.)".replace(r"\U0001f600", "\U0001f600"), "$1", "\U0001f600a\U0001f600b", "ab"),
    ],
)
def test_replacing_all_with_groups_is_one_step(
    bar: FindBar, pattern: str, replacement: str, before: str, after: str
) -> None:
    editor = editor_of(bar)
    editor.setPlainText(before)
    find(bar, pattern, "regex", replacement=replacement)
    bar.replace_all_button.click()
    assert bar.count.text().endswith(" replaced")
    assert editor.toPlainText() == after
    editor.undo()
    assert editor.toPlainText() == before
    assert not editor.document().isUndoAvailable()


def test_who_has_replaced_all_is_in_the_text_and_undoes_there(bar: FindBar, qtbot: QtBot) -> None:
    editor = editor_of(bar)
    editor.setPlainText("a\n" * 300 + "b\n" + "a\n" * 20)
    editor.select_range(600, 601)
    find(bar, "a", replacement="c")
    editor.select_range(600, 601)
    bar.replace_field.setFocus()
    top = editor.verticalScrollBar().value()
    QTest.mouseClick(bar.replace_all_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(editor.hasFocus)
    QTest.keyClick(bar.window().focusWidget(), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert editor.toPlainText().startswith("a\na")
    assert editor.textCursor().blockNumber() == 300
    assert editor.verticalScrollBar().value() == top


def test_replacing_one_goes_to_the_next_and_does_not_find_what_it_put_in(bar: FindBar) -> None:
    editor = editor_of(bar)
    editor.setPlainText("a a a")
    find(bar, "a", replacement="aa")
    for expected_text in ("aa a a", "aa aa a", "aa aa aa"):
        QTest.keyClick(bar.replace_field, Qt.Key.Key_Return)
        assert editor.toPlainText() == expected_text


def test_plain_replacing_takes_dollars_and_backslashes_as_they_are(bar: FindBar) -> None:
    editor_of(bar).setPlainText("a.b")
    find(bar, ".", replacement=r"$1\n")
    bar.replace_all_button.click()
    assert editor_of(bar).toPlainText() == r"a$1\nb"


def test_what_a_match_would_become_is_shown_and_a_wrong_group_explained(bar: FindBar) -> None:
    editor_of(bar).setPlainText("f(1)")
    find(bar, r"f\((\d)\)", "regex", replacement="g($1, $1)")
    assert bar.preview.text() == "f(1) → g(1, 1)"
    bar.replace_field.setText("$2")
    assert bar.count.text() == "The pattern has one group, so $2 means nothing."
    bar.replace_all_button.click()
    assert editor_of(bar).toPlainText() == "f(1)"


def test_a_wrong_pattern_is_explained(bar: FindBar) -> None:
    editor_of(bar).setPlainText("a(")
    find(bar, "a(", "regex")
    assert bar.count.text().startswith("At character ")
    assert bar.find_field.property("state") == "wrong"
    bar.options["find.regex"].setChecked(False)
    assert bar.count.text() == "1 of 1"
    assert bar.find_field.property("state") == ""


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"(x+x+)+y", ("x" * 40 + " y\n") * 2000),
        (r"(\w+\s*)+;;", "word " * 20_000 + ";"),
        (r"(.*)(.*)(.*)(.*)xy\1", ("ab;xx y " * 10 + "\n") * 2000),
        (r"(\w{1,5}){4}Z", ("abcdefghij" * 8 + " Z\n") * 20_000),
        (r"([\s\S]*,){9}Z", "a,b" * 50_000 + "Z"),
    ],
)
def test_a_pattern_that_explodes_is_given_up_in_time(qapp: QApplication, pattern: str, text: str) -> None:
    search = Search(plain(text))
    began = time.process_time()
    search.start(Query(pattern, is_regex=True))
    first = time.process_time() - began
    search.finish()
    assert time.process_time() - began < 8
    assert first < 1
    assert search.problem.startswith("This pattern takes too long") or search.is_done


def test_a_text_under_edit_keeps_its_marks_until_it_is_searched_again(qapp: QApplication) -> None:
    document = plain("a b a\na")
    search = Search(document)
    search.start(Query("a"))
    cursor = QTextCursor(document)
    cursor.setPosition(1)
    cursor.insertText("xx")
    assert search.spans == [(0, 1), (6, 7), (8, 9)]
    search.finish()
    assert search.spans == [(0, 1), (6, 7), (8, 9)]


def test_very_many_are_cut_off_and_said_so(bar: FindBar) -> None:
    editor_of(bar).setPlainText("a" * (MOST_FOUND // 10) + ("\n" + "a" * 100) * (MOST_FOUND // 100))
    find(bar, "a")
    while bar.count.text().endswith("…"):
        QApplication.processEvents()
    assert bar.count.text() == f"1 of {MOST_FOUND:,}+"


def test_a_read_only_text_is_searched_and_not_replaced(bar: FindBar) -> None:
    editor_of(bar).setPlainText("a")
    editor_of(bar).setReadOnly(True)
    find(bar, "a", replacement="b")
    assert bar.count.text() == "1 of 1"
    assert not bar.replace_all_button.isEnabled()
    bar.replace_all()
    bar.replace_one()
    assert editor_of(bar).toPlainText() == "a"


def test_the_bar_follows_to_another_text(bar: FindBar, qtbot: QtBot) -> None:
    editor_of(bar).setPlainText("a")
    find(bar, "a")
    other = CodeEditor()
    qtbot.addWidget(other)
    other.setPlainText("b a a")
    bar.attach(other)
    assert bar.count.text() == "2 found"
    bar.attach(None)
    bar.step(forward=True)
    bar.replace_all()


def test_every_control_has_a_name_and_is_reached_by_tab(bar: FindBar) -> None:
    bar.open(with_replace=True)
    controls = [*bar.findChildren(QToolButton), bar.find_field, bar.replace_field]
    for control in controls:
        interface = QAccessible.queryAccessibleInterface(control)
        assert interface.text(QAccessible.Text.Name)
        assert control.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_next_one_is_found_far_below_with_the_bar_closed(bar: FindBar) -> None:
    editor = editor_of(bar)
    editor.setPlainText("cat\n" + "dog\n" * 60_000 + "cat\ncat\n")
    editor.highlighter.settle()
    find(bar, "cat")
    bar.close_bar()
    starts = []
    for _ in range(3):
        bar.perform("edit.find_next")
        starts.append(selected(bar)[0])
    assert starts == [240_004, 240_008, 0]
