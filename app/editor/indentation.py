"""Indentation: how a file indents, told from its text, and the commands that indent.

How deep a new line stands is read off the line before it; nothing here parses a language.
"""

import re
from collections import Counter
from dataclasses import dataclass

from PySide6.QtGui import QTextBlock, QTextCursor

from app.editor.line_range import LineRange, one_step, replace, select
from app.languages import Language

_LINES_READ = 1500
_BLANKS = re.compile(r"[ \t]*")
_CLOSER_OF = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True)
class Indentation:
    width: int = 4
    uses_tabs: bool = False

    @property
    def unit(self) -> str:
        return "\t" if self.uses_tabs else " " * self.width

    def columns(self, blanks: str) -> int:
        """How wide these are on the screen."""
        column = 0
        for blank in blanks:
            column = column + self.width - column % self.width if blank == "\t" else column + 1
        return column

    def blanks(self, columns: int) -> str:
        if not self.uses_tabs:
            return " " * columns
        return "\t" * (columns // self.width) + " " * (columns % self.width)

    def deeper(self, blanks: str, levels: int = 1) -> str:
        """To the next level, or with -1 to the one before."""
        level, rest = divmod(self.columns(blanks), self.width)
        if levels < 0 and rest:
            level += 1
        return self.blanks(max(0, level + levels) * self.width)


def detected(first_block: QTextBlock, fallback: Indentation) -> Indentation:
    """What most lines do that stand deeper than the one before; the fallback where none does."""
    steps: Counter[int] = Counter()
    tabs = spaces = 0
    before, block = 400, first_block  # nothing stands before the first
    for _ in range(_LINES_READ):
        if not block.isValid():
            break
        text = block.text()[:400]
        block = block.next()
        blanks = _BLANKS.match(text)[0]  # type: ignore[index]
        if len(blanks) == len(text):
            continue  # an empty line says nothing
        if blanks.startswith("\t"):
            tabs += 1
            continue
        spaces += bool(blanks)
        if 1 < len(blanks) - before <= 8:
            steps[len(blanks) - before] += 1
        before = len(blanks)
    if tabs > spaces:
        return Indentation(fallback.width, uses_tabs=True)
    if not steps:
        return Indentation(fallback.width, fallback.uses_tabs and not spaces)
    width = max(steps, key=lambda step: (steps[step], step in (2, 4, 8)))
    return Indentation(width, uses_tabs=False)


def indent_lines(cursor: QTextCursor, indentation: Indentation, levels: int = 1) -> None:
    """Empty lines stay empty. A selection of whole lines stays one; another stays on its text."""
    document, lines = cursor.document(), LineRange.of(cursor)
    anchor, position = cursor.anchor(), cursor.position()
    has_selection, starts_whole = cursor.hasSelection(), cursor.selectionStart() == lines.start(document)
    moved = []
    with one_step(cursor) as edit:
        for block in lines.blocks(document):
            text = block.text()
            old = _BLANKS.match(text)[0]  # type: ignore[index]
            new = indentation.deeper(old, levels) if old != text or lines.first == lines.last else old
            shared = _shared(old, new)
            if new != old:
                start = block.position()
                moved.append((start + shared, len(old) - shared, len(new) - shared))
                replace(edit, start + shared, start + len(old), new[shared:])
    anchor, position = _after(anchor, moved), _after(position, moved)
    if has_selection and starts_whole:
        start = lines.start(document)
        anchor, position = (start, position) if anchor < position else (anchor, start)
    select(cursor, anchor, position)


def _after(position: int, edits: list[tuple[int, int, int]]) -> int:
    """Where a position is after edits, each told by its place when it was made, what went and what came."""
    for place, removed, added in edits:
        if position >= place + removed:
            position += added - removed
        elif position > place:
            position = place + added
    return position


def _shared(old: str, new: str) -> int:
    count = 0
    while count < min(len(old), len(new)) and old[count] == new[count]:
        count += 1
    return count


@dataclass(frozen=True)
class NewLine:
    """What Enter puts in: `after` stands behind the cursor, for a closing bracket on a line of its own."""

    before: str
    after: str = ""


def new_line(blanks: str, before: str, after: str, language: Language, indentation: Indentation) -> NewLine:
    """`before` and `after` are the line on either side of the cursor, comments and strings made blank;
    `blanks` is how it is indented, which a line that is nothing but a comment does not show then."""
    code = before.rstrip()
    if code and code[-1] in language.opens_block:
        deeper = indentation.deeper(blanks)
        if after.lstrip()[:1] and after.lstrip()[:1] == _CLOSER_OF.get(code[-1]):
            return NewLine("\n" + deeper, "\n" + blanks)
        return NewLine("\n" + deeper)
    if language.closes_block and language.closes_block.match(before) and not after.strip():
        return NewLine("\n" + indentation.deeper(blanks, -1))
    return NewLine("\n" + blanks)


def blanks_to_remove(before: str, indentation: Indentation) -> int:
    """How many blanks Backspace takes where only blanks stand before the cursor."""
    if not before or before.strip(" \t") or before.endswith("\t"):
        return 1
    wanted = (indentation.columns(before) - 1) // indentation.width * indentation.width
    kept = before
    while indentation.columns(kept) > wanted and kept.endswith(" "):
        kept = kept[:-1]
    return len(before) - len(kept)


def tab_at(before: str, indentation: Indentation) -> str:
    """What Tab puts in at the cursor."""
    if indentation.uses_tabs:
        return "\t"
    return " " * (indentation.width - indentation.columns(before) % indentation.width)
