"""History: the conversations that were had, to be found, opened, renamed, exported and deleted.

What is deleted can be brought back for as long as the window is open.
"""

import asyncio
import time
from functools import partial

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.chat.archive import Archive, Summary
from app.chat.markdown import presentable
from app.naming import label, named, tip
from app.theme import Theme

_LOOK_AFTER_MS = 150
_ID, _TITLE = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
_NONE_YET = "Conversations are kept here, each in a file of its own. There is none yet."


class History(QFrame):
    """
    Signals:
        opened: the id of a conversation to go on with.
        renamed: an id, and its new title.
        deleted: an id; its file is out of the way already.
        export_requested: an id.
        failed: a sentence for the person.
    """

    opened = Signal(str)
    renamed = Signal(str, str)
    deleted = Signal(str)
    export_requested = Signal(str)
    failed = Signal(str)

    def __init__(self, theme: Theme, archive: Archive, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._archive = theme, archive
        self._deleted: list[tuple[str, str]] = []
        self._look = 0
        self._open_id = ""
        self.search = named(QLineEdit(self), "Find a conversation")
        self.search.setPlaceholderText("Find a conversation")
        self.search.setClearButtonEnabled(True)
        self.list = named(QListWidget(self), "Conversations", style="history")
        self.list.setWordWrap(True)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._nothing = label(_NONE_YET, "muted", wraps=True)
        self._undo_text = label("", "muted", wraps=True)
        self._undo = QPushButton("Undo", self)
        self._buttons: dict[str, QToolButton] = {}
        self._later = QTimer(self, singleShot=True, interval=_LOOK_AFTER_MS)
        self._arrange()
        self._connect()
        theme.changed.connect(self._draw)
        self._draw()

    def look(self, open_id: str = "") -> None:
        """What there is now. `open_id`: of the conversation that is open."""
        self._open_id = open_id or self._open_id
        self._look += 1
        number, words = self._look, self.search.text()
        find = partial(self._archive.summaries, words, lambda: number == self._look)
        found = asyncio.get_running_loop().run_in_executor(None, find)
        found.add_done_callback(lambda done: self._show(number, done.result()))

    def delete(self) -> None:
        item = self.list.currentItem()
        if item is None:
            return
        id = item.data(_ID)
        try:
            self._archive.delete(id)
        except OSError as error:
            self.failed.emit(f"The conversation cannot be deleted ({error.strerror}).")
            return
        self._deleted.append((id, item.text().partition("\n")[0]))
        self.list.takeItem(self.list.row(item))
        self.deleted.emit(id)
        self._show_undo()

    def undo(self) -> None:
        """Brings back what was deleted last."""
        id, _ = self._deleted[-1]
        try:
            self._archive.bring_back(id)
        except OSError as error:
            self.failed.emit(f"The conversation cannot be brought back ({error.strerror}).")
        self._deleted.pop()
        self._show_undo()
        self.look()

    def stop(self) -> None:
        self._later.stop()
        self._look += 1

    def _arrange(self) -> None:
        undo_row = QHBoxLayout()
        undo_row.setSpacing(8)
        undo_row.addWidget(self._undo_text, 1)
        undo_row.addWidget(self._undo)
        tools = QHBoxLayout()
        tools.setSpacing(4)
        for name, about, do in (
            ("edit", "Rename (F2)", self._rename),
            ("save", "Export as Markdown", self._export),
            ("trash", "Delete (Del)", self.delete),
        ):
            button = named(QToolButton(self), about, role="quiet")
            button.setToolTip(about)
            button.clicked.connect(do)
            self._buttons[name] = button
            tools.addWidget(button)
        tools.insertWidget(0, self.search, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 12, 12, 12)
        layout.setSpacing(8)
        layout.addLayout(tools)
        layout.addWidget(self._nothing)
        layout.addWidget(self.list, 1)
        layout.addLayout(undo_row)
        self._show_undo()

    def _connect(self) -> None:
        self.search.textChanged.connect(self._later.start)
        self._later.timeout.connect(self.look)
        self.list.customContextMenuRequested.connect(self._show_menu)
        self.list.itemActivated.connect(lambda item: self.opened.emit(item.data(_ID)))
        self.list.itemClicked.connect(lambda item: self.opened.emit(item.data(_ID)))
        self.list.itemChanged.connect(self._take_name)
        self.list.currentItemChanged.connect(self._draw)
        self.list.installEventFilter(self)
        self._undo.clicked.connect(self.undo)

    def _show(self, number: int, found: list[Summary]) -> None:
        if number != self._look:
            return
        self.list.blockSignals(True)
        self.list.clear()
        for summary in found:
            item = QListWidgetItem(presentable(_shown(summary)))
            item.setData(_ID, summary.id)
            item.setData(_TITLE, summary.title)
            item.setToolTip(tip(summary.title))
            self.list.addItem(item)
        if found:
            ids = [summary.id for summary in found]
            self.list.setCurrentRow(ids.index(self._open_id) if self._open_id in ids else 0)
        self.list.blockSignals(False)
        self._nothing.setText("No conversation has these words." if self.search.text() else _NONE_YET)
        self._nothing.setVisible(not found)
        self._draw()

    def _show_menu(self, place: QPoint) -> None:
        item = self.list.itemAt(place)
        if item is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for title, do in (
            ("Open", lambda: self.opened.emit(item.data(_ID))),
            ("Rename", self._rename),
            ("Export as Markdown…", self._export),
            ("Delete", self.delete),
        ):
            menu.addAction(title, do)
        menu.popup(self.list.viewport().mapToGlobal(place))

    def _rename(self) -> None:
        """In the list itself, its title alone."""
        item = self.list.currentItem()
        if item is not None:
            self.list.blockSignals(True)
            item.setText(item.data(_TITLE))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            self.list.blockSignals(False)
            self.list.editItem(item)

    def _take_name(self, item: QListWidgetItem) -> None:
        title = " ".join(item.text().split())
        if title and title != item.data(_TITLE):
            self.renamed.emit(item.data(_ID), title)
        self.look()

    def _export(self) -> None:
        if (item := self.list.currentItem()) is not None:
            self.export_requested.emit(item.data(_ID))

    def _show_undo(self) -> None:
        self._undo.setVisible(bool(self._deleted))
        self._undo_text.setVisible(bool(self._deleted))
        if self._deleted:
            more = f" and {len(self._deleted) - 1} more" if len(self._deleted) > 1 else ""
            self._undo_text.setText(f"Deleted: {self._deleted[-1][1]}{more}")

    def _draw(self) -> None:
        for name, button in self._buttons.items():
            button.setIcon(self._theme.icon(name))
            button.setEnabled(self.list.currentItem() is not None)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Delete:
                self.delete()
                return True
            if event.key() == Qt.Key.Key_F2:
                self._rename()
                return True
        return False


def _shown(summary: Summary) -> str:
    when = time.strftime("%d %b %Y, %H:%M", time.localtime(summary.at)) if summary.at else ""
    return "\n".join(part for part in (summary.title, summary.snippet or when) if part)
