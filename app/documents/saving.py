"""Saving: a text into its file, and what the person is asked where that is not so simple.

The bytes are written by a thread: a disk that takes a second to be sure must not stop the typing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from app.documents.document import Document
from app.documents.replace_file import CannotWrite
from app.documents.text_file import CannotRead, ChangedOutside, Stamp, TextFile, absolute, write
from app.documents.text_form import CannotEncode, TextForm
from app.questions import CANCEL, SAVE_AS, Choice, Questions

_AS_UTF8 = Choice("utf8", "Save as UTF-8")
_BACK = Choice("cancel", "Back to the Text")
_OVERWRITE = Choice("overwrite", "Overwrite", "destroy")
_TRY_AGAIN = Choice("again", "Try Again")


class _Open(Protocol):
    folder: Path | None

    def __iter__(self) -> Iterator[Document]: ...

    def at(self, path: Path) -> Document | None: ...


class Saving(QObject):
    """`saved`: a document, whose file now holds its text."""

    saved = Signal(object)

    def __init__(self, disk: Executor, questions: Questions, others: "_Open") -> None:
        super().__init__(others if isinstance(others, QObject) else None)
        self.before: Callable[[Document], Awaitable[None]] | None = None
        self.put_in_order: Callable[[Document], None] | None = None
        self._disk = disk
        self._questions = questions
        self._others = others

    async def save(self, document: Document) -> bool:
        if document.path is None:
            return await self.save_as(document)
        async with document.file_turn:
            return await self._written(document, document.path, document.stamp)

    async def save_as(self, document: Document) -> bool:
        path = await self._chosen_name(document)
        if path is None:
            return False
        async with document.file_turn:
            return await self._written(document, path, None)

    async def _written(self, document: Document, path: Path | None, expected: Stamp | None) -> bool:
        """Until it is, or the person gives up."""
        if self.put_in_order is not None and path is not None:
            self.put_in_order(document)
        form = document.form
        while path is not None:
            revision = document.revision
            try:
                file = await self._write(document, path, form, expected)
            except ChangedOutside as error:
                answer = await self._questions.ask(str(error), [SAVE_AS, _OVERWRITE, CANCEL], _BOTH)
                expected = None
            except CannotEncode as error:
                choices = [_BACK] if error.is_declared else [_AS_UTF8, CANCEL]
                answer = await self._questions.ask(str(error), choices)
                form = replace(form, encoding="utf-8", bom=b"", is_declared=False)
            except (CannotWrite, CannotRead) as error:
                answer = await self._questions.ask(str(error), [SAVE_AS, _TRY_AGAIN, CANCEL], _STILL_HERE)
            else:
                if document in self._others:  # it can be closed meanwhile
                    document.set_writable(True)
                    document.take_file(file, revision)
                    self.saved.emit(document)
                return True
            if answer == "cancel":
                return False
            if answer == "save_as":
                path, expected = await self._chosen_name(document), None
        return False

    async def _write(
        self, document: Document, path: Path, form: TextForm, expected: Stamp | None
    ) -> TextFile:
        text = document.text()
        if self.before is not None:
            await self.before(document)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._disk, partial(write, path, text, form, expected))

    async def _chosen_name(self, document: Document) -> Path | None:
        folder = document.path.parent if document.path else self._others.folder or Path.home()
        name = document.name if document.path else f"{document.name.lower()}.py"
        while True:
            path = await self._questions.name_to_save(folder, name)
            other = self._others.at(path) if path else None
            if path is None or other is None or other is document:
                return absolute(path) if path else None
            await self._questions.tell(
                f"{path.name} is open in another tab; close it first, or choose another name."
            )


_BOTH = "Overwriting loses what the other program wrote."
_STILL_HERE = "The text is still open here."
