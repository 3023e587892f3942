"""From logits to a token: pure functions of a row of logits, the settings and a generator.

Choosers are what the loop is given: they apply these functions to one answer, token after token.
"""

from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor

from core.spec.sampling import Sampling
from core.text.retaking import Spellings

_LEAST_TEMPERATURE = torch.finfo(torch.float32).tiny  # below it a division has no result
_LEAST_CHANCE_OF_FIRST = 0.01


class TokenChooser(Protocol):
    def along(self, draft: list[int], logits: Tensor, seen: list[int]) -> list[int]: ...


class Chooser:
    """Chooses the tokens of one answer, each as it would be chosen without guesses and from the same stream
    of chances, so that a draft changes neither the distribution nor a seed's text."""

    def __init__(self, sampling: Sampling, device: torch.device | str = "cpu") -> None:
        self._sampling = sampling
        self._generator = torch.Generator(device).manual_seed(sampling.seed)
        self._is_plain = sampling.temperature == 0 and sampling.repetition_penalty == 1

    def along(self, draft: list[int], logits: Tensor, seen: list[int]) -> list[int]:
        """The next tokens: as many as guesses in `draft` stay right, and one more.

        `logits` has a row for each guess and one beyond.
        """
        likeliest = logits.argmax(dim=-1).tolist() if self._is_plain else []
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

    def along(self, draft: list[int], logits: Tensor, seen: list[int]) -> list[int]:
        if self._rank and not self.chances:
            return [self._other_first(logits[0])]
        chosen = self._chooser.along(draft, logits, seen)
        known = logits[: len(chosen)].float().log_softmax(dim=-1)
        picked = known.gather(-1, torch.tensor(chosen, device=logits.device).unsqueeze(-1))
        self.chances += picked.exp().flatten().tolist()
        return chosen

    def _other_first(self, logits: Tensor) -> int:
        """Was asked for and counts as sure, unless hardly anybody would begin so."""
        chances = logits.float().softmax(dim=-1)
        chances[self._never_first] = 0
        best = chances.topk(min(self._rank + 1, len(chances)))
        chance = float(best.values[-1])
        self.chances.append(chance if chance < _LEAST_CHANCE_OF_FIRST else 1.0)
        return int(best.indices[-1])


class SpellingChooser:
    """Begins with tokens that spell `text`, as `chooser` would choose among those alone."""

    def __init__(self, chooser: TokenChooser, spellings: Spellings, text: str) -> None:
        self._chooser, self._spellings, self._rest = chooser, spellings, text.encode()

    def along(self, draft: list[int], logits: Tensor, seen: list[int]) -> list[int]:
        if not self._rest:
            return self._chooser.along(draft, logits, seen)
        fitting = self._spellings.fitting(self._rest, below=logits.shape[-1])
        tokens = torch.from_numpy(fitting).to(logits.device)
        only = torch.full_like(logits[:1], -torch.inf)
        only[0, tokens] = logits[0, tokens]
        chosen = self._chooser.along([], only, seen)
        self._rest = self._rest[len(self._spellings.of(chosen[0])) :]
        return chosen


def choose(logits: Tensor, seen: list[int], sampling: Sampling, generator: torch.Generator) -> int:
    """The next token from one row of logits; `seen` are the tokens so far."""
    logits = penalised(logits.float(), seen, sampling.repetition_penalty)
    if sampling.temperature == 0:
        return int(logits.argmax())
    return int(torch.multinomial(probabilities(logits, sampling), 1, generator=generator))


def probabilities(logits: Tensor, sampling: Sampling) -> Tensor:
    """What is sampled from at a temperature above 0: the settings applied in order top-k, top-p, min-p."""
    # the likeliest is put at 0, so that no temperature, however small, makes infinities of two tokens
    logits = (logits - logits.max()) / max(sampling.temperature, _LEAST_TEMPERATURE)
    if 0 < sampling.top_k < logits.shape[-1]:
        weakest = logits.topk(sampling.top_k).values[-1]
        logits = logits.masked_fill(logits < weakest, -torch.inf)
    chances = logits.softmax(dim=-1)
    if sampling.top_p < 1:
        ordered, order = chances.sort(descending=True)
        # a token stays while those before it hold less than top_p; so the likeliest always stays
        before = ordered.cumsum(dim=-1) - ordered
        dropped = (before >= sampling.top_p) & (before > 0)
        chances = chances.masked_fill(dropped.scatter(-1, order, dropped), 0)
    if sampling.min_p > 0:
        chances = chances.masked_fill(chances < sampling.min_p * chances.max(), 0)
    return chances / chances.sum()


def penalised(logits: Tensor, seen: list[int], penalty: float) -> Tensor:
    if penalty == 1 or not seen:
        return logits
    ids = torch.tensor(sorted(set(seen)), device=logits.device)
    held = logits[ids]
    return logits.index_put((ids,), torch.where(held > 0, held / penalty, held * penalty))
