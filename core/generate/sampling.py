"""From logits to a token: pure functions of a row of logits, the settings and a generator."""

import torch
from torch import Tensor

from core.spec.sampling import Sampling

_LEAST_TEMPERATURE = torch.finfo(torch.float32).tiny  # below it a division has no result


def choose_along(
    draft: list[int], logits: Tensor, seen: list[int], sampling: Sampling, generator: torch.Generator
) -> list[int]:
    """The next tokens: as many as guesses in `draft` stay right, and one more.

    `logits` has a row for each guess and one beyond. Each token is chosen as it would be without guesses
    and from the same stream of chances, so a draft changes neither the distribution nor a seed's text.
    """
    is_plain = sampling.temperature == 0 and sampling.repetition_penalty == 1
    likeliest = logits.argmax(dim=-1).tolist() if is_plain else []
    chosen: list[int] = []
    for place, guess in enumerate([*draft, None]):
        if is_plain:
            chosen.append(likeliest[place])
        else:
            chosen.append(choose(logits[place], seen + chosen, sampling, generator))
        if chosen[-1] != guess:
            break
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
