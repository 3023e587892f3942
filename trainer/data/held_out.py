"""Texts that were held out, back from the tokens of prepared data; and lines hidden in them, to ask for."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from core.text.fim import FimMarks, find_marks
from core.text.tokenizer import Tokenizer
from trainer.data.infill import infill_end
from trainer.data.layout import token_type
from trainer.data.passages import text_end
from trainer.data.prepared import PreparedData

_MOST_TOKENS = 1 << 18
_MOST_TEXTS = 64
_FEWEST_LETTERS = 8
_LINES_BEFORE = 2


@dataclass(frozen=True)
class Hidden:
    """A line that is taken out of a text behind its indentation."""

    prefix: str
    line: str
    suffix: str


def held_out_texts(data: PreparedData, tokenizer: Tokenizer) -> list[str]:
    """The first ones; none of lessons, which are no running text."""
    if data.kind != "text":
        return []
    end, marks = text_end(tokenizer), find_marks(tokenizer)
    ends = {end, infill_end(tokenizer, end)}
    tokens: list[int] = []
    for shard in data.shards:
        if shard.split == "validation" and len(tokens) < _MOST_TOKENS:
            kind = token_type(data.vocab_size)
            tokens += np.fromfile(data.paths(shard)[0], kind, _MOST_TOKENS - len(tokens)).tolist()
    texts = (_text(passage, marks, tokenizer) for passage in _passages(tokens, ends))
    return [*islice((text for text in texts if text.strip()), _MOST_TEXTS)]


def hidden_lines(texts: Iterable[str], count: int) -> list[Hidden]:
    """Evenly from all of them, the same ones each time."""
    found = [[*_candidates(text)] for text in texts]
    places = [(text, place) for text in range(len(found)) for place in range(len(found[text]))]
    if len(places) <= count:
        return [found[text][place] for text, place in places]
    chosen = [places[(2 * number + 1) * len(places) // (2 * count)] for number in range(count)]
    return [found[text][place] for text, place in chosen]


def _candidates(text: str) -> Iterator[Hidden]:
    """Lines that say something, with a little before them to tell what they may be."""
    lines = text.split("\n")
    begin = 0
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if number >= _LINES_BEFORE and len(line) - indent >= _FEWEST_LETTERS:
            start, end = begin + indent, begin + len(line)
            yield Hidden(text[:start], text[start:end], text[end:])
        begin += len(line) + 1


def _passages(tokens: Sequence[int], ends: set[int]) -> Iterator[list[int]]:
    """What does not end is cut off, and not to be judged by."""
    passage: list[int] = []
    for token in tokens:
        if token in ends:
            yield passage
            passage = []
        else:
            passage.append(token)


def _text(passage: list[int], marks: FimMarks | None, tokenizer: Tokenizer) -> str:
    """What was infilled is put in its order again."""
    if marks is None or marks.middle is None or marks.prefix not in passage:
        return tokenizer.decode(passage)
    try:
        before, suffix_at = passage.index(marks.prefix), passage.index(marks.suffix)
        middle_at = passage.index(marks.middle)
    except ValueError:
        return ""
    suffix, rest = passage[suffix_at + 1 : middle_at], passage[middle_at + 1 :]
    if suffix_at == before + 1:  # suffix first; where the prefix ends and the middle begins is not marked
        return tokenizer.decode([*rest, *suffix])
    return tokenizer.decode([*passage[before + 1 : suffix_at], *rest, *suffix])
