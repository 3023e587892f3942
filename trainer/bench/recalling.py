"""What a network says of texts, and how far what followed the same words is to be believed beside it.

The numbers of Recall are those of a conditional logit, fitted by Newton's method: which token came, of those
that had followed the same words and of all others together. They are fitted to lines that are asked for as an
editor does, with what stands above and below.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from core.engine import Engine
from core.generate.recall import Followers, Ids, Numbers, Recaller, log_of_sum, signs
from core.generate.sampling import Row
from core.spec.about import Recall
from core.spec.errors import DataError
from core.spec.fields import from_json, settings_of
from trainer.bench.lines import Line

LINE_TOKENS = 64
_NOTHING_LEARNT = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # the network as it is
_NO_SIGNS = np.empty((0, len(_NOTHING_LEARNT)))
_RIDGE = 1.0  # how much it takes to leave that
_ROUNDS, _HALVINGS = 50, 40
_LEAST_LINES = 4


@dataclass(frozen=True)
class Heard:
    """Of tokens: `alone` is what they cost by the network itself, in nats; `elsewhere` what they cost
    whatever followed the same words.

    Of the followers of each place that has some, a token in a row: `signs` are what Recall weighs. By place:
    `begins` is the row of its first one, `came` that of the one that came, or -1; `others` is the logarithm
    of the chance of all other text, and `other` that of the token that came, where it is none of them.
    """

    tokens: int
    alone: float
    elsewhere: float
    signs: Numbers
    begins: Ids
    came: Ids
    others: Numbers
    other: Numbers

    def nats(self, recall: Recall) -> float:
        return self.elsewhere + _loss(np.array(astuple(recall)), self)


@dataclass(frozen=True)
class _Place:
    """One of those that Heard tells of; `came` counts its own followers."""

    signs: Numbers
    came: int
    others: float
    other: float


def listen_to(engine: Engine, tokens: list[int]) -> Iterator[Heard]:
    """The network hears windows that overlap by half, so that every token but the first ones has that much
    before it, and what followed the same words is looked up in all that stands before; the first token is
    given for nothing."""
    size = engine.max_context
    recaller, done = Recaller(engine.recollection(tokens), tokens[:1]), 1
    for start in range(0, len(tokens), size // 2):
        window, ear = tokens[start : start + size], _Ear(engine)
        logits = engine.logits(window)
        for place in range(done, start + len(window)):
            ear.hear(logits[place - start - 1], tokens[place], recaller.followers(end=place))
            recaller.write(tokens[place])
        yield ear.heard()
        done = start + len(window)
        if done >= len(tokens):
            break


def listen_at(engine: Engine, line: Line) -> Heard:
    """As an editor asks for it. The first token is passed over: what may come there, what was typed decides,
    which is an indentation mostly."""
    most = min(LINE_TOKENS, engine.max_context // 4)
    along, ear = engine.along(line.prefix, line.suffix, line.text + "\n", most), _Ear(engine)
    for place, (row, token) in enumerate(zip(along.logits, along.tokens, strict=True)):
        told = along.recaller.followers()
        if place > 0:
            ear.hear(row, token, told)
        along.recaller.write(token, told)
    return ear.heard()


class _Ear:
    def __init__(self, engine: Engine) -> None:
        self._ends = sorted(engine.tokenizer.special_ids | engine.tokenizer.end_ids)
        self._places: list[_Place] = []
        self._tokens, self._alone, self._elsewhere = 0, 0.0, 0.0

    def hear(self, row: Row, token: int, told: Followers | None) -> None:
        """Logits of a place, what came there, and what had followed the same words."""
        whole = log_of_sum(row)
        self._tokens += 1
        self._alone += whole - float(row[token])
        if told is None:
            self._elsewhere += whole - float(row[token])
            return
        texts = row.copy()
        texts[self._ends] = -np.inf
        share = log_of_sum(texts)
        self._elsewhere += whole - share
        texts[told.tokens] = -np.inf
        came = np.flatnonzero(told.tokens == token)
        self._places.append(
            _Place(
                signs(row[told.tokens] - share, told),
                int(came[0]) if came.size else -1,
                log_of_sum(texts) - share,
                float(row[token]) - share,
            )
        )

    def heard(self) -> Heard:
        sizes = [len(place.signs) for place in self._places]
        begins = np.cumsum([0, *sizes])[: len(sizes)]
        came = np.array([place.came for place in self._places], np.int64)
        return Heard(
            self._tokens,
            self._alone,
            self._elsewhere,
            np.concatenate([_NO_SIGNS, *(place.signs for place in self._places)]),
            begins,
            np.where(came < 0, -1, came + begins),
            np.array([place.others for place in self._places]),
            np.array([place.other for place in self._places]),
        )


@dataclass(frozen=True)
class Fitted:
    """`before` and `after`: nats a token of the half of the lines that the numbers were not fitted to."""

    recall: Recall
    before: float
    after: float


def fitted(engine: Engine, lines: Sequence[Line], tell: Callable[[int], None]) -> Fitted:
    """Judged with the numbers of one half of the lines; what is kept is fitted to all of them."""
    if len(lines) < _LEAST_LINES:
        raise DataError(f"These are {len(lines)} lines; at least {_LEAST_LINES} are needed, so name more.")
    heard = []
    for number, line in enumerate(lines, start=1):
        heard.append(listen_at(engine, line))
        tell(number)
    known, unknown = together(heard[::2]), together(heard[1::2])
    after = unknown.nats(fit(known)) / unknown.tokens
    return Fitted(fit(together(heard)), unknown.alone / unknown.tokens, after)


def together(parts: Sequence[Heard]) -> Heard:
    rows = np.cumsum([0, *(len(part.signs) for part in parts)])
    nothing, nowhere = np.empty(0), np.empty(0, np.int64)
    shifted = [np.where(part.came < 0, -1, part.came + row) for part, row in zip(parts, rows, strict=False)]
    return Heard(
        sum(part.tokens for part in parts),
        math.fsum(part.alone for part in parts),
        math.fsum(part.elsewhere for part in parts),
        np.concatenate([_NO_SIGNS, *(part.signs for part in parts)]),
        np.concatenate([nowhere, *(part.begins + row for part, row in zip(parts, rows, strict=False))]),
        np.concatenate([nowhere, *shifted]),
        np.concatenate([nothing, *(part.others for part in parts)]),
        np.concatenate([nothing, *(part.other for part in parts)]),
    )


def fit(heard: Heard) -> Recall:
    """Newton's steps, halved where they lead uphill."""
    weights = np.array(_NOTHING_LEARNT)
    came = heard.signs[heard.came[heard.came >= 0]].sum(axis=0)
    for _ in range(_ROUNDS if len(heard.begins) else 0):
        chances = _chances(weights, heard)
        weighed = heard.signs * chances[:, None]
        means = np.add.reduceat(weighed, heard.begins)
        slope = means.sum(axis=0) - came + _RIDGE * (weights - _NOTHING_LEARNT)
        bend = heard.signs.T @ weighed - means.T @ means + _RIDGE * np.eye(len(weights))
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


def _chances(weights: Numbers, heard: Heard) -> Numbers:
    """Of each follower."""
    return np.exp(heard.signs @ weights - np.repeat(_wholes(weights, heard), _counts(heard)))


def _wholes(weights: Numbers, heard: Heard) -> Numbers:
    """The logarithm of the sum of what all text at a place weighs."""
    weighed = heard.signs @ weights
    most = np.maximum(np.maximum.reduceat(weighed, heard.begins), heard.others)
    sums = np.add.reduceat(np.exp(weighed - np.repeat(most, _counts(heard))), heard.begins)
    return most + np.log(sums + np.exp(heard.others - most))


def _counts(heard: Heard) -> Ids:
    return np.diff(heard.begins, append=len(heard.signs))


def _loss(weights: Numbers, heard: Heard) -> float:
    if not len(heard.begins):
        return 0.0
    came = np.where(heard.came >= 0, heard.signs[heard.came] @ weights, heard.other)
    return float((_wholes(weights, heard) - came).sum())


def _penalised(weights: Numbers, heard: Heard) -> float:
    left = weights - _NOTHING_LEARNT
    return _loss(weights, heard) + _RIDGE / 2 * float(left @ left)
