"""FindPanel: what to look for in all files, and what was found. Searching itself is in find_in_files."""

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.editor.find_in_files import FileMatches, FindInFiles, Match, Query, Summary
from app.theme import Theme
from core.spec.errors import UsageError

_PAUSE_MS = 250
_TURN_S, _PIECE = 0.005, 25
_MATCH, _PATH = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
_OPEN_FILES = 50  # so many files show their matches at once


class FindPanel(QWidget):
    """`open_requested`: a path, a line from one, a column and a length as Qt counts."""

    open_requested = Signal(object, int, int, int)

    def __init__(self, theme: Theme, unsaved: Callable[[], Mapping[Path, str]]) -> None:
        """`unsaved`: texts of the editor that their files do not have."""
        super().__init__()
        self._theme = theme
        self._unsaved = unsaved
        self._folder: Path | None = None
        self._search = FindInFiles(self)
        self._search.found.connect(self._add_soon)
        self._waiting: deque[FileMatches] = deque()
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._add_some)
        self._search.progressed.connect(self._show_progress)
        self._search.finished.connect(self._show_summary)
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self.search)
        self._words = self._field("Find in files")
        self._files = self._field("Files, as *.py, !tests/")
        self._toggles = {
            name: self._toggle(icon, title)
            for name, icon, title in (
                ("match_case", "match-case", "Match Case"),
                ("whole_word", "whole-word", "Match Whole Word"),
                ("is_regex", "regex", "Use Regular Expression"),
            )
        }
        self._stop_button = QToolButton()
        self._stop_button.setAccessibleName("Stop Searching")
        self._stop_button.setToolTip("Stop Searching")
        self._stop_button.clicked.connect(lambda _=False: self.stop())
        self._stop_button.hide()
        self._state = QLabel()
        self._state.setWordWrap(True)
        self._state.setProperty("role", "muted")
        self.results = QTreeWidget()
        self.results.setHeaderHidden(True)
        self.results.setUniformRowHeights(True)
        self.results.setIndentation(12)
        self.results.setAccessibleName("What was found")
        self.results.setItemDelegate(_MatchPainter(theme, self.results))
        self.results.itemClicked.connect(self._open)
        self.results.itemActivated.connect(self._open)
        self._arrange()
        theme.changed.connect(self._show_icons)
        self._show_icons()
        self._say_ready()

    @property
    def said(self) -> str:
        return self._state.text()

    def open_folder(self, folder: Path | None) -> None:
        self.stop()
        self._forget()
        self._folder = folder
        self._say_ready()

    def look_for(self, text: str) -> None:
        """Brings the panel's field to the front, with what is selected in the text."""
        if text and "\n" not in text:
            self._words.setText(text)
        self._words.setFocus()
        self._words.selectAll()

    def search(self) -> None:
        self._pause.stop()
        self._forget()
        self._words.setProperty("state", "")
        if not self._words.text() or self._folder is None:
            self.stop()
            self._say_ready()
            return
        query = Query(
            self._words.text(),
            files=self._files.text(),
            **{name: button.isChecked() for name, button in self._toggles.items()},
        )
        try:
            self._search.search(query, self._folder, self._unsaved())
        except UsageError as error:
            self._words.setProperty("state", "wrong")
            self._say(str(error))
        else:
            self._stop_button.show()
            self._say("Searching…")
        self._words.style().polish(self._words)

    def stop(self) -> None:
        self._pause.stop()
        self._search.stop()

    def close_search(self) -> None:
        """For the window's end."""
        self._pause.stop()
        self._turn.stop()
        self._search.close()

    def _forget(self) -> None:
        self._waiting.clear()
        self._turn.stop()
        self.results.clear()

    def _field(self, title: str) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(title)
        field.setAccessibleName(title)
        field.setClearButtonEnabled(True)
        field.textChanged.connect(lambda _: self._pause.start())
        field.returnPressed.connect(self.search)
        return field

    def _toggle(self, icon: str, title: str) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setAccessibleName(title)
        button.setToolTip(title)
        button.setProperty("icon_name", icon)
        button.toggled.connect(lambda _: self.search())
        return button

    def _arrange(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self._words, 1)
        for button in self._toggles.values():
            first.addWidget(button)
        last = QHBoxLayout()
        last.addWidget(self._state, 1)
        last.addWidget(self._stop_button)
        top = QVBoxLayout()
        top.setContentsMargins(16, 0, 16, 8)
        top.setSpacing(8)
        top.addLayout(first)
        top.addWidget(self._files)
        top.addLayout(last)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.results, 1)

    def _show_icons(self) -> None:
        for button in self._toggles.values():
            button.setIcon(self._theme.icon(button.property("icon_name")))
        self._stop_button.setIcon(self._theme.icon("stop"))
        self.results.viewport().update()

    def _say_ready(self) -> None:
        self._stop_button.hide()
        self._say("" if self._folder else "Open a folder to search in its files.")

    def _say(self, text: str) -> None:
        self._state.setText(text)
        self._state.setAccessibleName(text)
        self._state.setVisible(bool(text))

    def _show_progress(self, count: int) -> None:
        self._say(f"Searching… {count:,} files")

    def _show_summary(self, summary: Summary) -> None:
        self._stop_button.hide()
        if not summary.matches:
            text = f"Nothing found in {_counted(summary.searched, 'file')}."
        else:
            text = f"{_counted(summary.matches, 'match')} in {_counted(summary.files, 'file')}."
        self._say(f"{text} {summary.ending}".strip())
        self._state.setToolTip(
            f"{summary.searched:,} files searched, {summary.skipped:,} of them binary, large or unreadable."
        )

    def _add_soon(self, files: list[FileMatches]) -> None:
        for file in files:  # a file with very many in pieces
            for start in range(0, len(file.matches), _PIECE):
                self._waiting.append(FileMatches(file.path, file.matches[start : start + _PIECE]))
        self._turn.start()

    def _add_some(self) -> None:
        """No longer at a time than nobody notices."""
        end = time.monotonic() + _TURN_S
        while self._waiting and time.monotonic() < end:
            self._add(self._waiting.popleft())
        if self._waiting:
            self._turn.start()

    def _add(self, file: FileMatches) -> None:
        item = self.results.topLevelItem(self.results.topLevelItemCount() - 1)
        if item is None or item.data(0, _PATH) != str(file.path):
            is_opened = self.results.topLevelItemCount() < _OPEN_FILES
            item = QTreeWidgetItem()
            item.setToolTip(0, str(file.path))
            item.setData(0, _PATH, str(file.path))
            self.results.addTopLevelItem(item)
            item.setExpanded(is_opened)
        item.setText(0, self._title(file.path, item.childCount() + len(file.matches)))
        for match in file.matches:
            child = QTreeWidgetItem(item, [match.shown])
            child.setData(0, _MATCH, match)
            child.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"Line {match.line}: {match.shown}")

    def _title(self, path: Path, count: int) -> str:
        folder = path.parent.relative_to(self._folder).as_posix() if self._folder else ""
        return f"{path.name}  ·  {count}" + (f"  ·  {folder}" if folder not in ("", ".") else "")

    def _open(self, item: QTreeWidgetItem) -> None:
        match, parent = item.data(0, _MATCH), item.parent()
        if isinstance(match, Match) and parent is not None:
            path = Path(parent.data(0, _PATH))
            self.open_requested.emit(path, match.line, match.column, match.length)
        else:
            item.setExpanded(not item.isExpanded())


class _MatchPainter(QStyledItemDelegate):
    """Draws what was found on a ground of its own."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        match = index.data(_MATCH)
        if not isinstance(match, Match):
            super().paint(painter, option, index)
            return
        self.initStyleOption(option, index)
        option.text = ""
        widget = option.widget
        style = widget.style() if widget else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, option, painter, widget)
        rect: QRect = option.rect.adjusted(4, 0, -4, 0)
        metrics = option.fontMetrics
        shown = match.shown.replace("\t", " ")
        before = metrics.horizontalAdvance(shown[: match.start])
        width = metrics.horizontalAdvance(shown[match.start : match.end])
        ground = QRect(rect.left() + before, rect.top() + 2, width, rect.height() - 4).intersected(rect)
        painter.save()
        painter.fillRect(ground, self._theme.colours.colour("match"))
        painter.setPen(option.palette.color(QPalette.ColorRole.Text))
        text = metrics.elidedText(shown, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()


def _counted(count: int, noun: str) -> str:
    ending = "" if count == 1 else "es" if noun.endswith("ch") else "s"
    return f"{count:,} {noun}{ending}"
