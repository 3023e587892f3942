"""Where a suggestion would stand: in code, in a comment, in a string."""

import pytest
from PySide6.QtGui import QTextCursor
from pytestqt.qtbot import QtBot

from app.editor.code_editor import CodeEditor
from app.languages import LANGUAGES, PYTHON
from app.suggestions.quoted import kind_at


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("x = 1|", "code"),
        ("x = 1  # sum|", "comment"),
        ("# a|b", "comment"),
        ("#|", "comment"),
        ("x = 'a|", "string"),
        ("x = 'a|b'", "string"),
        ("x = 'ab'|", "code"),
        ("x = '🦙🦙' + |", "code"),
        ("x = '🦙🦙|", "string"),
        ('"""Adds.\n\nMore|\n"""\n', "string"),
        ('"""Adds."""|\n', "code"),
        ('def f():\n    """Adds.\n    """\n    re|', "code"),
    ],
)
def test_python(qtbot: QtBot, text: str, kind: str) -> None:
    editor = CodeEditor()
    qtbot.addWidget(editor)
    editor.set_language(PYTHON)
    before, _, after = text.partition("|")
    editor.setPlainText(before + after)
    editor.highlighter.settle()
    cursor = QTextCursor(editor.document())
    cursor.setPosition(len(before.encode("utf-16-le")) // 2)
    assert kind_at(cursor, editor.language, editor.highlighter.quoted) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int x; // sum|", "comment"),
        ("/* one\n   two|\n*/", "comment"),
        ('x = "a|', "string"),
        ("int x = 1;|", "code"),
    ],
)
def test_a_language_with_comments_over_several_lines(qtbot: QtBot, text: str, kind: str) -> None:
    editor = CodeEditor()
    qtbot.addWidget(editor)
    editor.set_language(next(language for language in LANGUAGES if language.name == "C"))
    before, _, after = text.partition("|")
    editor.setPlainText(before + after)
    editor.highlighter.settle()
    cursor = QTextCursor(editor.document())
    cursor.setPosition(len(before))
    assert kind_at(cursor, editor.language, editor.highlighter.quoted) == kind
