"""Pairs: brackets and quotes that close themselves as they are opened, are typed over, and go together.

Only a closing one that was put in here is typed over or taken back; it is forgotten when the cursor leaves
its line. Everything is a plain edit, so undo takes it back like typing.
"""

from collections.abc import Callable

from PySide6.QtGui import QTextCursor

from app.editor.line_range import one_step, replace, select
from app.languages import Language

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
# what may stand behind a cursor for a closing one to come by itself
_BEHIND = " \t)]}>,;:.=`'\""


class Pairs:
    def __init__(self, is_quoted: Callable[[int], bool]) -> None:
        """`is_quoted` says whether a position is inside a string or a comment."""
        self._is_quoted = is_quoted
        self._put_in: list[QTextCursor] = []  # each stands before a closing one of ours

    def take(self, cursor: QTextCursor, typed: str, language: Language) -> bool:
        """One character was typed. True where that was dealt with; the cursor is then where it belongs."""
        if cursor.hasSelection():
            return self._surround(cursor, typed, language)
        return self._type_over(cursor, typed) or self._close(cursor, typed, language)

    def take_back(self, cursor: QTextCursor) -> bool:
        """Backspace between an opening one and ours: both go."""
        ours = self._ours_at(cursor.position())
        if ours is None or cursor.hasSelection() or cursor.atBlockStart():
            return False
        opening = cursor.document().characterAt(cursor.position() - 1)
        closing = cursor.document().characterAt(cursor.position())
        if closing not in (_BRACKETS.get(opening), opening):
            return False
        self._put_in.remove(ours)
        with one_step(cursor) as edit:
            replace(edit, cursor.position() - 1, cursor.position() + 1, "")
        return True

    def forget_but(self, line: int) -> None:
        self._put_in = [ours for ours in self._put_in if ours.blockNumber() == line]

    def forget(self) -> None:
        self._put_in.clear()

    def _surround(self, cursor: QTextCursor, typed: str, language: Language) -> bool:
        closing = _BRACKETS.get(typed) or (typed if typed in language.quotes and typed else "")
        if not closing:
            return False
        start, end = cursor.selectionStart(), cursor.selectionEnd()
        is_forward = cursor.position() == end
        with one_step(cursor) as edit:
            replace(edit, end, end, closing)
            replace(edit, start, start, typed)
        select(cursor, *((start + 1, end + 1) if is_forward else (end + 1, start + 1)))
        return True

    def _type_over(self, cursor: QTextCursor, typed: str) -> bool:
        ours = self._ours_at(cursor.position())
        if ours is None or cursor.document().characterAt(cursor.position()) != typed:
            return False
        self._put_in.remove(ours)
        cursor.setPosition(cursor.position() + 1)
        return True

    def _close(self, cursor: QTextCursor, typed: str, language: Language) -> bool:
        closing = _BRACKETS.get(typed) or self._closing_quote(cursor, typed, language)
        behind = cursor.document().characterAt(cursor.position())
        if not closing or not (cursor.atBlockEnd() or behind in _BEHIND):
            return False
        if typed in _BRACKETS and behind == typed:
            return False
        place = cursor.position()
        with one_step(cursor) as edit:
            replace(edit, place, place, typed + closing)
        cursor.setPosition(place + 1)
        for offset in range(len(closing)):
            ours = QTextCursor(cursor.document())
            ours.setPosition(place + 1 + offset)
            self._put_in.append(ours)
        return True

    def _closing_quote(self, cursor: QTextCursor, typed: str, language: Language) -> str:
        """Nothing where the quote more likely ends a string, or is an apostrophe."""
        if not typed or typed not in language.quotes:
            return ""
        place, before = cursor.position(), cursor.block().text()[: cursor.positionInBlock()]
        if language.has_triple_quotes and before.endswith(typed * 2) and not before.endswith(typed * 3):
            return typed * 3 if cursor.document().characterAt(place) != typed else ""
        last = before[-1:]
        is_prefix = last.isalpha() and len(before) - len(before.rstrip("rbfuRBFU")) == len(last)
        if last in {typed, "\\"} or ((last.isalnum() or last == "_") and not is_prefix):
            return ""
        return "" if self._is_quoted(place) else typed

    def _ours_at(self, position: int) -> QTextCursor | None:
        return next((ours for ours in self._put_in if ours.position() == position), None)
