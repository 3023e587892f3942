"""FigureTable: a few rows of figures to read, none to change; as wide as what stands in them."""

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.naming import named

_AT_THE_END = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class FigureTable(QTableWidget):
    def __init__(
        self, about: str, heads: Sequence[str], numbers: Collection[int], parent: QWidget | None = None
    ) -> None:
        """`about` is read aloud; `numbers`: the columns in which numbers stand, which end alike."""
        super().__init__(0, len(heads), parent)
        named(self, about, role="boxed")
        self._numbers = numbers
        self.setHorizontalHeaderLabels(list(heads))
        self.verticalHeader().hide()
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        for column in numbers:
            written = self.horizontalHeaderItem(column)
            if written is not None:
                written.setTextAlignment(_AT_THE_END)
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setStretchLastSection(True)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)

    def show_row(self, row: int, texts: Sequence[str]) -> None:
        for column, text in enumerate(texts):
            cell = QTableWidgetItem(text)
            if column in self._numbers:
                cell.setTextAlignment(_AT_THE_END)
            self.setItem(row, column, cell)

    def show_icon(self, row: int, column: int, icon: QIcon) -> None:
        cell = self.item(row, column)
        if cell is not None:
            cell.setIcon(icon)
