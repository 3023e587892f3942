"""FindInFiles: searches the files of a folder in a thread, and tells what it finds as it goes on.

How results look is in find_panel. An expression is given so much time for each file: some would never end.
"""

import fnmatch
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import regex
from PySide6.QtCore import QObject, Signal

from app.documents.text_file import MAX_BYTES
from app.documents.text_form import NotText, decode
from app.folder.folder_reader import files_below
from core.spec.errors import UsageError

MAX_MATCHES = 10_000
_MAX_IN_FILE = 1_000
_SECONDS_A_FILE = 1.0
_MAX_TIMEOUTS = 2
_BATCH_S = 1 / 25
_SHOWN_BEFORE, _SHOWN_LENGTH = 60, 240  # characters of a line


@dataclass(frozen=True)
class Query:
    """`files`: patterns as *.py or tests/, with commas; those that begin with ! leave out."""

    text: str
    is_regex: bool = False
    match_case: bool = False
    whole_word: bool = False
    files: str = ""


@dataclass(frozen=True)
class Match:
    """`line` from one, `column` and `length` as Qt counts; `shown`: a part of the line, the match in it.
    `number`: of those in its file; `groups`: what each caught, the whole first."""

    line: int
    column: int
    length: int
    shown: str
    start: int
    end: int
    number: int = 0
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class FileMatches:
    path: Path
    matches: tuple[Match, ...]


@dataclass(frozen=True)
class Summary:
    """`ending`: why it ended early; empty where all was searched."""

    matches: int
    files: int
    searched: int
    skipped: int
    ending: str = ""


