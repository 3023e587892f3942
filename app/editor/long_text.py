"""Texts that are too long for the usual way: filled in by slices, and lines that no key could be typed into.

Qt lays a line out anew at each key, which for one of a million characters takes a third of a second. Such a
text is only looked at, with its longest lines in pieces; the file has it as it is. Who would rather wait than
not write in it may.
"""

import asyncio
import re

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.lexing.document_lines import has_longer_line

LONGEST_TYPED = 100_000  # characters of a line
LONGEST_ENDURED = 2_000_000  # of one in which keys take so long that they come only to who has asked for it
NOT_PASTED = (
    f"Not pasted: it has a line of more than {LONGEST_TYPED:,} characters, and the window would stand still "
    "at each key in it."
)
# of a longer line: what is in sight is coloured at once, and is best read without moving sideways
_PIECE = 120
_PIECES = re.compile(rf".{{{_PIECE // 2},{_PIECE - 1}}}[ ,;}}>]|.{{1,{_PIECE}}}")
_LONG_TEXT = 400_000  # characters, in which setting them at once would be noticed
_SLICE = 50_000


def is_long(text: str) -> bool:
    return len(text) > _LONG_TEXT


def has_long_line(text: str) -> bool:
    return has_longer_line(text, LONGEST_TYPED)


def longest_line(text: str) -> int:
    return max(map(len, text.split("\n")))


def in_pieces(text: str) -> str:
    """With the long lines broken, behind a blank or a comma where there is one."""
    lines: list[str] = []
    for line in text.split("\n"):
        lines += [line] if len(line) <= LONGEST_TYPED else _PIECES.findall(line)
    return "\n".join(lines)


async def fill(editor: QPlainTextEdit, text: str, size: QSize | None = None) -> None:
    """Lets the window live between two slices. There is nothing to undo, and nobody may type yet.

    `size`: that it will be shown in, as at another width Qt goes through all lines again.
    """
    editor.setUndoRedoEnabled(False)
    if size is not None:
        editor.resize(size)
        editor.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen)
        editor.show()  # so that it takes the size, its bars and its margins while it is short
    place = _end_of_slice(text, 0)
    editor.setPlainText(text[:place])
    cursor = QTextCursor(editor.document())
    while place < len(text):
        await asyncio.sleep(0)
        end = _end_of_slice(text, place)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(text[place:end])
        place = end
    if size is not None:
        editor.hide()
        # by nobody's wish: it is shown with whatever it is put into
        editor.setAttribute(Qt.WidgetAttribute.WA_WState_ExplicitShowHide, False)
        editor.setAttribute(Qt.WidgetAttribute.WA_DontShowOnScreen, False)
    editor.setUndoRedoEnabled(True)


def _end_of_slice(text: str, start: int) -> int:
    """Behind a whole line, where one ends soon."""
    if len(text) - start <= _SLICE:
        return len(text)
    return text.rfind("\n", start, start + _SLICE) + 1 or start + _SLICE
