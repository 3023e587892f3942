"""Recall: what followed the same tokens before follows them again, more often than a small network thinks.

A network that has read little looks back badly. Where nine tokens stand as they stood before, the next is the
same in four cases of five, and the embedded model held that for three of five. So its chances are mixed with
that of a repetition, by four numbers that were fitted to it (see Recall in core/spec/about).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from core.generate.sampling import TokenChooser
from core.spec.about import Recall

LONGEST_RUN = 24
_MOST_ODDS = 8.0  # as logarithm; beyond it a network is believed no further


class Repetition(NamedTuple):
    """A token, how long a run of tokens it followed, and where."""

    token: int
    run: int
    place: int


class Recollection:
    """A text in which what follows a run of tokens is looked up. `never` are tokens that are not text."""

    def __init__(self, tokens: Sequence[int], never: Iterable[int] = ()) -> None:
        self._tokens = np.array(tokens, np.int64)
        can_follow = ~np.isin(self._tokens[1:], np.fromiter(never, np.int64))
        self._places = 1 + np.flatnonzero(can_follow)
        self._before = self._tokens[self._places - 1]

    def behind(
        self, last: Sequence[int], end: int | None = None, passed: Sequence[int] = ()
    ) -> Repetition | None:
        """What followed the longest run that also ends `last`, at the latest place in front of `end` that is
        none of `passed`."""
        if not last:
            return None
        known = len(self._places) if end is None else int(np.searchsorted(self._places, end))
        places = self._places[:known][self._before[:known] == last[-1]]
        if passed:
            places = places[~np.isin(places, passed)]
        if not len(places):
            return None
        run = 1
        while run < min(LONGEST_RUN, len(last)):
            places_in_text = places[places > run]
            longer = places_in_text[self._tokens[places_in_text - run - 1] == last[-run - 1]]
            if not len(longer):
                break
            places, run = longer, run + 1
        return Repetition(int(self._tokens[places[-1]]), run, int(places[-1]))


def repetitions(tokens: Sequence[int]) -> Iterator[tuple[int, Repetition]]:
    """Of a whole text: each place whose token could have been told from what stands before it."""
    text = Recollection(tokens)
    for place in range(1, len(tokens)):
        found = text.behind(tokens[max(place - LONGEST_RUN, 0) : place], end=place)
        if found is not None:
            yield place, found


def own_odds(log_chance: float) -> float:
    """The logarithm of the odds that a network gives a token."""
    if log_chance >= 0:
        return _MOST_ODDS
    odds = log_chance - math.log(-math.expm1(log_chance))
    return min(max(odds, -_MOST_ODDS), _MOST_ODDS)


def odds(recall: Recall, log_chance: float, run: int) -> float:
    own, length = own_odds(log_chance), math.log(run)
    return recall.fixed + recall.own * own + (recall.run + recall.own_by_run * own) * length


def mixed(logits: Tensor, found: Repetition, recall: Recall) -> Tensor:
    """A row of logarithms of chances; among all other tokens the network's own proportions stay."""
    rest = logits.float().clone()
    own = float(rest.log_softmax(dim=-1)[found.token])
    if own == -math.inf:  # it is ruled out
        return rest
    wanted = torch.tensor(odds(recall, own, found.run))
    rest[found.token] = -math.inf
    chances = rest.log_softmax(dim=-1) + float(torch.nn.functional.logsigmoid(-wanted))
    chances[found.token] = float(torch.nn.functional.logsigmoid(wanted))
    return chances


class RecallingChooser:
    """Changes what `chooser` hears of the network.

    Only the prompt is looked through, and no place of it twice: what has been written out once is no reason
    to write it again, or it would be written until there is no room left. `prefix_end`: how many tokens of
    the prompt stand in front of what is written, in the text itself.
    """

    def __init__(
        self, chooser: TokenChooser, recall: Recall, prompt: list[int], prefix_end: int, never: Iterable[int]
    ) -> None:
        self._chooser, self._recall, self._prompt_tokens = chooser, recall, len(prompt)
        self._text = Recollection(prompt, never)
        self._before = prompt[max(prefix_end - LONGEST_RUN, 0) : prefix_end]
        self._passed: list[int] = []

    def along(self, draft: list[int], logits: Tensor, seen: list[int]) -> list[int]:
        written = [*self._before, *seen[self._prompt_tokens :]]
        passed, heard = [*self._passed], []
        found: list[Repetition | None] = []
        for row, guess in zip(logits, [*draft, None], strict=False):
            known = self._text.behind(written[-LONGEST_RUN:], passed=passed)
            heard.append(row if known is None else mixed(row, known, self._recall))
            found.append(known)
            if guess is not None:  # the next row is of the text in which it was right
                written.append(guess)
                passed += _come_true(known, guess)
        chosen = self._chooser.along(draft, torch.stack(heard), seen)
        for known, token in zip(found, chosen, strict=False):
            self._passed += _come_true(known, token)
        return chosen


def _come_true(found: Repetition | None, token: int) -> list[int]:
    return [found.place] if found is not None and found.token == token else []
