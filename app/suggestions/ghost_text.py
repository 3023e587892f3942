"""GhostText: grey text behind the cursor that is no part of the document, in any QPlainTextEdit.

It lies in the line's pre-edit area, the place that input methods compose in: undo, saving, searching and
copying never see it. Whatever might meet it there, a key, a click, a composition, a change of the text, makes
it go first; whether it comes back, its owner decides. What to show, and what takes it, is not known here.
"""

from typing import cast

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QKeyEvent,
    QTextBlock,
    QTextCursor,
    QTextFormat,
)
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit

from app.suggestions.preedit_formats import closed, grey, is_ghost, opened
from app.suggestions.suggestion import units

_LINE_BREAK = "\u2028"
_KEYS_THAT_SAY_NOTHING = frozenset(
    {
        *(Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_AltGr, Qt.Key.Key_Meta),
        *(Qt.Key.Key_CapsLock, Qt.Key.Key_NumLock, Qt.Key.Key_ScrollLock, Qt.Key.Key_Super_L),
        *(Qt.Key.Key_Super_R, Qt.Key.Key_Hyper_L, Qt.Key.Key_Hyper_R, Qt.Key.Key_unknown),
    }
)
_HIDING = frozenset(
    {
        *(QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick, QEvent.Type.DragEnter),
        *(QEvent.Type.InputMethod, QEvent.Type.FocusOut, QEvent.Type.ReadOnlyChange),
    }
)
_MOST_BLOCKS_SEARCHED = 64


