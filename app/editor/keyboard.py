"""Keyboard: what a key does to code beyond putting in its letter: it indents, closes, takes back.

Keys that a person may bind to something else are not here: they are actions, and CodeEditor performs them.
"""

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.editor.brackets import PARTNERS, Quoted, partner_of
from app.editor.indentation import (
    Indentation,
    blanks_to_remove,
    indent_lines,
    new_line,
    tab_at,
)
from app.editor.line_range import LineRange, one_step, replace
from app.editor.pairs import Pairs
from app.languages import PLAIN, Language

_PLAIN = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
_ALT_GR = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier  # as Windows says it
# with Ctrl these delete in Qt's own way, as in Emacs, and nobody expects that of an editor of code
_EMACS_S = (Qt.Key.Key_D, Qt.Key.Key_K, Qt.Key.Key_U)
_MOVE, _KEEP = QTextCursor.MoveMode.MoveAnchor, QTextCursor.MoveMode.KeepAnchor


class Keyboard:
    def __init__(self, editor: QPlainTextEdit, quoted: Quoted) -> None:
        self._editor = editor
        self._quoted = quoted
        self.pairs = Pairs(self._is_quoted)
        self.language: Language = PLAIN
        self.indentation = Indentation()
        self.closes_brackets = True

    def press(self, event: QKeyEvent) -> bool:
        """True where the key was dealt with here."""
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        key = event.key()
        if key == Qt.Key.Key_Home and modifiers in _PLAIN:
            return self._go_home(_KEEP if modifiers else _MOVE)
        is_swallowed = modifiers == Qt.KeyboardModifier.ControlModifier and key in _EMACS_S
        if is_swallowed or self._editor.isReadOnly():
            return is_swallowed
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and modifiers in _PLAIN:
            return self._break_line()
        if key == Qt.Key.Key_Backspace and modifiers in _PLAIN:
            return self._take_back()
        if key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            return self._editor.tabChangesFocus() or self._tab(key == Qt.Key.Key_Backtab, modifiers)
        is_text = modifiers in _PLAIN or modifiers == _ALT_GR or not modifiers & _ALT_GR
        return is_text and len(event.text()) == 1 and event.text().isprintable() and self._type(event)

    def indent(self, levels: int) -> None:
        cursor = self._editor.textCursor()
        indent_lines(cursor, self.indentation, levels)
        self._editor.setTextCursor(cursor)

    def open_line(self, *, below: bool) -> None:
        """A new one beside the cursor's, wherever in it that is."""
        if self._editor.isReadOnly():
            return
        cursor = self._editor.textCursor()
        block = cursor.block()
        cursor.setPosition(block.position() + (block.length() - 1 if below else 0))
        self._editor.setTextCursor(cursor)
        if below:
            self._break_line()
            return
        blanks = block.text()[: len(block.text()) - len(block.text().lstrip(" \t"))]
        with one_step(cursor) as edit:
            replace(edit, block.position(), block.position(), blanks + "\n")
        cursor.setPosition(edit.position() - 1)
        self._show(cursor)

    def _go_home(self, mode: QTextCursor.MoveMode) -> bool:
        """To the first letter, from there to the margin; in a broken line to the start of its part first."""
        cursor = self._editor.textCursor()
        text = cursor.block().text()
        first = len(text) - len(text.lstrip())
        column = cursor.positionInBlock()
        target = QTextCursor(cursor)
        target.movePosition(QTextCursor.MoveOperation.StartOfLine)
        if target.positionInBlock() > first and target.positionInBlock() < column:
            cursor.setPosition(target.position(), mode)
        else:
            cursor.setPosition(cursor.block().position() + (0 if column == first else first), mode)
        self._editor.setTextCursor(cursor)
        return True

    def _break_line(self) -> bool:
        cursor = self._editor.textCursor()
        start, end = cursor.selectionStart(), cursor.selectionEnd()
        block = cursor.document().findBlock(start)
        before = self._code_before(start)
        after = cursor.document().findBlock(end).text()[end - cursor.document().findBlock(end).position() :]
        written = block.text()[: start - block.position()]
        blanks = written[: len(written) - len(written.lstrip(" \t"))]
        made = new_line(blanks, before, after, self.language, self.indentation)
        is_blank = not before.strip(" \t") and before.isprintable() and written.isspace()
        with one_step(cursor) as edit:
            if is_blank and not after:  # blanks of an empty line are not left behind
                start = block.position()
            replace(edit, start, end + _blanks_before_text(after, made.after), made.before + made.after)
        cursor.setPosition(start + len(made.before))
        self._show(cursor)
        return True

    def _take_back(self) -> bool:
        cursor = self._editor.textCursor()
        if cursor.hasSelection() or cursor.atBlockStart():
            return False
        if self.pairs.take_back(cursor):
            self._show(cursor)
            return True
        before = cursor.block().text()[: cursor.positionInBlock()]
        count = blanks_to_remove(before, self.indentation)
        if count < 2:
            return False
        with one_step(cursor) as edit:
            replace(edit, cursor.position() - count, cursor.position(), "")
        self._show(cursor)
        return True

    def _tab(self, is_back: bool, modifiers: Qt.KeyboardModifier) -> bool:
        if modifiers & ~Qt.KeyboardModifier.ShiftModifier:
            return False
        cursor = self._editor.textCursor()
        lines = LineRange.of(cursor)
        document = cursor.document()
        is_whole = cursor.selectionStart() <= lines.start(document) and cursor.selectionEnd() >= lines.end(
            document
        )
        if is_back or lines.first != lines.last or (cursor.hasSelection() and is_whole):
            self.indent(-1 if is_back else 1)
            return True
        before = cursor.block().text()[: cursor.selectionStart() - cursor.block().position()]
        with one_step(cursor) as edit:
            replace(edit, cursor.selectionStart(), cursor.selectionEnd(), tab_at(before, self.indentation))
        self._show(self._editor.textCursor())
        return True

    def _type(self, event: QKeyEvent) -> bool:
        cursor, typed = self._editor.textCursor(), event.text()
        if self._editor.overwriteMode():
            return False
        if self.closes_brackets and self.pairs.take(cursor, typed, self.language):
            self._show(cursor)
            return True
        if typed in ")]}" and self._align_closing(cursor, typed):
            return True
        before = cursor.document().characterAt(cursor.position() - 1) if cursor.position() else ""
        if not cursor.hasSelection() and not typed.isspace() and before.isspace():
            self._begin_word(cursor, typed)
            return True
        return False

    def _begin_word(self, cursor: QTextCursor, typed: str) -> None:
        """A step of undo of its own, with which the letters that follow are joined: undo goes by words."""
        cursor.beginEditBlock()
        cursor.insertText(typed)
        cursor.endEditBlock()
        self._show(cursor)

    def _align_closing(self, cursor: QTextCursor, typed: str) -> bool:
        """A closing bracket that is the first of its line stands as deep as the line that opened."""
        block = cursor.block()
        if cursor.hasSelection() or block.text()[: cursor.positionInBlock()].strip(" \t"):
            return False
        with one_step(cursor) as edit:
            place = cursor.position()
            replace(edit, place, place, typed)
            opening = partner_of(cursor.document(), place, self._quoted) if typed in PARTNERS else None
            if opening is not None:
                text = cursor.document().findBlock(opening).text()
                blanks = text[: len(text) - len(text.lstrip(" \t"))]
                replace(edit, block.position(), place, blanks)
        cursor.setPosition(edit.position() + (1 if opening is not None else 0))
        self._show(cursor)
        return True

    def _code_before(self, position: int) -> str:
        """The line up to there: comments are blank, and strings are letters that open and close nothing."""
        block = self._editor.document().findBlock(position)
        text = block.text()[: position - block.position()]
        block_comment = self.language.block_comment
        marks = tuple(
            mark for mark in (self.language.line_comment, block_comment and block_comment[0]) if mark
        )
        for start, stop in self._quoted(block.blockNumber()):
            stand_in = " " if marks and text.startswith(marks, start) else "x"
            text = text[:start] + stand_in * (min(stop, len(text)) - start) + text[stop:]
        return text

    def _is_quoted(self, position: int) -> bool:
        block = self._editor.document().findBlock(position)
        column = position - block.position()
        return any(start < column < stop for start, stop in self._quoted(block.blockNumber()))

    def _show(self, cursor: QTextCursor) -> None:
        self._editor.setTextCursor(cursor)
        self._editor.ensureCursorVisible()


def _blanks_before_text(after: str, closing_line: str) -> int:
    """Blanks before a bracket that goes to a line of its own make room for its indentation."""
    return len(after) - len(after.lstrip(" \t")) if closing_line else 0
