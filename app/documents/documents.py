"""Documents: the texts that are open. Opening and closing, and what is asked before text would be lost.

How one is saved is in saving, what other programs do to its file in outside, how they look in document_tabs.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QPlainTextEdit

from app.documents.document import Document, Snapshot
from app.documents.outside import OutsideChanges
from app.documents.replace_file import may_be_written
from app.documents.saving import Saving
from app.documents.text_file import CannotRead, TextFile, absolute, read
from app.editor.long_text import is_long
from app.errands import Errands
from app.questions import CANCEL, DISCARD, SAVE, Choice, Questions

_MAX_CLOSED = 30
_MAX_RECENT = 30


class Documents(QObject):
    """`opened` and `closed`: a document. `shown`: the person should see this one now. `changed`: the title or
    mark of one. `failed` and `said`: a sentence for the person."""

    opened = Signal(object)
    closed = Signal(object)
    shown = Signal(object)
    changed = Signal(object)
    failed = Signal(str)
    said = Signal(str)

    def __init__(
        self,
        make_editor: Callable[[], QPlainTextEdit],
        questions: Questions,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._make_editor = make_editor
        self._questions = questions
        self._open: list[Document] = []
        self._closed: list[Snapshot] = []
        self._asked_about: set[Document] = set()
        self.recent: list[Path] = []
        self.folder: Path | None = None  # where new files are likely to be saved
        self.errands = Errands()
        # a slow disk must not stop the window
        self._disk = ThreadPoolExecutor(max_workers=2, thread_name_prefix="documents")
        self._saving = Saving(self._disk, questions, self)
        self._saving.saved.connect(self._remember)
        self._outside = OutsideChanges(self._disk, self.errands, self)
        self._outside.said.connect(self.said)

    def __iter__(self) -> Iterator[Document]:
        return iter([*self._open])

    def __len__(self) -> int:
        return len(self._open)

    @property
    def before_save(self) -> Callable[[Document], Awaitable[None]] | None:
        """What has to be in safety before a file is touched."""
        return self._saving.before

    @before_save.setter
    def before_save(self, before: Callable[[Document], Awaitable[None]] | None) -> None:
        self._saving.before = before

    def put_in_order(self, tidy: Callable[[Document], None]) -> None:
        """What is done to a text whenever it is about to be saved."""
        self._saving.put_in_order = tidy

    def at(self, path: Path) -> Document | None:
        """The one for this file, by whichever of its names."""
        path = absolute(path)
        for document in self._open:
            if document.path is not None and (document.path == path or _is_same_file(document.path, path)):
                return document
        return None

    def new(self, text: str = "") -> Document:
        document = self._made(self._free_number())
        if text:
            document.editor.insertPlainText(text)
        self._add(document)
        self.shown.emit(document)
        return document

    async def open(self, path: Path, *, encoding: str = "") -> Document | None:
        """None where it cannot be opened, which `failed` has said then."""
        document = self.at(path)
        if document is None:
            try:
                file = await self._read(path, encoding)
            except CannotRead as error:
                self.failed.emit(str(error))
                return None
            document = self.at(path) or await self._opened(file)  # asked for twice at once
        self.shown.emit(document)
        return document

    async def open_or_begin(self, path: Path) -> Document | None:
        """As `open`; where there is no file of this name yet, a text that becomes it when it is saved."""
        path = absolute(path)
        if self.at(path) is not None or os.path.lexists(path) or not path.parent.is_dir():
            return await self.open(path)
        document = self._made(0)
        document.set_path(path)
        self._add(document)
        self.shown.emit(document)
        self.said.emit(f"{path.name} is not there yet: saving makes it, in {path.parent}.")
        return document

    async def reopen_with(self, document: Document, encoding: str) -> bool:
        """The bytes of the file, read as something else."""
        if document.path is None:
            return False
        if document.is_modified:
            answer = await self._questions.ask(
                f"Read {document.name} again as {encoding}?",
                [Choice("read", "Read Again", "destroy"), CANCEL],
                "The changes since it was saved can be had back with Undo.",
            )
            if answer == "cancel":
                return False
        try:
            document.reload(await self._read(document.path, encoding))
        except CannotRead as error:
            self.failed.emit(str(error))
            return False
        document.chosen_encoding = encoding
        return True

    async def save(self, document: Document) -> bool:
        """False where the person has changed their mind or the system refuses."""
        return await self._saving.save(document)

    async def save_as(self, document: Document) -> bool:
        return await self._saving.save_as(document)

    async def save_all(self) -> bool:
        for document in self:
            if document.is_modified and not await self.save(document):
                return False
        return True

    async def close(self, document: Document) -> bool:
        if document in self._asked_about:
            return False
        self._asked_about.add(document)
        try:
            while await self._would_lose(document):
                answer = await self._questions.ask(
                    f"Save the changes to {document.name}?",
                    [SAVE, DISCARD, CANCEL],
                    _loss(document),
                )
                if answer == "cancel" or (answer == "save" and not await self.save(document)):
                    return False
                if answer == "discard":
                    break
        finally:
            self._asked_about.discard(document)
        self._remove(document)
        return True

    async def close_all(self, documents: Iterable[Document]) -> bool:
        """One after the other, until the person changes their mind."""
        for document in [*documents]:
            if not await self.close(document):
                return False
        return True

    async def may_quit(self) -> bool:
        """Nothing is left unsaved that the person wants. What has a file stays open, for the next start."""
        modified = [document for document in self if await self._would_lose(document)]
        answer = "save" if not modified else await self._asked_before_quitting(modified)
        if answer == "cancel" or (answer == "save" and not await self.save_all()):
            return False
        for document in modified:
            if document.is_modified or document.path is None:
                await self._discard(document)
        return True

    async def reopen_closed(self) -> Document | None:
        while self._closed:
            snapshot = self._closed.pop()
            if snapshot.path is None or snapshot.path.exists():
                document = await self.restore(snapshot)
                self.shown.emit(document)
                return document
        return None

    async def restore(self, snapshot: Snapshot) -> Document | None:
        """As it was; unsaved text can be undone to what the file has. None where nothing is left of it."""
        document = self.at(snapshot.path) if snapshot.path else None
        if document is None and snapshot.path is not None:
            document = await self._restored_from_file(snapshot.path, snapshot)
        if document is None and snapshot.text is None:
            return None
        if document is None:
            document = self._restored_without_file(snapshot)
        elif snapshot.text is not None and document.text() != snapshot.text:
            document.bring_back(snapshot.text)
        document.go_to(snapshot.place)
        return document

    def move(self, old: Path, new: Path) -> None:
        """A file or folder has been renamed from within the window."""
        for document in self:
            if document.path is not None and document.path.is_relative_to(old):
                document.set_path(new / document.path.relative_to(old))
        self._outside.watch(self._open)

    def check_files(self) -> None:
        """Looks at every file: when the window comes to the front, for disks that do not tell."""
        for document in self:
            self._outside.check_soon(document)

    async def load_theirs(self, document: Document) -> None:
        """What another program wrote, instead of the person's own text, which Undo brings back."""
        await self._outside.load(document)

    def keep_mine(self, document: Document) -> None:
        """The next save overwrites what another program wrote."""
        self.errands.start(self._outside.keep(document))

    async def theirs(self, document: Document) -> str:
        """The text that is in the file now; empty where there is none."""
        try:
            encoding = document.chosen_encoding
            return (await self._read(document.path, encoding)).text if document.path else ""
        except CannotRead:
            return ""

    async def stop(self) -> None:
        self._outside.stop()
        await self.errands.stop()
        self._disk.shutdown()

    async def _would_lose(self, document: Document) -> bool:
        """Asked once a save that is under way is done."""
        async with document.file_turn:
            return document in self._open and document.is_modified

    def _made(self, number: int) -> Document:
        document = Document(self._make_editor(), number, self)
        document.changed.connect(self._tell_change)
        return document

    def _add(self, document: Document) -> None:
        self._open.append(document)
        self._outside.watch(self._open)
        self.opened.emit(document)

    async def _opened(self, file: TextFile) -> Document:
        document = self._made(0)
        if is_long(file.text):
            self.said.emit(f"Opening {file.path.name}…")
            in_sight = (other.editor for other in self if other.editor.isVisible())
            beside = next(in_sight, None)
            await document.load_slowly(file, beside.size() if beside else None)
            if (other := self.at(file.path)) is not None:  # meanwhile
                document.deleteLater()
                document.editor.deleteLater()
                return other
            self.said.emit("")
        else:
            document.load(file)
        document.set_writable(may_be_written(Path(os.path.realpath(file.path))))
        self._add(document)
        self._remember(document)
        return document

    async def _restored_from_file(self, path: Path, snapshot: Snapshot) -> Document | None:
        chosen = None
        try:
            file = await self._read(path, "")
            if file.stamp.digest == snapshot.digest and file.form.encoding != snapshot.form.encoding:
                chosen = await self._read_as_before(path, snapshot.form.encoding)
        except CannotRead as error:
            if snapshot.text is None:
                self.failed.emit(str(error))
            return None
        file = chosen or file
        document = await self._opened(file)
        document.chosen_encoding = chosen.form.encoding if chosen else ""
        if snapshot.text is not None and snapshot.form != replace(file.form, mixed=()):
            document.set_form(snapshot.form)
        if snapshot.text is not None and document.stamp and document.stamp.digest != snapshot.digest:
            document.bring_back(snapshot.text)
            if document.is_modified:
                document.set_fate("changed")
        return document

    async def _read_as_before(self, path: Path, encoding: str) -> TextFile | None:
        """With an encoding that a person has chosen; None where it was for the next save only."""
        try:
            return await self._read(path, encoding)
        except CannotRead:
            return None

    def _restored_without_file(self, snapshot: Snapshot) -> Document:
        document = self._made(snapshot.number if snapshot.path is None else 0)
        if any(document.number == other.number for other in self if other.path is None):
            document.number = self._free_number()
        document.editor.insertPlainText(snapshot.text or "")
        document.form = snapshot.form
        if snapshot.path is not None:
            document.set_path(snapshot.path)
            document.set_fate("deleted" if snapshot.digest else "same")
        self._add(document)
        return document

    async def _asked_before_quitting(self, modified: list[Document]) -> str:
        if len(modified) == 1:
            text, details = f"Save the changes to {modified[0].name}?", _loss(modified[0])
            return await self._questions.ask(text, [SAVE, DISCARD, CANCEL], details)
        names = "\n".join(f"•  {document.name}" for document in modified[:12])
        more = f"\n…  and {len(modified) - 12} more" if len(modified) > 12 else ""
        return await self._questions.ask(
            f"Save the changes to {len(modified)} files?",
            [Choice("save", "Save All"), Choice("discard", "Discard All", "destroy"), CANCEL],
            f"{names}{more}\n\nWhat is discarded is lost.",
        )

    async def _discard(self, document: Document) -> None:
        """Back to what the file has; without a file there is nothing to keep."""
        if document.path is not None and document.fate in ("same", "changed"):
            await self._outside.load(document)
        if document.is_modified or document.path is None:
            self._remove(document)

    def _remove(self, document: Document) -> None:
        if document not in self._open:
            return
        if document.path is not None or not document.editor.document().isEmpty():
            self._closed = [*self._closed, document.snapshot()][-_MAX_CLOSED:]
        self._open.remove(document)
        self._outside.watch(self._open)
        self.closed.emit(document)
        document.deleteLater()

    async def _read(self, path: Path, encoding: str) -> TextFile:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, partial(read, path, encoding=encoding))

    def _remember(self, document: Document) -> None:
        if document.path is not None:
            others = [path for path in self.recent if path != document.path]
            self.recent = [document.path, *others][:_MAX_RECENT]
            self._outside.watch(self._open)

    def _free_number(self) -> int:
        taken = {document.number for document in self._open if document.path is None}
        return next(number for number in range(1, len(taken) + 2) if number not in taken)

    def _tell_change(self) -> None:
        document = self.sender()
        if isinstance(document, Document):
            self.changed.emit(document)


def _is_same_file(first: Path, second: Path) -> bool:
    try:
        return os.path.samefile(first, second)
    except OSError:  # one of them is not there
        return False


def _loss(document: Document) -> str:
    if document.fate == "deleted":
        return "Its file has been deleted by another program: the text is only here."
    if document.fate == "unreadable":
        return "Another program has put something else in the place of its file: the text is only here."
    return "What is discarded is lost."
