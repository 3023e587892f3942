"""Text with marks in it, to tokens: a template's marks become special tokens, and nobody else's do.

What a person or a model wrote stays text, also where it spells a mark. What was written is guarded before
it goes into the template: a sign that occurs nowhere breaks up each mark in it, and goes again once the
template's own marks are found.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from core.text.tokenizer import Tokenizer

_PRIVATE_USE = range(0xE000, 0x110000)
_KEPT_TEXTS = 256


def unused_sign(texts: Sequence[str]) -> str:
    used = set().union(*texts)
    return next(sign for sign in map(chr, _PRIVATE_USE) if sign not in used)


class MarkedText:
    """For one vocabulary; remembers texts it has encoded."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        spelled = ((tokenizer.spelling(token), token) for token in tokenizer.special_ids)
        # a mark of one sign could not be broken up
        self._ids = {spelling: token for spelling, token in spelled if spelling and len(spelling) > 1}
        longest_first = sorted(self._ids, key=len, reverse=True)
        any_mark = "|".join(map(re.escape, longest_first)) or r"(?!)"
        self._mark = re.compile(any_mark)
        self._mark_here = re.compile(f"(?={any_mark})")
        self._longest = max(map(len, self._ids), default=0)
        self._beginnings = {mark[:place] for mark in self._ids for place in range(1, len(mark))}
        self._endings = {mark[place:] for mark in self._ids for place in range(1, len(mark))}
        self._encode = lru_cache(maxsize=_KEPT_TEXTS)(self._encode_anew)
        self.guarded = lru_cache(maxsize=_KEPT_TEXTS)(self._guarded)

    def _guarded(self, text: str, sign: str) -> str:
        """Also where it begins or ends like a mark, lest the template's text beside it make it whole."""
        core = text.strip()
        if not core:
            return text
        start = text.index(core)
        breaks = [start + found.start() + 1 for found in self._mark_here.finditer(core)]
        sizes = range(1, min(self._longest, len(core)) + 1)
        is_inside = len(core) < self._longest and any(core in mark for mark in self._ids)
        if is_inside or any(core[:size] in self._endings for size in sizes):
            breaks.append(start)
        if any(core[-size:] in self._beginnings for size in sizes):
            breaks.append(start + len(core))
        edges = [0, *sorted(breaks), len(text)]
        return sign.join(text[start:end] for start, end in pairwise(edges))

    def encode(self, text: str, sign: str) -> list[int]:
        return [token for part in self._parts(text) for token in self._tokens(part, sign)]

    def first_mark(self, text: str) -> tuple[str, int | None]:
        """The text before the first mark, and the mark."""
        found = self._mark.search(text)
        return (text[: found.start()], self._ids[found[0]]) if found else (text, None)

    def _parts(self, text: str) -> Iterator[str]:
        end = 0
        for found in self._mark.finditer(text):
            yield text[end : found.start()]
            yield found[0]
            end = found.end()
        yield text[end:]

    def _tokens(self, part: str, sign: str) -> tuple[int, ...]:
        if part in self._ids:
            return (self._ids[part],)
        return self._encode(part.replace(sign, "")) if part else ()

    def _encode_anew(self, text: str) -> tuple[int, ...]:
        """Behind a mark a text begins anew, for vocabularies that put a space before a text."""
        return tuple(self._tokenizer.encode(text))
