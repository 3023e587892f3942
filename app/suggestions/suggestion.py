"""A suggestion as text: what of it may be shown, what one key takes of it, what is left when some is typed.

Pure. Python counts letters and Qt counts units of UTF-16, where a letter outside Unicode's first plane is
two: `units` says how many; everything else here is letters.
"""

import re
import unicodedata
from dataclasses import dataclass

_WORD = re.compile(r"\s*(?:\w+|[^\w\s]+)|\s+")
_LINE = re.compile(r"\n*[^\n]*")
_OPENING = {")": "(", "]": "[", "}": "{"}
_QUOTES = frozenset("\"'`")
_CLOSING = frozenset(")]}\"'`>,;: \t")
_SHOWN_CONTROLS = frozenset("\n\t")
_NO_LETTER = "\ufffd"  # stands for bytes that are no text


def units(text: str) -> int:
    return len(text) + sum(letter > "\uffff" for letter in text)


def letters_in(text: str, count: int) -> int:
    """How many letters at the end of the text are so many units; one cut in half counts."""
    taken = 0
    while count > 0 and taken < len(text):
        taken += 1
        count -= 2 if text[-taken] > "\uffff" else 1
    return taken


def presentable(text: str) -> str:
    """Up to what nobody could see: what turns the direction of reading, or is no letter at all."""
    text = text.replace("\r\n", "\n")
    for place, letter in enumerate(text):
        is_unseen = unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        if letter == _NO_LETTER or (is_unseen and letter not in _SHOWN_CONTROLS):
            return text[:place]
    return text


def first_word(text: str) -> str:
    """With the blanks in front of it."""
    found = _WORD.match(text)
    return found[0] if found else ""


def first_line(text: str) -> str:
    """Without the end of the line, but with those in front of it."""
    found = _LINE.match(text)
    return found[0] if found else ""


def lets_tab_indent(left: str, text: str) -> bool:
    """Left of where the suggested line begins Tab still indents: the blanks come by typing along."""
    return (not left or left.isspace()) and text.startswith((" ", "\t"))


def can_stand_before(right: str) -> bool:
    """Of the line behind the cursor: nothing but what closes something, as editors put it there."""
    return _CLOSING.issuperset(right)


@dataclass(frozen=True)
class Parted:
    """`inside` stands between a bracket and its closing one; `outside` comes behind that."""

    inside: str
    outside: str


def parted(text: str, closing: str) -> Parted | None:
    """Where the editor has closed a bracket or a quote that the text opens and closes itself: its two halves.

    None where the text never closes it.
    """
    depth, quote, is_escaped = 0, "", False
    for place, letter in enumerate(text):
        if letter == closing and depth == 0 and not quote and not is_escaped:
            return Parted(text[:place], text[place + 1 :])
        if quote:
            quote = "" if letter == quote and not is_escaped else quote
        elif letter in _QUOTES and closing not in _QUOTES:
            quote = letter
        elif letter in _OPENING.values():
            depth += 1
        elif letter in _OPENING:
            depth = max(depth - 1, 0)
        is_escaped = letter == "\\" and not is_escaped
    return None
