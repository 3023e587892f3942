"""Code that was written and is only looked at: in the colours of the editor, and it follows what comes."""

from PySide6.QtGui import QFont, QFontDatabase, QResizeEvent, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.highlighter import Highlighter
from app.languages import Language
from app.naming import named
from app.theme import Theme


class CodeView(QPlainTextEdit):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Code that was written", style="code_view")
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setUndoRedoEnabled(False)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self._theme = theme
        self._highlighter = Highlighter(self.document(), self)
        self.verticalScrollBar().valueChanged.connect(self._show_lines)
        self.textChanged.connect(self._show_lines)
        theme.changed.connect(self._draw)
        self._draw()

    def set_language(self, language: Language) -> None:
        if language != self._highlighter.language:
            self._highlighter.set_language(language)

    def show_text(self, text: str) -> None:
        """What goes on from what is shown is added, so that a selection and the place stay."""
        shown = self.toPlainText()
        bar = self.verticalScrollBar()
        follows = bar.value() >= bar.maximum() - 1
        if text.startswith(shown):
            cursor = QTextCursor(self.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(text[len(shown) :])
        else:
            self.setPlainText(text)
        if follows:
            bar.setValue(bar.maximum())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_lines()

    def _show_lines(self) -> None:
        """So that these are coloured first."""
        first = self.firstVisibleBlock().blockNumber()
        count = self.viewport().height() // max(1, self.fontMetrics().lineSpacing()) + 1
        self._highlighter.show_lines(first, first + count)

    def _draw(self) -> None:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setStyleStrategy(QFont.StyleStrategy.PreferNoShaping)
        self.setFont(font)
        self._highlighter.set_colours(self._theme.colours.syntax)
