"""Highlighter: the colours of a document, exact at each moment, made for the lines in sight and nothing else.

What stands where is known to app/lexing; here it is told of edits, given slices of idle time, and shown. Grey
text and the composing of an input method live in the same layouts: formats inside a pre-edit area are kept.
"""

import re
from dataclasses import dataclass

from pygments.lexer import ExtendedRegexLexer, RegexLexer
from pygments.token import (
    Comment,
    Generic,
    Keyword,
    Literal,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Token,
    _TokenType,
)
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QTextBlock,
    QTextCharFormat,
    QTextDocument,
    QTextLayout,
)

from app.languages import PLAIN, Language, lexer_of
from app.lexing.checkpoints import Checkpoints
from app.lexing.document_lines import LONGEST_LINE, DocumentLines
from app.lexing.lexing import Lexing, Span
from app.lexing.whole import Whole
from app.theme import SyntaxColours

LARGEST_TEXT = 5_000_000  # more takes longer to look through than a window may stand still
_SLICE_SECONDS = 0.006
_SLICE_EVERY_MS = 2
_BLANKS = re.compile(r"[ \t]+")
_LINES_AROUND = 24  # beyond what is in sight, for what an edit or a small scroll brings there
_LINES_KEPT = 200  # of what was found in them


@dataclass(frozen=True)
class Style:
    colour: str  # a field of SyntaxColours; none is the text's own
    is_bold: bool = False
    is_italic: bool = False


_NO_STYLE = Style("")
_STYLES: dict[_TokenType, Style] = {
    Token: _NO_STYLE,
    Keyword: Style("keyword"),
    Keyword.Constant: Style("constant"),
    Keyword.Type: Style("type"),
    Name.Attribute: Style("function"),
    Name.Builtin: Style("builtin"),
    Name.Builtin.Pseudo: Style("constant"),
    Name.Class: Style("type"),
    Name.Constant: Style("constant"),
    Name.Decorator: Style("decorator"),
    Name.Entity: Style("constant"),
    Name.Exception: Style("type"),
    Name.Function: Style("function"),
    Name.Label: Style("decorator"),
    Name.Namespace: Style("type"),
    Name.Tag: Style("keyword"),
    Number: Style("number"),
    Literal: Style("constant"),
    String: Style("string"),
    String.Escape: Style("constant"),
    String.Interpol: Style("constant"),
    String.Regex: Style("constant"),
    Comment: Style("comment"),
    Comment.Preproc: Style("decorator"),
    Comment.PreprocFile: Style("string"),
    Operator: Style("operator"),
    Operator.Word: Style("keyword"),
    Punctuation: Style("operator"),
    Generic.Deleted: Style("error"),
    Generic.Emph: Style("", is_italic=True),
    Generic.Error: Style("error"),
    Generic.Heading: Style("keyword", is_bold=True),
    Generic.Inserted: Style("string"),
    Generic.Prompt: Style("decorator"),
    Generic.Strong: Style("", is_bold=True),
    Generic.Subheading: Style("keyword", is_bold=True),
}
_QUOTED = (String, Comment)
_CODE_IN_QUOTES = (String.Interpol, Comment.Preproc)


