"""TreeModel: a folder as a tree, read folder by folder as they are opened.

Of a huge folder the first entries are shown, and a row that shows more: a view asks the model for each row
that it lays out, and a hundred thousand would stop the window.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QAbstractItemModel, QFileSystemWatcher, QModelIndex, QObject, Qt, QTimer, Signal

from app.folder.folder_reader import Entry, FolderReader

Index = QModelIndex
SHOWN_AT_ONCE = 1000
_SETTLE_MS = 200
_MAX_WATCHED = 300
_NOWHERE = QModelIndex()


@dataclass(eq=False)
class Node:
    """`entries`: all that the folder holds; `children`: those that are shown of them."""

    id: int
    path: Path
    entry: Entry
    parent: "Node | None"
    row: int = 0
    children: list["Node"] = field(default_factory=list)
    entries: Sequence[Entry] = ()
    limit: int = SHOWN_AT_ONCE
    is_read: bool = False
    is_more: bool = False
    problem: str = ""


class TreeModel(QAbstractItemModel):
    """`folder_read`: a folder whose rows are up to date now. `failed`: why one cannot be read, once.
    `rename_requested`: a path and its new name."""

    folder_read = Signal(object)
    failed = Signal(str)
    rename_requested = Signal(object, str)

    def __init__(self, decoration: Callable[[Node], object], parent: QObject | None = None) -> None:
        """`decoration`: the icon of a node."""
        super().__init__(parent)
        self._decoration = decoration
        self._nodes: dict[int, Node] = {}
        self._by_path: dict[Path, Node] = {}
        self._next_id = 1
        self._root: Node | None = None
        self.shows_ignored = False
        self._reader = FolderReader(self)
        self._reader.read.connect(self._take)
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(self._reread_soon)
        self._changed: set[Path] = set()
        self._settled = QTimer(self, singleShot=True, interval=_SETTLE_MS)
        self._settled.timeout.connect(self._reread)

    @property
    def root(self) -> Path | None:
        return self._root.path if self._root else None

    def open(self, folder: Path | None) -> None:
        self.beginResetModel()
        if watched := self._watcher.directories():
            self._watcher.removePaths(watched)
        self._nodes, self._by_path = {}, {}
        self._root = self._made(folder, Entry(folder.name, True), None) if folder else None
        self.endResetModel()
        self.read_again()

    def show_ignored(self, shows: bool) -> None:
        self.shows_ignored = shows
        self.read_again()

    def read_again(self) -> None:
        """Every folder that has been opened."""
        for node in [*self._nodes.values()]:
            if node.is_read or node is self._root:
                self._ask_for(node)

    def stop(self) -> None:
        self._settled.stop()
        if watched := self._watcher.directories():
            self._watcher.removePaths(watched)
        self._reader.stop()

    def node(self, index: QModelIndex) -> Node | None:
        return self._nodes.get(index.internalId()) if index.isValid() else self._root

    def index_of(self, path: Path) -> QModelIndex:
        """Not valid where it is not (yet) shown."""
        node = self._by_path.get(path)
        return self._index(node) if node is not None and node is not self._root else QModelIndex()

    def show_more(self, node: Node) -> None:
        """A row that stands for more rows was chosen."""
        if node.is_more and node.parent is not None:
            node.parent.limit += SHOWN_AT_ONCE
            self._show(node.parent)

    def show_at_least(self, folder: Path, name: str) -> None:
        """So many rows of a huge folder that one of them is this."""
        node = self._by_path.get(folder)
        if node is not None:
            place = next((place for place, entry in enumerate(node.entries) if entry.name == name), -1)
            if place >= node.limit:
                node.limit = place + 1
                self._show(node)

    def _made(self, path: Path, entry: Entry, parent: Node | None, *, is_more: bool = False) -> Node:
        node = Node(self._next_id, path, entry, parent, is_more=is_more)
        self._next_id += 1
        self._nodes[node.id] = node
        if not is_more:
            self._by_path[path] = node
        return node

    def _index(self, node: Node) -> QModelIndex:
        return self.createIndex(node.row, 0, node.id)

    def _ask_for(self, node: Node) -> None:
        self._reader.ask_for(node.path, with_ignored=self.shows_ignored)

    def _reread_soon(self, name: str) -> None:
        self._changed.add(Path(name))
        self._settled.start()

    def _reread(self) -> None:
        changed, self._changed = self._changed, set()
        for path in changed:
            if (node := self._by_path.get(path)) is not None:
                self._ask_for(node)

    def _take(self, folder: Path, entries: list[Entry], problem: str) -> None:
        node = self._by_path.get(folder)
        if node is None:  # closed meanwhile
            return
        if problem and problem != node.problem:
            self.failed.emit(problem)
        node.is_read, node.entries, node.problem = True, entries, problem
        watched = self._watcher.directories()
        if not problem and str(folder) not in watched and len(watched) < _MAX_WATCHED:
            self._watcher.addPath(str(folder))
        self._show(node)
        self.folder_read.emit(folder)

    def _show(self, node: Node) -> None:
        """Takes away what is gone, then puts in what is new: whoever stays keeps what is open below it."""
        self._remove_rows(node, [child for child in node.children if child.is_more])
        wanted = node.entries[: node.limit]
        kinds = {(entry.name, entry.is_folder): entry for entry in wanted}
        self._remove_rows(
            node,
            [child for child in node.children if (child.entry.name, child.entry.is_folder) not in kinds],
        )
        for child in node.children:
            child.entry = kinds[(child.entry.name, child.entry.is_folder)]
        shown = {child.entry.name for child in node.children}
        start = 0
        while start < len(wanted):
            if wanted[start].name in shown:
                start += 1
                continue
            end = start
            while end < len(wanted) and wanted[end].name not in shown:
                end += 1
            self._insert_rows(
                node, start, [self._made(node.path / entry.name, entry, node) for entry in wanted[start:end]]
            )
            start = end
        if len(node.entries) > node.limit:
            more = Entry(f"Show more ({len(node.entries) - node.limit:,} not shown)", False)
            self._insert_rows(node, len(node.children), [self._made(node.path, more, node, is_more=True)])

    def _insert_rows(self, node: Node, row: int, children: list[Node]) -> None:
        parent = self._index(node) if node is not self._root else QModelIndex()
        self.beginInsertRows(parent, row, row + len(children) - 1)
        node.children[row:row] = children
        for place in range(row, len(node.children)):
            node.children[place].row = place
        self.endInsertRows()

    def _remove_rows(self, node: Node, children: list[Node]) -> None:
        """Neighbours together, the last first, so that rows before them stay right."""
        parent = self._index(node) if node is not self._root else QModelIndex()
        rows = sorted((child.row for child in children), reverse=True)
        while rows:
            last = first = rows.pop(0)
            while rows and rows[0] == first - 1:
                first = rows.pop(0)
            self.beginRemoveRows(parent, first, last)
            for child in node.children[first : last + 1]:
                self._drop(child)
            del node.children[first : last + 1]
            for place in range(first, len(node.children)):
                node.children[place].row = place
            self.endRemoveRows()

    def _drop(self, node: Node) -> None:
        for child in node.children:
            self._drop(child)
        del self._nodes[node.id]
        if self._by_path.get(node.path) is node:
            del self._by_path[node.path]
        if node.is_read:
            self._watcher.removePath(str(node.path))

    # what Qt asks of a model

    def index(self, row: int, column: int, parent: QModelIndex = _NOWHERE) -> QModelIndex:  # type: ignore[override]
        node = self.node(parent)
        if node is None or column != 0 or not 0 <= row < len(node.children):
            return QModelIndex()
        return self.createIndex(row, 0, node.children[row].id)

    def parent(self, index: QModelIndex = _NOWHERE) -> QModelIndex:  # type: ignore[override]
        node = self._nodes.get(index.internalId()) if index.isValid() else None
        if node is None or node.parent is None or node.parent is self._root:
            return QModelIndex()
        return self._index(node.parent)

    def rowCount(self, parent: QModelIndex = _NOWHERE) -> int:  # type: ignore[override]
        node = self.node(parent)
        return len(node.children) if node is not None else 0

    def columnCount(self, parent: QModelIndex = _NOWHERE) -> int:  # type: ignore[override]
        return 1

    def hasChildren(self, parent: QModelIndex = _NOWHERE) -> bool:  # type: ignore[override]
        node = self.node(parent)
        if node is None or not node.entry.is_folder:
            return False
        return bool(node.children) or not node.is_read

    def canFetchMore(self, parent: QModelIndex) -> bool:  # type: ignore[override]
        node = self.node(parent)
        return node is not None and node.entry.is_folder and not node.is_read

    def fetchMore(self, parent: QModelIndex) -> None:  # type: ignore[override]
        node = self.node(parent)
        if node is not None:
            self._ask_for(node)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:  # type: ignore[override]
        node = self._nodes.get(index.internalId()) if index.isValid() else None
        if node is None:
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return node.entry.name
        if role == Qt.ItemDataRole.DecorationRole:
            return self._decoration(node)
        if role == Qt.ItemDataRole.ToolTipRole:
            return node.problem or str(node.path)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            kind = "folder" if node.entry.is_folder else "file"
            return node.entry.name if node.is_more else f"{node.entry.name}, {kind}"
        return None

    def setData(self, index: QModelIndex, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:  # type: ignore[override]
        """The new name shows once the folder has it."""
        node = self._nodes.get(index.internalId()) if index.isValid() else None
        if node is not None and value != node.entry.name:
            self.rename_requested.emit(node.path, str(value))
        return False

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:  # type: ignore[override]
        node = self._nodes.get(index.internalId()) if index.isValid() else None
        if node is None:
            return Qt.ItemFlag.NoItemFlags
        usual = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        return usual if node.is_more else usual | Qt.ItemFlag.ItemIsEditable
