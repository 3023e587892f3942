"""OutsideChanges: what other programs do to the files of open documents.

A text without changes of the person's own follows its file; any other is marked, and the person decides.
"""

import asyncio
import os
from collections.abc import Iterable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from app.documents.disk_watch import DiskWatch
from app.documents.document import Document
from app.documents.replace_file import may_be_written
from app.documents.text_file import CannotRead, TextFile, read
from app.errands import Errands

_SETTLE_S = 0.1
_MAX_WAITS = 20


class OutsideChanges(QObject):
    """`said`: a sentence for the person."""

    said = Signal(str)

    def __init__(self, disk: Executor, errands: Errands, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._disk = disk
        self._errands = errands
        self._documents: list[Document] = []
        self._watch = DiskWatch(self)
        self._watch.touched.connect(self._check_path)

    def watch(self, documents: Iterable[Document]) -> None:
        self._documents = [*documents]
        self._watch.watch(document.path for document in self._documents if document.path is not None)

    def stop(self) -> None:
        self._watch.stop()

    def check_soon(self, document: Document) -> None:
        if document.path is not None:
            self._errands.start(self._check(document))

    async def load(self, document: Document) -> None:
        if (file := await self._current(document)) is not None:
            document.reload(file)

    async def keep(self, document: Document) -> None:
        if (file := await self._current(document)) is not None:
            document.set_stamp(file.stamp)

    async def _current(self, document: Document) -> TextFile | None:
        async with document.file_turn:
            try:
                file = await self._read(document, document.path) if document.path else None
            except CannotRead as error:
                self.said.emit(str(error))
                return None
        return file if document in self._documents else None

    def _check_path(self, path: Path) -> None:
        for document in self._documents:
            if document.path == path:
                self.check_soon(document)

    async def _check(self, document: Document) -> None:
        async with document.file_turn:
            path = document.path
            if path is None or document not in self._documents:
                return
            try:
                status = os.stat(path)
            except OSError as error:
                is_gone = isinstance(error, FileNotFoundError | NotADirectoryError)
                if is_gone and document.stamp is None:
                    return  # it has never been there
                document.set_fate("deleted" if is_gone else "unreadable")
                return
            document.set_writable(may_be_written(Path(os.path.realpath(path))))
            stamp = document.stamp
            if stamp is not None and stamp.may_still_hold(status) and document.fate == "same":
                return
            await self._take(document, path)

    async def _take(self, document: Document, path: Path) -> None:
        try:
            file = await self._settled(document, path)
        except CannotRead as error:
            if document in self._documents and document.fate != "unreadable":
                document.set_fate("unreadable")
                self.said.emit(str(error))
            return
        if document not in self._documents:
            return
        is_edited = document.editor.document().isModified()
        if document.stamp is not None and file.stamp.digest == document.stamp.digest:
            if document.fate != "changed" or not is_edited:
                document.stamp = file.stamp
            document.set_fate("same")
        elif file.text == document.text():
            document.take_file(file)
        elif is_edited:
            document.set_fate("changed")
        else:
            document.reload(file)
            self.said.emit(f"{document.name} was changed by another program and read again.")

    async def _settled(self, document: Document, path: Path) -> TextFile:
        """Not half of what is still being written."""
        file = await self._read(document, path)
        for _ in range(_MAX_WAITS):
            await asyncio.sleep(_SETTLE_S)
            try:
                is_still = file.stamp.may_still_hold(os.stat(file.path))
            except OSError:
                is_still = False
            if is_still:
                break
            file = await self._read(document, path)
        return file

    async def _read(self, document: Document, path: Path) -> TextFile:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, partial(read, path, encoding=document.chosen_encoding))
