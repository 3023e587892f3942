"""Recovery: unsaved text is never only in memory for long. Told of each change, it writes a moment later.

Texts are taken here, where they cannot change meanwhile, and written by a thread. How they lie on the disk is
in journal. Nothing is written while nothing changes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from app.documents.document import Document, Snapshot
from app.documents.documents import Documents
from app.documents.journal import Found, Journal, Layout, find
from app.documents.replace_file import remove_leftovers

_Taken = tuple[Snapshot, Callable[[], str]]
_WRITE_AFTER_MS = 700  # together with the writing well below two seconds


class Recovery(QObject):
    """`failed`: a sentence for the person, once until writing works again. `order`: the documents as they
    stand in the tabs, and the one in sight."""

    failed = Signal(str)

    def __init__(
        self,
        documents: Documents,
        root: Path,
        order: Callable[[], tuple[list[Document], Document | None]] | None = None,
    ) -> None:
        super().__init__(documents)
        self._documents = documents
        self._root = root
        self._order = order or (lambda: ([*documents], None))
        self._journal: Journal | None = None
        self._loop: asyncio.AbstractEventLoop  # there as soon as there is a journal
        self._keys: dict[Document, str] = {}
        self._next_key = 0
        self._written: dict[str, tuple[int, object]] = {}
        self._layout: Layout | None = None
        self._is_failing = False
        self._keeps_texts = True
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recovery")
        self._writing: Future[None] | None = None
        self._timer = QTimer(self, singleShot=True, interval=_WRITE_AFTER_MS)
        self._timer.timeout.connect(self._write)
        documents.opened.connect(self._follow)
        documents.closed.connect(self._forget)
        documents.changed.connect(self.write_soon)
        documents.before_save = self._kept
        for document in documents:
            self._follow(document)

    async def restore(self, *, with_tabs: bool = True) -> list[str]:
        """Opens what earlier programs have left. Returns sentences about what could not be read."""
        loop = self._loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._writer, find, self._root)
        restored = await self._restore_all(found, with_tabs=with_tabs)
        for folder in {text.path.parent for text in found.texts if text.path is not None}:
            await loop.run_in_executor(self._writer, remove_leftovers, folder)
        problems = [*found.problems]
        try:
            self._begin()
            await self.flush()
        except OSError as error:
            problems.append(_cannot_keep(error))
        if self._journal is not None and not self._is_failing:
            for journal in found.folders:  # only now is everything in our own
                _remove(journal)
        if names := ", ".join(document.name for document in restored if document.is_modified):
            problems.append(f"Unsaved text was restored: {names}.")
        return problems

    def keep_texts(self, keeps: bool) -> None:
        """Whether the person wants copies of unsaved text at all."""
        self._keeps_texts = keeps
        self.write_soon()

    def write_soon(self) -> None:
        if not self._timer.isActive() and self._journal is not None:
            self._timer.start()

    async def flush(self) -> None:
        """All that is unsaved now is on the disk when this returns, or `failed` has said why not."""
        await self._written_so_far()
        self._write()
        await self._written_so_far()

    async def stop(self) -> None:
        """What the person has discarded is forgotten, what is open is opened next time."""
        await self.flush()
        self._timer.stop()
        self._writer.shutdown()
        if self._journal is not None:
            self._journal.release()
            self._journal = None

    async def _written_so_far(self) -> None:
        while self._writing is not None:
            await asyncio.gather(asyncio.wrap_future(self._writing), return_exceptions=True)

    async def _kept(self, _: Document) -> None:
        await self.flush()

    def _begin(self) -> None:
        if self._journal is not None:
            self._journal.release()
        self._journal = Journal.begin(self._root)

    async def _restore_all(self, found: Found, *, with_tabs: bool) -> list[Document]:
        """Tabs in their order, then texts that belong to none of them."""
        layout = found.layout if with_tabs else Layout()
        unsaved = [*found.texts]
        restored: list[Document] = []
        shown: Document | None = None
        for place, tab in enumerate(layout.documents):
            texts = [text for text in unsaved if _is_of(text, tab)]
            unsaved = [text for text in unsaved if text not in texts]
            for snapshot in [replace(text, place=tab.place) for text in texts] or [tab]:
                document = await self._documents.restore(snapshot)
                restored += [document] if document is not None else []
                shown = document if place == layout.shown else shown
        for snapshot in unsaved:
            document = await self._documents.restore(snapshot)
            restored += [document] if document is not None else []
        if with_tabs:
            self._documents.recent = [*layout.recent]
            self._documents.folder = self._documents.folder or layout.folder
        if shown is not None:
            self._documents.shown.emit(shown)
        return restored

    def _follow(self, document: Document) -> None:
        self._keys[document] = str(self._next_key)
        self._next_key += 1
        document.edited.connect(self.write_soon)
        document.moved.connect(self.write_soon)
        self.write_soon()

    def _forget(self, document: Document) -> None:
        document.edited.disconnect(self.write_soon)
        document.moved.disconnect(self.write_soon)
        del self._keys[document]
        self.write_soon()

    def _write(self) -> None:
        """Takes what has changed and hands it to the thread; later, if that is still at it."""
        if self._journal is None:
            return
        if self._writing is not None:
            self._timer.start()
            return
        texts: dict[str, _Taken] = {}
        unsaved: dict[str, tuple[int, object]] = {}
        documents, in_sight = self._order()
        documents = [*documents, *(document for document in self._documents if document not in documents)]
        for document in documents:
            key = self._keys[document]
            if self._keeps_texts and document.is_modified:
                unsaved[key] = (document.revision, (document.path, document.form, document.stamp))
                if self._written.get(key) != unsaved[key]:
                    texts[key] = (document.snapshot(with_text=False), document.take_text())
        gone = [key for key in self._written if key not in unsaved]
        layout = Layout(
            tuple(document.snapshot(with_text=False) for document in documents),
            documents.index(in_sight) if in_sight in documents else -1,
            self._documents.folder,
            tuple(self._documents.recent),
        )
        if not texts and not gone and layout == self._layout:
            return
        writing = self._writer.submit(_put, self._journal, texts, gone, layout)
        self._writing = writing
        writing.add_done_callback(
            lambda _: self._loop.call_soon_threadsafe(self._note, writing, unsaved, layout)
        )

    def _note(self, writing: "Future[None]", unsaved: dict[str, tuple[int, object]], layout: Layout) -> None:
        self._writing = None
        error = writing.exception()
        if error is None:
            self._written, self._layout = unsaved, layout
            self._is_failing = False
        elif isinstance(error, OSError):
            if isinstance(error, FileNotFoundError):  # somebody has tidied our folder away
                error = self._start_over()
            if error is not None and not self._is_failing:
                self.failed.emit(_cannot_keep(error))
            self._is_failing = error is not None
            self._timer.start()
        else:
            raise error

    def _start_over(self) -> OSError | None:
        """With a new folder, and everything in it again."""
        self._written, self._layout = {}, None
        try:
            self._begin()
        except OSError as error:
            return error
        return None


def _put(journal: Journal, texts: dict[str, _Taken], gone: list[str], layout: Layout) -> None:
    """New texts before the layout that names them, old ones go last."""
    # each is asked for, whether or not the disk takes those before it
    whole = {key: replace(snapshot, text=text()) for key, (snapshot, text) in texts.items()}
    for key, snapshot in whole.items():
        journal.write_text(key, snapshot)
    journal.write_layout(layout)
    for key in gone:
        journal.forget(key)


def _is_of(text: Snapshot, tab: Snapshot) -> bool:
    if text.path is None or tab.path is None:
        return text.path is None and tab.path is None and text.number == tab.number
    return text.path == tab.path


def _cannot_keep(error: OSError) -> str:
    reason = error.strerror or type(error).__name__
    return f"Unsaved text cannot be kept safe ({reason}): save often, and free some space on the disk."


def _remove(journal: Journal) -> None:
    try:
        journal.remove()
    except (
        OSError
    ):  # somebody else's file in it, or a disk that cannot be written: it is found again next time
        journal.release()
