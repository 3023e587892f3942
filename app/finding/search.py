"""Search: everywhere a pattern is found in a document, worked out in slices and kept right while one types.

Patterns run in Qt's engine with a limit on its steps, in pieces of whole lines where they cannot cross one,
sized by the time the last took: a pattern that explodes is a sentence, never a window that stands still.
"""

import bisect
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from PySide6.QtCore import QObject, QRegularExpression, QTimer, Signal
from PySide6.QtGui import QTextDocument

Span = tuple[int, int]  # positions in the document: first, and one past the last

MOST_FOUND = 100_000
_STEPS = 20_000  # of the engine, from one starting point
_SLICE_SECONDS = 0.006
_SLICE_EVERY_MS = 2
_TELL_EVERY_SECONDS = 0.1
_AFTER_EDIT_MS = 60
_PATIENCE_SECONDS = 2.0  # of work, in all
_SECONDS_A_FIND = 1e-4  # more patience where something comes of it
_LEAST_PIECE, _MOST_PIECE = 2_000, 128_000  # characters
_TOO_SLOW = "This pattern takes too long; say more exactly what is repeated."
# what may match a line's end
_CROSSES_LINES = re.compile(r"\\[nrsRWDvXNxpPo0cAzZGh]|\[\^|\[\[:|\(\?[a-zA-Z]*s|\n")


@dataclass(frozen=True)
class Query:
    text: str
    is_regex: bool = False
    whole_word: bool = False
    match_case: bool = False

    def compiled(self) -> QRegularExpression:
        pattern = self.text if self.is_regex else QRegularExpression.escape(self.text)
        if self.whole_word:
            # a word's edge is wanted only where the pattern has a word there, or may have
            before = r"\b" if self.is_regex or _is_word(self.text[:1]) else ""
            behind = r"\b" if self.is_regex or _is_word(self.text[-1:]) else ""
            pattern = f"{before}(?:{pattern}){behind}"
        options = QRegularExpression.PatternOption.MultilineOption
        options |= QRegularExpression.PatternOption.UseUnicodePropertiesOption
        if not self.match_case:
            options |= QRegularExpression.PatternOption.CaseInsensitiveOption
        return QRegularExpression(f"(*LIMIT_MATCH={_STEPS}){pattern}", options)

    def problem(self) -> str:
        """What is wrong with the pattern; empty where nothing is."""
        plain = QRegularExpression(self.text) if self.is_regex else QRegularExpression()
        if plain.isValid():
            return "" if self.compiled().isValid() else "This pattern cannot be used."
        return f"At character {plain.patternErrorOffset() + 1}: {plain.errorString()}."

    @property
    def may_cross_lines(self) -> bool:
        return "\n" in self.text or (self.is_regex and _CROSSES_LINES.search(self.text) is not None)


