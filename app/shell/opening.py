"""Opening and leaving: what the window shows at its start, what is opened later, what is asked last."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QGuiApplication

from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.documents.recovery import Recovery
from app.questions import Questions
from app.shell.project import Project


class Opening(QObject):
    """`folder_changed`: the folder that is open now, or None. `said`: a sentence for the person."""

    folder_changed = Signal(object)
    said = Signal(str)

    def __init__(
        self,
        documents: Documents,
        tabs: DocumentTabs,
        recovery: Recovery,
        questions: Questions,
        project: Project,
    ) -> None:
        super().__init__(documents)
        self._documents, self._tabs = documents, tabs
        self._recovery, self._questions, self._project = recovery, questions, project

    async def begin(self, paths: Sequence[Path], *, with_tabs: bool) -> None:
        """What was open the last time, then what is asked for now."""
        for sentence in await self._recovery.restore(with_tabs=with_tabs):
            self.said.emit(sentence)
        self.folder_changed.emit(self._documents.folder)
        await self.open_or_begin(paths)

    async def open(self, paths: Sequence[Path]) -> None:
        for path in paths:
            if path.is_dir():
                self.open_folder(path)
            else:
                await self._documents.open(path)

    async def open_or_begin(self, paths: Sequence[Path]) -> None:
        """What was named at a start: a file that is not there yet is one that somebody wants to write."""
        for path in paths:
            if path.is_dir():
                self.open_folder(path)
            else:
                await self._documents.open_or_begin(path)

    def open_folder(self, folder: Path | None) -> None:
        self._documents.folder = folder
        self._recovery.write_soon()
        self.folder_changed.emit(folder)

    async def choose_files(self) -> None:
        await self.open(await self._questions.names_to_open(self._usual_folder()))

    async def choose_folder(self) -> None:
        folder = await self._questions.folder_to_open(self._usual_folder())
        if folder is not None:
            self.open_folder(folder)

    async def grant(self, wish: str, document: Document) -> None:
        """What a person wants of one document, as its tab and its notice say it."""
        match wish:
            case "close" | "close_others" | "close_right" | "close_saved":
                await self._documents.close_all(self._meant(wish, document))
            case "save":
                await self._documents.save(document)
            case "save_as":
                await self._documents.save_as(document)
            case "copy_path" if document.path is not None:
                QGuiApplication.clipboard().setText(str(document.path))
            case "load":
                await self._documents.load_theirs(document)
            case "keep":
                self._documents.keep_mine(document)
            case "compare":
                await self._project.compare(document)
            case "reveal":
                self._project.reveal(document)

    def _meant(self, wish: str, document: Document) -> list[Document]:
        """Which tabs are to be closed."""
        tabs = self._tabs.documents()
        match wish:
            case "close_others":
                return [other for other in tabs if other is not document]
            case "close_right":
                return tabs[tabs.index(document) + 1 :]
            case "close_saved":
                return [other for other in tabs if not other.is_modified]
            case _:
                return [document]

    async def grant_current(self, wish: str) -> None:
        document = self._tabs.current()
        if document is not None:
            await self.grant(wish, document)

    async def may_leave(self) -> bool:
        return await self._documents.may_quit()

    async def end(self) -> None:
        await self._recovery.stop()
        await self._documents.stop()

    def _usual_folder(self) -> Path:
        document = self._tabs.current()
        if document is not None and document.path is not None:
            return document.path.parent
        return self._documents.folder or Path.home()
