"""What one does to whole lines: move, copy, delete, join, duplicate, trim. Each is one step of undo.

A command is given the editor's cursor and leaves it where the person expects to go on. Positions are Qt's.
"""

import re

from PySide6.QtGui import QTextCursor

from app.editor.line_range import LineRange, end_of, one_step, replace, select

_TRAILING = re.compile(r"[ \t]+$")


def move_lines(cursor: QTextCursor, down: bool) -> None:
    """The neighbour changes its place, so the lines, and what is selected in them, are not touched."""
    document, lines = cursor.document(), LineRange.of(cursor)
    neighbour = document.findBlockByNumber(lines.last + 1 if down else lines.first - 1)
    if not neighbour.isValid():
        return
    text, anchor, position = neighbour.text(), cursor.anchor(), cursor.position()
    start, end = lines.start(document), lines.end(document)
    with one_step(cursor) as edit:
        if down:
            replace(edit, end, end_of(neighbour), "")
            replace(edit, start, start, text + "\n")
        else:
            replace(edit, end, end, "\n" + text)
            replace(edit, neighbour.position(), start, "")
    shift = (len(text.encode("utf-16-le")) // 2 + 1) * (1 if down else -1)
    select(cursor, anchor + shift, position + shift)


def copy_lines(cursor: QTextCursor, down: bool) -> None:
    """The selection ends up in the copy that stands in that direction."""
    document, lines = cursor.document(), LineRange.of(cursor)
    start, end, anchor, position = (
        lines.start(document),
        lines.end(document),
        cursor.anchor(),
        cursor.position(),
    )
    text = _text_between(cursor, start, end)
    with one_step(cursor) as edit:
        replace(edit, end, end, "\n" + text)
    shift = end - start + 1 if down else 0
    select(cursor, anchor + shift, position + shift)


def duplicate(cursor: QTextCursor) -> None:
    """A selection again behind itself, and selected; without one, the line."""
    if not cursor.hasSelection():
        copy_lines(cursor, down=True)
        return
    start, end = cursor.selectionStart(), cursor.selectionEnd()
    text = _text_between(cursor, start, end)
    with one_step(cursor) as edit:
        replace(edit, end, end, text)
    select(cursor, end, end + (end - start))


def delete_lines(cursor: QTextCursor) -> None:
    document, lines = cursor.document(), LineRange.of(cursor)
    column = cursor.positionInBlock()
    start, end = lines.start(document), lines.end(document)
    is_last = end == document.characterCount() - 1
    with one_step(cursor) as edit:
        replace(edit, max(0, start - 1) if is_last else start, end if is_last else end + 1, "")
    block = document.findBlockByNumber(min(lines.first, document.blockCount() - 1))
    cursor.setPosition(min(block.position() + column, end_of(block)))


def join_lines(cursor: QTextCursor) -> None:
    """The selected lines, or this and the next, become one; a blank stays between words."""
    document, lines = cursor.document(), LineRange.of(cursor)
    last = max(lines.last, lines.first + 1)
    if last >= document.blockCount():
        return
    joined = ""
    place = 0
    for block in LineRange(lines.first, last).blocks(document):
        text = block.text() if block.blockNumber() == lines.first else block.text().strip()
        if joined and text:
            joined = joined.rstrip()
            place = len(joined.encode("utf-16-le")) // 2
            joined += " " + text if joined.strip() else text
        else:
            joined += text
    start, end = lines.start(document), LineRange(last, last).end(document)
    with one_step(cursor) as edit:
        replace(edit, start, end, joined)
    cursor.setPosition(start + (place or len(joined.encode("utf-16-le")) // 2))


def trim_trailing(cursor: QTextCursor) -> int:
    """Blanks at line ends, everywhere in the document. Returns how many lines had some."""
    document, found = cursor.document(), []
    block = document.firstBlock()
    while block.isValid():
        if blanks := _TRAILING.search(block.text()):
            found.append((end_of(block) - len(blanks[0]), end_of(block)))
        block = block.next()
    if found:
        with one_step(cursor) as edit:
            for start, end in reversed(found):
                replace(edit, start, end, "")
    return len(found)


def _text_between(cursor: QTextCursor, start: int, end: int) -> str:
    reader = QTextCursor(cursor.document())
    select(reader, start, end)
    return reader.selectedText().replace("\u2029", "\n")