class GhostText(QObject):
    """
    Signals:
        went: something has made it go; not said where the owner did.
    """

    went = Signal()

    # An editor that is collected still sends events, to a filter whose own attributes may be gone by then.
    _text = ""

    def __init__(self, editor: QPlainTextEdit) -> None:
        super().__init__(editor)
        self._text = ""
        self._hidden = 0  # letters behind it that are part of it too
        self._format = grey(QColor(Qt.GlobalColor.gray))
        self._at = QTextCursor(editor.document())
        self._aside: list[QTextEdit.ExtraSelection] = []
        self._marks_left = 0
        self._painted = ""
        editor.installEventFilter(self)
        editor.viewport().installEventFilter(self)
        editor.document().contentsChange.connect(self._make_way)
        editor.cursorPositionChanged.connect(self._go)
        editor.document().documentLayout().update.connect(self._stay_grey)

    @property
    def _editor(self) -> QPlainTextEdit:
        """Not kept: whatever an editor owns must not keep it alive, or it is destroyed piece by piece."""
        return cast(QPlainTextEdit, self.parent())

    @property
    def text(self) -> str:
        """Empty where nothing is shown."""
        return self._text

    @property
    def seen(self) -> str:
        """As much of it as has been painted: who has not seen it cannot mean it. What is typed of a text that
        was seen leaves a rest that was seen too."""
        if self._painted.endswith(self._text):
            return self._text
        return self._painted if self._text.startswith(self._painted) else ""

    def set_colour(self, colour: QColor) -> None:
        self._format = grey(colour)
        text = self._text
        if text:
            self.clear()
            self.show(text, hides=self._hidden)

    def show(self, text: str, *, hides: int = 0) -> bool:
        """At the cursor; `hides` so many letters behind it, in whose place it comes. False where it cannot
        be: over a selection, or where the cursor is out of sight."""
        cursor = self._editor.textCursor()
        if text == self._text and self._at.position() == cursor.position():
            return True
        self.clear()
        is_in_sight = self._editor.viewport().rect().intersects(self._editor.cursorRect())
        if not text or cursor.hasSelection() or not is_in_sight or _preedit(cursor.block()):
            return False
        block, column = cursor.block(), cursor.positionInBlock()
        layout, shown = block.layout(), text.replace("\n", _LINE_BREAK)
        layout.setPreeditArea(column, shown)
        layout.setFormats(opened(layout.formats(), column, units(shown), self._format, hides))
        self._hidden = hides
        self._text, self._at = text, QTextCursor(cursor)
        self._put_marks_aside()
        self._draw_again(block)
        return True

    def clear(self) -> None:
        if self._text:
            text, self._text = self._text, ""
            block = self._at.block()
            first = self._editor.cursorForPosition(QPoint(0, 0)).block()
            self._empty(block)
            self._put_marks_back()
            if "\n" in text and block.blockNumber() < first.blockNumber():
                # else what is in sight would move by as many lines as have gone above it
                self._editor.verticalScrollBar().setValue(first.firstLineNumber())

    def insert(self, part: str, *, joins_last: bool = False, swallows: int = 0) -> None:
        """Into the document, as one step of undo, or as one with the step before it; in the place of so many
        letters behind the cursor."""
        self.clear()
        cursor = self._editor.textCursor()
        if joins_last:
            cursor.joinPreviousEditBlock()
        else:
            cursor.beginEditBlock()
        cursor.setPosition(cursor.position() + swallows, QTextCursor.MoveMode.KeepAnchor)
        # what is typed next would be undone together with this, if an insertion were the last that was done
        cursor.insertText(part + " ")
        cursor.deletePreviousChar()
        cursor.endEditBlock()
        self._editor.setTextCursor(cursor)
        self._editor.ensureCursorVisible()

    def announce(self, text: str) -> None:
        """To who cannot see it."""
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._editor, text))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.Paint and watched is not self._editor:  # which paints but its frame
            self._painted = self._text
        if self._text:
            if kind == QEvent.Type.Paint:
                self._put_marks_aside()
            elif kind in _HIDING or (isinstance(event, QKeyEvent) and _says_something(event)):
                self._go()
        return super().eventFilter(watched, event)

    def _go(self) -> None:
        if self._text:
            self.clear()
            self.went.emit()

    def _make_way(self, position: int, _removed: int, added: int) -> None:
        """The text has changed already. The area went along with its line, wherever that is now."""
        if not self._text:
            return
        document = self._editor.document()
        self.clear()
        block = document.findBlock(max(position - 1, 0))
        for _ in range(_MOST_BLOCKS_SEARCHED):
            if not block.isValid() or block.position() > position + added + 1:
                break
            if _preedit(block):
                self._empty(block)
            block = block.next()
        self.went.emit()

    def _empty(self, block: QTextBlock) -> None:
        layout = block.layout()
        width, at = units(layout.preeditAreaText()), layout.preeditAreaPosition()
        if width:
            layout.setPreeditArea(-1, "")
            layout.setFormats(closed(layout.formats(), at, width))
            self._draw_again(block)

    def _draw_again(self, block: QTextBlock) -> None:
        self._editor.document().markContentsDirty(block.position(), block.length())

    def _stay_grey(self) -> None:
        """Whoever has coloured the line anew has put the token at the cursor over the grey."""
        if not self._text:
            return
        layout = self._at.block().layout()
        ranges = layout.formats()
        if not ranges or not is_ghost(ranges[-1]):
            at, width = layout.preeditAreaPosition(), units(layout.preeditAreaText())
            if width:
                others = [found for found in ranges if not is_ghost(found)]
                layout.setFormats([*others, *opened([], at, width, self._format, self._hidden)])

    def _put_marks_aside(self) -> None:
        """Marks behind the cursor would be drawn over the grey text: Qt does not move them apart."""
        marks = self._editor.extraSelections()
        behind = [mark for mark in marks if self._is_behind(mark)]
        if behind:
            self._aside = behind
            kept = [mark for mark in marks if not self._is_behind(mark)]
            self._editor.setExtraSelections(kept)
            self._marks_left = len(kept)

    def _put_marks_back(self) -> None:
        """Unless the editor has set others since."""
        aside, self._aside = self._aside, []
        marks = self._editor.extraSelections()
        if aside and len(marks) == self._marks_left:
            self._editor.setExtraSelections([*marks, *aside])

    def _is_behind(self, mark: QTextEdit.ExtraSelection) -> bool:
        if mark.format.boolProperty(QTextFormat.Property.FullWidthSelection):
            return False
        block, position = self._at.block(), self._at.position()
        line_end = block.position() + block.length()
        return mark.cursor.selectionEnd() > position and mark.cursor.selectionStart() < line_end


def _preedit(block: QTextBlock) -> str:
    return str(block.layout().preeditAreaText())


def _says_something(event: QKeyEvent) -> bool:
    return event.type() == QEvent.Type.KeyPress and event.key() not in _KEYS_THAT_SAY_NOTHING
