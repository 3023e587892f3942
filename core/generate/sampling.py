"""From logits to a token: pure functions of a row of logits, the settings and a generator.

Choosers are what the loop is given: they apply these functions to one answer, token after token.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.model.network import Logits
from core.spec.sampling import Sampling
from core.text.retaking import Spellings

_LEAST_TEMPERATURE = float(np.finfo(np.float32).tiny)  # below it a division has no result
_LEAST_CHANCE_OF_FIRST = 0.01

Row = NDArray[np.float32]  # of logits, or of chances


class TokenChooser(Protocol):
    def along(self, draft: list[int], logits: Logits, seen: list[int]) -> list[int]: ...


class Chooser:
    """Chooses the tokens of one answer, each as it would be chosen without guesses and from the same stream
    of chances, so that a draft changes neither the distribution nor a seed's text."""

    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._generator = np.random.default_rng(sampling.seed)
        self._is_plain = sampling.temperature == 0 and sampling.repetition_penalty == 1

    def along(self, draft: list[int], logits: Logits, seen: list[int]) -> list[int]:
        """The next tokens: as many as guesses in `draft` stay right, and one more.

        `logits` has a row for each guess and one beyond.
        """
        likeliest = logits.argmax(axis=-1).tolist() if self._is_plain else []
        chosen: list[int] = []
        for place, guess in enumerate([*draft, None]):
            if self._is_plain:
                chosen.append(likeliest[place])
            else:
                chosen.append(choose(logits[place], seen + chosen, self._sampling, self._generator))
            if chosen[-1] != guess:
                break
        return chosen


class WeighingChooser:
    """Remembers beside each token how likely the model held it, and can begin with another than the best.

    `rank`: how many tokens are likelier than the first one; `never_first` are none of them.
    """

    def __init__(self, chooser: "TokenChooser", rank: int = 0, never_first: Iterable[int] = ()) -> None:
        self._chooser, self._rank, self._never_first = chooser, rank, list(never_first)
        self.chances: list[float] = []

    def along(self, draft: list[int], logits: Logits, seen: list[int]) -> list[int]:
        if self._rank and not self.chances:
            return [self._other_first(logits[0])]
        chosen = self._chooser.along(draft, logits, seen)
        self.chances += [float(_softmax(row)[token]) for row, token in zip(logits, chosen, strict=False)]
        return chosen

    def _other_first(self, logits: Row) -> int:
        """Was asked for and counts as sure, unless hardly anybody would begin so."""
        chances = _softmax(logits)
        chances[self._never_first] = 0
        rank = min(self._rank, len(chances) - 1)
        likeliest = np.argpartition(-chances, rank)[: rank + 1]
        token = int(min(likeliest, key=chances.__getitem__))
        chance = float(chances[token])
        self.chances.append(chance if chance < _LEAST_CHANCE_OF_FIRST else 1.0)
        return token


class SpellingChooser:
    """Begins with tokens that spell `text`, as `chooser` would choose among those alone."""

    def __init__(self, chooser: TokenChooser, spellings: Spellings, text: str) -> None:
        self._chooser, self._spellings, self._rest = chooser, spellings, text.encode()

    def along(self, draft: list[int], logits: Logits, seen: list[int]) -> list[int]:
        if not self._rest:
            return self._chooser.along(draft, logits, seen)
        fitting = self._spellings.fitting(self._rest, below=logits.shape[-1])
        only = np.full_like(logits[:1], -np.inf)
        only[0, fitting] = logits[0, fitting]
        chosen = self._chooser.along([], only, seen)
        self._rest = self._rest[len(self._spellings.of(chosen[0])) :]
        return chosen


def choose(logits: Row, seen: list[int], sampling: Sampling, generator: np.random.Generator) -> int:
    """The next token from one row of logits; `seen` are the tokens so far."""
    logits = penalised(logits, seen, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return int(logits.argmax())
    reached = np.cumsum(probabilities(logits, sampling), dtype=np.float64)
    # rounding may take the draw to the very end, behind the last token that has a chance
    drawn = min(generator.random() * reached[-1], np.nextafter(reached[-1], 0))
    return int(np.searchsorted(reached, drawn, side="right"))


def probabilities(logits: Row, sampling: Sampling) -> Row:
    """What is sampled from at a temperature above 0: the settings applied in order top-k, top-p, min-p."""
    # the likeliest is put at 0, so that no temperature, however small, makes infinities of two tokens
    with np.errstate(over="ignore"):
        logits = (logits - logits.max()) / np.float32(max(sampling.temperature, _LEAST_TEMPERATURE))
    if 0 < sampling.top_k < len(logits):
        logits[logits < np.partition(logits, -sampling.top_k)[-sampling.top_k]] = -np.inf
    chances = _softmax(logits)
    if sampling.top_p < 1:
        ordered = np.sort(chances)[::-1]
        # a token stays while those before it hold less than top_p; so the likeliest always stays
        held = np.cumsum(ordered, dtype=np.float64)
        least = ordered[min(int(np.searchsorted(held, sampling.top_p)), len(held) - 1)]
        chances[chances < least] = 0
    if sampling.min_p > 0:
        chances[chances < sampling.min_p * chances.max()] = 0
    return chances / chances.sum()


def penalised(logits: Row, seen: list[int], penalty: float) -> Row:
    if penalty == 1 or not seen:
        return logits
    ids = list(set(seen))
    held, row = logits[ids], logits.copy()
    row[ids] = np.where(held > 0, held / penalty, held * penalty)
    return row


def _softmax(logits: Row) -> Row:
    chances: Row = np.exp(logits - logits.max())
    chances /= chances.sum()
    return chances
