"""FileTree: the project's files in the side bar, and what can be done with them there.

Files are made, renamed and deleted here; opening one is a wish.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.errands import Errands
from app.folder.file_changes import CannotChange, Change, NoTrash, create, delete_for_good, rename, trash
from app.folder.tree_model import Node, TreeModel
from app.naming import label, named
from app.questions import CANCEL, Choice, Questions
from app.theme import Theme, icon_of_file

_MAX_UNDONE = 20


class FileTree(QWidget):
    """`open_requested`: a file. `folder_requested`: the person wants to open a folder. `renamed`: from, to.
    `failed` and `said`: a sentence for the person."""

    open_requested = Signal(object)
    folder_requested = Signal()
    renamed = Signal(object, object)
    failed = Signal(str)
    said = Signal(str)

    def __init__(self, theme: Theme, questions: Questions, errands: Errands) -> None:
        super().__init__()
        self._theme, self._questions, self._errands = theme, questions, errands
        self._done: list[Change] = []
        self._to_reveal: Path | None = None
        self.model = TreeModel(self._icon, self)
        self.model.folder_read.connect(self._go_on_revealing)
        self.model.rename_requested.connect(self._rename)
        self.model.failed.connect(self.failed)
        self.view = _View()
        self.view.setModel(self.model)
        self.view.setAccessibleName("Files of the folder")
        self.view.clicked.connect(self._activate)
        self.view.entered_with_key.connect(self._activate)
        self.view.customContextMenuRequested.connect(self._show_menu)
        self.view.delete_requested.connect(self.delete_chosen)
        self.view.undo_requested.connect(self.undo)
        self._title = label("", "heading")
        self._buttons: dict[QToolButton, str] = {}
        self._pages = QStackedWidget()
        self._pages.addWidget(self._nothing_open())
        self._pages.addWidget(self._tree_page())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._pages)
        theme.changed.connect(self._show_icons)
        self._show_icons()

    @property
    def folder(self) -> Path | None:
        return self.model.root

    def open(self, folder: Path | None) -> None:
        self._done.clear()
        self.model.open(folder)
        self._title.setText(folder.name or str(folder) if folder else "")
        self._title.setToolTip(str(folder or ""))
        self._pages.setCurrentIndex(1 if folder else 0)

    def stop(self) -> None:
        self.model.stop()

    def reveal(self, path: Path) -> None:
        """Opens the folders down to a file, as they are read."""
        if self.folder is not None and path.is_relative_to(self.folder):
            self._to_reveal = path
            self._go_on_revealing(self.folder)

    def chosen(self) -> Path | None:
        node = self.model.node(self.view.currentIndex()) if self.view.currentIndex().isValid() else None
        return node.path if node is not None and not node.is_more else None

    def delete_chosen(self) -> None:
        path = self.chosen()
        if path is not None:
            self._errands.start(self._delete(path))

    def new_file(self) -> None:
        self._errands.start(self._create(is_folder=False))

    def new_folder(self) -> None:
        self._errands.start(self._create(is_folder=True))

    def undo(self) -> None:
        """The last thing that was done here."""
        if self._done:
            change = self._done.pop()
            try:
                change.undo()
                self.said.emit(f"Undone: {change.title}.")
            except CannotChange as error:
                self.failed.emit(str(error))
            self.model.read_again()

    def _nothing_open(self) -> QWidget:
        page = QWidget()
        text = label("No folder is open. Open one to see its files here.", "muted", wraps=True)
        button = named(QPushButton("Open Folder…"), "Open Folder", role="primary")
        button.clicked.connect(self.folder_requested)
        layout = QVBoxLayout(page)
        layout.setContentsMargins(16, 8, 16, 8)
        layout.setSpacing(16)
        layout.addWidget(text)
        layout.addWidget(button)
        layout.addStretch()
        return page

    def _tree_page(self) -> QWidget:
        page = QWidget()
        row = QHBoxLayout()
        row.setContentsMargins(16, 0, 8, 4)
        row.setSpacing(0)
        row.addWidget(self._title, 1)
        for icon, title, slot in (
            ("file-new", "New File", self.new_file),
            ("folder", "New Folder", self.new_folder),
            ("refresh", "Read Again", self.model.read_again),
            ("collapse", "Close All Folders", self.view.collapseAll),
        ):
            row.addWidget(self._button(icon, title, slot))
        layout = QVBoxLayout(page)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(row)
        layout.addWidget(self.view, 1)
        return page

    def _button(self, icon: str, title: str, slot: Callable[[], None]) -> QToolButton:
        button = QToolButton()
        button.setToolTip(title)
        button.setAccessibleName(title)
        button.clicked.connect(lambda _=False: slot())
        self._buttons[button] = icon
        return button

    def _show_icons(self) -> None:
        for button, icon in self._buttons.items():
            button.setIcon(self._theme.icon(icon))
        self.view.setIconSize(self._theme.icon_size())
        self.view.viewport().update()

    def _icon(self, node: Node) -> object:
        token = "faint" if node.entry.is_ignored else "muted"
        if node.is_more:
            return self._theme.icon("more", token)
        if node.entry.is_folder:
            is_open = self.view.isExpanded(self.model.index_of(node.path))
            return self._theme.icon("folder-open" if is_open else "folder", token)
        return self._theme.icon(icon_of_file(node.path), token)

    def _activate(self, index: QModelIndex) -> None:
        node = self.model.node(index)
        if node is None:
            return
        if node.is_more:
            self.model.show_more(node)
        elif node.entry.is_folder:
            self.view.setExpanded(index, not self.view.isExpanded(index))
        else:
            self.open_requested.emit(node.path)

    def _go_on_revealing(self, _: Path) -> None:
        """Each folder on the way is opened once the one above has been read."""
        path, folder = self._to_reveal, self.folder
        if path is None or folder is None or not path.is_relative_to(folder):
            return
        for parent in reversed([path, *path.parents]):
            if not parent.is_relative_to(folder) or parent == folder:
                continue
            self.model.show_at_least(parent.parent, parent.name)
            index = self.model.index_of(parent)
            if not index.isValid():
                return  # not read yet, or not shown at all
            if parent == path:
                self._to_reveal = None
                self.view.setCurrentIndex(index)
                self.view.scrollTo(index)
            else:
                self.view.expand(index)
                if self.model.canFetchMore(index):  # a view that is not seen asks for nothing
                    self.model.fetchMore(index)

    def _show_menu(self, place: QPoint) -> None:
        index = self.view.indexAt(place)
        self.view.setCurrentIndex(index)
        path = self.chosen()
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("New File…", self.new_file)
        menu.addAction("New Folder…", self.new_folder)
        if path is not None:
            menu.addSeparator()
            menu.addAction("Rename…", QKeySequence("F2"), lambda: self.view.edit(index))
            menu.addAction("Move to Trash", QKeySequence("Del"), self.delete_chosen)
            menu.addAction("Copy Path", partial(QApplication.clipboard().setText, str(path)))
        menu.addSeparator()
        if self._done:
            menu.addAction(f"Undo {self._done[-1].title}", self.undo)
        shows = menu.addAction("Show Ignored Files")
        shows.setCheckable(True)
        shows.setChecked(self.model.shows_ignored)
        shows.toggled.connect(self.model.show_ignored)
        menu.popup(self.view.viewport().mapToGlobal(place))

    def _target_folder(self) -> Path | None:
        """Where something new belongs: in the chosen folder, or beside the chosen file."""
        path = self.chosen()
        node = self.model.node(self.view.currentIndex())
        if path is None or node is None:
            return self.folder
        return path if node.entry.is_folder else path.parent

    async def _create(self, *, is_folder: bool) -> None:
        folder = self._target_folder()
        if folder is None:
            return
        kind = "folder" if is_folder else "file"
        name = await self._questions.words(f"Name of the new {kind} in {folder.name or folder}:")
        if not name:
            return
        try:
            path, change = create(folder, name, is_folder=is_folder)
        except CannotChange as error:
            self.failed.emit(str(error))
            return
        self._note(change)
        self.reveal(path)
        if not is_folder:
            self.open_requested.emit(path)

    def _rename(self, path: Path, name: str) -> None:
        try:
            target, change = rename(path, name)
        except CannotChange as error:
            self.failed.emit(str(error))
            return
        undo = change.undo

        def undo_and_tell() -> None:
            undo()
            self.renamed.emit(target, path)

        self._note(Change(change.title, undo_and_tell))
        self.renamed.emit(path, target)
        self.reveal(target)

    async def _delete(self, path: Path) -> None:
        answer = await self._questions.ask(
            f"Move {path.name} to the trash?",
            [Choice("trash", "Move to Trash"), CANCEL],
            "It can be had back from there." if path.is_file() else "With everything in it.",
        )
        if answer == "cancel":
            return
        try:
            self._note(trash(path))
            self.said.emit(f"{path.name} is in the trash.")
        except NoTrash as error:
            await self._delete_for_good(path, str(error))
        except CannotChange as error:
            self.failed.emit(str(error))

    async def _delete_for_good(self, path: Path, why: str) -> None:
        choices = [Choice("keep", "Keep It"), Choice("delete", "Delete for Good", "destroy"), CANCEL]
        if await self._questions.ask(why, choices) != "delete":
            return
        try:
            delete_for_good(path)
        except CannotChange as error:
            self.failed.emit(str(error))
        self.model.read_again()

    def _note(self, change: Change) -> None:
        self._done = [*self._done, change][-_MAX_UNDONE:]
        self.model.read_again()


class _View(QTreeView):
    """`delete_requested`, `undo_requested` and `entered_with_key`: the keys for it were pressed."""

    delete_requested = Signal()
    undo_requested = Signal()
    entered_with_key = Signal(QModelIndex)

    def __init__(self) -> None:
        super().__init__()
        self.setHeaderHidden(True)
        self.setUniformRowHeights(True)
        self.setExpandsOnDoubleClick(False)
        self.setEditTriggers(QTreeView.EditTrigger.EditKeyPressed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setIndentation(16)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Delete):
            self.delete_requested.emit()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_requested.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.entered_with_key.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)
