"""Prose: Markdown that somebody else wrote, as text to read and select. It loads nothing and opens nothing.

Markup in it is shown as the text that it is. A link is a wish; who hears it asks the person first.
"""

import math
import re
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QImage,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
    QTextFrameFormat,
    QTextOption,
    QTextTable,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from app.theme import Colours, Theme

_FEATURES = QTextDocument.MarkdownFeature.MarkdownDialectGitHub | QTextDocument.MarkdownFeature.MarkdownNoHTML
_CODE_SPAN = re.compile(r"(`+[^`\n]+`+)")
_LINE_HEIGHT, _PROPORTIONAL = 120, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value
_LARGER_LEVELS = 2  # of headings; deeper ones are only bold


class Prose(QTextBrowser):
    """`link_requested`: the address of a link that was pressed."""

    link_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._markdown = ""
        self.setAccessibleName("Text of the answer")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.anchorClicked.connect(lambda url: self.link_requested.emit(url.toString()))

    def show_markdown(self, text: str) -> None:
        if text != self._markdown:
            self._markdown = text
            self.document().setMarkdown(_without_pictures(text), _FEATURES)
            self._dress()
            self._fit()

    def draw_again(self) -> None:
        """In the theme's new colours."""
        self._dress()
        self._fit()

    def loadResource(self, type: int, name: QUrl | str) -> Any:
        """No picture of a model's choosing is fetched. For nothing at all, Qt would read the disk itself."""
        nothing = QImage(1, 1, QImage.Format.Format_ARGB32)
        nothing.fill(0)
        return nothing

    def _dress(self) -> None:
        document = self.document()
        document.setDefaultFont(self.font())
        whole = QTextCursor(document)
        whole.select(QTextCursor.SelectionType.Document)
        spacing = QTextBlockFormat()
        spacing.setLineHeight(_LINE_HEIGHT, _PROPORTIONAL)
        whole.mergeBlockFormat(spacing)
        colours = self._theme.colours
        block = document.begin()
        while block.isValid():
            level = block.blockFormat().headingLevel()
            if level:
                _raise(block, level, self.font().pointSizeF())
            _dress_parts(block, colours)
            block = block.next()
        for frame in document.rootFrame().childFrames():
            if isinstance(frame, QTextTable):
                _dress_table(frame, colours.colour("border"))

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        height = math.ceil(self.document().size().height())
        if height != self.height():
            self.setFixedHeight(max(1, height))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()  # it is the transcript that moves


def _without_pictures(text: str) -> str:
    """A picture becomes a link to it, as it is neither fetched nor left out unseen."""
    parts = _CODE_SPAN.split(text)
    return "".join(part if number % 2 else part.replace("![", "\\![") for number, part in enumerate(parts))


def _merge(block: QTextBlock, look: QTextCharFormat) -> None:
    cursor = QTextCursor(block)
    cursor.movePosition(QTextCursor.MoveOperation.EndOfBlock, QTextCursor.MoveMode.KeepAnchor)
    cursor.mergeCharFormat(look)


def _raise(block: QTextBlock, level: int, apart: float) -> None:
    """A heading stands apart from what is above it, and is no banner."""
    if block.previous().isValid():
        look_apart = QTextBlockFormat()
        look_apart.setTopMargin(apart)
        QTextCursor(block).mergeBlockFormat(look_apart)
    look = QTextCharFormat()
    look.setProperty(QTextFormat.Property.FontSizeAdjustment, 1 if level <= _LARGER_LEVELS else 0)
    look.setFontWeight(QFont.Weight.Bold)
    _merge(block, look)


def _dress_parts(block: QTextBlock, colours: Colours) -> None:
    """Code within a sentence stands on a ground of its own, what is quoted steps back."""
    is_quoted = block.blockFormat().hasProperty(QTextFormat.Property.BlockQuoteLevel)
    found: list[tuple[int, int, bool]] = []
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        is_code = fragment.charFormat().fontFixedPitch()
        if is_code or (is_quoted and not fragment.charFormat().isAnchor()):
            found.append((fragment.position(), fragment.length(), is_code))
        iterator += 1
    fixed = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    for start, length, is_code in found:
        cursor = QTextCursor(block)
        cursor.setPosition(start)
        cursor.setPosition(start + length, QTextCursor.MoveMode.KeepAnchor)
        look = QTextCharFormat()
        if is_code:
            look.setFontFamilies(fixed.families())
            look.setBackground(colours.colour("hover"))
        else:
            look.setForeground(colours.colour("muted"))
        cursor.mergeCharFormat(look)


def _dress_table(table: QTextTable, border: QColor) -> None:
    look = table.format()
    look.setBorderBrush(border)
    look.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
    look.setBorder(1)
    look.setBorderCollapse(True)
    look.setCellPadding(4)
    table.setFormat(look)
