"""Texts that have been seen before, word for word or nearly, in linear time and bounded memory.

Of a text remain 72 bytes: a hash of it, and the smallest of 64 hashes of its stretches of five words, a byte
of each. Eight of these bytes together lead to the texts that share them, and those are compared. With the
tables that is 144 bytes a text, 151 MB at the most: of more than MOST_TEXTS the oldest are forgotten.
"""

import hashlib
import re
import zlib
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST_TEXTS = 1 << 20
_BANDS, _ROWS = 8, 8
_HASHES = _BANDS * _ROWS
_STRETCH_WORDS = 5
_FEWEST_STRETCHES = 24
_LEAST_ALIKE = 0.85
_LEAST_EQUAL_BYTES = int(_HASHES * (_LEAST_ALIKE + (1 - _LEAST_ALIKE) / 256)) + 1
_MOST_NAMES = 1 << 16
_AT_ONCE = 1024
_FIRST_CAPACITY = 1024
_WORD = re.compile(rb"[\w\x80-\xff]+")
_HEAD_COMMENT = re.compile(rb"\A(?:[ \t]*(?:#|//|/\*|\*|--|;|<!--|%)[^\n]*\n|[ \t]*\n)+")

Words = NDArray[np.uint64]


class Match(NamedTuple):
    """`name` of the earlier text is "" where that has been forgotten."""

    kind: Literal["duplicate", "near_duplicate"]
    name: str


def _odd_numbers(count: int, purpose: bytes) -> Words:
    drawn = b"".join(hashlib.blake2b(purpose, salt=bytes([n])).digest()[:8] for n in range(count))
    return np.frombuffer(drawn, np.uint64) | np.uint64(1)


_FACTORS, _OFFSETS = _odd_numbers(_HASHES, b"factors")[:, None], _odd_numbers(_HASHES, b"offsets")[:, None]
_PLACES = _odd_numbers(_BANDS + 1, b"places")
_WORD_FACTORS = _odd_numbers(_STRETCH_WORDS, b"words")


class Duplicates:
    def __init__(self, most_texts: int = MOST_TEXTS) -> None:
        self._most = most_texts
        self._count = 0
        self._names: dict[int, str] = {}
        self._keys = np.zeros((0, _BANDS + 1), np.uint64)
        self._grow(min(_FIRST_CAPACITY, most_texts))

    def find(self, name: str, text: bytes) -> Match | None:
        """Remembers the text if it is new."""
        keys = _keys(text)
        places = self._places(keys)
        numbers = {int(table[place]) for table, place in zip(self._tables, places, strict=True)} - {0}
        match = self._best_match(keys, sorted(numbers))
        if match is None:
            self._remember(name, keys, places)
        return match

    def _best_match(self, keys: Words, numbers: list[int]) -> Match | None:
        near = None
        for number in numbers:
            seen = self._keys[number - 1]
            if seen[0] == keys[0]:
                return Match("duplicate", self._names.get(number, ""))
            equal = int((seen[1:].view(np.uint8) == keys[1:].view(np.uint8)).sum())
            if near is None and equal >= _LEAST_EQUAL_BYTES:
                near = Match("near_duplicate", self._names.get(number, ""))
        return near

    def _remember(self, name: str, keys: Words, places: Words) -> None:
        if self._count == len(self._keys) < self._most:
            self._grow(min(2 * len(self._keys), self._most))
            places = self._places(keys)
        row = self._count % len(self._keys)
        self._count += 1
        self._keys[row] = keys
        self._tables[np.arange(_BANDS + 1), places] = row + 1
        self._names.pop(row + 1, None)
        if len(self._names) < _MOST_NAMES:
            self._names[row + 1] = name

    def _grow(self, capacity: int) -> None:
        keys = np.zeros((capacity, _BANDS + 1), np.uint64)
        keys[: len(self._keys)] = self._keys
        self._keys = keys
        self._shift = np.uint64(64 - (2 * capacity - 1).bit_length())
        self._tables = np.zeros((_BANDS + 1, 1 << (2 * capacity - 1).bit_length()), np.uint32)
        numbers = np.arange(1, self._count + 1, dtype=np.uint32)
        for band, table in enumerate(self._tables):
            table[(keys[: self._count, band] * _PLACES[band]) >> self._shift] = numbers

    def _places(self, keys: Words) -> Words:
        return (keys * _PLACES) >> self._shift


def _keys(text: bytes) -> Words:
    """Of texts too short to be nearly alike every key comes from the hash of the whole."""
    digest = hashlib.blake2b(text, digest_size=64).digest()
    smallest = _smallest_hashes(_HEAD_COMMENT.sub(b"", text, count=1))
    rest = digest if smallest is None else smallest.tobytes()
    return np.frombuffer(digest[:8] + rest, np.uint64)


def _smallest_hashes(text: bytes) -> NDArray[np.uint8] | None:
    """A comment at the head, often a licence, would make short files alike and is left out before."""
    words = np.array([*map(zlib.crc32, _WORD.findall(text))], np.uint64)
    count = len(words) - _STRETCH_WORDS + 1
    if count < _FEWEST_STRETCHES:
        return None
    stretches = np.zeros(count, np.uint64)
    for place, factor in enumerate(_WORD_FACTORS):
        stretches += words[place : place + count] * factor
    stretches ^= stretches >> np.uint64(29)
    smallest = np.full(_HASHES, np.iinfo(np.uint64).max)
    for start in range(0, count, _AT_ONCE):
        hashes = (stretches[start : start + _AT_ONCE] * _FACTORS + _OFFSETS) >> np.uint64(32)
        np.minimum(smallest, hashes.min(axis=1), out=smallest)
    return (smallest & np.uint64(0xFF)).astype(np.uint8)