class Search(QObject):
    """`changed`: what is found is more or other than before. `problem` says why nothing can be."""

    changed = Signal()

    def __init__(self, document: QTextDocument, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.query = Query("")
        self.within: Span | None = None
        self.spans: list[Span] = []
        self.groups: list[tuple[str, ...]] = []  # of each, the whole first
        self.names: list[str] = []  # of the groups
        self.problem = ""
        self._pieces: Iterator[None] | None = None
        self._spent = self._told = 0.0
        self._later = QTimer(self, singleShot=True)
        self._later.timeout.connect(self._go_on)
        document.contentsChange.connect(self._follow)

    @property
    def is_done(self) -> bool:
        return self._pieces is None

    @property
    def is_cut_off(self) -> bool:
        return len(self.spans) >= MOST_FOUND

    def start(self, query: Query, within: Span | None = None) -> None:
        self.query, self.within = query, within
        self._begin()

    def stop(self) -> None:
        self.start(Query(""))

    def finish(self) -> None:
        """All of it, now."""
        if self._later.isActive() and self._pieces is None:
            self._begin()
        while self._pieces is not None:
            self._go_on()

    def after(self, position: int) -> int | None:
        """The number of the first found at or behind a position, or else of the first of all."""
        if not self.spans:
            return None
        place = bisect.bisect_left(self.spans, (position, -1))
        return place if place < len(self.spans) else 0

    def before(self, position: int) -> int | None:
        """The number of the last found before a position, or else of the last of all."""
        if not self.spans:
            return None
        return (bisect.bisect_left(self.spans, (position, -1)) - 1) % len(self.spans)

    def number_of(self, span: Span) -> int | None:
        place = bisect.bisect_left(self.spans, span)
        return place if place < len(self.spans) and self.spans[place] == span else None

    def _begin(self) -> None:
        self._later.stop()
        self.spans, self.groups, self.names = [], [], []
        self.problem = self.query.problem() if self.query.text else ""
        self._pieces = None
        if self.query.text and not self.problem:
            self._pieces, self._spent, self._told = self._look(), 0.0, 0.0
            self._go_on()
        else:
            self.changed.emit()

    def _go_on(self) -> None:
        if self._pieces is None:  # the text was changed
            self._begin()
            return
        began = time.perf_counter()
        self._later.start(_SLICE_EVERY_MS)
        for _ in self._pieces:
            if time.perf_counter() - began >= _SLICE_SECONDS:
                break
        else:
            self._pieces = None
            self._later.stop()
        now = time.perf_counter()
        self._spent += now - began
        if self.is_done or now - self._told >= _TELL_EVERY_SECONDS:
            self._told = now
            self.changed.emit()

    def _look(self) -> Iterator[None]:
        """One piece of text a step."""
        pattern = self.query.compiled()
        self.names = pattern.namedCaptureGroups()
        text = self._document.toRawText().replace("\u2029", "\n")
        whole = self.query.may_cross_lines
        start, size, offset = 0, _LEAST_PIECE, 0
        while start <= len(text) and not self.is_cut_off:
            stop = _line_end(text, min(len(text), start + size))
            began = time.perf_counter()
            if whole and start == 0 and stop < len(text):
                # a look at the beginning tells what all of it would take
                pattern.match(text[:stop])
                if (time.perf_counter() - began) * len(text) / stop > _PATIENCE_SECONDS:
                    self.problem = _TOO_SLOW
                    return
                stop = len(text)
            piece = text[start:stop]
            yield from self._look_in(pattern, piece, offset)
            took = time.perf_counter() - began
            if self._spent > _PATIENCE_SECONDS + len(self.spans) * _SECONDS_A_FIND:
                self.problem = _TOO_SLOW
            if self.problem:
                return
            size = min(_MOST_PIECE, size * 2) if took < 0.003 else max(_LEAST_PIECE, size // 2)
            start, offset = stop + 1, offset + _units(piece) + 1
            yield

    def _look_in(self, pattern: QRegularExpression, piece: str, offset: int) -> Iterator[None]:
        matches = pattern.globalMatch(piece)
        low, high = self.within or (0, self._document.characterCount())
        while matches.hasNext() and not self.is_cut_off:
            found = matches.next()
            span = (found.capturedStart() + offset, found.capturedEnd() + offset)
            if low <= span[0] and span[1] <= high:
                self.spans.append(span)
                self.groups.append(tuple(found.capturedTexts()) if self.query.is_regex else ())
            if len(self.spans) % 500 == 499:
                yield
        if not matches.isValid():
            self.spans, self.groups = [], []
            self.problem = _TOO_SLOW

    def _follow(self, position: int, removed: int, added: int) -> None:
        """Until it is looked for again, what stands behind an edit moves with the text."""
        if not self.query.text:
            return
        shift = added - removed
        first = bisect.bisect_left(self.spans, (position, -1))
        if first and self.spans[first - 1][1] > position:
            first -= 1
        last = bisect.bisect_left(self.spans, (position + removed, -1), first)
        self.spans[first:] = [(start + shift, stop + shift) for start, stop in self.spans[last:]]
        self.groups[first:] = self.groups[last:]
        if self.within is not None:
            low, high = self.within
            self.within = (low, max(low, high + shift)) if position <= high else self.within
        self._pieces = None
        self._later.start(_AFTER_EDIT_MS)
        self.changed.emit()


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return end if end >= 0 else len(text)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
