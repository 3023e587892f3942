"""Guesses at the next tokens, several of which the loop checks at once. A wrong one costs time, never text.

Drafters are values given to the loop: NoDraft, PromptLookup (for one growing text), DraftModel, FirstGuess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.model.cache import KVCache, shared_length
from core.model.transformer import Transformer
from core.spec.budget import PREFILL_CHUNK

_LONGEST_MATCH, _SHORTEST_MATCH = 4, 2


class Drafter(Protocol):
    def propose(self, tokens: Sequence[int], limit: int) -> list[int]:
        """At most `limit` tokens that may follow; none where there is no good guess."""
        ...


class NoDraft:
    def propose(self, tokens: Sequence[int], limit: int) -> list[int]:
        return []


class PromptLookup:
    """Guesses that what followed the last few tokens before will follow them again."""

    def __init__(self) -> None:
        self._learnt = 0
        # where a run of tokens was last followed by something: the position behind it
        self._places: dict[tuple[int, ...], int] = {}

    def propose(self, tokens: Sequence[int], limit: int) -> list[int]:
        self._learn(tokens)
        for length in range(_LONGEST_MATCH, _SHORTEST_MATCH - 1, -1):
            place = self._places.get(tuple(tokens[-length:]))
            if place is not None:
                return list(tokens[place : place + limit])
        return []

    def _learn(self, tokens: Sequence[int]) -> None:
        """Costs what was added since the last call. The run that ends the text is followed by nothing yet."""
        for end in range(self._learnt, len(tokens)):
            for length in range(_SHORTEST_MATCH, min(_LONGEST_MATCH, end) + 1):
                self._places[tuple(tokens[end - length : end])] = end
        self._learnt = len(tokens)


class DraftModel:
    """A smaller model with the same vocabulary, which guesses its own likeliest tokens.

    `known_ids`: how many tokens both models have; what is beyond has no meaning to one of them.
    """

    def __init__(self, model: Transformer, cache: KVCache, known_ids: int) -> None:
        self._model, self._cache, self._known_ids = model, cache, known_ids

    def propose(self, tokens: Sequence[int], limit: int) -> list[int]:
        so_far = list(tokens)
        room = self._cache.max_length - len(tokens)
        # at least one token must be fed, else there are no logits to guess from
        self._cache.keep(min(shared_length(self._cache.tokens, so_far), len(so_far) - 1))
        behind = so_far[len(self._cache) :]
        if limit < 1 or room < 1 or max(behind) >= self._known_ids:
            return []
        if len(behind) > PREFILL_CHUNK:  # it catches up while the other model goes on
            self._model.read(behind[:PREFILL_CHUNK], self._cache, last=0)
            return []
        for _ in range(min(limit, room)):
            logits = self._model.read(so_far[len(self._cache) :], self._cache, last=1)
            so_far.append(int(logits[-1, : self._known_ids].argmax()))
        return so_far[len(tokens) :]

    def forget(self) -> None:
        self._cache.keep(0)


@dataclass(frozen=True)
class FirstGuess:
    """Asks one drafter after the other, the cheapest first."""

    drafters: tuple[Drafter, ...]

    def propose(self, tokens: Sequence[int], limit: int) -> list[int]:
        guesses = (drafter.propose(tokens, limit) for drafter in self.drafters)
        return next(filter(None, guesses), [])
