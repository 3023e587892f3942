"""Guesses at the next tokens, several of which the loop checks at once. A wrong one costs time, never text.

Drafters are values given to the loop: NoDraft, PromptLookup (for one growing text), DraftModel, FirstGuess.
Each says how likely its guesses are right, from how often they were; whether that pays, Pace knows.
"""

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.generate.pace import MOST_GUESSES, Pace
from core.model.cache import KVCache, shared_length
from core.model.network import Network
from core.spec.budget import PREFILL_CHUNK

_SHORTEST_MATCH, _LONGEST_MATCH = 2, 16
_PLACES_KEPT = 16  # of each run of the shortest length, the latest ones


class Worth(Protocol):
    def __call__(self, chances: Sequence[float], seconds_each: float = 0.0) -> int:
        """How many of so likely guesses shall be made; never more than there is room for."""
        ...


class Drafter(Protocol):
    def propose(self, tokens: Sequence[int], worth: Worth) -> list[int]:
        """Tokens that may follow, as many as are worth it; none where there is no good guess."""
        ...


class NoDraft:
    def propose(self, tokens: Sequence[int], worth: Worth) -> list[int]:
        return []


class Trust:
    """How often what followed a run of tokens has followed it again, by the length of the run.

    Outlives a text. What came of guesses that were not worth checking counts as well; to know it is free.
    """

    _LENGTHS = (2, 3, 4, 5, 6, 8, 12, 16)  # the first of each group
    _MEMORY = 0.98  # share of its weight that an old outcome keeps at each new one
    _WEIGHT_AT_FIRST = 4.0  # in outcomes

    def __init__(self) -> None:
        # of code at large, measured: 0.4 after two tokens, 0.6 after four, 0.8 after ten
        chances = [length / (length + 2.6) for length in self._LENGTHS]
        self._right = [chance * self._WEIGHT_AT_FIRST for chance in chances]
        self._all = [self._WEIGHT_AT_FIRST] * len(chances)

    def chances(self, matched: int, count: int) -> list[float]:
        """Of so many guesses: where one is right, the run before the next is longer by one."""
        groups = [self._group(matched + place) for place in range(count)]
        return [self._right[group] / self._all[group] for group in groups]

    def learn(self, matched: int, guesses: Sequence[int], came: Sequence[int]) -> None:
        for place, (guess, token) in enumerate(zip(guesses, came, strict=False)):
            group = self._group(matched + place)
            self._right[group] = self._MEMORY * self._right[group] + (guess == token)
            self._all[group] = self._MEMORY * self._all[group] + 1
            if guess != token:
                return

    def _group(self, length: int) -> int:
        return bisect_right(self._LENGTHS, length) - 1


class PromptLookup:
    """Guesses that what followed the last few tokens before will follow them again.

    A wrong guess costs time and changes no text; what does change it is in recall.py.
    """

    def __init__(self, trust: Trust | None = None) -> None:
        self._trust = trust or Trust()
        self._learnt = 0
        # where a pair of tokens was followed by something: the positions behind it, the latest last
        self._places: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        self._guessed_at, self._matched, self._guesses = 0, 0, list[int]()

    def propose(self, tokens: Sequence[int], worth: Worth) -> list[int]:
        self._trust.learn(self._matched, self._guesses, tokens[self._guessed_at :])
        self._learn(tokens)
        place, self._matched = self._best_match(tokens)
        self._guessed_at, self._guesses = len(tokens), list(tokens[place : place + MOST_GUESSES])
        if not self._guesses:
            return []
        return self._guesses[: worth(self._trust.chances(self._matched, len(self._guesses)))]

    def _learn(self, tokens: Sequence[int]) -> None:
        """Costs what was added since the last call. The pair that ends the text has nothing behind it yet."""
        for end in range(max(self._learnt, _SHORTEST_MATCH), len(tokens)):
            places = self._places[tokens[end - 2], tokens[end - 1]]
            places.append(end)
            if len(places) > 2 * _PLACES_KEPT:
                del places[:-_PLACES_KEPT]
        self._learnt = len(tokens)

    def _best_match(self, tokens: Sequence[int]) -> tuple[int, int]:
        """The latest place behind the longest run that also ends the text, and how long that run is."""
        best, longest = len(tokens), 0
        for place in reversed(self._places.get(tuple(tokens[-_SHORTEST_MATCH:]), [])[-_PLACES_KEPT:]):
            length = _SHORTEST_MATCH
            while length < min(place, _LONGEST_MATCH) and tokens[place - length - 1] == tokens[-length - 1]:
                length += 1
            if length > longest:
                best, longest = place, length
        return best, longest


