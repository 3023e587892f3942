"""FindBar: find and replace in the text in front, without a dialog in the way.

What is found is worked out in search; here are the fields, the count, and the steps from one to the next.
"""

from itertools import pairwise

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QToolButton, QWidget

from app.editor.code_editor import CodeEditor
from app.editor.line_range import one_step, replace
from app.finding.replacement import Replacement
from app.finding.search import Query, Search, Span
from app.naming import label, named, set_role, set_wrong
from app.theme import Theme
from core.spec.errors import UsageError

_LONGEST_SEED = 200  # characters of a selection that are taken as what to find
_LONGEST_PREVIEW = 60
_OPTIONS = {  # action of app/actions.py -> icon, name
    "find.match_case": ("match-case", "Match case"),
    "find.whole_word": ("whole-word", "Match whole word"),
    "find.regex": ("regex", "Use regular expression"),
    "find.in_selection": ("selection", "Find in selection"),
}


class FindBar(QWidget):
    """`closed`: the person is done with it."""

    closed = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Find and replace", style="find_bar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._editor: CodeEditor | None = None
        self._search: Search | None = None
        self._anchor = 0  # where a new search begins to look
        self._is_seeking = False
        self._remark = ""  # said in place of the count, until something else is done
        self.find_field = _field("Find")
        self.replace_field = _field("Replace with")
        self.count = named(label(""), "What is found")
        self.preview = named(label("", "muted"), "What replacing gives")
        self.options = {action: _button(name, checkable=True) for action, (_, name) in _OPTIONS.items()}
        self.turn_button = _button("Show or hide replacing", checkable=True)
        self.previous_button, self.next_button = _button("Previous match"), _button("Next match")
        self.replace_button, self.replace_all_button = _button("Replace"), _button("Replace all")
        self.close_button = _button("Close")
        self._replacing = (self.replace_field, self.replace_button, self.replace_all_button, self.preview)
        self._arrange()
        self._connect()
        self._draw_icons()
        self._show_replacing(False)
        self.hide()

    def attach(self, editor: CodeEditor | None) -> None:
        """The text that is searched from now on."""
        if editor is self._editor:
            return
        if self._editor is not None:
            self._editor.selectionChanged.disconnect(self._show_state)
            self._editor.marks.set_found((), None)
        if self._search is not None:
            self._search.stop()
            self._search.deleteLater()
        self._editor, self._search = editor, None
        if editor is not None:
            self._search = Search(editor.document(), editor)
            self._search.changed.connect(self._take_found)
            editor.selectionChanged.connect(self._show_state)
            if self.isVisible():
                self.look(moves=False)

    def open(self, with_replace: bool = False) -> None:
        """What is selected is what to find, or where to look if it has several lines."""
        if self._editor is None:
            return
        cursor = self._editor.textCursor()
        selected = cursor.selectedText()
        was_open = self.isVisible()
        self._anchor = cursor.selectionStart()
        if "\u2029" in selected and not was_open:
            self.options["find.in_selection"].setChecked(True)
            self._search.within = (cursor.selectionStart(), cursor.selectionEnd())  # type: ignore[union-attr]
        elif 0 < len(selected) <= _LONGEST_SEED and "\u2029" not in selected:
            with QSignalBlocker(self.find_field):
                self.find_field.setText(selected)
        self._show_replacing(with_replace or (was_open and self.turn_button.isChecked()))
        self.show()
        field = self.replace_field if with_replace and was_open else self.find_field
        field.setFocus()
        field.selectAll()
        self.look(moves=False)

    def close_bar(self) -> None:
        if self._search is not None:
            self._search.stop()
        if self._editor is not None:
            self._editor.marks.set_found((), None)
            self._editor.setFocus()
        self.options["find.in_selection"].setChecked(False)
        self.hide()
        self.closed.emit()

    def perform(self, action: str) -> bool:
        """One of the actions of finding. False: it is none."""
        if action in self.options:
            self.options[action].toggle()
        elif action == "edit.find_next":
            self.step(forward=True)
        elif action == "edit.find_previous":
            self.step(forward=False)
        else:
            return False
        return True

    def _look_again(self) -> None:
        self.look()

    def look(self, moves: bool = True) -> None:
        """For what stands in the field, with the options as they are."""
        if self._search is None or self._editor is None:
            return
        self._is_seeking, self._remark = moves, ""
        within = self._search.within if self.options["find.in_selection"].isChecked() else None
        self._search.start(self._query(), within)

    def step(self, forward: bool) -> None:
        """To the next or the one before, round the end."""
        if self._search is None or self._editor is None:
            return
        if self._search.query != self._query():
            self.look(moves=False)
        self._search.finish()
        cursor = self._editor.textCursor()
        here = (cursor.selectionStart(), cursor.selectionEnd())
        is_on_one = self._search.number_of(here) is not None
        if forward:
            # an empty match is behind itself: go on by one
            behind = max(here[1], here[0] + 1) if is_on_one else here[0]
            number = self._search.after(behind)
        else:
            number = self._search.before(here[0])
        if number is not None:
            self._go_to(self._search.spans[number])
        if self.isHidden():
            self._search.stop()  # nothing to mark while one types

    def replace_one(self) -> None:
        """The one the cursor is on, and then to the next."""
        search, editor = self._search, self._editor
        if search is None or editor is None or editor.isReadOnly():
            return
        cursor = editor.textCursor()
        number = search.number_of((cursor.selectionStart(), cursor.selectionEnd()))
        replacement = self._replacement()
        if number is not None and replacement is not None:
            start, stop = search.spans[number]
            with one_step(editor.textCursor()) as edit:
                replace(edit, start, stop, replacement.of(search.groups[number]))
                end = edit.position()
            cursor.setPosition(end)
            editor.setTextCursor(cursor)
            search.finish()
            number = search.after(end)
            if number is not None:
                self._go_to(search.spans[number])
        else:
            self.step(forward=True)

    def replace_all(self) -> None:
        """As one step of undo."""
        search, editor = self._search, self._editor
        replacement = self._replacement()
        if search is None or editor is None or editor.isReadOnly() or replacement is None:
            return
        search.finish()
        found = list(zip(search.spans, search.groups, strict=True))
        if not found or search.problem:
            return
        self._remark = f"{len(found):,} replaced"
        with one_step(editor.textCursor()) as edit:
            for (start, stop), groups in reversed(found):
                replace(edit, start, stop, replacement.of(groups))
        self._show_state()
        editor.setFocus()  # where undo undoes this, and not the last word of a field

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(8, 4, 8, 4)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(4)
        found = QHBoxLayout()
        found.setSpacing(2)
        for button in (*self.options.values(), self.previous_button, self.next_button):
            found.addWidget(button)
        found.addWidget(self.count)
        found.addStretch(1)
        found.addWidget(self.close_button)
        replaced = QHBoxLayout()
        replaced.setSpacing(2)
        for widget in (self.replace_button, self.replace_all_button, self.preview):
            replaced.addWidget(widget)
        replaced.addStretch(1)
        grid.addWidget(self.turn_button, 0, 0)
        grid.addWidget(self.find_field, 0, 1)
        grid.addLayout(found, 0, 2)
        grid.addWidget(self.replace_field, 1, 1)
        grid.addLayout(replaced, 1, 2)
        order = (self.find_field, self.replace_field, *self.options.values(), self.previous_button)
        order += (self.next_button, self.replace_button, self.replace_all_button, self.close_button)
        for before, behind in pairwise(order):
            self.setTabOrder(before, behind)
        grid.setColumnStretch(1, 2)
        grid.setColumnStretch(2, 3)

    def _connect(self) -> None:
        self.find_field.textChanged.connect(self._look_again)
        self.replace_field.textChanged.connect(self._show_state)
        for action, button in self.options.items():
            if action == "find.in_selection":
                button.toggled.connect(self._turn_selection)
            else:
                button.toggled.connect(self._look_again)
        self.turn_button.toggled.connect(self._show_replacing)
        self.previous_button.clicked.connect(lambda: self.step(forward=False))
        self.next_button.clicked.connect(lambda: self.step(forward=True))
        self.replace_button.clicked.connect(self.replace_one)
        self.replace_all_button.clicked.connect(self.replace_all)
        self.close_button.clicked.connect(self.close_bar)
        self.find_field.installEventFilter(self)
        self.replace_field.installEventFilter(self)
        self._theme.changed.connect(self._draw_icons)

    def _draw_icons(self) -> None:
        for action, (icon, _) in _OPTIONS.items():
            self.options[action].setIcon(self._theme.icon(icon))
        self.previous_button.setIcon(self._theme.icon("arrow-up"))
        self.next_button.setIcon(self._theme.icon("arrow-down"))
        self.replace_button.setIcon(self._theme.icon("replace"))
        self.replace_all_button.setIcon(self._theme.icon("replace-all"))
        self.close_button.setIcon(self._theme.icon("close"))
        turned = "chevron-down" if self.turn_button.isChecked() else "chevron-right"
        self.turn_button.setIcon(self._theme.icon(turned))

    def _show_replacing(self, shown: bool) -> None:
        with QSignalBlocker(self.turn_button):
            self.turn_button.setChecked(shown)
        for widget in self._replacing:
            widget.setVisible(shown)
        self._draw_icons()
        self._show_state()

    def _turn_selection(self, is_on: bool) -> None:
        if self._editor is None or self._search is None:
            return
        cursor = self._editor.textCursor()
        self._search.within = (cursor.selectionStart(), cursor.selectionEnd()) if is_on else None
        self.look(moves=False)

    def _query(self) -> Query:
        return Query(
            self.find_field.text(),
            is_regex=self.options["find.regex"].isChecked(),
            whole_word=self.options["find.whole_word"].isChecked(),
            match_case=self.options["find.match_case"].isChecked(),
        )

    def _replacement(self) -> Replacement | None:
        if self._search is None:
            return None
        try:
            return Replacement(self.replace_field.text(), self._search.query.is_regex, self._search.names)
        except UsageError as error:
            self._say(str(error), is_wrong=True)
            return None

    def _take_found(self) -> None:
        search = self._search
        if search is not None and self._is_seeking and (search.is_done or search.spans):
            number = search.after(self._anchor)
            if number is not None and (search.is_done or search.spans[number][0] >= self._anchor):
                self._is_seeking = False
                self._go_to(search.spans[number])
        self._show_state()

    def _go_to(self, span: Span) -> None:
        if self._editor is not None:
            self._anchor = span[0]
            self._editor.select_range(*span)
            self._show_state()

    def _show_state(self) -> None:
        search, editor = self._search, self._editor
        if search is None or editor is None or not self.isVisible():
            return
        cursor = editor.textCursor()
        here = (cursor.selectionStart(), cursor.selectionEnd())
        number = search.number_of(here)
        editor.marks.set_found(search.spans, here if number is not None else None)
        has_found = bool(search.spans)
        for button in (self.previous_button, self.next_button):
            button.setEnabled(has_found)
        for button in (self.replace_button, self.replace_all_button):
            button.setEnabled(has_found and not editor.isReadOnly())
        if number is not None:
            self._remark = ""
        self._say(*((self._remark, False) if self._remark else _count(search, number)))
        self._show_preview(search, number)

    def _show_preview(self, search: Search, number: int | None) -> None:
        """What the one the cursor is on would become, where that is not plain to see."""
        self.preview.clear()
        is_wanted = self.turn_button.isChecked() and search.query.is_regex and search.spans
        replacement = self._replacement() if is_wanted else None
        if replacement is not None:
            groups = search.groups[number or 0]
            self.preview.setText(f"{_short(groups[0])} → {_short(replacement.of(groups))}")

    def _say(self, sentence: str, is_wrong: bool = False) -> None:
        self.count.setText(sentence)
        if self.count.property("role") != ("danger" if is_wrong else "muted"):
            set_role(self.count, "danger" if is_wrong else "muted")
            set_wrong(self.find_field, is_wrong)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            is_back = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if event.modifiers() & Qt.KeyboardModifier.ControlModifier and watched is self.replace_field:
                    self.replace_all()
                elif watched is self.replace_field and not is_back:
                    self.replace_one()
                else:
                    self.step(forward=not is_back)
                return True
        return super().eventFilter(watched, event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_bar()
        else:
            super().keyPressEvent(event)


def _count(search: Search, number: int | None) -> tuple[str, bool]:
    if search.problem:
        return search.problem, True
    if not search.query.text:
        return "", False
    total = f"{len(search.spans):,}" + ("+" if search.is_cut_off else "" if search.is_done else "…")
    if not search.spans:
        return ("Nothing found" if search.is_done else "Looking…"), False
    return (f"{total} found" if number is None else f"{number + 1:,} of {total}"), False


def _short(text: str) -> str:
    shown = text.replace("\n", "↵").replace("\t", "⇥")
    return shown if len(shown) <= _LONGEST_PREVIEW else shown[:_LONGEST_PREVIEW] + "…"


def _field(name: str) -> QLineEdit:
    field = QLineEdit()
    field.setPlaceholderText(name)
    field.setAccessibleName(name)
    field.setClearButtonEnabled(False)
    return field


def _button(name: str, checkable: bool = False) -> QToolButton:
    button = QToolButton()
    button.setCheckable(checkable)
    button.setToolTip(name)
    button.setAccessibleName(name)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
