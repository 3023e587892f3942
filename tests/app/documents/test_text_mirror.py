"""The copy of a text against the text itself, whatever is done to it."""

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.documents.text_mirror import TextMirror

PIECES = st.sampled_from(
    ["", "a", "bc\n", "\n\n", "é😀\u00a0", "\u2028x", "long line of text\nand another\n"]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 60), PIECES),
        st.tuples(st.just("replace"), st.integers(0, 60), PIECES),
        st.tuples(st.just("delete"), st.integers(0, 60), st.integers(0, 20)),
        st.tuples(st.just("undo"), st.just(0), st.just(0)),
        st.tuples(st.just("redo"), st.just(0), st.just(0)),
        st.tuples(st.just("all"), st.just(0), PIECES),
        st.tuples(st.just("look"), st.just(0), st.just(0)),
        st.tuples(st.just("block"), st.integers(0, 60), PIECES),
    ),
    max_size=25,
)


def raw(editor: QPlainTextEdit) -> str:
    return editor.document().toRawText().replace("\u2029", "\n")


def between_characters(editor: QPlainTextEdit, place: int) -> int:
    """Qt lets nobody stand in the middle of one."""
    place = min(place, editor.document().characterCount() - 1)
    units = editor.document().toRawText().encode("utf-16-le")
    return place + (0xDC00 <= int.from_bytes(units[2 * place : 2 * place + 2], "little") < 0xE000)


def do(editor: QPlainTextEdit, step: tuple[str, int, object]) -> None:
    kind, place, what = step
    cursor = QTextCursor(editor.document())
    place = between_characters(editor, place)
    cursor.setPosition(place)
    if kind == "undo":
        editor.undo()
    elif kind == "redo":
        editor.redo()
    elif kind == "all":
        editor.setPlainText(str(what))
    elif kind == "insert":
        cursor.insertText(str(what))
    elif kind in ("delete", "replace"):
        length = what if isinstance(what, int) else 7
        cursor.setPosition(between_characters(editor, place + length), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText("" if isinstance(what, int) else str(what))
    elif kind == "block":  # two edits that Qt tells as one
        cursor.beginEditBlock()
        cursor.insertText(str(what))
        cursor.setPosition(0)
        cursor.insertText(str(what) + "z")
        cursor.endEditBlock()


def test_the_copy_is_the_text_after_any_edits(qtbot: QtBot) -> None:
    @given(PIECES, STEPS)
    def check(begin: str, steps: list[tuple[str, int, object]]) -> None:
        editor = QPlainTextEdit()
        editor.setPlainText(begin)
        mirror = TextMirror(editor.document())
        starts = 0
        for step in steps:
            do(editor, step)
            if step[0] == "look":
                handed = mirror.hand_over()
                starts += handed[0] is not None
                assert mirror.text(handed) == raw(editor)
        handed = mirror.hand_over()
        assert mirror.text(handed) == raw(editor)
        assert starts <= 1  # else it had to copy everything again
        editor.deleteLater()

    check()


def test_an_edit_of_a_long_text_is_noted_without_the_text(qtbot: QtBot) -> None:
    editor = QPlainTextEdit()
    qtbot.addWidget(editor)
    editor.setPlainText("line\n" * 100_000)
    mirror = TextMirror(editor.document())
    mirror.text(mirror.hand_over())
    cursor = QTextCursor(editor.document())
    cursor.setPosition(250_000)
    cursor.insertText("here")
    handed = mirror.hand_over()
    assert handed == (None, [(250_000, 0, "here")])
    assert mirror.text(handed) == raw(editor)
