"""Colours on a real document: what is drawn is what a fresh document would be drawn with, after any edits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QTextCursor, QTextDocument, QTextLayout
from PySide6.QtWidgets import QApplication, QPlainTextDocumentLayout

from app.highlighter import Highlighter
from app.languages import LANGUAGES, Language, language_named
from app.lexing.document_lines import LONGEST_LINE
from app.theme import DARK, LIGHT

WIDE = "\U0001f600"
PIECES = [
    '"""',
    "'",
    '"',
    "#",
    "def f(x):",
    " return 1",
    "\n",
    "\n\n",
    "    ",
    "é",
    WIDE,
    "\u00a0",
    "`",
    "*",
    "{",
]


def document(
    text: str, language: str, made: QTextDocument | None = None
) -> tuple[QTextDocument, Highlighter]:
    made = made or QTextDocument()
    made.setDocumentLayout(QPlainTextDocumentLayout(made))
    highlighter = Highlighter(made)
    highlighter.set_language(language_named(language))
    highlighter.set_colours(LIGHT.syntax)
    if text:
        made.setPlainText(text)
    highlighter.show_lines(0, 1000)
    return made, highlighter


def drawn(document: QTextDocument) -> list[list[str]]:
    """For each line, the colour of each of its UTF-16 units."""
    lines = []
    block = document.firstBlock()
    while block.isValid():
        colours = [""] * (block.length() - 1)
        for part in block.layout().formats():
            colours[part.start : part.start + part.length] = [
                part.format.foreground().color().name()
            ] * part.length
        lines.append(colours)
        block = block.next()
    return lines


def quoted(highlighter: Highlighter, document: QTextDocument) -> list[list[tuple[int, int]]]:
    return [highlighter.quoted(line) for line in range(document.blockCount())]


def edit(document: QTextDocument, start: int, stop: int, text: str) -> None:
    cursor = QTextCursor(document)
    cursor.setPosition(start)
    cursor.setPosition(stop, QTextCursor.MoveMode.KeepAnchor)
    cursor.insertText(text)


@pytest.mark.parametrize("language", ["python", "markdown", "yaml", "json"])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_what_is_drawn_after_edits_and_undo_is_drawn_afresh(
    language: str, data: st.DataObject, qapp: QApplication
) -> None:
    texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
    edited, highlighter = document(data.draw(texts), language)
    try:
        for _ in range(data.draw(st.integers(1, 5))):
            if data.draw(st.integers(0, 3)) == 0:
                edited.undo()
                continue
            start = data.draw(st.integers(0, edited.characterCount() - 1))
            stop = min(edited.characterCount() - 1, start + data.draw(st.integers(0, 5)))
            edit(edited, start, stop, data.draw(texts))
            quoted(highlighter, edited)  # asked after each key, and not to be remembered beyond the next
    finally:  # an example that is broken off in the middle leaves no timer running
        highlighter.settle()
    fresh, other = document("", language, edited.clone())
    other.settle()
    assert drawn(edited) == drawn(fresh)
    assert quoted(highlighter, edited) == quoted(other, fresh)


def test_a_string_that_is_opened_and_not_closed_reaches_to_the_end(qapp: QApplication) -> None:
    edited, highlighter = document("x = 1\n" * 50, "python")
    highlighter.settle()
    string = LIGHT.syntax.string
    edit(edited, 0, 0, '"""')
    highlighter.settle()
    assert drawn(edited)[40] == [string] * 5
    edit(edited, 0, 3, "")
    highlighter.settle()
    assert drawn(edited)[40] != [string] * 5


def test_a_theme_is_changed_at_once(qapp: QApplication) -> None:
    edited, highlighter = document("import os\n", "python")
    highlighter.settle()
    assert drawn(edited)[0][:6] == [LIGHT.syntax.keyword] * 6
    highlighter.set_colours(DARK.syntax)
    assert drawn(edited)[0][:6] == [DARK.syntax.keyword] * 6


def test_a_language_is_changed_at_once(qapp: QApplication) -> None:
    edited, highlighter = document("# heading\n", "python")
    highlighter.settle()
    assert drawn(edited)[0][0] == LIGHT.syntax.comment
    highlighter.set_language(language_named("markdown"))
    highlighter.settle()
    assert drawn(edited)[0][0] == LIGHT.syntax.keyword
    highlighter.set_language(language_named("plain text"))
    assert set(drawn(edited)[0]) == {""}


def test_an_over_long_line_is_left_plain_and_said_so(qapp: QApplication) -> None:
    edited, highlighter = document("x = 1\n", "python")
    said: list[str] = []
    highlighter.limited.connect(said.append)
    edit(edited, 6, 6, "y = '" + "a" * LONGEST_LINE + "'\nimport os")
    highlighter.settle()
    assert set(drawn(edited)[1]) == {""}
    assert drawn(edited)[2][0] == LIGHT.syntax.keyword
    edited.undo()
    assert said == [f"No colours in lines longer than {LONGEST_LINE:,} characters", ""]


def test_an_over_large_text_is_left_plain_and_said_so(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.highlighter.LARGEST_TEXT", 1000)
    edited, highlighter = document("import os\n" + "#" * 1000, "python")
    assert highlighter.limit.startswith("No colours")
    assert set(drawn(edited)[0]) == {""}
    edit(edited, 20, 1000, "")
    assert highlighter.limit == ""
    assert drawn(edited)[0][0] == LIGHT.syntax.keyword


def test_formats_inside_a_preedit_area_survive_and_ours_make_room(qapp: QApplication) -> None:
    edited, highlighter = document("import os\n", "python")
    highlighter.settle()
    block = edited.firstBlock()
    block.layout().setPreeditArea(3, "ghost")
    ghost = QTextLayout.FormatRange()
    ghost.start, ghost.length = 3, 5
    ghost.format.setFontItalic(True)
    block.layout().setFormats([ghost])
    highlighter.repair(block)
    parts = [(part.start, part.length) for part in block.layout().formats()]
    assert parts == [(0, 3), (8, 3), (12, 2), (3, 5)]


def test_far_lines_are_coloured_before_all_that_stands_above_has_been_read(qapp: QApplication) -> None:
    text = "def f(x):\n    return x\n\n" * 20_000
    edited, highlighter = document(text, "python")
    highlighter.show_lines(50_000, 50_040)
    block = edited.findBlockByNumber(50_001)
    assert block.text().startswith("def")
    assert [part.start for part in block.layout().formats()][:2] == [0, 4]
    highlighter.set_language(language_named("text"))  # stops it


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_every_language_that_is_offered_can_be_lexed(language: Language, qapp: QApplication) -> None:
    edited, highlighter = document("a = 'b' /* c */ # d\n<e>\n", language.name)
    highlighter.settle()
    assert len(drawn(edited)[0]) == 19
