"""Turns lines into comments and back, in the way of the language."""

import re

from PySide6.QtGui import QTextCursor

from app.editor.line_range import LineRange, one_step, replace, select
from app.languages import BlockComment, Language

_BLANKS = re.compile(r"[ \t]*")


def toggle_comment(cursor: QTextCursor, language: Language) -> None:
    """Comments unless every line with text is one already. Without a way to say it, nothing happens."""
    if language.line_comment:
        _toggle_lines(cursor, language.line_comment)
    elif language.block_comment:
        _toggle_around(cursor, language.block_comment)


def _toggle_lines(cursor: QTextCursor, mark: str) -> None:
    document, lines = cursor.document(), LineRange.of(cursor)
    anchor, position = cursor.anchor(), cursor.position()
    mark = mark.rstrip()
    is_alone = lines.first == lines.last
    texts = [block.text() for block in lines.blocks(document)]
    said = [text for text in texts if text.strip()] or texts[:1]
    depth = min(len(_BLANKS.match(text)[0]) for text in said)  # type: ignore[index]
    is_commented = all(text[len(_BLANKS.match(text)[0]) :].startswith(mark) for text in said)  # type: ignore[index]
    start_of_all = lines.start(document)
    takes_whole_lines = cursor.hasSelection() and cursor.selectionStart() == start_of_all
    with one_step(cursor) as edit:
        for block in lines.blocks(document):
            text = block.text()
            if not text.strip() and not is_alone:
                continue
            place, gone, came = depth, "", mark + " "
            if is_commented:
                place = len(_BLANKS.match(text)[0])  # type: ignore[index]
                gone, came = text[place : place + len(mark) + 1], ""
                gone = gone if gone.endswith(" ") else mark
            start = block.position() + place
            replace(edit, start, start + len(gone), came)
            anchor = _moved(anchor, start, len(gone), len(came))
            position = _moved(position, start, len(gone), len(came))
    if takes_whole_lines:
        anchor, position = (start_of_all, position) if anchor < position else (anchor, start_of_all)
    select(cursor, anchor, position)


def _moved(position: int, start: int, gone: int, came: int) -> int:
    return position if position < start else max(start, position - gone) + came


def _toggle_around(cursor: QTextCursor, marks: BlockComment) -> None:
    document, lines = cursor.document(), LineRange.of(cursor)
    opening, closing = marks
    anchor, position = cursor.anchor(), cursor.position()
    first, last = document.findBlockByNumber(lines.first), document.findBlockByNumber(lines.last)
    start = first.position() + len(_BLANKS.match(first.text())[0])  # type: ignore[index]
    stop = last.position() + len(last.text().rstrip().encode("utf-16-le")) // 2
    inside = QTextCursor(document)
    select(inside, start, max(start, stop))
    text = inside.selectedText()
    with one_step(cursor) as edit:
        if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening + closing):
            before = len(opening) + text[len(opening) :].startswith(" ")
            behind = len(closing) + text[: -len(closing)].endswith(" ")
            behind = min(behind, stop - start - before)
            replace(edit, stop - behind, stop, "")
            replace(edit, start, start + before, "")
            anchor, position = _moved(anchor, start, before, 0), _moved(position, start, before, 0)
            end = stop - before - behind
            anchor, position = min(anchor, end), min(position, end)
        else:
            replace(edit, stop, stop, " " + closing)
            replace(edit, start, start, opening + " ")
            came = len(opening) + 1
            anchor, position = _moved(anchor, start, 0, came), _moved(position, start, 0, came)
    select(cursor, anchor, position)
