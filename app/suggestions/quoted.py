"""Whether a place is code, in a comment, or in a string, told from what the highlighter sees as quoted."""

from collections.abc import Callable, Iterable

from PySide6.QtGui import QTextCursor

from app.languages import Language
from app.suggestions.completion_policy import Kind

_QUOTES = "\"'`"

# of a line: from which column to which something quoted stands, in units of UTF-16
Quoted = Callable[[int], Iterable[tuple[int, int]]]


def kind_at(cursor: QTextCursor, language: Language, quoted: Quoted) -> Kind:
    column, units = cursor.positionInBlock(), cursor.block().text().encode("utf-16-le", "surrogatepass")
    for start, stop in _joined(quoted(cursor.blockNumber())):
        if start < column <= stop:
            part = units[2 * start : 2 * stop].decode("utf-16-le", "replace")
            is_comment = _is_comment(part, language)
            # behind a quote that closes, code goes on; a comment ends with its line
            if is_comment or column < stop or not _is_closed(part):
                return "comment" if is_comment else "string"
    return "code"


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """A string comes in pieces: its quotes, what stands between them."""
    found: list[tuple[int, int]] = []
    for start, stop in spans:
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], stop)
        else:
            found.append((start, stop))
    return found


def _is_comment(part: str, language: Language) -> bool:
    begins_string = part.lstrip("rbufRBUF")[:1] in language.quotes if language.quotes else False
    if language.line_comment and part.startswith(language.line_comment):
        return True
    return language.block_comment is not None and not begins_string


def _is_closed(part: str) -> bool:
    return len(part.strip()) > 1 and part[-1:] in _QUOTES
