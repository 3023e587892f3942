"""Document: one open text, its editor, and what is known of its file.

What the person is asked, and what is done about an answer, is in documents. Nothing here touches a disk.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.documents.text_file import Stamp, TextFile
from app.documents.text_form import TextForm
from app.documents.text_mirror import TextMirror
from app.editor.long_text import LONGEST_ENDURED, LONGEST_TYPED, fill, has_long_line, in_pieces, longest_line

# what became of the file since it was read or saved; unreadable: there is something that no editor can show
Fate = Literal["same", "changed", "deleted", "unreadable"]
READ_ONLY = "This file is read-only: change its permissions to edit it, or save it under another name."
_LONG_TEXT = 200_000  # characters, for which Qt takes as long as for a key
_IN_PIECES = (
    f"Lines longer than {LONGEST_TYPED:,} characters are shown in pieces, and the text cannot be edited, "
    "as the window would stand still at each key."
)
_ENDURED = "The window stands still for a moment at each key in its longest lines."
_NOT_KEPT = "It holds characters that the editor cannot keep, so it is shown and cannot be edited."


@dataclass(frozen=True)
class Place:
    """Where the person is in a text: cursor, other end of the selection, and the first line in sight."""

    position: int = 0
    anchor: int = 0
    first_line: int = 0


@dataclass(frozen=True)
class Snapshot:
    """A document as it can be opened again. `text` is None where the file has it; `digest` says from which
    bytes of the file the text was made, empty where there was no file."""

    number: int
    path: Path | None
    text: str | None
    form: TextForm
    digest: bytes
    place: Place


class Document(QObject):
    """`changed`: title, mark or notes may be others now. `edited`: the text is another.
    `moved`: the cursor stands elsewhere."""

    changed = Signal()
    edited = Signal()
    moved = Signal()

    def __init__(self, editor: QPlainTextEdit, number: int, parent: QObject | None = None) -> None:
        """`number` names the text until it has a file, and never is another text's."""
        super().__init__(parent)
        self.editor = editor
        self.number = number
        self.path: Path | None = None
        self.form = TextForm()
        self.stamp: Stamp | None = None
        self.fate: Fate = "same"
        self.chosen_encoding = ""  # by the person, against what the bytes look like
        self.file_turn = asyncio.Lock()  # one at a time reads or writes the file
        self._notes: list[str] = []
        self._mirror: TextMirror | None = None
        self._whole: str | None = None  # where the editor shows it otherwise
        self._endures_long_lines = False
        self._is_writable = self._is_kept = True
        editor.document().modificationChanged.connect(self.changed)
        editor.document().contentsChanged.connect(self.edited)
        editor.cursorPositionChanged.connect(self.moved)

    @property
    def name(self) -> str:
        return self.path.name if self.path else f"Untitled-{self.number}"

    @property
    def is_modified(self) -> bool:
        """Whether closing would lose something that is in no file."""
        if self.fate in ("deleted", "unreadable"):
            return True
        if self.path is None and self.editor.document().isEmpty():
            return False
        return self.editor.document().isModified()

    @property
    def revision(self) -> int:
        return self.editor.document().revision()

    @property
    def notes(self) -> list[str]:
        """What the person should know of the file; one sentence each."""
        return [
            *self._notes,
            *([] if self._whole is None else [_IN_PIECES]),
            *([_ENDURED] if self._endures_long_lines else []),
            *([] if self._is_kept else [_NOT_KEPT]),
            *([] if self._is_writable else [READ_ONLY]),
        ]

    def text(self) -> str:
        if self._whole is not None:
            return self._whole
        # toPlainText would make plain spaces of those that do not break
        return self.editor.document().toRawText().replace("\u2029", "\n")

    def take_text(self) -> Callable[[], str]:
        """The text of now, to be asked for in a thread in the order of taking; a long one costs nothing."""
        if self._whole is not None:
            return partial(str, self._whole)
        if self._mirror is None and self.editor.document().characterCount() > _LONG_TEXT:
            self._mirror = TextMirror(self.editor.document(), parent=self)
        if self._mirror is not None:
            return partial(self._mirror.text, self._mirror.hand_over())
        text = self.text()
        return lambda: text

    def load(self, file: TextFile) -> None:
        """The first text; there is nothing to undo."""
        self.editor.setPlainText(self._shown(file.text))
        self._take_first(file)

    async def load_slowly(self, file: TextFile, size: QSize | None = None) -> None:
        """The same for a long text, of which the window notices nothing; `size`: of the editor, later."""
        await fill(self.editor, self._shown(file.text), size)
        self._take_first(file)

    @property
    def may_be_edited_anyway(self) -> bool:
        """It is shown in pieces, and who has patience can write in it."""
        return self._whole is not None and longest_line(self._whole) <= LONGEST_ENDURED

    def edit_anyway(self) -> None:
        """The person would rather wait at each key than not write: its lines are whole from now on."""
        self._endures_long_lines = True
        if self._whole is not None:
            text, self._whole = self._whole, None
            self.editor.setPlainText(text)
            self._is_kept = self.text() == text
            self._lock()
        self.changed.emit()

    def bring_back(self, text: str) -> None:
        """Unsaved text of an earlier time. It can be written in, as it could be then."""
        if has_long_line(text):
            self.edit_anyway()
        self.replace_text(text)

    def _shown(self, text: str) -> str:
        """With lines in pieces that are too long to be typed into; then the text itself is kept beside."""
        self._whole = text if has_long_line(text) and not self._endures_long_lines else None
        return in_pieces(text) if self._whole is not None else text

    def _take_first(self, file: TextFile) -> None:
        if self._whole is not None:
            self._mirror = None
        elif file.text.isascii():  # all of which Qt keeps; the whole of a long text takes its time
            self._is_kept = self.editor.document().characterCount() - 1 == len(file.text)
        else:
            self._is_kept = self.text() == file.text
        if self._whole is None and len(file.text) > _LONG_TEXT and self._is_kept:
            self._mirror = TextMirror(self.editor.document(), file.text, self)
        self.take_file(file)

    def reload(self, file: TextFile) -> None:
        """What another program wrote: can be undone, and the cursor stays with its text."""
        self.replace_text(file.text)
        self.take_file(file)

    def replace_text(self, text: str) -> None:
        """As one step of undo, and only what differs."""
        if self._whole is not None or (has_long_line(text) and not self._endures_long_lines):
            self.editor.setPlainText(self._shown(text))
            self._lock()
            return
        old = self.text()
        start, old_end, new_end = _difference(old, text)
        if old_end == start == new_end:
            return
        cursor = QTextCursor(self.editor.document())
        cursor.setPosition(_units(old[:start]))
        cursor.setPosition(_units(old[:old_end]), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(text[start:new_end])
        self._is_kept = self.text() == text

    def take_file(self, file: TextFile, revision: int | None = None) -> None:
        """The text is that of the file; `revision`: it was when this was written, and may have gone on."""
        self.path, self.form, self.stamp = file.path, file.form, file.stamp
        self.fate = "same"
        self._notes = [*file.notes]
        if revision is None or revision == self.revision:
            self.editor.document().setModified(False)
        self._lock()
        self.changed.emit()

    def set_form(self, form: TextForm) -> None:
        """Another encoding or other line ends, from the next save on."""
        if form != self.form:
            self.form = form
            self._notes = form.notes()
            self.editor.document().setModified(True)
            self.changed.emit()

    def set_fate(self, fate: Fate) -> None:
        if fate != self.fate:
            self.fate = fate
            self.changed.emit()

    def set_stamp(self, stamp: Stamp | None) -> None:
        """The person has seen what is in the file now, and keeps their own text."""
        self.stamp = stamp
        if self.fate == "changed":
            self.editor.document().setModified(True)
        self.set_fate("same")

    def set_path(self, path: Path) -> None:
        """The file has another name now."""
        self.path = path
        self.changed.emit()

    def set_writable(self, is_writable: bool) -> None:
        if is_writable != self._is_writable:
            self._is_writable = is_writable
            self._lock()
            self.changed.emit()

    def snapshot(self, *, with_text: bool = True) -> Snapshot:
        text = self.text() if with_text and (self.is_modified or self.stamp is None) else None
        digest = self.stamp.digest if self.stamp else b""
        return Snapshot(self.number, self.path, text, self.form, digest, self.place())

    def place(self) -> Place:
        cursor = self.editor.textCursor()
        return Place(cursor.position(), cursor.anchor(), self.editor.verticalScrollBar().value())

    def go_to(self, place: Place) -> None:
        last = self.editor.document().characterCount() - 1
        cursor = self.editor.textCursor()
        cursor.setPosition(max(0, min(place.anchor, last)))
        cursor.setPosition(max(0, min(place.position, last)), QTextCursor.MoveMode.KeepAnchor)
        self.editor.setTextCursor(cursor)
        self.editor.verticalScrollBar().setValue(place.first_line)

    def go_to_line(self, line: int, column: int = 0, length: int = 0) -> None:
        """Lines count from one, columns from zero; what is beyond the end goes to the end."""
        block = self.editor.document().findBlockByNumber(max(0, line - 1))
        if not block.isValid():
            block = self.editor.document().lastBlock()
        start = min(column, block.length() - 1)
        end = min(start + length, block.length() - 1)
        self.go_to(Place(block.position() + end, block.position() + start))
        self.editor.centerCursor()

    def _lock(self) -> None:
        """What is typed already can still be changed: it will have to go somewhere."""
        is_modified = self.editor.document().isModified()
        is_shown_only = not self._is_kept or self._whole is not None
        self.editor.setReadOnly(is_shown_only or (not self._is_writable and not is_modified))


def _difference(old: str, new: str) -> tuple[int, int, int]:
    """Where they begin to differ, and where in each they stop to."""
    shorter = min(len(old), len(new))
    start = _shared(old, new, shorter)
    end = _shared(old[::-1], new[::-1], shorter - start)
    return start, len(old) - end, len(new) - end


def _shared(first: str, second: str, limit: int) -> int:
    """How many characters both begin with; by growing slices, because comparing them is fast."""
    known, step = 0, 1
    while known < limit:
        step = min(step, limit - known)
        if first[known : known + step] == second[known : known + step]:
            known += step
            step *= 2
        elif step == 1:
            break
        else:
            step = 1 if step <= 32 else step // 8
    return known


def _units(text: str) -> int:
    """Qt counts what UTF-16 needs."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
