"""A model of counts alone, to measure a network against: which token followed the last four, how often.

Where four were never seen, or with other tokens, three are asked, and so on down to none: each count gives up
a part of itself, which is shared out as the shorter context says (absolute discounting, interpolated).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_DISCOUNT = 0.75

Numbers = NDArray[np.int64]
Chances = NDArray[np.float64]


class NGrams:
    """A table for each length holds all sequences of so many tokens, sorted: the place of all but the last in
    the table before it, times the size of the vocabulary, plus the last."""

    def __init__(self, texts: Sequence[Numbers], vocab_size: int, order: int = 5) -> None:
        self._vocab_size = vocab_size
        self._tables: list[Numbers] = []
        self._counts: list[Numbers] = []
        self._counted: list[Numbers] = []  # counts added up, with a 0 before them
        self.tokens = sum(len(text) for text in texts)
        places = [np.zeros(len(text), np.int64) for text in texts]
        for length in range(order):
            sizes = [max(len(text) - length, 0) for text in texts]
            if not any(sizes):
                break
            keys = [
                before[:size] * vocab_size + text[len(text) - size :]
                for before, text, size in zip(places, texts, sizes, strict=True)
            ]
            table, found, counts = np.unique(np.concatenate(keys), return_inverse=True, return_counts=True)
            self._tables.append(table)
            self._counts.append(counts)
            self._counted.append(np.concatenate([[0], np.cumsum(counts)]))
            places = np.split(found, np.cumsum(sizes)[:-1])

    def bits(self, tokens: Numbers) -> float:
        """What all tokens but the first cost."""
        chances = np.full(len(tokens), 1 / self._vocab_size)
        for length in range(len(self._tables)):
            if length >= len(tokens):
                break
            contexts = self._places(tokens, length)
            wanted = tokens[length:]
            chances[length:] = self._mixed(length, contexts, wanted, chances[length:])
        return float(-np.log2(chances[1:]).sum())

    def chances(self, context: Sequence[int]) -> Chances:
        """Of each token to come next."""
        chances = np.full(self._vocab_size, 1 / self._vocab_size)
        for length in range(min(len(self._tables) - 1, len(context)) + 1):
            last = np.array([*context[len(context) - length :], 0], np.int64)
            place = int(self._places(last, length)[0])
            begin, end = np.searchsorted(
                self._tables[length], np.array([place, place + 1]) * self._vocab_size
            )
            if place < 0 or begin == end:
                break
            table, counts = self._tables[length][begin:end], self._counts[length][begin:end]
            total = counts.sum()
            chances *= _DISCOUNT * (end - begin) / total
            chances[table - place * self._vocab_size] += (counts - _DISCOUNT) / total
        return chances

    def _mixed(self, length: int, contexts: Numbers, wanted: Numbers, shorter: Chances) -> Chances:
        """Contexts that were never seen are -1."""
        table, counts = self._tables[length], self._counts[length]
        keys = contexts * self._vocab_size + wanted
        found = np.minimum(np.searchsorted(table, keys), len(table) - 1)
        count = np.where((table[found] == keys) & (contexts >= 0), counts[found], 0)
        begin = np.searchsorted(table, contexts * self._vocab_size)
        end = np.searchsorted(table, (contexts + 1) * self._vocab_size)
        total = np.where(contexts >= 0, self._counted[length][end] - self._counted[length][begin], 0)
        seen = total > 0
        divisor = np.where(seen, total, 1)
        mixed = (np.maximum(count - _DISCOUNT, 0) + _DISCOUNT * (end - begin) * shorter) / divisor
        return np.where(seen, mixed, shorter)

    def _places(self, tokens: Numbers, length: int) -> Numbers:
        """For each token behind so many others, where these stand in their table; -1 where they do not."""
        places = np.zeros(len(tokens) - length, np.int64)
        for step in range(length):
            table = self._tables[step]
            keys = places * self._vocab_size + tokens[step : len(tokens) - length + step]
            found = np.minimum(np.searchsorted(table, keys), len(table) - 1)
            places = np.where((table[found] == keys) & (places >= 0), found, -1)
        return places
