"""What a network says of texts, and how far a repetition in them is to be believed beside it.

The four numbers of Recall are those of a logistic regression: whether a token came again, told from the
network's own odds of it and from how long a run of tokens it has followed before.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.engine import Engine
from core.generate.recall import repetitions, signs
from core.spec.about import Recall
from core.spec.errors import DataError
from core.spec.fields import from_json, settings_of
from trainer.data.passages import text_end

_ROWS = 64  # of logits at a time, which become large as double precision
_NOTHING_LEARNT = (0.0, 1.0, 0.0, 0.0)  # the network as it is
_RIDGE = 1.0  # how much it takes to leave that
_ROUNDS, _HALVINGS = 50, 40
_LEAST_TEXTS = 4

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Heard:
    """Of tokens: `alone` is what they cost by the network itself, in nats; `elsewhere` what they cost
    whatever repetitions there are. Of each repetition, one in a row: `signs` are what Recall weighs, `came`
    whether its token came again, and `rest` the logarithm of the chance of what came instead, of all others.
    """

    tokens: int
    alone: float
    elsewhere: float
    signs: Numbers  # (repetitions, 4)
    came: Numbers
    rest: Numbers

    def nats(self, recall: Recall) -> float:
        return self.elsewhere + _loss(np.array(astuple(recall)), self) - float(self.rest.sum())


def listen(engine: Engine, text: str) -> Heard:
    """Behind the mark that stands between texts."""
    return listen_to(engine, [text_end(engine.tokenizer), *engine.tokenizer.encode(text)])


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
    found = [item for item in repetitions(window) if item.place >= first]
    told = np.full(len(window), window[0])
    for item in found:
        told[item.place] = item.token
    known, own, others, texts = _chances(engine, window, told)
    where = np.array([item.place for item in found], np.int64) - 1
    came = np.array([window[item.place] == item.token for item in found], np.float64)
    weighed = [signs(odds, item.length) for odds, item in zip((own - others)[where], found, strict=True)]
    is_told = np.zeros(len(known), np.bool_)
    is_told[where] = True
    untold = known[first - 1 :][~is_told[first - 1 :]]
    return Heard(
        len(known) - first + 1,
        -float(known[first - 1 :].sum()),
        -float(untold.sum()) - float(texts[where].sum()),
        np.array(weighed).reshape(-1, 4),
        came,
        np.where(came > 0, 0.0, known[where] - others[where]),
    )


def _chances(engine: Engine, window: list[int], told: NDArray[np.int64]) -> tuple[Numbers, ...]:
    """Logarithms of chances at each token but the first: of what came, of what was `told`, of all other text
    than that, and of text at all, which is what marks are not."""
    logits = torch.from_numpy(engine.logits(window)[:-1])
    ends = torch.tensor(sorted(engine.tokenizer.special_ids | engine.tokenizer.end_ids))
    wanted = torch.tensor([window[1:], told[1:].tolist()]).T
    parts: list[torch.Tensor] = []
    for start in range(0, len(logits), _ROWS):
        rows = logits[start : start + _ROWS].double()
        rows -= rows.logsumexp(dim=-1, keepdim=True)
        asked = rows.gather(-1, wanted[start : start + _ROWS])
        rows[:, ends] = -torch.inf
        texts = rows.logsumexp(dim=-1, keepdim=True)
        others = rows.scatter_(-1, wanted[start : start + _ROWS, 1:], -torch.inf).logsumexp(-1, keepdim=True)
        parts.append(torch.cat([asked, others, texts], dim=-1))
    return tuple(torch.cat(parts).numpy().T) if parts else tuple(np.empty((4, 0)))


@dataclass(frozen=True)
class Fitted:
    """`before` and `after`: nats a token of the half of the texts that the numbers were not fitted to."""

    recall: Recall
    before: float
    after: float


def fitted(engine: Engine, texts: Sequence[str], tell: Callable[[int], None]) -> Fitted:
    """Judged with the numbers of one half of the texts; what is kept is fitted to all of them."""
    texts = [text for text in texts if text.strip()]
    if len(texts) < _LEAST_TEXTS:
        raise DataError(f"These are {len(texts)} texts; at least {_LEAST_TEXTS} are needed, so name more.")
    heard = []
    for number, text in enumerate(texts, start=1):
        heard.append(listen(engine, text))
        tell(number)
    known, unknown = together(heard[::2]), together(heard[1::2])
    after = unknown.nats(fit(known)) / unknown.tokens
    return Fitted(fit(together(heard)), unknown.alone / unknown.tokens, after)


def fit(heard: Heard) -> Recall:
    """Newton's steps, halved where they lead uphill."""
    weights = np.array(_NOTHING_LEARNT)
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-_clipped(heard.signs @ weights)))
        slope = heard.signs.T @ (chances - heard.came) + _RIDGE * (weights - _NOTHING_LEARNT)
        bend = (heard.signs.T * (chances * (1 - chances))) @ heard.signs + _RIDGE * np.eye(4)
        step = np.linalg.solve(bend, slope)
        for _ in range(_HALVINGS):
            if _penalised(weights - step, heard) <= _penalised(weights, heard):
                break
            step = step / 2
        weights = weights - step
    numbers = {
        item.name: round(float(weight), 4) for item, weight in zip(settings_of(Recall), weights, strict=True)
    }
    return from_json(Recall, numbers, "what was fitted")


def _clipped(odds: Numbers) -> Numbers:
    return np.clip(odds, -500, 500)


def _loss(weights: Numbers, heard: Heard) -> float:
    odds = heard.signs @ weights
    return float(np.logaddexp(0, np.where(heard.came > 0, -odds, odds)).sum())


def _penalised(weights: Numbers, heard: Heard) -> float:
    left = weights - _NOTHING_LEARNT
    return _loss(weights, heard) + _RIDGE / 2 * float(left @ left)