class DraftModel:
    """A smaller model with the same vocabulary, which guesses its own likeliest tokens.

    `known_ids`: how many tokens both models have; what is beyond has no meaning to one of them.
    """

    _MEMORY = 0.9  # share of its weight that an old outcome, or the old time of a guess, keeps
    # occasions let pass before a model that was not worth it is tried again
    _PATIENCE, _MOST_PATIENCE = 32, 4096

    def __init__(self, model: Network, cache: KVCache, known_ids: int) -> None:
        self._model, self._cache, self._known_ids = model, cache, known_ids
        self._right, self._all = 2.0, 3.0  # guesses so far, the older the less they count; at first a hope
        self._seconds_each: float | None = None
        self._guessed_at, self._guesses = 0, list[int]()
        self._let_pass, self._patience = 0, self._PATIENCE

    def propose(self, tokens: Sequence[int], worth: Worth) -> list[int]:
        so_far = list(tokens)
        shared = shared_length(self._cache.tokens, so_far)
        if shared >= self._guessed_at:  # else this is another text
            self._learn(so_far[self._guessed_at :])
        self._guesses = []
        limit = min(self._limit(worth), self._cache.max_length - len(so_far))
        # at least one token must be fed, else there are no logits to guess from
        self._cache.keep(min(shared, len(so_far) - 1))
        behind = so_far[len(self._cache) :]
        if limit < 1 or max(behind) >= self._known_ids:
            return []
        if len(behind) > PREFILL_CHUNK:  # it catches up while the other model goes on
            self._model.read(behind[:PREFILL_CHUNK], self._cache, last=0)
            return []
        started = time.perf_counter()
        for _ in range(limit):
            logits = self._model.read(so_far[len(self._cache) :], self._cache, last=1)
            so_far.append(int(logits[-1, : self._known_ids].argmax()))
        if len(behind) <= MOST_GUESSES:  # else most of the time went into reading
            seconds = (time.perf_counter() - started) / limit
            old = seconds if self._seconds_each is None else self._seconds_each
            self._seconds_each = self._MEMORY * old + (1 - self._MEMORY) * seconds
        self._guessed_at, self._guesses = len(tokens), so_far[len(tokens) :]
        return self._guesses

    def forget(self) -> None:
        self._cache.keep(0)

    def _limit(self, worth: Worth) -> int:
        limit = worth([self._right / self._all] * MOST_GUESSES, self._seconds_each or 0.0)
        if limit > 0:
            self._patience = self._PATIENCE
            return limit
        self._let_pass += 1
        if self._let_pass < self._patience:
            return 0
        self._let_pass, self._patience = 0, min(2 * self._patience, self._MOST_PATIENCE)
        return worth([1.0, 1.0])  # as if it were sure, to hear how right it is by now

    def _learn(self, came: Sequence[int]) -> None:
        for guess, token in zip(self._guesses, came, strict=False):
            self._right = self._MEMORY * self._right + (guess == token)
            self._all = self._MEMORY * self._all + 1
            if guess != token:
                return


@dataclass(frozen=True)
class FirstGuess:
    """Asks one drafter after the other, the cheapest first."""

    drafters: tuple[Drafter, ...]

    def propose(self, tokens: Sequence[int], worth: Worth) -> list[int]:
        guesses = (drafter.propose(tokens, worth) for drafter in self.drafters)
        return next(filter(None, guesses), [])


@dataclass(frozen=True)
class Guessing:
    """What the loop guesses by, and when that pays; the pace is handed on from text to text."""

    drafter: Drafter = field(default_factory=NoDraft)
    pace: Pace = field(default_factory=Pace)
