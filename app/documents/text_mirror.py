"""TextMirror: a second copy of a long text that follows its editor edit by edit, for the journal.

Taking the whole text out of Qt costs the window as long as the text is; noting what a key has changed costs
nothing. The copy itself is a thread's work. It is never saved into the person's file.
"""

from PySide6.QtCore import QObject
from PySide6.QtGui import QTextCursor, QTextDocument

_BYTES = 2  # of one of Qt's characters
Edit = tuple[int, int, str]
Handed = tuple[str | None, list[Edit]]


class TextMirror(QObject):
    def __init__(
        self, document: QTextDocument, text: str | None = None, parent: QObject | None = None
    ) -> None:
        """`text`: what is in the document, where it is at hand."""
        super().__init__(parent)
        self._document = document
        self._copy = bytearray()
        self._base: str | None = None
        self._edits: list[Edit] = []
        self._length = 0
        self._start_over(text)
        document.contentsChange.connect(self._note)

    def hand_over(self) -> Handed:
        """For `text`: a new base where there is one, and the edits since the last time."""
        if self._length != self._document.characterCount() - 1:
            self._start_over()  # Qt has told less than it did
        handed = (self._base, self._edits)
        self._base, self._edits = None, []
        return handed

    def text(self, handed: Handed) -> str:
        """In a thread, one at a time, in the order in which they were handed over."""
        base, edits = handed
        if base is not None:
            self._copy = bytearray(base.encode("utf-16-le", "surrogatepass"))
        for position, removed, added in edits:
            start = position * _BYTES
            self._copy[start : start + removed * _BYTES] = added.encode("utf-16-le", "surrogatepass")
        # half of a character, as an edit in its middle leaves it, is nothing that a file could hold
        return self._copy.decode("utf-16-le", "ignore").replace("\u2029", "\n")

    def _start_over(self, text: str | None = None) -> None:
        self._base = self._document.toRawText() if text is None else text
        self._edits = []
        self._length = self._document.characterCount() - 1

    def _note(self, position: int, removed: int, added: int) -> None:
        last = self._document.characterCount() - 1
        # Qt counts the end of the last line as well where the whole text is exchanged
        removed = min(removed, self._length - position)
        added = min(added, last - position)
        self._length += added - removed
        cursor = QTextCursor(self._document)
        cursor.setPosition(position)
        cursor.setPosition(position + added, QTextCursor.MoveMode.KeepAnchor)
        self._edits.append((position, removed, cursor.selectedText()))
