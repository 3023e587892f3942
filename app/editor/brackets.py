"""Finds the bracket that belongs to another: by counting, past strings and comments, and for no long time."""

import re
import time
from collections.abc import Callable, Iterator

from PySide6.QtGui import QTextBlock, QTextDocument

from app.lexing.document_lines import LONGEST_LINE

Quoted = Callable[[int], list[tuple[int, int]]]  # of a line: where strings and comments stand

PARTNERS = {"(": ")", "[": "]", "{": "}", ")": "(", "]": "[", "}": "{"}
_OPENING = "([{"
_ENOUGH_SECONDS = 0.008
_PATTERNS = {bracket: re.compile(f"[{re.escape(bracket + other)}]") for bracket, other in PARTNERS.items()}


def pair_at(document: QTextDocument, position: int, quoted: Quoted) -> tuple[int, int] | None:
    """The bracket behind the cursor, or else the one before it, and its partner."""
    for place in (position, position - 1):
        if place >= 0 and document.characterAt(place) in PARTNERS:
            partner = partner_of(document, place, quoted)
            if partner is not None:
                return place, partner
    return None


def partner_of(document: QTextDocument, position: int, quoted: Quoted) -> int | None:
    block = document.findBlock(position)
    column = position - block.position()
    if block.length() > LONGEST_LINE or _is_within(column, quoted(block.blockNumber())):
        return None
    bracket = document.characterAt(position)
    forward = bracket in _OPENING
    depth = 0
    for found, place in _brackets_from(block, column, _PATTERNS[bracket], forward, quoted):
        depth += 1 if found == bracket else -1
        if depth == 0:
            return place
    return None


def _brackets_from(
    block: QTextBlock, column: int, pattern: re.Pattern[str], forward: bool, quoted: Quoted
) -> Iterator[tuple[str, int]]:
    deadline = time.perf_counter() + _ENOUGH_SECONDS
    start, stop = (column, None) if forward else (0, column + 1)
    while block.isValid() and time.perf_counter() < deadline:
        found = [] if block.length() > LONGEST_LINE else _in_line(block, pattern, quoted)
        inside = [item for item in found if item[1] >= start and (stop is None or item[1] < stop)]
        for bracket, place in inside if forward else reversed(inside):
            yield bracket, block.position() + place
        block = block.next() if forward else block.previous()
        start, stop = 0, None


def _in_line(block: QTextBlock, pattern: re.Pattern[str], quoted: Quoted) -> list[tuple[str, int]]:
    text = block.text()
    found = [(match[0], match.start()) for match in pattern.finditer(text)]
    if not found:
        return found
    if not text.isascii():
        found = [(bracket, len(text[:place].encode("utf-16-le")) // 2) for bracket, place in found]
    parts = quoted(block.blockNumber())
    return [item for item in found if not _is_within(item[1], parts)] if parts else found


def _is_within(column: int, parts: list[tuple[int, int]]) -> bool:
    return any(start <= column < stop for start, stop in parts)
