"""CodeBlock: code out of an answer, coloured as in the editor, with what a person does with it."""

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QFontDatabase, QGuiApplication, QResizeEvent, QTextCursor, QWheelEvent
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.elided import Elided
from app.highlighter import Highlighter
from app.languages import PLAIN, language_named
from app.naming import named
from app.theme import Theme

_MOST_LINES = 28  # in sight; the rest is scrolled to
_PADDING = 8
_COPIED_MS = 1500


class CodeText(QPlainTextEdit):
    """Read-only code that is as high as its lines."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.code = ""
        named(self, "Code of the answer", style="code_text")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(_PADDING)
        self.highlighter = Highlighter(self.document(), self)
        self.verticalScrollBar().valueChanged.connect(self._show_lines)
        self.draw_again()

    def show_code(self, text: str) -> None:
        """What only grows at its end is added to."""
        shown, self.code = self.code, text
        if text == shown:
            return
        if shown and text.startswith(shown):
            cursor = QTextCursor(self.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(text[len(shown) :])
        else:
            self.setPlainText(text)
        self._fit()

    def draw_again(self) -> None:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setStyleStrategy(QFont.StyleStrategy.PreferNoShaping)
        font.setPointSizeF(QApplication.font().pointSizeF())
        self.setFont(font)
        self.setTabStopDistance(self.fontMetrics().horizontalAdvance(" ") * 4)
        self.highlighter.set_colours(self._theme.colours.syntax)
        self._fit()

    def _fit(self) -> None:
        lines = min(_MOST_LINES, self.document().blockCount())
        are_all = lines == self.document().blockCount()
        policy = Qt.ScrollBarPolicy.ScrollBarAlwaysOff if are_all else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setVerticalScrollBarPolicy(policy)
        bar = self.horizontalScrollBar()
        room = bar.sizeHint().height() if bar.maximum() > 0 else 0
        height = lines * self.fontMetrics().lineSpacing() + 2 * _PADDING + room
        if height != self.height():
            self.setFixedHeight(height)
        self._show_lines()

    def _show_lines(self) -> None:
        first = self.firstVisibleBlock().blockNumber()
        self.highlighter.show_lines(first, first + _MOST_LINES)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Where all lines are in sight, and where nobody has pressed into it, the transcript moves."""
        if self.hasFocus() and self.verticalScrollBar().maximum() > 0:
            super().wheelEvent(event)
        else:
            event.ignore()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit()


class CodeBlock(QFrame):
    """`insert_requested`: this code at the cursor. `replace_requested`: in the place of what is selected."""

    insert_requested = Signal(str)
    replace_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, style="code_block")
        self._theme = theme
        self._language = ""
        self._name = named(Elided(parent=self), role="muted")
        self.text = CodeText(theme, self)
        self._copy = self._button("Copy", "Copy this code", self.copy)
        self._uncopied = QTimer(self, singleShot=True, interval=_COPIED_MS)
        self._uncopied.timeout.connect(lambda: self._copy.setText("Copy"))
        top = QHBoxLayout()
        top.setContentsMargins(_PADDING, 2, 4, 2)
        top.setSpacing(0)
        top.addWidget(self._name, 1)
        top.addWidget(self._copy)
        top.addWidget(self._button("Insert", "Insert this code at the cursor", self._insert))
        top.addWidget(self._button("Replace", "Put this code in the place of the selection", self._replace))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.text)

    def show_code(self, text: str, language: str) -> None:
        self.text.show_code(text)  # before its language, which would else be looked into twice
        if language != self._language:
            self._language = language
            found = language_named(language) if language else PLAIN
            self._name.show_text(found.name if found is not PLAIN else language)
            self.text.highlighter.set_language(found)

    def copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.code)
        self._copy.setText("Copied")
        self._uncopied.start()

    def draw_again(self) -> None:
        self.text.draw_again()

    def _insert(self) -> None:
        self.insert_requested.emit(self.text.code)

    def _replace(self) -> None:
        self.replace_requested.emit(self.text.code)

    def _button(self, text: str, about: str, do: object) -> QToolButton:
        button = named(QToolButton(self), about, role="quiet")
        button.setText(text)
        button.setToolTip(about)
        button.clicked.connect(do)
        return button
