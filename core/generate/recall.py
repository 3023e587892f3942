"""Recall: what followed the same tokens before follows them again, more often than a small network thinks.

A network that has read little looks back badly, and of a long file it reads a part. So each token that
followed the last ones somewhere in the text, also where the network does not look, is weighed anew: by its
chance, by how many tokens before it are the same, and by how alike the lines are that stand above and below
it and the text that is written. Seven numbers say how much each of these counts; they were fitted to the
network (see Recall in core/spec/about).

The drafter of drafting.py looks for repetitions too, but may forget some and finds those in what is being
written: it changes how soon a text is there. This changes the text, so it has to be as it was fitted.
"""

from collections.abc import Collection, Sequence
from dataclasses import astuple
from functools import lru_cache
from itertools import dropwhile, takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.generate.sampling import Row, TokenChooser
from core.model.network import Logits
from core.spec.about import Recall

LONGEST = 24
BETWEEN = -1  # no token
_MOST_PLACES = 2**12  # behind the same token, the last ones
_LEAST_LOG_CHANCE = -12.0  # no token is held for less likely

Ids = NDArray[np.int64]
Numbers = NDArray[np.float64]


class Followers(NamedTuple):
    """Tokens that followed the same words, each of them once. `lengths`: of the longest run of them, in
    tokens; `places`: where it followed that last; `latest`: which one followed the longest run of all, where
    that comes last in what is looked through; `above` and `below`: how alike the lines are, at the place
    where they are most."""

    tokens: Ids
    lengths: Ids
    places: Ids
    latest: int
    above: Numbers
    below: Numbers


def in_a_row(texts: Sequence[Sequence[int] | NDArray[np.int32]]) -> NDArray[np.int32]:
    """As one text, in which none goes on from the one before."""
    between = np.full(1, BETWEEN, np.int32)
    return np.concatenate([part for text in texts for part in (np.asarray(text, np.int32), between)])


class Recollection:
    """A text in which what follows the same tokens is looked up. `never` are tokens that are not text;
    `breaks` says of each token whether a line ends in it."""

    def __init__(
        self,
        tokens: Sequence[int] | NDArray[np.int32],
        never: Collection[int] = (),
        breaks: NDArray[np.bool_] | None = None,
    ) -> None:
        self.never = sorted(never)
        nothing = np.full(LONGEST, BETWEEN)  # so that there is something before each place
        self._text = np.concatenate([nothing, np.asarray(tokens, np.int64)])
        self._is_told = (self._text != BETWEEN) & ~np.isin(self._text, self.never)
        self._breaks, self._lines = breaks, _Lines(self._text, breaks)
        self._above = self._below = np.zeros(len(self._text))

    def is_break(self, token: int) -> bool:
        return self._breaks is not None and token < len(self._breaks) and bool(self._breaks[token])

    def stand_below(self, line: Collection[int]) -> None:
        """From now on, what is written stands below a line of these tokens."""
        self._above = self._lines.alike(line, -1)

    def stand_above(self, line: Collection[int]) -> None:
        self._below = self._lines.alike(line, 1)

    def behind(
        self,
        last: Sequence[int],
        *,
        end: int | None = None,
        possible: NDArray[np.bool_] | None = None,
    ) -> Followers | None:
        """What followed the end of `last`, at places in front of `end`; of tokens, where it is said which are
        `possible`."""
        before = self._text[: -1 if end is None else min(LONGEST + end, len(self._text)) - 1]
        places = np.flatnonzero(before == last[-1]) + 1 if last else np.empty(0, np.int64)
        places = places[self._is_told[places]]
        if possible is not None:
            places = places[possible[self._text[places]]]
        places = places[-_MOST_PLACES:]
        return self._followers(places, self._same_before(places, last)) if places.size else None

    def pass_over(self, places: Ids) -> None:
        """From now on."""
        self._is_told[places + LONGEST] = False

    def _same_before(self, places: Ids, last: Sequence[int]) -> Ids:
        """How many tokens; of most places it is one, so these are told apart first."""
        lengths = np.ones(len(places), np.int64)
        if len(last) > 1:
            more = np.flatnonzero(self._text[places - 2] == last[-2])
            wanted = np.array([BETWEEN - 1, *last[-LONGEST:-2]], np.int64)[::-1]  # ends with what never comes
            earlier = self._text[places[more, None] - np.arange(3, 3 + len(wanted))]
            lengths[more] = 2 + (earlier != wanted).argmax(axis=1)
        return lengths

    def _followers(self, places: Ids, lengths: Ids) -> Followers:
        """In the order of tokens, then of lengths, then of places: the last one of each token is the one."""
        keys = self._text[places] * (LONGEST + 1) + lengths
        order = np.argsort(keys, kind="stable")
        places, lengths, tokens = places[order], lengths[order], self._text[places[order]]
        ends = np.flatnonzero(np.append(tokens[1:] != tokens[:-1], True))
        starts = np.append(0, ends[:-1] + 1)
        return Followers(
            tokens[ends],
            lengths[ends],
            places[ends] - LONGEST,
            int((lengths[ends] * len(self._text) + places[ends]).argmax()),
            np.maximum.reduceat(self._above[places], starts),
            np.maximum.reduceat(self._below[places], starts),
        )


