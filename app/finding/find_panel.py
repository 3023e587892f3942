"""FindPanel: what to look for in all files, what was found, and what is to stand there instead.

Searching itself is in find_in_files, replacing in replace_in_files.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.finding.find_in_files import FileMatches, FindInFiles, Match, Query, Summary, compiled
from app.finding.match_painter import MATCH_ROLE, MatchPainter
from app.finding.replace_in_files import Wish, replacement_for
from app.finding.replacement import Replacement
from app.naming import label, set_wrong
from app.theme import Theme
from app.wording import counted
from core.spec.errors import UsageError

_PAUSE_MS = 250
_TURN_S, _PIECE = 0.005, 25
_PATH, _COUNT = MATCH_ROLE + 1, MATCH_ROLE + 2
_OPEN_FILES = 50  # so many files show their matches at once


class FindPanel(QWidget):
    """`open_requested`: a path, a line from one, a column and a length as Qt counts. `replace_requested`: the
    Query, the text, and a list of Wish for what is still in the list."""

    open_requested = Signal(object, int, int, int)
    replace_requested = Signal(object, str, list)

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
        self.replace_field = self._field("Replace with", is_searched=False)
        self.replace_field.textChanged.connect(self._show_previews)
        self._query: Query | None = None
        self._replacement: Replacement | None = None
        self.turn_button = self._toggle("replace", "Show or Hide Replacing", is_option=False)
        self.turn_button.toggled.connect(self._turn_replacing)
        self.replace_button = QPushButton("Replace All…")
        self.replace_button.clicked.connect(self._wish_replacing)
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
        self._state = label("", "muted", wraps=True)
        self.results = QTreeWidget()
        self.results.setHeaderHidden(True)
        self.results.setUniformRowHeights(True)
        self.results.setIndentation(12)
        self.results.setAccessibleName("What was found")
        self.results.setItemDelegate(MatchPainter(theme, self.preview, self.results))
        self.results.itemClicked.connect(self._open)
        self.results.itemActivated.connect(self._open)
        self.results.installEventFilter(self)
        self._arrange()
        self._turn_replacing(False)
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
        if self._words.text():
            self._pause.start()

    def look_for(self, text: str, *, with_replace: bool = False) -> None:
        """Brings the panel's field to the front, with what is selected in the text."""
        if with_replace:
            self.turn_button.setChecked(True)
        if text and "\n" not in text:
            self._words.setText(text)
        self._words.setFocus()
        # all of it, and the cursor before it: where the field is narrow, its beginning is what is seen
        self._words.end(False)
        self._words.cursorBackward(True, len(self._words.text()))

    def search(self) -> None:
        self._pause.stop()
        self._forget()
        set_wrong(self._words, False)
        if not self._words.text() or self._folder is None:
            self.stop()
            self._say_ready()
            return
        query = Query(
            self._words.text(),
            files=self._files.text(),
            **{name: button.isChecked() for name, button in self._toggles.items()},
        )
        self._query = query
        try:
            self._search.search(query, self._folder, self._unsaved())
        except UsageError as error:
            set_wrong(self._words, True)
            self._say(str(error))
        else:
            self._stop_button.show()
            self._say("Searching…")

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

    def preview(self, match: Match) -> str | None:
        """What the match becomes; None while nothing is to be replaced."""
        if self._replacement is None:
            return None
        return self._replacement.of(match.groups)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Delete leaves out a file or a match."""
        is_delete = isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Delete)
        if event.type() == QEvent.Type.KeyPress and is_delete and (item := self.results.currentItem()):
            parent = item.parent()
            if parent is None:
                self.results.takeTopLevelItem(self.results.indexOfTopLevelItem(item))
            else:
                parent.removeChild(item)
                if parent.childCount() == 0:
                    self.results.takeTopLevelItem(self.results.indexOfTopLevelItem(parent))
            self._say(f"Left out; {counted(self._shown_matches(), 'match', 'matches')} in the list.")
            self._show_previews()
            return True
        return False

    def _turn_replacing(self, shown: bool) -> None:
        self.replace_field.setVisible(shown)
        self.replace_button.setVisible(shown)
        self._show_previews()

    def _show_previews(self) -> None:
        """In the list, as the text is written."""
        self._replacement = None
        problem = ""
        if self.turn_button.isChecked() and self._query is not None and self._stop_button.isHidden():
            try:
                pattern = compiled(self._query)
                self._replacement = replacement_for(pattern, self._query, self.replace_field.text())
            except UsageError as error:
                problem = str(error)
        set_wrong(self.replace_field, bool(problem))
        self.replace_field.setToolTip(problem)
        self.replace_button.setEnabled(self._replacement is not None and self.results.topLevelItemCount() > 0)
        self.results.viewport().update()

    def _shown_matches(self) -> int:
        tops = [self.results.topLevelItem(place) for place in range(self.results.topLevelItemCount())]
        return sum(top.childCount() for top in tops if top is not None)

    def _wish_replacing(self) -> None:
        wishes = []
        for place in range(self.results.topLevelItemCount()):
            top = self.results.topLevelItem(place)
            if top is not None:
                children = [top.child(number) for number in range(top.childCount())]
                numbers = frozenset(child.data(0, MATCH_ROLE).number for child in children if child)
                wishes.append(Wish(Path(top.data(0, _PATH)), numbers, top.data(0, _COUNT)))
        if wishes and self._query is not None:
            self.replace_requested.emit(self._query, self.replace_field.text(), wishes)

    def _field(self, title: str, *, is_searched: bool = True) -> QLineEdit:
        field = QLineEdit()
        field.setPlaceholderText(title)
        field.setAccessibleName(title)
        field.setClearButtonEnabled(True)
        if is_searched:
            field.textChanged.connect(lambda _: self._pause.start())
            field.returnPressed.connect(self.search)
        return field

    def _toggle(self, icon: str, title: str, *, is_option: bool = True) -> QToolButton:
        button = QToolButton()
        button.setCheckable(True)
        button.setAccessibleName(title)
        button.setToolTip(title)
        button.setProperty("icon_name", icon)
        if is_option:
            button.toggled.connect(lambda _: self.search())
        return button

    def _arrange(self) -> None:
        options = QHBoxLayout()  # below the field, which in a narrow bar has no room to give away
        options.setSpacing(4)
        for button in self._toggles.values():
            options.addWidget(button)
        options.addStretch(1)
        options.addWidget(self.turn_button)
        replacing = QHBoxLayout()
        replacing.setSpacing(4)
        replacing.addWidget(self.replace_field, 1)
        replacing.addWidget(self.replace_button)
        last = QHBoxLayout()
        last.addWidget(self._state, 1)
        last.addWidget(self._stop_button)
        top = QVBoxLayout()
        top.setContentsMargins(16, 0, 16, 8)
        top.setSpacing(8)
        top.addWidget(self._words)
        top.addLayout(options)
        top.addLayout(replacing)
        top.addWidget(self._files)
        top.addLayout(last)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.results, 1)

    def _show_icons(self) -> None:
        for button in (*self._toggles.values(), self.turn_button):
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
        self._show_previews()
        if not summary.matches:
            text = f"Nothing found in {counted(summary.searched, 'file')}."
        else:
            text = f"{counted(summary.matches, 'match', 'matches')} in {counted(summary.files, 'file')}."
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
        else:
            self._show_previews()

    def _add(self, file: FileMatches) -> None:
        item = self.results.topLevelItem(self.results.topLevelItemCount() - 1)
        if item is None or item.data(0, _PATH) != str(file.path):
            is_opened = self.results.topLevelItemCount() < _OPEN_FILES
            item = QTreeWidgetItem()
            item.setToolTip(0, str(file.path))
            item.setData(0, _PATH, str(file.path))
            self.results.addTopLevelItem(item)
            item.setExpanded(is_opened)
        item.setData(0, _COUNT, (item.data(0, _COUNT) or 0) + len(file.matches))
        item.setText(0, self._title(file.path, item.childCount() + len(file.matches)))
        for match in file.matches:
            child = QTreeWidgetItem(item, [match.shown])
            child.setData(0, MATCH_ROLE, match)
            child.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"Line {match.line}: {match.shown}")

    def _title(self, path: Path, count: int) -> str:
        folder = path.parent.relative_to(self._folder).as_posix() if self._folder else ""
        return f"{path.name}  ·  {count}" + (f"  ·  {folder}" if folder not in ("", ".") else "")

    def _open(self, item: QTreeWidgetItem) -> None:
        match, parent = item.data(0, MATCH_ROLE), item.parent()
        if isinstance(match, Match) and parent is not None:
            path = Path(parent.data(0, _PATH))
            self.open_requested.emit(path, match.line, match.column, match.length)
        else:
            item.setExpanded(not item.isExpanded())
