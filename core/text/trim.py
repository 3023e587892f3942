"""Where a completion ends, told from its text and from what stands around the cursor.

Of the text that comes a beginning is kept; the blanks in front may go too, and nothing else is changed. The
marks and stop texts that end a completion are looked for elsewhere.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from core.spec.editing import Extent

_MOST_OVERLAP_LETTERS = 256
_LONGEST_LINE_BELOW = 1024
_TAB_WIDTH = 8
_NOT_BLANK = re.compile(r"\S")
_OPENING = {")": "(", "]": "[", "}": "{"}
_QUOTES = frozenset("\"'`")


@dataclass(frozen=True)
class Cursor:
    """`left` and `right` of it in its line; `following`: what comes at once; `line_below`: the next line that
    is not blank, which is its own where the cursor stands in front of one."""

    left: str
    right: str
    following: str
    line_below: str

    @classmethod
    def between(cls, prefix: str, suffix: str) -> "Cursor":
        left = prefix[prefix.rfind("\n") + 1 :]
        right = suffix.partition("\n")[0]
        found = _NOT_BLANK.search(suffix, 0 if not left else len(right))
        start = suffix.rfind("\n", 0, found.start()) + 1 if found else len(suffix)
        end = suffix.find("\n", start)
        line_below = suffix[start : end if end >= 0 else None].rstrip()
        return cls(left, right, suffix[:_MOST_OVERLAP_LETTERS], line_below[:_LONGEST_LINE_BELOW])

    @property
    def is_inside_line(self) -> bool:
        return bool(self.left) and not _is_blank(self.right)

    @property
    def opens_line(self) -> bool:
        """In front of a line, whose text must stay on a line of its own."""
        return not self.left and not _is_blank(self.right)


def trimmed(pieces: Iterable[str], cursor: Cursor, extent: Extent) -> Generator[str, None, bool]:
    """Ends with whether it was cut, while the model had more to say or repeated what is there already.

    A line ends with the first line that has text. A block ends where a line stands further left than the
    cursor's, at two blank lines, or where it repeats the line below, or the one it has just written, as small
    models do without end. Inside a line nothing but a line can be. All is never cut.
    """
    if extent == "all":
        yield from pieces
        return False
    trimmer = _Trimmer(cursor, "line" if cursor.is_inside_line else extent)
    for piece in pieces:
        kept = trimmer.feed(piece)
        if kept:
            yield kept
        if trimmer.is_over:
            return True
    rest = trimmer.finish()
    if rest:
        yield rest
    return trimmer.is_over


class _Trimmer:
    """Reads letter by letter, so that it is the same however the text comes; holds back what may yet go."""

    def __init__(self, cursor: Cursor, extent: Extent) -> None:
        self._cursor, self._extent = cursor, extent
        self._overlap = _Overlap(cursor.following)
        self._held: list[str] = []
        self._open: list[str] = []  # brackets and quotes of what was given already
        # ends within what is held: of the last text, and of the last text before this line
        self._solid = self._solid_before_line = 0
        self._unread = 0  # letters at the end of what is held that the overlap has not seen: blanks
        self._has_text = self._has_given = False
        self._drops_blanks = not _is_blank(cursor.left) and cursor.left.endswith((" ", "\t", "(", "[", "{"))
        self._indent = self._line_width = _width(cursor.left)
        self._is_first_line, self._line_has_text = True, not _is_blank(cursor.left)
        self._line = [cursor.left]
        self._below, self._above = _Echo(cursor.line_below, cursor.left), _Echo("")
        self._line_above = ""
        self._blank_lines = 0
        self.is_over = False

    def feed(self, piece: str) -> str:
        for letter in piece:
            if letter == "\n":
                self._end_line()
            elif letter.isspace():
                self._take_blank(letter)
            else:
                self._take(letter)
            if self.is_over:
                return self._last()
        return self._certain()

    def finish(self) -> str:
        if self._repeats_a_line():
            self._cut_line()
            return self._last()
        if self._has_text and not _is_blank(self._cursor.right):
            self._read_blanks()
            self._solid = len(self._held)
        return self._without_overlap()

    def _take(self, letter: str) -> None:
        if not self._line_has_text and not self._is_first_line and self._line_width < self._indent:
            self.is_over = True
            return
        self._compare(letter)
        self._held.append(letter)
        self._unread += 1
        self._read_blanks()
        self._solid = len(self._held)
        self._has_text = self._line_has_text = True

    def _take_blank(self, letter: str) -> None:
        if self._drops_blanks and self._is_first_line and not self._has_text:
            return
        if not self._line_has_text:
            self._line_width = _width(letter, self._line_width)
        self._compare(letter)
        self._held.append(letter)
        self._unread += 1

    def _end_line(self) -> None:
        if self._repeats_a_line():
            self._cut_line()
        elif self._cursor.is_inside_line or (self._extent == "line" and self._has_text):
            self.is_over = True
        else:
            self._blank_lines = 0 if self._line_has_text else self._blank_lines + 1
            # in front, two blank lines may stand between what is there and a new block
            self.is_over = self._blank_lines == (2 if self._has_text else 3)
        self._held.append("\n")
        self._unread += 1
        self._solid_before_line = self._solid
        self._is_first_line = self._line_has_text = False
        self._line_width = 0
        line = "".join(self._line).rstrip()
        # brackets alone close one thing after another
        self._line_above = line if any(map(_is_of_word, line)) else self._line_above if not line else ""
        self._line = []
        self._below, self._above = _Echo(self._cursor.line_below), _Echo(self._line_above)

    def _compare(self, letter: str) -> None:
        self._line.append(letter)
        self._below.read(letter)
        self._above.read(letter)

    def _repeats_a_line(self) -> bool:
        has_come = self._has_text or not self._is_first_line
        return has_come and (self._below.is_whole or self._above.is_whole)

    def _cut_line(self) -> None:
        self.is_over = True
        self._solid = self._solid_before_line
        self._overlap.reset()

    def _last(self) -> str:
        if not self._cursor.opens_line:
            return self._without_overlap()
        # the line end stays that keeps the line behind the cursor apart
        has_text = self._has_given or self._solid > 0
        return "".join(self._held[: self._held.index("\n", self._solid) + 1]) if has_text else ""

    def _certain(self) -> str:
        end = self._solid - self._overlap.length
        if self._below.is_alike or self._above.is_alike:
            end = min(end, self._solid_before_line)
        certain = "".join(self._held[: max(end, 0)])
        if _is_blank(certain) and not self._has_given:
            return ""
        self._has_given = True
        del self._held[: len(certain)]
        self._solid -= len(certain)
        self._solid_before_line = max(self._solid_before_line - len(certain), 0)
        _track(self._open, certain)
        return certain

    def _read_blanks(self) -> None:
        for letter in self._held[len(self._held) - self._unread :]:
            self._overlap.read(letter)
        self._unread = 0

    def _without_overlap(self) -> str:
        text = "".join(self._held[: self._solid - self._overlapping()])
        return text if self._has_given or not _is_blank(text) else ""

    def _overlapping(self) -> int:
        """How much of the end stands behind the cursor already, and does not close what this text opened."""
        for length in self._overlap.lengths():
            still_open = list(self._open)
            _track(still_open, self._held[: self._solid - length])
            depth = len(still_open)
            _track(still_open, self._held[self._solid - length : self._solid])
            if len(still_open) >= depth:
                return length
        return 0


class _Echo:
    """Whether a line that comes letter by letter says what another one says."""

    def __init__(self, line: str, begun: str = "") -> None:
        self._line, self._length = line, len(begun)
        self.is_alike = bool(line) and line.startswith(begun)

    def read(self, letter: str) -> None:
        if not self.is_alike or (self.is_whole and letter.isspace()):
            return
        self.is_alike = self._line[self._length : self._length + 1] == letter
        self._length += 1

    @property
    def is_whole(self) -> bool:
        """Blanks may follow."""
        return self.is_alike and self._length == len(self._line)


class _Overlap:
    """How much of the end of what was read is the beginning of what follows (Knuth, Morris and Pratt)."""

    def __init__(self, following: str) -> None:
        self._following = following
        self._shorter = [0] * len(following)
        for end in range(1, len(following)):
            self._shorter[end] = self._extended(self._shorter[end - 1], following[end])
        self.length = 0

    def read(self, letter: str) -> None:
        self.length = self._extended(self.length, letter)

    def reset(self) -> None:
        self.length = 0

    def lengths(self) -> Iterator[int]:
        """All there are, the longest first; none that ends in mid-word."""
        length = self.length
        while length:
            if not all(map(_is_of_word, self._following[length - 1 : length + 1].ljust(2))):
                yield length
            length = self._shorter[length - 1]

    def _extended(self, length: int, letter: str) -> int:
        while length and (length == len(self._following) or self._following[length] != letter):
            length = self._shorter[length - 1]
        return length + (self._following[length : length + 1] == letter)


def _track(still_open: list[str], text: Iterable[str]) -> None:
    for letter in text:
        last = still_open[-1] if still_open else ""
        if last in _QUOTES:
            if letter in (last, "\n"):
                still_open.pop()
        elif letter in _QUOTES or letter in "([{":
            still_open.append(letter)
        elif last and last == _OPENING.get(letter):
            still_open.pop()


def _width(text: str, start: int = 0) -> int:
    """Of the blanks that it begins with."""
    width = start
    for letter in text:
        if letter == "\t":
            width = (width // _TAB_WIDTH + 1) * _TAB_WIDTH
        elif letter.isspace():
            width += 1
        else:
            break
    return width


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _is_of_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_"
