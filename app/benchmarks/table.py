"""BenchTable: what was measured, a row a model and precision, sorted by any column."""

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from app.benchmarks.ways import FIGURES, Suite, Way, doubts, number, spread, when, written
from app.naming import named

_HEADS = ("Model", "Precision", *(figure.title for figure in FIGURES), "Measured")
_LAST = len(_HEADS) - 1
_NAME_LETTERS = 32

Index = QModelIndex | QPersistentModelIndex


class BenchTable(QTableView):
    """`chosen_changed`: other rows are chosen."""

    chosen_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "What was measured", role="boxed")
        self._rows = _Rows()
        self.setModel(self._rows)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setSortingEnabled(True)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        head = self.horizontalHeader()
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setMinimumSectionSize(48)
        head.setStretchLastSection(True)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        head.resizeSection(0, self.fontMetrics().averageCharWidth() * _NAME_LETTERS)
        self.sortByColumn(_LAST, Qt.SortOrder.DescendingOrder)
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen_changed.emit())

    def show_ways(self, ways: Sequence[Way], suite: Suite | None) -> None:
        """What was chosen stays so."""
        chosen = {(way.place, way.precision) for way in self.chosen()}
        self._rows.take(ways, suite)
        for column in range(2, _LAST):  # one that nothing is known of takes no room
            self.setColumnHidden(column, not any(self._rows.text(row, column) for row in range(len(ways))))
        self.choose(chosen)

    def choose_first(self) -> None:
        if not self.chosen() and self._rows.rowCount():
            self.selectRow(0)

    def chosen(self) -> list[Way]:
        """In the order of the table."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._rows.ways[row] for row in rows if row < len(self._rows.ways)]

    def shown(self) -> list[Way]:
        return list(self._rows.ways)

    def texts(self) -> list[list[str]]:
        """As it stands there, heads first."""
        rows = range(self._rows.rowCount())
        return [
            [head_line(place) for place in range(len(_HEADS))],
            *([self._rows.text(row, column) for column in range(len(_HEADS))] for row in rows),
        ]

    def choose(self, keys: set[tuple[str, str]]) -> None:
        """The rows of these models' places and precisions, too."""
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for row in self._rows_of(keys):
            self.selectionModel().select(self._rows.index(row, 0), flags)

    def choose_only(self, keys: set[tuple[str, str]]) -> None:
        """These and no others, the first of them in sight; what was chosen stays where none is there."""
        rows = self._rows_of(keys)
        if not rows:
            return
        found = QItemSelection()
        for row in rows:
            found.select(self._rows.index(row, 0), self._rows.index(row, _LAST))
        first, kinds = self._rows.index(rows[0], 0), QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(first, kinds.NoUpdate)
        self.selectionModel().select(found, kinds.ClearAndSelect)
        self.scrollTo(first)

    def _rows_of(self, keys: set[tuple[str, str]]) -> list[int]:
        return [row for row, way in enumerate(self._rows.ways) if (way.place, way.precision) in keys]


class _Rows(QAbstractTableModel):
    def __init__(self) -> None:
        super().__init__()
        self.ways: list[Way] = []
        self._suite: Suite | None = None
        self._order = (_LAST, Qt.SortOrder.DescendingOrder)

    def take(self, ways: Sequence[Way], suite: Suite | None) -> None:
        self.beginResetModel()
        self.ways, self._suite = list(ways), suite
        self._sort()
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 (Qt's own way)
        return 0 if parent.isValid() else len(self.ways)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_HEADS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return _HEADS[section]
        if role == Qt.ItemDataRole.ToolTipRole and 2 <= section < _LAST:
            figure = FIGURES[section - 2]
            return f"{figure.meaning}; {'more' if figure.more_is_better else 'less'} is better"
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        way, column = self.ways[index.row()], index.column()
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            text = self.text(index.row(), column)
            spoken = f"{head_line(column)}: {text or 'not measured'}"
            return spoken if role == Qt.ItemDataRole.AccessibleTextRole else text or "–"  # noqa: RUF001
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            if 2 <= column < _LAST:
                return spread(way, FIGURES[column - 2], self._suite) or None
            return "\n".join([way.place, *(doubts(way.kept[0]) if way.kept else [])])
        return None

    def text(self, row: int, column: int) -> str:
        way = self.ways[row]
        match column:
            case 0:
                return way.shown_name
            case 1:
                return way.precision
            case _ if column == _LAST:
                return when(way.kept[0])
            case _:
                return written(way, FIGURES[column - 2], self._suite)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order)
        self.layoutAboutToBeChanged.emit()
        before = {id(way): row for row, way in enumerate(self.ways)}
        self._sort()
        after = {before[id(way)]: row for row, way in enumerate(self.ways)}
        olds = self.persistentIndexList()
        self.changePersistentIndexList(olds, [self.index(after[old.row()], old.column()) for old in olds])
        self.layoutChanged.emit()

    def _sort(self) -> None:
        """What was not measured stands last, whichever way it goes."""
        column, order = self._order
        backwards = order == Qt.SortOrder.DescendingOrder

        def value(way: Way) -> Any:
            if column in (0, 1):
                return (way.name, way.precision)[column].lower()
            if column == _LAST:
                return way.kept[0].started
            return number(way, FIGURES[column - 2], self._suite)

        known = [way for way in self.ways if value(way) is not None]
        known.sort(key=value, reverse=backwards)
        self.ways = known + [way for way in self.ways if value(way) is None]


def head_line(column: int) -> str:
    """A head in one line."""
    return FIGURES[column - 2].line if 2 <= column < _LAST else _HEADS[column]


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if 2 <= column < _LAST else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter
