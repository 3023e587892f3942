"""Texts that teach filling in the middle: cut at a letter, in the order that the model is asked in.

They always have an end, so that it learns to stop. Most middles are what an editor asks for, one to three
lines from the start or the inside of a line; some are any stretch, some lie within a line or are empty.
"""

from dataclasses import replace
from random import Random
from typing import NamedTuple

from core.text.fim import FimMarks, build
from core.text.tokenizer import Tokenizer

_LINES_SHARE, _STRETCH_SHARE = 0.6, 0.25  # the rest lies within a line
_EMPTY_SHARE = 0.3  # of that rest: nothing is missing, and that must be learnt too
_SUFFIX_FIRST_SHARE = 0.5
_LINE_COUNTS, _LINE_WEIGHTS = (1, 2, 3), (6, 2, 2)
_OWN_ENDS = ("▁<EOT>", "<EOT>")


class Cut(NamedTuple):
    prefix: str
    middle: str
    suffix: str


def infill(text: str, marks: FimMarks, end: int, tokenizer: Tokenizer, dice: Random) -> list[int]:
    """Prefix and suffix are encoded as the prompt of a completion has them, and the middle by itself, since a
    model begins a new token where the cursor is."""
    cut = choose_middle(text, dice)
    prefix = tokenizer.encode(cut.prefix)
    suffix = tokenizer.encode(cut.suffix, continues=True)
    middle = tokenizer.encode(cut.middle, continues=True)
    # to a family that was never taught it the engine shows no suffix first, so there is nothing to learn
    suffix_first = marks.suffix_first and dice.random() < _SUFFIX_FIRST_SHARE
    return [*build(replace(marks, suffix_first=suffix_first), prefix, suffix), *middle, end]


def choose_middle(text: str, dice: Random) -> Cut:
    drawn = dice.random()
    if drawn < _LINES_SHARE:
        start, end = _lines(text, dice)
    elif drawn < _LINES_SHARE + _STRETCH_SHARE:
        start, end = sorted(dice.randint(0, len(text)) for _ in range(2))
    else:
        line_start, line_end = _line(text, dice)
        start, end = sorted(dice.randint(line_start, line_end) for _ in range(2))
        end = start if dice.random() < _EMPTY_SHARE else end
    return Cut(text[:start], text[start:end], text[end:])


def infill_end(tokenizer: Tokenizer, text_end: int) -> int:
    """Some families end a middle with a token of its own."""
    own = (tokenizer.token_id(spelling) for spelling in _OWN_ENDS)
    return next((token for token in own if token is not None and token in tokenizer.special_ids), text_end)


def _lines(text: str, dice: Random) -> tuple[int, int]:
    """From the start of a line, its first letter or its inside, to the end of one soon after."""
    start, end = _line(text, dice)
    for _ in range(dice.choices(_LINE_COUNTS, _LINE_WEIGHTS)[0] - 1):
        end = _line_end(text, min(end + 1, len(text)))
    line = text[start : _line_end(text, start)]
    indent = len(line) - len(line.lstrip(" \t"))
    return start + dice.choice((0, indent, indent, dice.randint(0, len(line)))), end


def _line(text: str, dice: Random) -> tuple[int, int]:
    """The line around a letter; one with nothing in it is drawn again, once."""
    for _ in range(2):
        place = dice.randint(0, max(len(text) - 1, 0))
        start, end = text.rfind("\n", 0, place) + 1, _line_end(text, place)
        if text[start:end].strip():
            break
    return start, end


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end
