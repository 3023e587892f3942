"""ScannedFiles: what a scan has found, file by file, and what a person overrules.

The scan names only so many files of each reason, and counts all; so does what is shown here.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QColor

from app.theme import Theme
from core.spec.messages import Judged
from core.spec.sizes import size_text
from trainer.spec.data import ScanSpec

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("File", "Why", "Size")
ACCEPTED, LEFT_OUT, ALL = "accepted", "left out", "all"
_ROLE = Qt.ItemDataRole
_SHOWN_SECRETS = 3
_NO_INDEX = QModelIndex()


class ScannedFiles(QAbstractTableModel):
    def __init__(self, theme: Theme, parent: Any = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._rows: list[Judged] = []
        theme.changed.connect(self._recolour)

    def clear(self) -> None:
        self.beginResetModel()
        self._rows = []
        self.endResetModel()

    def add(self, found: Sequence[Judged]) -> None:
        if found:
            self.beginInsertRows(_NO_INDEX, len(self._rows), len(self._rows) + len(found) - 1)
            self._rows += found
            self.endInsertRows()

    def at(self, row: int) -> Judged:
        return self._rows[row]

    def rowCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NO_INDEX) -> int:
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _ROLE.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == _ROLE.TextAlignmentRole and section == len(COLUMNS) - 1:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return COLUMNS[section] if role == _ROLE.DisplayRole else None

    def data(self, index: Index, role: int = _ROLE.DisplayRole) -> Any:
        file, column = self._rows[index.row()], index.column()
        match role:
            case _ROLE.DisplayRole:
                return (_name(file), _becomes(file), _size(file))[column]
            case _ROLE.ToolTipRole:
                return str(PurePath(file.folder, file.name)) if column == 0 else _becomes(file)
            case _ROLE.ForegroundRole:
                return self._colour(file, column)
            case _ROLE.TextAlignmentRole if column == len(COLUMNS) - 1:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case _ROLE.UserRole:
                return file.size_bytes if column == len(COLUMNS) - 1 else None
        return None

    def _colour(self, file: Judged, column: int) -> QColor | None:
        colours = self._theme.colours
        if file.secrets:
            return colours.colour("danger") if column == 1 else None
        if column == 1:
            return colours.colour("muted" if file.reason else "success")
        return colours.colour("muted") if file.reason else None

    def _recolour(self) -> None:
        if self._rows:
            last = self.index(len(self._rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last, [_ROLE.ForegroundRole])


class ShownFiles(QSortFilterProxyModel):
    """Those of a kind that hold some words; sorted by any column."""

    def __init__(self, files: ScannedFiles) -> None:
        super().__init__(files)
        self._files = files
        self._kind, self._words = LEFT_OUT, ""
        self.setSourceModel(files)

    def show_only(self, kind: str, words: str) -> None:
        self.beginFilterChange()
        self._kind, self._words = kind, words.lower()
        self.endFilterChange()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        file = self._files.at(source_row)
        if self._kind != ALL and (self._kind == ACCEPTED) != (not file.reason):
            return False
        return not self._words or self._words in f"{file.name} {file.why}".lower()

    def lessThan(self, left: Index, right: Index) -> bool:
        if left.column() == len(COLUMNS) - 1:
            return bool(left.data(_ROLE.UserRole) < right.data(_ROLE.UserRole))
        return bool(str(left.data()).lower() < str(right.data()).lower())


def overruled(scan: ScanSpec, file: Judged) -> ScanSpec:
    """With this file taken where it was left out, and left out where it was taken."""
    path, pattern = str(PurePath(file.folder, file.name)), pattern_of(file)
    if not file.reason:
        kept = tuple(include for include in scan.include if include != path)
        return replace(scan, include=kept, exclude=(*scan.exclude, pattern))
    kept = tuple(exclude for exclude in scan.exclude if exclude != pattern)
    if file.reason == "excluded" and kept != scan.exclude:
        return replace(scan, exclude=kept)
    return replace(scan, include=(*scan.include, path), exclude=kept)


def pattern_of(file: Judged) -> str:
    """As .gitignore writes it: from the folder's own root, and no letter with another meaning."""
    escaped = "".join(f"\\{letter}" if letter in "\\*?[]!# " else letter for letter in file.name)
    return f"/{escaped}"


def can_be_overruled(file: Judged) -> bool:
    return not file.reason or file.can_be_included


def _name(file: Judged) -> str:
    text = file.name + ("/" if file.is_folder else "")
    return text if text.isprintable() else ascii(text)


def _becomes(file: Judged) -> str:
    if not file.reason:
        return "Will be learnt from"
    if file.secrets:
        shown = ", ".join(file.secrets[:_SHOWN_SECRETS])
        return f"Holds a secret: {shown}{', …' if len(file.secrets) > _SHOWN_SECRETS else ''}"
    like = f" ({file.like})" if file.like else ""
    return f"{file.why[:1].upper()}{file.why[1:]}{like}"


def _size(file: Judged) -> str:
    return size_text(file.size_bytes) if file.size_bytes else ""
