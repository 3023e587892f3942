"""Recall: what followed the same tokens before follows them again, more often than a small network thinks.

A network that has read little looks back badly. Where nine tokens stand as they stood before, the next is the
same in four cases of five, and the embedded model held that for three of five. So its chances are mixed with
that of a repetition, by four numbers that were fitted to it (see Recall in core/spec/about).

The drafter of drafting.py looks for repetitions too, but may forget some and finds those in what is being
written: it changes how soon a text is there. This changes the text, so it has to be as it was fitted.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.generate.sampling import TokenChooser
from core.spec.about import Recall

LONGEST = 24
_MOST_LOG_ODDS = 8.0  # a network is believed no further


class Repetition(NamedTuple):
    """A token, how many tokens before it were the same, and where."""

    token: int
    length: int
    place: int


class Recollection:
    """A text in which what follows the same tokens is looked up. `never` are tokens that are not text."""

    def __init__(self, tokens: Sequence[int], never: Iterable[int] = ()) -> None:
        self._tokens = np.array(tokens, np.int64)
        can_follow = ~np.isin(self._tokens[1:], np.fromiter(never, np.int64))
        self._places = 1 + np.flatnonzero(can_follow)
        self._before = self._tokens[self._places - 1]

    def behind(
        self,
        last: Sequence[int],
        *,
        end: int | None = None,
        passed: Sequence[int] = (),
        possible: NDArray[np.bool_] | None = None,
    ) -> Repetition | None:
        """What followed the longest run of tokens that also ends `last`, at the latest place in front of
        `end` that is none of `passed`; of tokens, where it is said which are `possible`."""
        if not last:
            return None
        known = len(self._places) if end is None else int(np.searchsorted(self._places, end))
        places = self._places[:known][self._before[:known] == last[-1]]
        if passed:
            places = places[~np.isin(places, passed)]
        if possible is not None:
            places = places[possible[self._tokens[places]]]
        if not len(places):
            return None
        length = 1
        while length < min(LONGEST, len(last)):
            far_enough = places[places > length]
            longer = far_enough[self._tokens[far_enough - length - 1] == last[-length - 1]]
            if not len(longer):
                break
            places, length = longer, length + 1
        return Repetition(int(self._tokens[places[-1]]), length, int(places[-1]))


def repetitions(tokens: Sequence[int]) -> Iterator[Repetition]:
    """Of a whole text: each token that could have been told from what stands before it, with the place where
    it then stood."""
    text = Recollection(tokens)
    for place in range(1, len(tokens)):
        found = text.behind(tokens[max(place - LONGEST, 0) : place], end=place)
        if found is not None:
            yield found._replace(place=place)


def bounded(log_odds: float) -> float:
    return min(max(log_odds, -_MOST_LOG_ODDS), _MOST_LOG_ODDS)


def log_odds(recall: Recall, own: float, length: int) -> float:
    """Of a repetition, where `own` is what the network gives it."""
    own, much = bounded(own), math.log(length)
    return recall.fixed + recall.own * own + (recall.length + recall.own_by_length * own) * much


def mixed(logits: Tensor, found: Repetition, recall: Recall, end_ids: Tensor) -> Tensor:
    """A row of logits with that of the repetition changed. All other text keeps its own; that the text ends
    is as likely as before, for the numbers were fitted to texts in which nothing ends."""
    row, token = logits.float().clone(), found.token
    others = row.clone()
    others[token] = -torch.inf
    others[end_ids] = -torch.inf
    rest, own = float(others.logsumexp(dim=-1)), float(row[token])
    if math.inf in (-rest, -own):  # there is no choice
        return row
    wanted = log_odds(recall, own - rest, found.length)
    row[token] = rest + wanted
    row[end_ids] += float(np.logaddexp(0, wanted) - np.logaddexp(0, own - rest))
    return row


class RecallingChooser:
    """Changes what `chooser` hears of the network.

    Only the prompt is looked through, and each place of it once: a text is written out no more often than it
    stands there. `prefix_end`: how many tokens of the prompt stand in front of what is written, in the text
    itself. `end_ids`: tokens that are not text.
    """

    def __init__(
        self,
        chooser: TokenChooser,
        recall: Recall,
        prompt: list[int],
        prefix_end: int,
        end_ids: Iterable[int],
    ) -> None:
        self._chooser, self._recall, self._prompt_tokens = chooser, recall, len(prompt)
        self._end_ids = sorted(end_ids)
        self._text = Recollection(prompt, self._end_ids)
        self._before = prompt[max(prefix_end - LONGEST, 0) : prefix_end]
        self._passed: list[int] = []

    def along(self, draft: list[int], logits: Tensor, seen: list[int]) -> list[int]:
        written = [*self._before, *seen[self._prompt_tokens :]]
        passed, heard = [*self._passed], []
        found: list[Repetition | None] = []
        end_ids = torch.tensor([token for token in self._end_ids if token < logits.shape[-1]])
        for row, guess in zip(logits, [*draft, None], strict=True):
            possible = row.isfinite().cpu().numpy() if float(row.min()) == -math.inf else None
            known = self._text.behind(written[-LONGEST:], passed=passed, possible=possible)
            found.append(known)
            heard.append(row.float() if known is None else mixed(row, known, self._recall, end_ids))
            if guess is not None:  # the next row is of the text in which it was right
                written.append(guess)
                passed += _come_true(known, guess)
        chosen = self._chooser.along(draft, torch.stack(heard), seen)
        for known, token in zip(found, chosen, strict=False):
            self._passed += _come_true(known, token)
        return chosen


def _come_true(found: Repetition | None, token: int) -> list[int]:
    return [found.place] if found is not None and found.token == token else []
