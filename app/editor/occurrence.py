"""Occurrence: selects the word at the cursor and, asked again, the next place where the same text stands."""

import re

from PySide6.QtCore import QRegularExpression
from PySide6.QtGui import QTextCursor, QTextDocument

_WORD = re.compile(r"\w+")


def next_selected(cursor: QTextCursor) -> QTextCursor:
    """A word as a word, letters as they are; round the end of the text. Several lines are found nowhere."""
    if not cursor.hasSelection():
        cursor.select(QTextCursor.SelectionType.WordUnderCursor)
        return cursor
    document, wanted = cursor.document(), QRegularExpression.escape(cursor.selectedText())
    if _is_whole_word(cursor):
        wanted = rf"(?<!\w){wanted}(?!\w)"
    pattern = QRegularExpression(wanted, QRegularExpression.PatternOption.UseUnicodePropertiesOption)
    exactly = QTextDocument.FindFlag.FindCaseSensitively
    found = document.find(pattern, cursor.selectionEnd(), exactly)
    if found.isNull():
        found = document.find(pattern, 0, exactly)
    return cursor if found.isNull() else found


def _is_whole_word(cursor: QTextCursor) -> bool:
    document = cursor.document()
    beside = (document.characterAt(cursor.selectionStart() - 1), document.characterAt(cursor.selectionEnd()))
    return bool(_WORD.fullmatch(cursor.selectedText())) and not any(map(_WORD.fullmatch, beside))
