"""Colours of a line while grey text stands in it: ranges moved apart for it, and back together when it goes.

Pure but for Qt's values. Grey ranges carry a property, so that they are known whoever has set others since.
"""

from collections.abc import Iterable

from PySide6.QtGui import QColor, QTextCharFormat, QTextFormat, QTextLayout

_IS_GHOST = QTextFormat.Property.UserProperty + 61

Range = QTextLayout.FormatRange


def grey(colour: QColor) -> QTextCharFormat:
    text_format = QTextCharFormat()
    text_format.setForeground(colour)
    text_format.setFontItalic(True)
    text_format.setProperty(_IS_GHOST, True)
    return text_format


def unseen() -> QTextCharFormat:
    """Of what the grey text says in its own place: it keeps its room, and nothing is seen there."""
    text_format = grey(QColor(0, 0, 0, 0))
    text_format.setFontItalic(False)
    return text_format


def is_ghost(found: Range) -> bool:
    return bool(found.format.boolProperty(_IS_GHOST))


def opened(
    ranges: Iterable[Range], at: int, width: int, ghost: QTextCharFormat, hidden: int = 0
) -> list[Range]:
    """The ghost's range comes last: of ranges that overlap, the last one counts. `hidden`: so much
    behind it is not seen."""
    made = []
    for found in ranges:
        end = found.start + found.length
        if end <= at:
            made.append(found)
        elif found.start >= at:
            made.append(_range(found.start + width, found.length, found.format))
        else:
            made.append(_range(found.start, at - found.start, found.format))
            made.append(_range(at + width, end - at, found.format))
    made += [_range(at + width, hidden, unseen())] if hidden else []
    return [*made, _range(at, width, ghost)]


def closed(ranges: Iterable[Range], at: int, width: int) -> list[Range]:
    """The inverse; what was one range comes back as one."""
    made: list[Range] = []
    for found in ranges:
        if is_ghost(found):
            continue
        start, end = _without(found.start, at, width), _without(found.start + found.length, at, width)
        if end <= start:
            continue
        if made and start == at and _end(made[-1]) == at and made[-1].format == found.format:
            made[-1] = _range(made[-1].start, end - made[-1].start, found.format)
        else:
            made.append(_range(start, end - start, found.format))
    return made


def _without(place: int, at: int, width: int) -> int:
    return place if place <= at else max(at, place - width)


def _end(found: Range) -> int:
    return int(found.start + found.length)


def _range(start: int, length: int, text_format: QTextCharFormat) -> Range:
    made = Range()
    made.start, made.length, made.format = start, length, text_format
    return made
