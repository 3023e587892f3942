"""ModelList: the models in sections, a row each: what it is, whether it fits, what it is used for.

Rows are painted, not made of widgets: the list stays quick however many models a disk holds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFont, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from app.models.downloads import Download
from app.models.entry import Entry
from app.models.fit import Verdict
from app.naming import named
from app.theme import Theme
from core.spec.sizes import size_text

_ROW, _HEADING = 56, 36
_PAD, _MARK, _BAR = 16, 8, 3
_ANY = QModelIndex | QPersistentModelIndex
_TITLES = {"disk": "On this disk", "begun": "To download", "offer": "To download", "preset": "To train"}


@dataclass(frozen=True)
class Row:
    """A model, or where `entry` is None the title of a section. `uses`: the roles it is set for."""

    title: str
    entry: Entry | None = None
    verdict: Verdict | None = None
    uses: tuple[str, ...] = ()
    download: Download | None = None

    @property
    def second_line(self) -> str:
        if self.entry is None:
            return ""
        if self.download is not None:
            return self.download.text
        if self.entry.begun_bytes:
            return f"Broken off; {size_text(self.entry.begun_bytes)} are here"
        return self.entry.short_problem or " · ".join(self.entry.facts)

    @property
    def spoken(self) -> str:
        fits = self.verdict.text if self.verdict else ""
        parts = (self.title, self.second_line, fits, *(f"used for {use}" for use in self.uses))
        return ", ".join(part for part in parts if part)


def rows_of(
    entries: Sequence[Entry],
    verdict: Callable[[Entry], Verdict],
    uses: Callable[[Entry], tuple[str, ...]],
    download: Callable[[str], Download | None],
) -> list[Row]:
    """With a title before each section."""
    rows: list[Row] = []
    title = ""
    for entry in entries:
        if _TITLES[entry.section] != title:
            title = _TITLES[entry.section]
            rows.append(Row(title))
        rows.append(Row(entry.name, entry, verdict(entry), uses(entry), download(entry.id)))
    return rows


class ModelList(QListView):
    """`chosen`: the Entry that a person looks at, by pointer or by keys. `opened`: the same with Enter."""

    chosen = Signal(object)
    opened = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Models", style="model_list")
        self._model = _Model(self)
        self.setModel(self._model)
        self.setItemDelegate(_Delegate(theme, self))
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.selectionModel().currentChanged.connect(self._tell)
        self.activated.connect(lambda index: self.opened.emit(index.data(Qt.ItemDataRole.UserRole).entry))

    @property
    def rows(self) -> list[Row]:
        return self._model.rows

    def show_rows(self, rows: list[Row]) -> None:
        """What was chosen stays so; nothing is told where it is the same."""
        key = self.current_key
        if [_identity(row) for row in rows] == [_identity(row) for row in self._model.rows]:
            self._model.renew(rows)
            return
        self.selectionModel().blockSignals(True)
        self._model.show(rows)
        self.choose(key)
        self.selectionModel().blockSignals(False)
        self.viewport().update()

    @property
    def current_key(self) -> str:
        entry = self.current
        return entry.key if entry else ""

    @property
    def current(self) -> Entry | None:
        index = self.currentIndex()
        return index.data(Qt.ItemDataRole.UserRole).entry if index.isValid() else None

    def choose(self, key: str) -> bool:
        for place, row in enumerate(self._model.rows):
            if row.entry is not None and row.entry.key == key:
                self.setCurrentIndex(self._model.index(place))
                return True
        return False

    def _tell(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(current.data(Qt.ItemDataRole.UserRole).entry)


def _identity(row: Row) -> str:
    return row.entry.key if row.entry else row.title


class _Model(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def show(self, rows: list[Row]) -> None:
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def renew(self, rows: list[Row]) -> None:
        """The same models in the same order, of which something else is known."""
        before, self.rows = self.rows, rows
        for place, (old, new) in enumerate(zip(before, rows, strict=True)):
            if old != new:
                self.dataChanged.emit(self.index(place), self.index(place))

    def rowCount(self, parent: _ANY = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def flags(self, index: _ANY) -> Qt.ItemFlag:
        if self.rows[index.row()].entry is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled

    def data(self, index: _ANY, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.title
            case Qt.ItemDataRole.AccessibleTextRole:
                return row.spoken
            case Qt.ItemDataRole.ToolTipRole:
                return row.entry.id if row.entry else None
            case Qt.ItemDataRole.UserRole:
                return row
        return None


class _Delegate(QStyledItemDelegate):
    """The name, below it in grey what it is; at the right whether it fits and what it is used for."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _ANY) -> QSize:
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        metrics = option.fontMetrics
        lines = 2 * metrics.height() + self._theme.scaled(20)
        return QSize(0, self._theme.scaled(_HEADING) if row.entry is None else max(lines, self._scaled(_ROW)))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _ANY) -> None:
        row: Row = index.data(Qt.ItemDataRole.UserRole)
        painter.save()
        if row.entry is None:
            self._paint_heading(painter, option.rect, row.title)
        else:
            self._paint_row(painter, option, row)
        painter.restore()

    def _scaled(self, pixels: int) -> int:
        return self._theme.scaled(pixels)

    def _paint_heading(self, painter: QPainter, rect: QRect, title: str) -> None:
        painter.setPen(self._theme.colours.colour("muted"))
        painter.setFont(_bold(painter.font()))
        inner = rect.adjusted(self._scaled(_PAD), 0, -self._scaled(_PAD), -self._scaled(6))
        painter.drawText(inner, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, title)

    def _paint_row(self, painter: QPainter, option: QStyleOptionViewItem, row: Row) -> None:
        colours, rect = self._theme.colours, option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colours.colour("accent_soft"))
            painter.fillRect(QRect(rect.topLeft(), QSize(2, rect.height())), colours.colour("accent"))
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, colours.colour("hover"))
        metrics = painter.fontMetrics()
        top = rect.top() + (rect.height() - 2 * metrics.height() - self._scaled(4)) // 2
        left, right = rect.left() + self._scaled(_PAD), rect.right() - self._scaled(_PAD)
        right = self._paint_mark(painter, row, QPoint(right, top))
        painter.setPen(colours.colour("faint" if row.entry and row.entry.problem else "text"))
        painter.setFont(_bold(option.font))
        width = right - left - self._scaled(_MARK)
        title = painter.fontMetrics().elidedText(row.title, Qt.TextElideMode.ElideMiddle, width)
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        painter.drawText(QRect(left, top, width, metrics.height() * 2), flags, title)
        painter.setFont(option.font)
        self._paint_second(painter, row, QRect(left, top + metrics.height() + self._scaled(4), 0, 0), rect)

    def _paint_mark(self, painter: QPainter, row: Row, corner: QPoint) -> int:
        """Whether it fits, and before it what it is used for; where the room for the name ends."""
        metrics, colours = painter.fontMetrics(), self._theme.colours
        right = corner.x()
        words: list[tuple[str, str]] = [(use, "accent") for use in reversed(row.uses)]
        if row.verdict is not None and not (row.entry and row.entry.problem):
            words.insert(0, (row.verdict.text, row.verdict.tone))
        for word, tone in words:
            width = metrics.horizontalAdvance(word)
            painter.setPen(colours.colour(tone))
            painter.drawText(QPoint(right - width, corner.y() + metrics.ascent()), word)
            right -= width + self._scaled(12)
        return right

    def _paint_second(self, painter: QPainter, row: Row, place: QRect, rect: QRect) -> None:
        colours, metrics = self._theme.colours, painter.fontMetrics()
        width = rect.right() - self._scaled(_PAD) - place.left()
        is_wrong = bool(row.entry and row.entry.problem) or bool(
            row.download and row.download.state == "failed"
        )
        painter.setPen(colours.colour("danger" if is_wrong else "muted"))
        text = metrics.elidedText(row.second_line, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QPoint(place.left(), place.top() + metrics.ascent()), text)
        if row.download is not None and row.download.state != "failed":
            bar = QRect(place.left(), rect.bottom() - self._scaled(6), width, self._scaled(_BAR))
            painter.fillRect(bar, colours.colour("pressed"))
            done = QRect(bar.topLeft(), QSize(round(width * row.download.share), bar.height()))
            tone = "accent" if row.download.state == "running" else "faint"
            painter.fillRect(done, colours.colour(tone))


def _bold(font: QFont) -> QFont:
    made = QFont(font)
    made.setWeight(QFont.Weight.DemiBold)
    return made
