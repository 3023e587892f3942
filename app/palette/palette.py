"""The palette: one line to type in and a list below it, above the window. What is listed is the caller's.

`choose` is a coroutine: whoever wants something chosen reads from top to bottom.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QKeyEvent, QPainter, QTextCharFormat, QTextLayout
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named
from app.palette.fuzzy import ranked
from app.theme import Theme

_WIDTH, _ROWS = 600, 12
_ROW_HEIGHT = 28
_STEPS: dict[int, int] = {
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageDown: _ROWS,
    Qt.Key.Key_PageUp: -_ROWS,
}
_ANY = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Entry:
    """One line of the list. `detail` stands beside the title, `keys` at the end of the line."""

    id: str
    title: str
    detail: str = ""
    keys: str = ""


@dataclass(frozen=True)
class Source:
    """Something to choose among. `takes_text`: what is typed is an answer, where no entry is chosen."""

    entries: Callable[[], Sequence[Entry]]
    hint: str
    nothing: str = "Nothing fits"
    takes_text: bool = False


@dataclass(frozen=True)
class Choice:
    """`id` of the entry, or None where the text itself was meant; `prefix` says which source."""

    prefix: str
    id: str | None
    text: str


class Palette(QFrame):
    def __init__(self, theme: Theme, window: QWidget) -> None:
        super().__init__(window)
        named(self, "Palette", style="palette")
        self._theme = theme
        self._window = window
        self._sources: dict[str, Source] = {}
        self._prefix = ""
        self._answer: asyncio.Future[Choice | None] | None = None
        self._focus_before: QWidget | None = None
        self._line = QLineEdit(self)
        self._model = _Model(self)
        self._list = named(QListView(self), "Choices")
        self._list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._list.setModel(self._model)
        self._list.setItemDelegate(_Delegate(theme, self))
        self._list.setUniformItemSizes(True)
        self._list.clicked.connect(self._take)
        self._nothing = label("", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        for widget in (self._line, self._list, self._nothing):
            layout.addWidget(widget)
        self._line.textChanged.connect(self._show_fitting)
        self._line.installEventFilter(self)
        window.installEventFilter(self)
        self.hide()

    def choose(self, sources: dict[str, Source], text: str = "") -> asyncio.Future[Choice | None]:
        """Sources by what is typed before them, as ">". None where nothing was chosen.

        It is open when this returns: of a person who types on, no letter goes elsewhere.
        """
        self._end(None)
        self._sources = sources
        self._answer = answer = asyncio.get_running_loop().create_future()
        self._focus_before = self._window.focusWidget()
        self._line.setText(text)
        self._show_fitting()
        self._place()
        self.show()
        self.raise_()
        self._line.setFocus()
        self._line.setCursorPosition(len(text))
        return answer

    def _show_fitting(self) -> None:
        typed = self._line.text()
        prefixes = sorted(self._sources, key=len, reverse=True)
        prefix = next((prefix for prefix in prefixes if typed.startswith(prefix)), None)
        if prefix is None:
            return
        self._prefix = prefix
        source = self._sources[prefix]
        self._line.setPlaceholderText(source.hint)
        self._line.setAccessibleName(source.hint)
        query = typed[len(prefix) :]
        entries = source.entries()
        fitting = ranked(query, (entry.title for entry in entries))
        self._model.show([(entries[place], letters) for place, letters in fitting])
        self._nothing.setText(source.nothing)
        self._nothing.setVisible(not fitting and not (source.takes_text and query))
        self._list.setVisible(bool(fitting))
        if fitting:
            self._list.setCurrentIndex(self._model.index(0))
        self._place()

    def _place(self) -> None:
        rows = min(self._model.rowCount(), _ROWS)
        self._list.setFixedHeight(self._theme.scaled(_ROW_HEIGHT) * rows)
        width = min(self._theme.scaled(_WIDTH), self._window.width() - 32)
        self.setFixedWidth(width)
        self.adjustSize()
        self.move((self._window.width() - width) // 2, self._theme.scaled(40))

    def _take(self, index: QModelIndex) -> None:
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        self._end(Choice(self._prefix, entry.id, self._line.text()[len(self._prefix) :]))

    def _accept(self) -> None:
        index = self._list.currentIndex()
        if index.isValid() and self._list.isVisible():
            self._take(index)
            return
        text = self._line.text()[len(self._prefix) :]
        if text and self._sources[self._prefix].takes_text:
            self._end(Choice(self._prefix, None, text))

    def _end(self, choice: Choice | None) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        had_focus = self.isAncestorOf(self._window.focusWidget()) if self._window.focusWidget() else False
        self.hide()
        if had_focus and self._focus_before is not None:
            self._focus_before.setFocus()
        if not answer.done():
            answer.set_result(choice)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._window:
            if event.type() == QEvent.Type.Resize and self.isVisible():
                self._place()
        elif event.type() == QEvent.Type.FocusOut and self._window.isActiveWindow():
            self._end(None)
        elif event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            return self._hear_key(event)
        return False

    def _hear_key(self, event: QKeyEvent) -> bool:
        key = event.key()
        if key == Qt.Key.Key_Escape:
            self._end(None)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._accept()
        elif (steps := _STEPS.get(key)) is not None:
            self._step(steps)
        else:
            return False
        return True

    def _step(self, steps: int) -> None:
        count = self._model.rowCount()
        if count:
            row = self._list.currentIndex().row() + steps
            row = row % count if abs(steps) == 1 else max(0, min(row, count - 1))
            self._list.setCurrentIndex(self._model.index(row))


class _Model(QAbstractListModel):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rows: list[tuple[Entry, tuple[int, ...]]] = []

    def show(self, rows: list[tuple[Entry, tuple[int, ...]]]) -> None:
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: _ANY = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: _ANY, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        entry, letters = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return entry.title
            case Qt.ItemDataRole.AccessibleTextRole:
                return ", ".join(part for part in (entry.title, entry.detail, entry.keys) if part)
            case Qt.ItemDataRole.UserRole:
                return entry
            case _ if role == Qt.ItemDataRole.UserRole + 1:
                return letters
        return None


class _Delegate(QStyledItemDelegate):
    """A title with the typed letters in the accent's colour, the detail muted behind it, keys at the end."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: _ANY) -> QSize:
        return QSize(0, self._theme.scaled(_ROW_HEIGHT))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: _ANY) -> None:
        entry: Entry = index.data(Qt.ItemDataRole.UserRole)
        colours = self._theme.colours
        painter.save()
        rect: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, colours.colour("accent_soft"))
        rect = rect.adjusted(self._theme.scaled(8), 0, -self._theme.scaled(8), 0)
        metrics = painter.fontMetrics()
        if entry.keys:
            painter.setPen(colours.colour("muted"))
            painter.drawText(rect, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, entry.keys)
            rect = rect.adjusted(0, 0, -metrics.horizontalAdvance(entry.keys) - 16, 0)
        title = metrics.elidedText(entry.title, Qt.TextElideMode.ElideMiddle, rect.width())
        letters = index.data(Qt.ItemDataRole.UserRole + 1) if title == entry.title else ()
        self._draw_title(painter, rect, title, letters)
        rest = rect.adjusted(metrics.horizontalAdvance(title) + 12, 0, 0, 0)
        if entry.detail and rest.width() > metrics.averageCharWidth() * 4:
            painter.setPen(colours.colour("muted"))
            elided = metrics.elidedText(entry.detail, Qt.TextElideMode.ElideMiddle, rest.width())
            painter.drawText(rest, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
        painter.restore()

    def _draw_title(self, painter: QPainter, rect: QRect, title: str, letters: tuple[int, ...]) -> None:
        """As one text, of which some letters have another colour: two of them, one over the other, would not
        stand in the same places."""
        accent = QTextCharFormat()
        accent.setForeground(self._theme.colours.colour("accent"))
        layout = QTextLayout(title, painter.font())
        layout.setFormats([_range(title, at, accent) for at in letters])
        layout.beginLayout()
        line = layout.createLine()
        layout.endLayout()
        painter.setPen(self._theme.colours.colour("text"))
        layout.draw(painter, QPointF(rect.left(), rect.top() + (rect.height() - line.height()) / 2))


def _range(text: str, at: int, char_format: QTextCharFormat) -> QTextLayout.FormatRange:
    """Of one letter; Qt counts what UTF-16 needs."""
    made = QTextLayout.FormatRange()
    made.start, made.length = (len(part.encode("utf-16-le")) // 2 for part in (text[:at], text[at]))
    made.format = char_format
    return made
