"""The shortcuts dialog: every action with its keys, to be found and changed; conflicts are shown."""

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.actions import ACTIONS, Action, KeyMap
from app.naming import label, named, set_role
from app.theme import Theme

_COLUMNS = ("Action", "Keys", "Where")
_PLACES = {
    "window": "Anywhere",
    "editor": "In the editor",
    "find": "In the find bar",
    "ghost": "While a suggestion is shown",
    "files": "In the file tree",
    "prompt": "On the prompt page",
}
_ANY = QModelIndex | QPersistentModelIndex


class ShortcutsDialog(QDialog):
    def __init__(self, keys: KeyMap, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard Shortcuts")
        self.resize(theme.scaled(720), theme.scaled(560))
        self._keys = keys
        self._model = _Model(keys, theme, self)
        self._fitting = QSortFilterProxyModel(self, filterCaseSensitivity=Qt.CaseSensitivity.CaseInsensitive)
        self._fitting.setSourceModel(self._model)
        self._fitting.setFilterKeyColumn(-1)
        self.search = QLineEdit(self, placeholderText="Find an action or a key", clearButtonEnabled=True)
        self.search.setAccessibleName("Find an action or a key")
        self.search.textChanged.connect(self._fitting.setFilterFixedString)
        self.table = self._table()
        self.edit = named(QKeySequenceEdit(self), "New keys for the chosen action")
        self.edit.setMaximumSequenceLength(2)
        self.edit.keySequenceChanged.connect(self._say_who_else)
        self._say = label("", wraps=True)
        self._give = QPushButton("Set", self, autoDefault=False)
        self._give.clicked.connect(self._bind)
        self._take_away = QPushButton("Remove", self, autoDefault=False)
        self._take_away.clicked.connect(lambda: self._bind_to(()))
        self._usual = QPushButton("Usual Keys", self, autoDefault=False)
        self._usual.clicked.connect(lambda: self._bind_to(None))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.edit, 1)
        for button in (self._give, self._take_away, self._usual):
            row.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._say)
        layout.addLayout(row)
        self.table.selectRow(0)
        self._say_conflicts()

    @property
    def said(self) -> str:
        return self._say.text()

    def choose(self, id: str) -> None:
        for row, action in enumerate(ACTIONS):
            if action.id == id:
                self.table.selectRow(self._fitting.mapFromSource(self._model.index(row, 0)).row())

    def _table(self) -> QTableView:
        table = named(QTableView(self), "Actions and their keys")
        table.setModel(self._fitting)
        table.setSelectionBehavior(QTableView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableView.SelectionMode.SingleSelection)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.verticalHeader().hide()
        header = table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        table.selectionModel().currentRowChanged.connect(self._show_chosen)
        return table

    def _chosen(self) -> Action | None:
        index = self.table.currentIndex()
        return ACTIONS[self._fitting.mapToSource(index).row()] if index.isValid() else None

    def _show_chosen(self) -> None:
        action = self._chosen()
        if action is not None:
            sequences = self._keys.sequences(action.id)
            self.edit.setKeySequence(sequences[0] if sequences else QKeySequence())

    def _say_who_else(self) -> None:
        """Before it is done: what would come of it."""
        action, wanted = self._chosen(), self.edit.keySequence()
        if action is None or wanted.isEmpty():
            self._say_conflicts()
            return
        trial = KeyMap(self._keys.bound())
        trial.bind(action.id, (wanted.toString(),))
        others = [
            other.full_title
            for conflict in trial.conflicts()
            if action in conflict.actions
            for other in conflict.actions
            if other is not action
        ]
        if others:
            self._say_text(f"These keys already belong to {' and '.join(others)}.", "warning")
        else:
            self._say_conflicts()

    def _say_conflicts(self) -> None:
        conflicts = self._keys.conflicts()
        if conflicts:
            listed = "; ".join(
                f"{conflict.keys}: {', '.join(action.full_title for action in conflict.actions)}"
                for conflict in conflicts
            )
            self._say_text(f"In conflict: {listed}", "warning")
        else:
            self._say_text("Choose an action, press its new keys in the field below, and Set.", "muted")

    def _say_text(self, text: str, role: str) -> None:
        self._say.setText(text)
        set_role(self._say, role)

    def _bind(self) -> None:
        wanted = self.edit.keySequence()
        if not wanted.isEmpty():
            self._bind_to((wanted.toString(),))

    def _bind_to(self, keys: tuple[str, ...] | None) -> None:
        action = self._chosen()
        if action is not None:
            self._keys.bind(action.id, keys)
            self._show_chosen()
            self._say_conflicts()


class _Model(QAbstractTableModel):
    def __init__(self, keys: KeyMap, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._keys, self._theme = keys, theme
        self._in_conflict: set[str] = set()
        keys.changed.connect(self._look_again)
        self._look_again()

    def _look_again(self) -> None:
        self._in_conflict = {action.id for found in self._keys.conflicts() for action in found.actions}
        self.dataChanged.emit(self.index(0, 0), self.index(len(ACTIONS) - 1, len(_COLUMNS) - 1))

    def rowCount(self, parent: _ANY = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(ACTIONS)

    def columnCount(self, parent: _ANY = QModelIndex()) -> int:  # noqa: B008
        return len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        is_shown = orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole
        return _COLUMNS[section] if is_shown else None

    def data(self, index: _ANY, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        action = ACTIONS[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self._text(action, index.column())
            case Qt.ItemDataRole.ForegroundRole if action.id in self._in_conflict:
                return self._theme.colours.colour("danger")
            case Qt.ItemDataRole.ToolTipRole if action.id in self._in_conflict:
                return "Another action has the same keys"
        return None

    def _text(self, action: Action, column: int) -> str:
        if column == 0:
            return action.full_title
        if column == 1:
            native = QKeySequence.SequenceFormat.NativeText
            keys = "   ".join(sequence.toString(native) for sequence in self._keys.sequences(action.id))
            return f"{keys}  (conflict)" if action.id in self._in_conflict else keys
        return _PLACES[action.context]
