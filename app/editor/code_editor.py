"""CodeEditor: the widget that code is written in.

It knows no files and no engine. Colours, font and settings are given to it; which keys mean which action is
decided elsewhere, and comes in by `perform`. Grey text attaches itself from outside (ghost_text).
"""

from collections.abc import Callable, Mapping

from PySide6.QtCore import QMimeData, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragMoveEvent,
    QFont,
    QFontDatabase,
    QFontMetricsF,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QKeySequence,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextCursor,
    QTextOption,
    QWheelEvent,
)
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.editor import line_commands
from app.editor.brackets import pair_at
from app.editor.comments import toggle_comment
from app.editor.gutter import Gutter
from app.editor.indentation import Indentation, detected
from app.editor.keyboard import Keyboard
from app.editor.line_range import LineRange, one_step, replace
from app.editor.long_text import LONGEST_ENDURED, NOT_PASTED, has_long_line, longest_line
from app.editor.marks import Marks
from app.editor.occurrence import next_selected
from app.highlighter import Highlighter
from app.languages import Language
from app.settings import Editing
from app.theme import LIGHT, Colours

_WHOLE_LINES = "application/x-smallcoder-lines"  # copied without a selection


class CodeEditor(QPlainTextEdit):
    """`zoom_requested`: so many steps larger. `limited`: why there are no colours, or an empty text.
    `refused`: why something was not pasted, and whether it can be all the same."""

    zoom_requested = Signal(int)
    language_changed = Signal()
    indentation_changed = Signal()
    limited = Signal(str)
    refused = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Code")
        self.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.setCursorWidth(2)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option = self.document().defaultTextOption()
        option.setTextDirection(Qt.LayoutDirection.LeftToRight)  # code, even where a comment begins otherwise
        self.document().setDefaultTextOption(option)
        self._editing = Editing()
        self._colours = LIGHT
        self.highlighter = Highlighter(self.document(), self)
        self.highlighter.limited.connect(self.limited)
        self.marks = Marks(self)
        self.gutter = Gutter(self)
        self._keyboard = Keyboard(self, self.highlighter.quoted)
        self._is_indentation_chosen = False
        self._line = 0
        self._endures_long_lines, self._refused = False, ""
        self._match_later = QTimer(self, singleShot=True, interval=0)
        self._match_later.timeout.connect(self._match_brackets)
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._follow_text)
        self.cursorPositionChanged.connect(self._follow_cursor)
        self.textChanged.connect(self._match_later.start)
        self.verticalScrollBar().valueChanged.connect(self._show_lines)
        self.gutter.lines_taken.connect(self._take_lines)
        self._commands = _commands(self)
        self.set_code_font("", 11.0)
        self.set_colours(LIGHT)
        self._apply_editing()

    @property
    def language(self) -> Language:
        return self.highlighter.language

    @property
    def indentation(self) -> Indentation:
        return self._keyboard.indentation

    @property
    def colours(self) -> Colours:
        return self._colours

    def set_colours(self, colours: Colours) -> None:
        self._colours = colours
        palette = self.palette()
        for role, token in (
            (QPalette.ColorRole.Base, "ground"),
            (QPalette.ColorRole.Text, "text"),
            (QPalette.ColorRole.Highlight, "selection"),
        ):
            palette.setColor(role, colours.colour(token))
        palette.setBrush(QPalette.ColorRole.HighlightedText, Qt.BrushStyle.NoBrush)  # as it is coloured
        self.setPalette(palette)
        self.marks.set_colours(colours)
        self.gutter.set_colours(colours)
        self.highlighter.set_colours(colours.syntax)
        self._draw_blanks()

    def set_editing(self, editing: Editing) -> None:
        before, self._editing = self._editing, editing
        if editing != before:
            self._apply_editing()
        if (editing.tab_width, editing.indent_with_tabs) != (before.tab_width, before.indent_with_tabs):
            self.read_indentation()

    def _apply_editing(self) -> None:
        editing = self._editing
        self._keyboard.closes_brackets = editing.close_brackets
        self.marks.ruler_columns = (editing.ruler_column,) if editing.ruler_column else ()
        wrap = QPlainTextEdit.LineWrapMode.WidgetWidth if editing.wrap_lines else self.LineWrapMode.NoWrap
        if self.lineWrapMode() != wrap:
            self.setLineWrapMode(wrap)
        self._draw_blanks()
        self.viewport().update()

    def set_code_font(self, family: str, points: float) -> None:
        font = QFont(family) if family else QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setStyleHint(QFont.StyleHint.Monospace)
        font.setFixedPitch(True)
        font.setStyleStrategy(QFont.StyleStrategy.PreferNoShaping)  # no ligatures; and faster
        font.setPointSizeF(points)
        self.setFont(font)
        self._set_tab_width()
        self._make_room()

    def set_language(self, language: Language) -> None:
        self._keyboard.language = language
        self.highlighter.set_language(language)
        self.read_indentation()
        self.language_changed.emit()

    def set_indentation(self, indentation: Indentation) -> None:
        """As the person wants it, whatever the text shows."""
        self._is_indentation_chosen = True
        self._indent_by(indentation)

    def _indent_by(self, indentation: Indentation) -> None:
        if indentation != self._keyboard.indentation:
            self._keyboard.indentation = indentation
            self.indentation_changed.emit()
        self._set_tab_width()

    def read_indentation(self) -> None:
        """As the text shows it, unless chosen; where it shows none, as language or settings want it."""
        if self._is_indentation_chosen:
            return
        wanted = Indentation(
            self._editing.tab_width, self.language.uses_tabs or self._editing.indent_with_tabs
        )
        self._indent_by(detected(self.document().firstBlock(), wanted))

    def setPlainText(self, text: str) -> None:
        """The first text of a document: what it shows of indentation is kept to."""
        # Qt's own way leaves the editor without a cursor while the document tells of its new text, and to ask
        # such a cursor for its document ends the process
        document = self.document()
        document.setPlainText(text)
        document.setModified(False)
        self.setTextCursor(QTextCursor(document))
        self.read_indentation()

    def perform(self, action: str) -> bool:
        """One of the actions whose context is the editor. False: not one of this editor's."""
        command = self._commands.get(action)
        if command is None:
            return False
        command()
        self.ensureCursorVisible()
        return True

    def trim_trailing_blanks(self) -> None:
        if not self.isReadOnly():
            line_commands.trim_trailing(self.textCursor())

    def select_range(self, start: int, stop: int) -> None:
        """And bring it into sight, with room around it where it was not."""
        cursor = self.textCursor()
        cursor.setPosition(start)
        cursor.setPosition(stop, QTextCursor.MoveMode.KeepAnchor)
        was_in_sight = self.viewport().rect().contains(self.cursorRect(cursor).center())
        self.setTextCursor(cursor)
        if not was_in_sight:
            self.centerCursor()

    def _edit_lines(self, command: Callable[[QTextCursor], object]) -> Callable[[], None]:
        def edit() -> None:
            if not self.isReadOnly():
                cursor = self.textCursor()
                command(cursor)
                self.setTextCursor(cursor)

        return edit

    def _indent(self, levels: int) -> None:
        if not self.isReadOnly():
            self._keyboard.indent(levels)

    def _copy(self) -> None:
        """Without a selection, the line."""
        if self.textCursor().hasSelection():
            self.copy()
            return
        data = QMimeData()
        data.setText(self.textCursor().block().text() + "\n")
        data.setData(_WHOLE_LINES, b"1")
        QGuiApplication.clipboard().setMimeData(data)

    def _cut(self) -> None:
        if self.textCursor().hasSelection() and not self.isReadOnly():
            self.cut()
        else:
            self._copy()
            self._edit_lines(line_commands.delete_lines)()

    def _go_to_bracket(self) -> None:
        cursor = self.textCursor()
        pair = pair_at(self.document(), cursor.position(), self.highlighter.quoted)
        if pair is not None:
            cursor.setPosition(pair[1])
            self.setTextCursor(cursor)

    def _match_brackets(self) -> None:
        pair = pair_at(self.document(), self.textCursor().position(), self.highlighter.quoted)
        self.marks.set_brackets(pair or ())

    def _follow_cursor(self) -> None:
        line = self.textCursor().blockNumber()
        if line != self._line:
            self._line = line
            self._keyboard.pairs.forget_but(line)
            self.viewport().update()
            self.gutter.update()
        self._match_later.start()

    def _follow_text(self, area: QRect, scrolled: int) -> None:
        if scrolled:
            self.gutter.scroll(0, scrolled)
        if (
            scrolled or area.height() > self.fontMetrics().lineSpacing() * 1.5
        ):  # within a line, none has moved
            self.gutter.follow()

    def _take_lines(self, first: int, last: int) -> None:
        """Whole lines with their ends, the cursor at that end where the mouse is."""
        document, cursor = self.document(), self.textCursor()
        lines = LineRange(min(first, last), max(first, last))
        start, stop = lines.start(document), min(lines.end(document) + 1, document.characterCount() - 1)
        cursor.setPosition(start if last >= first else stop)
        cursor.setPosition(stop if last >= first else start, QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)
        self.setFocus()

    def _make_room(self) -> None:
        self.setViewportMargins(self.gutter.needed_width(), 0, 0, 0)
        area = self.contentsRect()
        self.gutter.setGeometry(QRect(area.left(), area.top(), self.gutter.needed_width(), area.height()))
        self._show_lines()

    def _show_lines(self) -> None:
        first = self.firstVisibleBlock().blockNumber()
        in_sight = self.viewport().height() // max(1, self.fontMetrics().lineSpacing()) + 1
        self.highlighter.show_lines(first, first + in_sight)

    def _set_tab_width(self) -> None:
        width = self._keyboard.indentation.width if self.indentation.uses_tabs else self._editing.tab_width
        self.setTabStopDistance(QFontMetricsF(self.font()).horizontalAdvance(" ") * width)

    def _draw_blanks(self) -> None:
        option = self.document().defaultTextOption()
        flag = QTextOption.Flag.ShowTabsAndSpaces
        flags = option.flags()
        wanted = flags | flag if self._editing.show_blanks else flags & ~flag
        if wanted != flags:  # or everything would be laid out again
            option.setFlags(wanted)
            self.document().setDefaultTextOption(option)
        self.highlighter.show_blanks(self._colours.faint if self._editing.show_blanks else "")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        elif event.matches(QKeySequence.StandardKey.Cut):
            self._cut()
        elif not self._keyboard.press(event):
            super().keyPressEvent(event)
            return
        event.accept()

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        super().inputMethodEvent(event)
        self.highlighter.repair(self.textCursor().block())

    def createMimeDataFromSelection(self) -> QMimeData:
        data = super().createMimeDataFromSelection()
        plain = QMimeData()  # no markup: code pasted elsewhere is text
        plain.setText(data.text())
        return plain

    def insertFromMimeData(self, source: QMimeData) -> None:
        cursor = self.textCursor()
        if self.isReadOnly() or not source.hasText():
            return
        if has_long_line(source.text()) and not self._endures_long_lines:
            self._refused = source.text()
            self.refused.emit(NOT_PASTED, longest_line(source.text()) <= LONGEST_ENDURED)
            return
        if source.hasFormat(_WHOLE_LINES) and not cursor.hasSelection():
            with one_step(cursor) as edit:
                start = cursor.block().position()
                replace(edit, start, start, source.text())
            return
        cursor.insertText(source.text())
        self.ensureCursorVisible()

    def paste_anyway(self) -> None:
        """What was refused; from now on, nothing is."""
        self._endures_long_lines = True
        self.textCursor().insertText(self._refused)
        self.ensureCursorVisible()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.ignore()  # files are for the window to open
        else:
            super().dragEnterEvent(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasUrls():
            event.ignore()
        else:
            super().dragMoveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        self.marks.paint(painter, event)
        painter.end()
        super().paintEvent(event)
        painter = QPainter(self.viewport())
        self.marks.paint_above(painter, event)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            steps = event.angleDelta().y() // 120
            if steps:
                self.zoom_requested.emit(steps)
            event.accept()
        else:
            super().wheelEvent(event)


def _commands(editor: CodeEditor) -> Mapping[str, Callable[[], object]]:
    lines = editor._edit_lines
    return {
        "edit.undo": editor.undo,
        "edit.redo": editor.redo,
        "edit.cut": editor._cut,
        "edit.copy": editor._copy,
        "edit.paste": editor.paste,
        "edit.toggle_comment": lines(lambda cursor: toggle_comment(cursor, editor.language)),
        "edit.indent": lambda: editor._indent(1),
        "edit.outdent": lambda: editor._indent(-1),
        "edit.line_below": lambda: editor._keyboard.open_line(below=True),
        "edit.line_above": lambda: editor._keyboard.open_line(below=False),
        "edit.join_lines": lines(line_commands.join_lines),
        "edit.trim_trailing": editor.trim_trailing_blanks,
        "edit.tab_moves_focus": lambda: editor.setTabChangesFocus(not editor.tabChangesFocus()),
        "selection.all": editor.selectAll,
        "selection.next_occurrence": lambda: editor.setTextCursor(next_selected(editor.textCursor())),
        "selection.duplicate": lines(line_commands.duplicate),
        "selection.move_lines_up": lines(lambda cursor: line_commands.move_lines(cursor, down=False)),
        "selection.move_lines_down": lines(lambda cursor: line_commands.move_lines(cursor, down=True)),
        "selection.copy_lines_up": lines(lambda cursor: line_commands.copy_lines(cursor, down=False)),
        "selection.copy_lines_down": lines(lambda cursor: line_commands.copy_lines(cursor, down=True)),
        "selection.delete_lines": lines(line_commands.delete_lines),
        "go.bracket": editor._go_to_bracket,
    }