class Highlighter(QObject):
    """`limited` says why there are no colours, or an empty text where there are."""

    limited = Signal(str)

    def __init__(self, document: QTextDocument, parent: QObject | None = None) -> None:
        super().__init__(parent or document)
        self._document = document
        self._lines = DocumentLines(document)
        self._lexing: Lexing | None = None
        self._language = PLAIN
        self._limit = ""
        self._formats: dict[Style, QTextCharFormat] = {}
        self._blanks: QTextCharFormat | None = None
        self._style_of: dict[_TokenType, Style] = {}
        self._first, self._last = 0, 0
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._go_on)
        self._asked: dict[int, list[Span]] = {}  # since the text or what is known of it was another
        self._start()
        document.contentsChange.connect(self._follow)

    @property
    def language(self) -> Language:
        return self._language

    @property
    def limit(self) -> str:
        return self._limit

    @property
    def is_settled(self) -> bool:
        """Nothing is left to be done when idle."""
        return self._lexing is None or self._lexing.is_settled

    def set_language(self, language: Language) -> None:
        if language != self._language:
            self._language = language
            self._start()
            self._colour()

    def set_colours(self, colours: SyntaxColours) -> None:
        self._formats = {style: _format(style, colours) for style in {*_STYLES.values()}}
        self._forget()
        self._colour()

    def show_blanks(self, colour: str) -> None:
        """The colour that spaces and tabs are drawn in where they are drawn; empty: the text's."""
        self._blanks = None
        if colour:
            self._blanks = QTextCharFormat()
            self._blanks.setForeground(QBrush(QColor(colour)))
        self._forget()
        self._colour()

    def show_lines(self, first: int, last: int) -> None:
        """These are in sight now."""
        self._first, self._last = max(0, first), last
        self._colour()

    def quoted(self, line: int) -> list[tuple[int, int]]:
        """Where in the line strings and comments stand: column, and one past the last; UTF-16 units."""
        if self._lexing is None:
            return []
        spans = self._lines.in_units(line, self._spans(self._lexing, line))
        return [
            (start, start + length)
            for start, length, kind in spans
            if any(kind in quoted for quoted in _QUOTED) and not any(kind in code for code in _CODE_IN_QUOTES)
        ]

    def _spans(self, lexing: Lexing, line: int) -> list[Span]:
        """Of a line that several ask about after each key: lexed once."""
        if line not in self._asked:
            if len(self._asked) > _LINES_KEPT:
                self._asked.clear()
            self._asked[line] = lexing.spans(line, line)[0]
        return self._asked[line]

    def settle(self) -> None:
        """All that would be done when idle, now."""
        while self._lexing is not None and not self._lexing.is_settled:
            self._work(self._lexing, 1.0)
        self._later.stop()
        self._colour()

    def repair(self, block: QTextBlock) -> None:
        """An input method has put its own formats in place of ours."""
        self._shown[block.blockNumber()] = None
        self._fresh[block.blockNumber()] = 0
        self._colour()

    def _start(self) -> None:
        """The text as a whole is new, or is read by other rules."""
        self._asked.clear()
        self._was_too_large = self._is_too_large()
        lexer = None if self._was_too_large else lexer_of(self._language)
        self._lexing = None
        if isinstance(lexer, RegexLexer) and not isinstance(lexer, ExtendedRegexLexer):
            self._lexing = Checkpoints(lexer, self._lines)
        elif lexer is not None:
            self._lexing = Whole(lexer)
        text = "" if self._was_too_large else self._lines.read_all()
        if self._lexing is not None:
            self._lexing.set_text(text)
            self._lexing.work(_SLICE_SECONDS / 2)  # often that is all
        self._count = self._document.blockCount()
        self._shown: list[tuple[Span, ...] | None] = [None] * self._count
        self._fresh = bytearray(self._count)
        self._say_limit()
        self._wake()

    def _follow(self, position: int, _removed: int, added: int) -> None:
        self._asked.clear()
        first, last = self._document.findBlock(position), self._document.findBlock(position + added)
        if not last.isValid():
            last = self._document.lastBlock()
        line, now = first.blockNumber(), last.blockNumber() - first.blockNumber() + 1
        count = self._document.blockCount()
        before = now - (count - self._count)
        if before < 1 or (line == 0 and now == count) or self._is_too_large() != self._was_too_large:
            self._start()
        else:
            self._count = count
            if (before, now) != (1, 1):  # or the formats stay in the line's layout
                self._shown[line : line + before] = [None] * now
            self._fresh[line : line + before] = bytes(now)
            text = "" if self._was_too_large else self._lines.read_again(first, before, last)
            if self._lexing is not None:
                self._lexing.replace(line, self._lines.start_of(line), before, text)
                self._say_limit()
                if self._lexing.pause_ms == 0:
                    self._work(self._lexing, _SLICE_SECONDS / 2)
        self._wake()
        self._colour()

    def _go_on(self) -> None:
        if self._lexing is not None:
            self._work(self._lexing, _SLICE_SECONDS)
            self._colour()
            if not self._lexing.is_settled:
                self._later.start(_SLICE_EVERY_MS)

    def _wake(self) -> None:
        if self._lexing is None or self._lexing.is_settled:
            self._later.stop()
        else:
            self._later.start(max(_SLICE_EVERY_MS, self._lexing.pause_ms))

    def _work(self, lexing: Lexing, seconds: float) -> None:
        changed = lexing.work(seconds)
        self._asked.clear()
        if changed is not None:
            first, last = changed
            self._fresh[first:last] = bytes(min(last, len(self._fresh)) - first)

    def _forget(self) -> None:
        self._shown = [None] * self._count
        self._fresh = bytearray(self._count)

    def _is_too_large(self) -> bool:
        return self._document.characterCount() > LARGEST_TEXT

    def _say_limit(self) -> None:
        limit = ""
        if self._was_too_large:
            limit = f"No colours: the file has more than {LARGEST_TEXT:,} characters"
        elif self._lexing is not None and self._lines.has_long_lines:
            limit = f"No colours in lines longer than {LONGEST_LINE:,} characters"
        if limit != self._limit:
            self._limit = limit
            self.limited.emit(limit)

    def _colour(self) -> None:
        first, last = self._first, min(self._last + _LINES_AROUND, self._count - 1)
        first = self._fresh.find(0, first, last + 1)
        if first < 0 or not self._formats:
            return
        last = self._fresh.rfind(0, first, last + 1)
        if self._lexing is None:
            found: list[list[Span]] = [[] for _ in range(first, last + 1)]
        else:
            found = self._lexing.spans(first, last)
            if len(self._asked) + len(found) <= _LINES_KEPT:
                self._asked.update(enumerate(found, first))
        block = self._document.findBlockByNumber(first)
        start, stop = -1, -1
        for line, spans in enumerate(found, first):
            if not self._fresh[line]:
                styled = [span for span in spans if self._style(span[2]) is not _NO_STYLE]
                shown = tuple(self._lines.in_units(line, styled))
                if shown != self._shown[line]:
                    self._shown[line] = shown
                    self._format(block, shown)
                    start, stop = block.position() if start < 0 else start, block.position() + block.length()
                self._fresh[line] = 1
            block = block.next()
        if start >= 0:
            self._document.markContentsDirty(start, stop - start)

    def _format(self, block: QTextBlock, spans: tuple[Span, ...]) -> None:
        layout = block.layout()
        ranges = [_range(start, length, self._formats[self._style(kind)]) for start, length, kind in spans]
        if self._blanks is not None and len(text := block.text()) <= LONGEST_LINE:
            ranges += [_range(found.start(), len(found[0]), self._blanks) for found in _BLANKS.finditer(text)]
        preedit = layout.preeditAreaText()
        if preedit:
            ranges = _around_preedit(layout, len(preedit.encode("utf-16-le")) // 2, ranges)
        layout.setFormats(ranges)

    def _style(self, kind: _TokenType) -> Style:
        found = self._style_of.get(kind)
        if found is None:
            known = kind
            while known not in _STYLES:
                known = known.parent
            found = self._style_of[kind] = _STYLES[known]
        return found


def _format(style: Style, colours: SyntaxColours) -> QTextCharFormat:
    made = QTextCharFormat()
    if style.colour:
        made.setForeground(QBrush(QColor(getattr(colours, style.colour))))
    if style.is_bold:
        made.setFontWeight(QFont.Weight.Bold)
    if style.is_italic:
        made.setFontItalic(True)
    return made


def _range(start: int, length: int, char_format: QTextCharFormat) -> QTextLayout.FormatRange:
    made = QTextLayout.FormatRange()
    made.start, made.length, made.format = start, length, char_format
    return made


def _around_preedit(
    layout: QTextLayout, length: int, ranges: list[QTextLayout.FormatRange]
) -> list[QTextLayout.FormatRange]:
    """The area's own formats stay and come last; ours make room for it."""
    start = layout.preeditAreaPosition()
    kept = [part for part in layout.formats() if start <= part.start < start + length]
    moved = []
    for part in ranges:
        before = min(part.length, max(0, start - part.start))
        if before:
            moved.append(_range(part.start, before, part.format))
        if before < part.length:
            behind = max(part.start, start) + length
            moved.append(_range(behind, part.length - before, part.format))
    return moved + kept
