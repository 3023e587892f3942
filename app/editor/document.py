"""Document: one open text, its editor, and what is known of its file.

What the person is asked, and what is done about an answer, is in documents. Nothing here touches a disk.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.editor.text_file import Stamp, TextFile
from app.editor.text_form import TextForm

# what became of the file since it was read or saved
Fate = Literal["same", "changed", "deleted"]


@dataclass(frozen=True)
class Place:
    """Where the person is in a text: cursor, other end of the selection, and the first line in sight."""

    position: int = 0
    anchor: int = 0
    first_line: int = 0


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
        self.is_locked = False
        self.notes: list[str] = []
        editor.document().modificationChanged.connect(self.changed)
        editor.document().contentsChanged.connect(self.edited)
        editor.cursorPositionChanged.connect(self.moved)

    @property
    def name(self) -> str:
        return self.path.name if self.path else f"Untitled-{self.number}"

    @property
    def is_modified(self) -> bool:
        """Whether closing would lose something that is in no file."""
        if self.fate == "deleted":
            return True
        if self.path is None and self.editor.document().isEmpty():
            return False
        return self.editor.document().isModified()

    @property
    def revision(self) -> int:
        return self.editor.document().revision()

    def text(self) -> str:
        # toPlainText would make plain spaces of those that do not break
        return self.editor.document().toRawText().replace("\u2029", "\n")

    def load(self, file: TextFile) -> None:
        """The first text; there is nothing to undo."""
        self.editor.setPlainText(file.text)
        self.take_file(file)
        if self.text() != file.text:
            self.lock("It holds characters that the editor cannot keep, so it is shown and not edited.")

    def reload(self, file: TextFile) -> None:
        """What another program wrote: can be undone, and the cursor stays with its text."""
        self.replace_text(file.text)
        self.take_file(file)

    def replace_text(self, text: str) -> None:
        """As one step of undo, and only what differs."""
        old = self.text()
        start, old_end, new_end = _difference(old, text)
        if old_end == start == new_end:
            return
        cursor = QTextCursor(self.editor.document())
        cursor.setPosition(_units(old[:start]))
        cursor.setPosition(_units(old[:old_end]), QTextCursor.MoveMode.KeepAnchor)
        cursor.insertText(text[start:new_end])

    def take_file(self, file: TextFile, revision: int | None = None) -> None:
        """The text is now that of the file; `revision`: as far as it was then, when this was written."""
        self.path, self.form, self.stamp = file.path, file.form, file.stamp
        self.fate = "same"
        self.notes = file.notes()
        if revision is None or revision == self.revision:
            self.editor.document().setModified(False)
        self.changed.emit()

    def set_form(self, form: TextForm) -> None:
        """Another encoding or other line ends, from the next save on."""
        if form != self.form:
            self.form = form
            self.notes = form.notes()
            self.editor.document().setModified(True)
            self.changed.emit()

    def set_fate(self, fate: Fate) -> None:
        if fate != self.fate:
            self.fate = fate
            self.changed.emit()

    def set_path(self, path: Path) -> None:
        """The file has another name now."""
        self.path = path
        self.changed.emit()

    def lock(self, why: str) -> None:
        self.is_locked = True
        self.notes = [*self.notes, why]
        self.editor.setReadOnly(True)
        self.changed.emit()

    def unlock(self, why: str) -> None:
        self.is_locked = False
        self.notes = [note for note in self.notes if note != why]
        self.editor.setReadOnly(False)
        self.changed.emit()

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


def _difference(old: str, new: str) -> tuple[int, int, int]:
    """Where they begin to differ, and where in each they stop to."""
    shorter = min(len(old), len(new))
    start = _shared(old, new, shorter)
    end = _shared(old[::-1], new[::-1], shorter - start)
    return start, len(old) - end, len(new) - end


def _shared(first: str, second: str, limit: int) -> int:
    """How many characters both begin with; by halves, because comparing slices is fast and a loop is not."""
    known = 0
    while known < limit:
        step = 1
        while known + step <= limit and first[known : known + step] == second[known : known + step]:
            known += step
            step *= 2
        if step == 1:
            break
    return known


def _units(text: str) -> int:
    """Qt counts what UTF-16 needs."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