class _Lines:
    """Those of a text that are not blank; a token that ends one belongs to it."""

    def __init__(self, text: Ids, breaks: NDArray[np.bool_] | None) -> None:
        ends = text == BETWEEN if breaks is None else np.append(breaks, True)[text]  # BETWEEN is the last
        begins = ~ends & np.append(True, ends[:-1])
        self._of = np.maximum(np.cumsum(begins) - 1, 0)
        self._text, self._words = text, ~ends
        self._sizes = self._counted(~ends)

    def alike(self, line: Collection[int], step: int) -> Numbers:
        """Of each place: how much this one and the line so many `step`s off have in common, from 0 to 1."""
        if not line:
            return np.zeros(len(self._text))
        known = np.zeros(max(int(self._text.max()), *line) + 2, np.bool_)  # BETWEEN is the last
        known[[*line]] = True
        common = self._counted(known[self._text] & self._words)
        # what stands in a line several times is counted so, which would come to more than all
        shares = np.minimum(common / np.maximum(self._sizes + len(set(line)) - common, 1), 1)
        beside = np.concatenate([[0.0], shares, [0.0]])
        return beside[self._of + 1 + step]

    def _counted(self, which: NDArray[np.bool_]) -> Ids:
        return np.bincount(self._of[which], minlength=int(self._of[-1]) + 1)


def signs(own: Row | Numbers, found: Followers) -> Numbers:
    """What Recall's numbers weigh of each follower; `own` are logarithms of the chances that the network
    gives them."""
    own, much = np.maximum(own, _LEAST_LOG_CHANCE), np.log(found.lengths)
    is_latest = np.arange(len(found.tokens)) == found.latest
    return np.stack([np.ones(len(much)), own, much, own * much, is_latest, found.above, found.below], axis=1)


def mixed(logits: Row, found: Followers, recall: Recall, end_ids: Sequence[int] | Ids) -> Row:
    """A row of logits with those of the followers changed. All other text keeps its own; that the text ends
    is as likely as before, for the numbers were fitted to texts in which nothing ends."""
    row = logits.copy()
    row[end_ids] = -np.inf
    told = row[found.tokens]
    row[found.tokens] = -np.inf
    others = log_of_sum(row)
    before = np.logaddexp(others, log_of_sum(told))
    if np.isneginf(before):  # there is no text to choose from
        return logits
    weighed = before + signs(told - before, found) @ _weights(recall)
    row[found.tokens] = np.where(np.isneginf(told), -np.inf, weighed)
    row[end_ids] = logits[end_ids] + np.logaddexp(others, log_of_sum(row[found.tokens])) - before
    return row


@lru_cache(maxsize=1)
def _weights(recall: Recall) -> Numbers:
    return np.array(astuple(recall))


def log_of_sum(logits: Row) -> float:
    most = float(logits.max())
    return most if most == -np.inf else most + float(np.log(np.exp(logits - most).sum()))


class Recaller:
    """Looks through `text` while another is written, and tells each place of it once: a text is written out
    no more often than it stands there.

    `before` is what stands in front of what is written, `below` the tokens of the line behind it.
    """

    def __init__(self, text: Recollection, before: Sequence[int], below: Collection[int] = ()) -> None:
        self.text = text
        self._written = list(before[-LONGEST:])
        ahead = reversed(before)
        self._line = [*takewhile(lambda token: not text.is_break(token), ahead)]
        above = takewhile(lambda token: not text.is_break(token), dropwhile(text.is_break, ahead))
        text.stand_below(set(above))
        text.stand_above(below)

    def followers(
        self, end: int | None = None, possible: NDArray[np.bool_] | None = None
    ) -> Followers | None:
        return self.text.behind(self._written, end=end, possible=possible)

    def write(self, token: int, told: Followers | None = None) -> None:
        """`told`: what had followed the same words, of which the place that told the token is used up."""
        if told is not None:
            self.text.pass_over(told.places[told.tokens == token])
        self._written = [*self._written, token][-LONGEST:]
        if not self.text.is_break(token):
            self._line.append(token)
        elif self._line:
            self.text.stand_below(set(self._line))
            self._line = []


class RecallingChooser:
    """Changes what `chooser` hears of the network."""

    def __init__(self, chooser: TokenChooser, recall: Recall, recaller: Recaller) -> None:
        self._chooser, self._recall, self._recaller = chooser, recall, recaller
        self._end_ids = np.array(recaller.text.never, np.int64)

    def along(self, draft: list[int], logits: Logits, seen: list[int]) -> list[int]:
        chosen: list[int] = []
        end_ids = self._end_ids[self._end_ids < logits.shape[-1]]
        for row, guess in zip(logits, [*draft, None], strict=True):
            possible = np.isfinite(row) if row.min() == -np.inf else None
            found = self._recaller.followers(possible=possible)
            heard = row if found is None else mixed(row, found, self._recall, end_ids)
            chosen += self._chooser.along([], heard[None], seen + chosen if chosen else seen)
            self._recaller.write(chosen[-1], found)
            if chosen[-1] != guess:
                break
        return chosen
