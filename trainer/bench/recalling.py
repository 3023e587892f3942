"""What a network says of texts, and how far a repetition in them is to be believed beside it.

The four numbers of Recall are those of a logistic regression: whether a token came again, told from the
network's own odds of it and from how long a run of tokens it has followed before.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.engine import Engine
from core.generate.recall import own_odds, repetitions
from core.spec.about import Recall
from core.spec.errors import DataError
from trainer.data.passages import text_end

_SURE = -1e-9  # nothing is surer, so that there is something left for all other tokens
_RIDGE = 1.0
_ROUNDS, _HALVINGS = 50, 40
_LEAST_TEXTS = 4

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """Of tokens: `alone` is what they cost by the network itself, in nats; `elsewhere` is that of those which
    could not have been told from what stands before. Of all others, one in a row: `signs` are what Recall
    weighs, `came` whether the token came again, and `rest` the logarithm of the chance of what came instead,
    among all but that one.
    """

    tokens: int
    alone: float
    elsewhere: float
    signs: Numbers  # (repetitions, 4)
    came: Numbers
    rest: Numbers

    def nats(self, recall: Recall) -> float:
        return self.elsewhere + _loss(np.array(astuple(recall)), self) - float(self.rest.sum())


def listen(engine: Engine, texts: Iterable[str]) -> Heard:
    """Each text behind the mark that stands between texts."""
    start = text_end(engine.tokenizer)
    return together([listen_to(engine, [start, *engine.tokenizer.encode(text)]) for text in texts])


def listen_to(engine: Engine, tokens: list[int]) -> Heard:
    """In windows that overlap by half, so that every token but the first ones has that much before it; the
    first one of all is given for nothing."""
    size = engine.max_context
    parts, done = [together([])], 1
    for start in range(0, len(tokens), size // 2):
        window = tokens[start : start + size]
        parts.append(_heard(engine, window, done - start))
        done = start + len(window)
        if done >= len(tokens):
            break
    return together(parts)


def together(parts: Sequence[Heard]) -> Heard:
    nothing = np.empty(0)
    return Heard(
        sum(part.tokens for part in parts),
        math.fsum(part.alone for part in parts),
        math.fsum(part.elsewhere for part in parts),
        np.concatenate([np.empty((0, 4)), *(part.signs for part in parts)]),
        np.concatenate([nothing, *(part.came for part in parts)]),
        np.concatenate([nothing, *(part.rest for part in parts)]),
    )


def _heard(engine: Engine, window: list[int], first: int) -> Heard:
    """Of the tokens of a window from `first` on."""
    chances = engine.logits(window)[:-1].double().log_softmax(dim=-1)
    wanted = torch.tensor(window[1:], dtype=torch.int64)
    known = chances.gather(-1, wanted.unsqueeze(-1)).flatten().numpy()
    signs, came, rest, is_elsewhere = [], [], [], np.ones(len(known), np.bool_)
    is_elsewhere[: first - 1] = False
    for place, found in repetitions(window):
        if place < first:
            continue
        own, run = min(float(chances[place - 1, found.token]), _SURE), math.log(found.run)
        x, is_the_same = own_odds(own), window[place] == found.token
        signs.append((1.0, x, run, x * run))
        came.append(float(is_the_same))
        rest.append(0.0 if is_the_same else min(known[place - 1] - math.log(-math.expm1(own)), 0.0))
        is_elsewhere[place - 1] = False
    return Heard(
        len(known) - first + 1,
        -float(known[first - 1 :].sum()),
        -float(known[is_elsewhere].sum()),
        np.array(signs).reshape(-1, 4),
        np.array(came),
        np.array(rest),
    )


@dataclass(frozen=True)
class Fitted:
    """`before` and `after`: nats a token of the half of the texts that the numbers were not fitted to."""

    recall: Recall
    before: float
    after: float


def fitted(engine: Engine, texts: Sequence[str], tell: Callable[[int], None]) -> Fitted:
    """Judged with the numbers of one half of the texts; what is kept is fitted to all of them."""
    if len(texts) < _LEAST_TEXTS:
        raise DataError(f"These are {len(texts)} texts; at least {_LEAST_TEXTS} are needed, so name more.")
    heard = []
    for number, text in enumerate(texts, start=1):
        heard.append(listen(engine, [text]))
        tell(number)
    known, unknown = together(heard[::2]), together(heard[1::2])
    after = unknown.nats(fit(known)) / unknown.tokens
    return Fitted(fit(together(heard)), unknown.alone / unknown.tokens, after)


def fit(heard: Heard) -> Recall:
    """Newton's steps, halved where they lead uphill; begins with the network as it is."""
    weights = np.array([0.0, 1.0, 0.0, 0.0])
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-_clipped(heard.signs @ weights)))
        slope = heard.signs.T @ (chances - heard.came) + _RIDGE * weights
        bend = (heard.signs.T * (chances * (1 - chances))) @ heard.signs + _RIDGE * np.eye(4)
        step = np.linalg.solve(bend, slope)
        for _ in range(_HALVINGS):
            if _penalised(weights - step, heard) <= _penalised(weights, heard):
                break
            step = step / 2
        weights = weights - step
    return Recall(*(float(round(weight, 4)) for weight in weights))


def _clipped(odds: Numbers) -> Numbers:
    return np.clip(odds, -500, 500)


def _loss(weights: Numbers, heard: Heard) -> float:
    odds = heard.signs @ weights
    return float(np.logaddexp(0, np.where(heard.came > 0, -odds, odds)).sum())


def _penalised(weights: Numbers, heard: Heard) -> float:
    return _loss(weights, heard) + _RIDGE / 2 * float(weights @ weights)
