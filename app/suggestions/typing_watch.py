"""TypingWatch: what has happened to an editor's text, told once a key, when the editor is done with it.

A key may change the text several times and move the cursor in between (a bracket is closed, a line indented).
What comes of it is told by an event of its own, which comes after all that and before anything is painted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, Signal
from PySide6.QtGui import QInputMethodEvent, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit

from app.suggestions.suggested import Change

_SETTLE = QEvent.Type(QEvent.registerEventType())
_DELETING_KEYS = frozenset({Qt.Key.Key_Backspace, Qt.Key.Key_Delete})
_TYPING_KEYS = _DELETING_KEYS | {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab, Qt.Key.Key_Backtab}
_COMMANDS = (
    Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.MetaModifier | Qt.KeyboardModifier.AltModifier
)
# a key that brings a letter on some keyboards only arrives so
_ALT_GR = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier


@dataclass(frozen=True)
class Happening:
    """`is_typing`: a person did it, letter by letter; undo, pasting and programs are something else."""

    changes: tuple[Change, ...]
    has_moved: bool
    is_typing: bool
    is_deleting: bool


class TypingWatch(QObject):
    """
    Signals:
        happened: a Happening.
        key_typed: a key that is part of typing was pressed.
        left: the person has clicked, or gone elsewhere.
    """

    happened = Signal(object)
    key_typed = Signal()
    left = Signal()

    # An editor that is collected still sends events, to a filter whose own attributes may be gone by then.
    _is_whole = False

    def __init__(
        self, editor: QPlainTextEdit, action_of: Callable[[QKeyEvent], Callable[[], None] | None]
    ) -> None:
        """`action_of` a key: what is done instead of what the editor would do with it."""
        super().__init__(editor)
        self._action_of = action_of
        self._changes: list[Change] = []
        self._position = editor.textCursor().position()
        self._is_posted = self._is_typing = self._is_deleting = False
        self.is_composing = False
        self._is_whole = True
        editor.installEventFilter(self)
        editor.viewport().installEventFilter(self)
        editor.document().contentsChange.connect(self._note_change)
        editor.cursorPositionChanged.connect(self.settle_soon)
        editor.selectionChanged.connect(self.settle_soon)

    @property
    def _editor(self) -> QPlainTextEdit:
        """Not kept: whatever an editor owns must not keep it alive, or it is destroyed piece by piece."""
        return cast(QPlainTextEdit, self.parent())

    def settle_soon(self) -> None:
        if not self._is_posted:
            self._is_posted = True
            QCoreApplication.postEvent(self, QEvent(_SETTLE), Qt.EventPriority.HighEventPriority.value)

    def settle(self) -> None:
        """Now: tells what has happened, if anything has."""
        if self._is_posted:
            self._is_posted = False
            changes, self._changes = tuple(self._changes), []
            before, self._position = self._position, self._editor.textCursor().position()
            has_moved = self._position != before
            happening = Happening(changes, has_moved, self._is_typing, self._is_deleting)
            self._is_typing = self._is_deleting = False
            self.happened.emit(happening)

    def expect_typing(self) -> None:
        """What changes next is as if typed."""
        self._is_typing = True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if not self._is_whole:
            return False
        if watched is not self._editor:
            if kind == QEvent.Type.MouseButtonPress:
                self.left.emit()
        elif isinstance(event, QKeyEvent):
            if kind == QEvent.Type.ShortcutOverride and self._action_of(event) is not None:
                event.accept()
                return True
            if kind == QEvent.Type.KeyPress:
                return self._press(event)
        elif isinstance(event, QInputMethodEvent):
            self.is_composing = bool(event.preeditString())
            self._is_typing = bool(event.commitString())
            self.settle_soon()
        elif kind == QEvent.Type.FocusOut:
            self.is_composing = False
            self.left.emit()
        return super().eventFilter(watched, event)

    def customEvent(self, event: QEvent) -> None:
        if event.type() == _SETTLE:
            self.settle()

    def _press(self, event: QKeyEvent) -> bool:
        self.settle()  # keys that come in one go are decided one by one
        act = self._action_of(event)
        if act is not None:
            act()
            return True
        if _is_letter(event) or event.key() in _TYPING_KEYS:
            self._is_typing, self._is_deleting = True, event.key() in _DELETING_KEYS
            self.key_typed.emit()
            self.settle_soon()
        return False

    def _note_change(self, position: int, removed: int, added: int) -> None:
        self._changes.append(Change(position, removed, added))
        self.settle_soon()


def _is_letter(event: QKeyEvent) -> bool:
    commands = event.modifiers() & _COMMANDS
    return bool(event.text()) and event.text().isprintable() and commands in (Qt.KeyboardModifier(0), _ALT_GR)
