"""DocumentLines: the lines of a Qt document for a lexer, in Python's counting of characters.

Qt counts a character outside Unicode's first plane as two. A line of excessive length is read as blanks:
laying out its colours, and looking through it again at each key, would take longer than a key may.
"""

from bisect import bisect_left
from itertools import accumulate

from PySide6.QtGui import QTextBlock, QTextCursor, QTextDocument

from app.lexing.lexing import Span

LONGEST_LINE = 20_000  # characters


class DocumentLines:
    def __init__(self, document: QTextDocument) -> None:
        self._document = document
        self._wide: dict[int, int] = {}  # lines that have characters which count twice in Qt, and how many
        self._wide_lines: list[int] = []
        self._wide_sums = [0]  # in the lines before each of these, and at last in all
        self._long: dict[int, int] = {}  # lines that are read as blanks, and their lengths

    @property
    def has_long_lines(self) -> bool:
        return bool(self._long)

    def start_of(self, line: int) -> int:
        return self._document.findBlockByNumber(line).position() - self._before(line)

    def line_at(self, position: int) -> int:
        block = self._document.findBlock(position)  # too early by the wide characters before
        while True:
            line = block.blockNumber()
            following = block.next()
            if not following.isValid() or following.position() - self._before(line + 1) > position:
                return line
            block = following

    def read_all(self) -> str:
        self._wide, self._long = {}, {}
        text = self._document.toRawText().replace("\u2029", "\n")
        return self._read(0, text, self._document.characterCount() - 1)

    def read_again(self, first: QTextBlock, count: int, last: QTextBlock) -> str:
        """Lines from first to last stand where `count` lines stood."""
        line, now = first.blockNumber(), last.blockNumber() - first.blockNumber() + 1
        self._wide = _moved(self._wide, line, count, now)
        self._long = _moved(self._long, line, count, now)
        end = last.position() + last.length() - 1
        if first == last:
            return self._read(line, first.text(), end - first.position())
        cursor = QTextCursor(first)
        cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        text = cursor.selectedText().replace("\u2029", "\n")
        return self._read(line, text, end - first.position())

    def in_units(self, line: int, spans: list[Span]) -> list[Span]:
        """Columns as Qt counts them."""
        if line not in self._wide:
            return spans
        text = self._document.findBlockByNumber(line).text()
        places = [0, *accumulate(1 + (character > "\uffff") for character in text)]
        last = len(text)
        return [
            (places[start], places[min(start + length, last)] - places[start], kind)
            for start, length, kind in spans
            if start < last  # they may have been found before an edit
        ]

    def _read(self, line: int, text: str, units: int) -> str:
        if _units_of(text) != units:  # PySide leaves out half of a pair of surrogates
            text = self._read_with_halves(line, text.count("\n") + 1)
        if not text.isascii() and _units_of(text) != len(text):
            for number, content in enumerate(text.split("\n"), line):
                if wide := sum(character > "\uffff" for character in content):
                    self._wide[number] = wide
        if has_longer_line(text, LONGEST_LINE):
            lines = text.split("\n")
            for place, content in enumerate(lines):
                if len(content) > LONGEST_LINE:
                    self._long[line + place] = len(content)
                    lines[place] = " " * len(content)
            text = "\n".join(lines)
        self._count_wide()
        return text

    def _read_with_halves(self, line: int, count: int) -> str:
        """Lines that cannot be said in Python are read as blanks, too."""
        block, lines = self._document.findBlockByNumber(line), []
        for _ in range(count):
            text, units = block.text(), block.length() - 1
            lines.append(text if _units_of(text) == units else " " * units)
            block = block.next()
        return "\n".join(lines)

    def _count_wide(self) -> None:
        self._wide_lines = sorted(self._wide)
        self._wide_sums = [0, *accumulate(self._wide[line] for line in self._wide_lines)]

    def _before(self, line: int) -> int:
        """How many of them stand in the lines before."""
        return self._wide_sums[bisect_left(self._wide_lines, line)]


def has_longer_line(text: str, length: int) -> bool:
    """By leaps from line's end to line's end, as most texts have none."""
    place = 0
    while len(text) - place > length:
        end = text.rfind("\n", place, place + length + 1)
        if end < 0:
            return True
        place = end + 1
    return False


def _units_of(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def _moved(entries: dict[int, int], line: int, before: int, now: int) -> dict[int, int]:
    """Entries by line, after `before` lines from `line` on became `now` lines, of which nothing is known."""
    return {
        number if number < line else number + now - before: value
        for number, value in entries.items()
        if not line <= number < line + before
    }
