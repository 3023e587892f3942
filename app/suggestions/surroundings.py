"""What stands around the cursor, and in the other open files, as text for the engine.

Of a large file only some is taken, from an edge that stands still while one types, so that what the engine
has read stays good. Files that hold secrets give nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtGui import QTextCursor, QTextDocument

from app.suggestions.answers import TOLD_AFTER, TOLD_BEFORE, Place
from app.suggestions.closing import swallowed
from core.spec.editing import MOST_CONTEXT_FILES, ContextFile
from core.spec.secret_files import is_secret_file

_EDGE_STEP = 2**15
_MOST_AFTER = 2**14
_LONGEST_TYPED = 2048  # of an answer, while it is still known again
_MOST_OF_A_FILE = 1500  # letters
_BEFORE_CURSOR = 2 / 3  # of these


@dataclass(frozen=True)
class OpenText:
    """Of another text that is open; `cursor`: letters before the place where the person last was."""

    path: str
    text: str
    cursor: int = 0


def open_text(path: str, cursor: QTextCursor) -> OpenText:
    """As much around the cursor as is ever taken: other files may be large, and are asked for often."""
    document, position = cursor.document(), cursor.position()
    line = document.findBlock(max(position - _MOST_OF_A_FILE, 0)).position()
    before = text_between(document, max(line, position - 2 * _MOST_OF_A_FILE), position)
    end = min(position + _MOST_OF_A_FILE, document.characterCount() - 1)
    return OpenText(path, before + text_between(document, position, end), len(before))


def text_between(document: QTextDocument, start: int, end: int) -> str:
    cursor = QTextCursor(document)
    cursor.setPosition(start)
    cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
    return cursor.selectedText().replace("\u2029", "\n")


def line_around(cursor: QTextCursor) -> tuple[str, str]:
    """What stands in the cursor's line, before and after it."""
    document, block, position = cursor.document(), cursor.block(), cursor.position()
    end = block.position() + block.length() - 1
    return text_between(document, block.position(), position), text_between(document, position, end)


def swallowed_at(cursor: QTextCursor, text: str) -> int:
    """How many letters behind the cursor go where the text is put in, as it closes what they close."""
    left, right = line_around(cursor)
    return swallowed(left, text, right)


def place_of(cursor: QTextCursor) -> Place:
    document, position = cursor.document(), cursor.position()
    end = document.characterCount() - 1
    return Place(
        position,
        text_between(document, max(position - 2 * TOLD_BEFORE - _LONGEST_TYPED, 0), position),
        text_between(document, position, min(position + 2 * TOLD_AFTER, end))[:TOLD_AFTER],
    )


def around(cursor: QTextCursor) -> tuple[str, str]:
    """Before and after the cursor, as much as any model reads."""
    document, position = cursor.document(), cursor.position()
    edge = max(position // _EDGE_STEP - 1, 0) * _EDGE_STEP
    start = document.findBlock(edge).position() if edge else 0
    if position - start > 4 * _EDGE_STEP:  # one line without end
        start = edge
    end = min(position + _MOST_AFTER, document.characterCount() - 1)
    return text_between(document, start, position), text_between(document, position, end)


def excerpts(others: Iterable[OpenText], most_letters: int, own_path: str | None) -> tuple[ContextFile, ...]:
    """Of each text the lines around its cursor; the first of them matter most."""
    taken: list[ContextFile] = []
    for other in others:
        left = min(most_letters - sum(len(file.text) for file in taken), _MOST_OF_A_FILE)
        if left <= 0 or len(taken) == MOST_CONTEXT_FILES:
            break
        if other.path == own_path or is_secret_file(other.path):
            continue
        text = _lines_around(other.text, other.cursor, left)
        if not text.isspace() and text:
            taken.append(ContextFile(other.path, text))
    return tuple(taken)


def _lines_around(text: str, cursor: int, most: int) -> str:
    """Whole lines."""
    start = max(cursor - int(most * _BEFORE_CURSOR), 0)
    end = min(start + most, len(text))
    start = max(end - most, 0)
    if start > 0:
        start = text.find("\n", start, end) + 1 or start
    if end < len(text):
        end = text.rfind("\n", start, end) + 1 or end
    return text[start:end]