class FindInFiles(QObject):
    """`found`: a list of FileMatches. `progressed`: how many files were searched. `finished`: a Summary."""

    found = Signal(list)
    progressed = Signal(int)
    finished = Signal(object)
    _told = Signal(int, str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._number = 0
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()
        self._told.connect(self._tell)

    def search(self, query: Query, folder: Path, unsaved: Mapping[Path, str]) -> None:
        """Ends the one before. `unsaved`: texts that are searched instead of their files. UsageError where
        the expression cannot be meant."""
        pattern = compiled(query)
        self.stop()
        self._number += 1
        self._stop = threading.Event()
        search = _Search(query, pattern, folder, dict(unsaved), self._stop.is_set)
        number = self._number

        def run() -> None:
            search.run(lambda what, value: self._told.emit(number, what, value))

        thread = threading.Thread(target=run, name="find in files")
        self._threads = [other for other in self._threads if other.is_alive()] + [thread]
        thread.start()

    def stop(self) -> None:
        """Soon: an expression may have its time for one more file, and nobody waits for that."""
        self._stop.set()

    def close(self) -> None:
        self.stop()
        self._number += 1
        for thread in self._threads:
            thread.join()

    def _tell(self, number: int, what: str, value: object) -> None:
        if number == self._number:  # else of a search that nobody waits for any more
            {"found": self.found, "progressed": self.progressed, "finished": self.finished}[what].emit(value)


def compiled(query: Query) -> "regex.Pattern[str]":
    expression = query.text if query.is_regex else regex.escape(query.text, literal_spaces=True)
    if query.whole_word:
        expression = rf"\b(?:{expression})\b"
    flags = regex.MULTILINE if query.match_case else regex.MULTILINE | regex.IGNORECASE
    try:
        return regex.compile(expression, flags)
    except regex.error as error:
        raise UsageError(f"This is no regular expression: {error}.") from None
    except RecursionError:
        raise UsageError("This regular expression is nested too deeply.") from None


class _Search:
    def __init__(
        self,
        query: Query,
        pattern: "regex.Pattern[str]",
        folder: Path,
        unsaved: dict[Path, str],
        cancelled: Callable[[], bool],
    ) -> None:
        self._pattern = pattern
        self._folder = folder
        self._names = [name.strip() for name in query.files.split(",") if name.strip()]
        # what a file of plain ASCII must have; most files have it not, and looking for it is quick
        self._rare = query.text.lower().encode() if query.text.isascii() and not query.is_regex else b""
        self._unsaved = unsaved
        self._cancelled = cancelled
        self._matches = self._files = self._searched = self._skipped = self._timeouts = 0

    def run(self, tell: Callable[[str, object], None]) -> None:
        """Few signals: each costs the window's thread a turn."""
        batch: list[FileMatches] = []
        told = time.monotonic()
        ending = ""
        for path in files_below(self._folder, self._cancelled):
            if not self._is_wanted(path):
                continue
            matches = self._in_file(path)
            self._searched += 1
            if matches:
                batch.append(FileMatches(path, matches))
                self._files += 1
                self._matches += len(matches)
            if time.monotonic() - told > _BATCH_S:
                tell("progressed", self._searched)
                if batch:
                    tell("found", batch)
                batch, told = [], time.monotonic()
            ending = self._ending()
            if ending:
                break
        if batch:
            tell("found", batch)
        summary = Summary(self._matches, self._files, self._searched, self._skipped, ending)
        tell("finished", summary)

    def _ending(self) -> str:
        if self._cancelled():
            return "Stopped."
        if self._matches >= MAX_MATCHES:
            return f"Only the first {self._matches:,} are shown; search for something rarer."
        if self._timeouts >= _MAX_TIMEOUTS:
            return "This expression takes too long; make it simpler."
        return ""

    def _is_wanted(self, path: Path) -> bool:
        if not self._names:
            return True
        below = path.relative_to(self._folder).as_posix()
        wanted = [name for name in self._names if not name.startswith("!")]
        unwanted = [name[1:] for name in self._names if name.startswith("!")]
        return (not wanted or _fits_any(below, wanted)) and not _fits_any(below, unwanted)

    def _in_file(self, path: Path) -> tuple[Match, ...]:
        text = self._unsaved.get(path)
        if text is None:
            text = self._text_of(path)
        if text is None:
            self._skipped += 1
        if not text:
            return ()
        try:
            return tuple(_matches(self._pattern, text))
        except TimeoutError:
            self._timeouts += 1
            self._skipped += 1
            return ()

    def _text_of(self, path: Path) -> str | None:
        """None for what is no text, too large, or not to be read; empty where nothing can be found."""
        try:
            with open(path, "rb", buffering=0) as file:
                raw = file.read(MAX_BYTES + 1)
            if len(raw) > MAX_BYTES:
                return None
            if raw.isascii() and self._rare not in raw.lower() and b"\0" not in raw:
                return ""
            return decode(raw)[0]
        except (OSError, NotText):
            return None


def _fits_any(below: str, names: list[str]) -> bool:
    return any(
        below.startswith(name) or f"/{name}" in f"/{below}"
        if name.endswith("/")
        else fnmatch.fnmatch(below, name) or fnmatch.fnmatch(below.rpartition("/")[2], name)
        for name in names
    )


def _matches(pattern: "regex.Pattern[str]", text: str) -> Iterator[Match]:
    starts: list[int] = []
    for number, found in each_match(pattern, text):
        starts = starts or _line_starts(text)
        start, end = found.span()
        row = bisect_right(starts, start) - 1
        line_start = starts[row]
        line_end = (starts[row + 1] if row + 1 < len(starts) else len(text) + 1) - 1
        left = max(line_start, start - _SHOWN_BEFORE)
        while left < start and text[left].isspace():
            left += 1
        right = min(line_end, left + _SHOWN_LENGTH)
        shown = ("…" if left > line_start and not text[line_start:left].isspace() else "") + text[left:right]
        offset = len(shown) - (right - left)
        yield Match(
            line=row + 1,
            column=_units(text[line_start:start]),
            length=_units(text[start : min(end, line_end)]),
            shown=shown,
            start=start - left + offset,
            end=min(end, right) - left + offset,
            number=number,
            groups=tuple((group or "")[:_SHOWN_LENGTH] for group in (found[0], *found.groups())),
        )


def each_match(pattern: "regex.Pattern[str]", text: str) -> Iterator[tuple[int, "regex.Match[str]"]]:
    """With its number, and none that is empty; TimeoutError where the expression takes too long."""
    # concurrent: the window's thread can run meanwhile
    for count, found in enumerate(pattern.finditer(text, timeout=_SECONDS_A_FILE, concurrent=True)):
        if count >= _MAX_IN_FILE:
            return
        if found.start() != found.end():
            yield count, found


def _line_starts(text: str) -> list[int]:
    starts = [0]
    place = text.find("\n")
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    return starts


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
