"""Project: the panels about the open folder, joined to the texts: its files, finding in them, running one."""

from collections.abc import Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication

from app.documents.changes_view import ChangesView, of_file
from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.documents.text_file import is_python
from app.finding.find_in_files import Query
from app.finding.find_panel import FindPanel
from app.finding.replace_in_files import ReplaceInFiles, Report, Wish
from app.folder.file_index import FileIndex
from app.folder.file_tree import FileTree
from app.output.output_panel import OutputPanel
from app.palette.palette import Entry
from app.questions import CANCEL, Choice, Questions
from app.settings import SettingsStore
from app.shell.commands import Commands
from app.shell.frame import Frame
from app.shell.notices import Notice, Weight
from app.theme import Theme
from app.wording import counted

_LONGEST_SELECTION = 200


class Project(QObject):
    """`failed` and `said`: a sentence for the person."""

    failed = Signal(str)
    said = Signal(str)

    def __init__(
        self,
        documents: Documents,
        tabs: DocumentTabs,
        questions: Questions,
        store: SettingsStore,
        theme: Theme,
    ) -> None:
        super().__init__(documents)
        self._documents, self._tabs, self._questions = documents, tabs, questions
        self._store, self._theme = store, theme
        self._frame: Frame | None = None
        self.tree = FileTree(theme, questions, documents.errands)
        self.finder = FindPanel(theme, self._unsaved)
        self.output = OutputPanel(theme)
        self._index = FileIndex(_entry)
        self.tree.open_requested.connect(lambda path: self._start(self._documents.open(path)))
        self.tree.renamed.connect(documents.move)
        self.tree.failed.connect(self.failed)
        tabs.current_changed.connect(self._point_at)
        self.tree.said.connect(self.said)
        store.changed.connect(self._dress)
        theme.changed.connect(self._dress)
        self._dress()
        self.finder.replace_requested.connect(
            lambda query, text, wishes: self._start(self._replace(query, text, wishes))
        )
        for panel in (self.finder, self.output):
            panel.open_requested.connect(
                lambda path, line, column, length: self._start(self._open(path, line, column, length))
            )

    def arrange(self, frame: Frame) -> None:
        self._frame = frame
        frame.side_bar.add("files", "Files", self.tree)
        frame.side_bar.add("find", "Find in Files", self.finder)
        frame.output.addWidget(self.output)
        self.output.close_requested.connect(self._close_output)
        frame.side_bar.show_panel("files")

    def join(self, commands: Commands) -> None:
        commands.on(
            {
                "edit.find_in_files": self.find,
                "edit.replace_in_files": partial(self.find, with_replace=True),
                "run.file": lambda: self._start(self.run()),
                "run.stop": self.output.stop,
                "run.interpreter": lambda: self._start(self._choose_python()),
            }
        )
        commands.enable(["run.stop"], False)
        self.output.state_changed.connect(lambda runs: commands.enable(["run.stop"], runs))
        self.tree.folder_requested.connect(partial(commands.trigger, "file.open_folder"))
        application = QGuiApplication.instance()
        if isinstance(application, QGuiApplication):
            application.applicationStateChanged.connect(self._look_again)

    def _close_output(self) -> None:
        document = self._tabs.current()
        if self._frame is not None:
            self._frame.set_shown(self._frame.output, False)
        if document is not None:
            document.editor.setFocus()

    def open_folder(self, folder: Path | None) -> None:
        self.tree.open(folder)
        self.finder.open_folder(folder)
        self._index.open(folder)

    def entries(self, is_opening: bool = False) -> Sequence[Entry]:
        """Every file of the folder, for the palette; the same ones where nothing was read since."""
        return self._index.files_now() if is_opening else self._index.files()

    def find(self, *, with_replace: bool = False) -> None:
        """With what is selected in the text, where that is short."""
        document = self._tabs.current()
        selected = document.editor.textCursor().selectedText() if document else ""
        self._show_side("find")
        short = selected if len(selected) <= _LONGEST_SELECTION else ""
        self.finder.look_for(short, with_replace=with_replace)

    def _point_at(self, document: Document | None) -> None:
        """In the tree, at the file in front, where anybody looks at the tree."""
        if document is not None and document.path is not None and self.tree.isVisible():
            self.tree.reveal(document.path)

    def reveal(self, document: Document) -> None:
        if document.path is not None:
            self._show_side("files")
            self.tree.reveal(document.path)

    async def compare(self, document: Document) -> None:
        theirs = await self._documents.theirs(document)
        view = ChangesView(of_file(document.name), self._theme, document.editor.font(), self._tabs.window())
        view.compare(document.text(), theirs)
        view.finished.connect(view.deleteLater)
        view.chosen.connect(partial(self._settle, document))
        view.open()

    async def run(self) -> None:
        """The file in front, as it is saved now."""
        document = self._tabs.current()
        if document is None:
            self.said.emit("Open a Python file to run it.")
            return
        if (document.stamp is None or document.is_modified) and not await self._documents.save(document):
            return
        if document.path is None or not is_python(document.path):
            self.failed.emit(f"{document.name} is not Python, and nothing else can be run here.")
            return
        if self._frame is not None:
            self._frame.set_shown(self._frame.output, True)
        self.output.run(document.path, self._documents.folder, self._store.settings.editing.python)

    def stop(self) -> None:
        """For the window's end."""
        self.tree.stop()
        self.finder.close_search()
        self.output.close_program()
        self._index.close()

    def _dress(self) -> None:
        appearance = self._store.settings.appearance
        self.output.set_code_font(appearance.code_font, appearance.code_size)

    def _look_again(self, state: Qt.ApplicationState) -> None:
        """Some disks tell nobody of changes; who comes back from another program has perhaps made some."""
        if state == Qt.ApplicationState.ApplicationActive:
            self._documents.check_files()

    def _start(self, flow: Coroutine[Any, Any, Any]) -> None:
        self._documents.errands.start(flow)

    def _show_side(self, panel: str) -> None:
        if self._frame is not None:
            self._frame.show_side(panel)

    def _unsaved(self) -> dict[Path, str]:
        return {
            document.path: document.text()
            for document in self._documents
            if document.path is not None and document.is_modified
        }

    async def _open(self, path: Path, line: int, column: int, length: int) -> None:
        document = await self._documents.open(path)
        if document is not None:
            document.go_to_line(line, column, length)

    async def _replace(self, query: Query, text: str, wishes: Sequence[Wish]) -> None:
        count = sum(len(wish.numbers) for wish in wishes)
        answer = await self._questions.ask(
            f"Replace {counted(count, 'match', 'matches')} in {counted(len(wishes), 'file')}?",
            [Choice("replace", "Replace All"), CANCEL],
            "Files that are open are changed in the editor, and not saved. The others are saved at once, and "
            "can be had back until the next replacing.",
        )
        if answer != "replace":
            return
        replacing = ReplaceInFiles(self._documents)
        report = await replacing.replace(query, text, wishes)
        undo = (("Undo", lambda: self._start(self._undo(replacing, report))),) if report.written else ()
        if self._frame is not None:
            weight: Weight = "warning" if report.problems else "info"
            self._frame.notices.add(Notice(report.sentence, weight, "replaced", undo))
        self.finder.search()

    async def _undo(self, replacing: ReplaceInFiles, report: Report) -> None:
        self.said.emit(await replacing.undo(report))
        self.finder.search()

    async def _choose_python(self) -> None:
        paths = await self._questions.names_to_open(
            self._documents.folder or Path.home(), "Choose the Python"
        )
        if paths:
            self._store.change("editing", python=str(paths[0]))
            self.said.emit(f"{paths[0]} runs your files from now on.")

    def _settle(self, document: Document, wish: str) -> None:
        if wish == "load":
            self._start(self._documents.load_theirs(document))
        else:
            self._documents.keep_mine(document)


def _entry(path: Path, folder: Path) -> Entry:
    below = path.parent.relative_to(folder)
    return Entry(str(path), path.name, "" if below == Path() else str(below))
