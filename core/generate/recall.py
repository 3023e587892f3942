"""Recall: what followed the same tokens before follows them again, more often than a small network thinks.

A network that has read little looks back badly. Where 9 to 15 tokens stand as they stood before, the next is
the same in 79 of 100 cases of Python that the embedded model never saw, and it holds that for 68 of 100. So
its chances are mixed with that of a repetition, by four numbers that were fitted to it (see Recall in
core/spec/about).

The drafter of drafting.py looks for repetitions too, but may forget some and finds those in what is being
written: it changes how soon a text is there. This changes the text, so it has to be as it was fitted.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple
from operator import mul
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.generate.sampling import Row, TokenChooser
from core.model.network import Logits
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

    def __init__(self, tokens: Sequence[int], never: Collection[int] = ()) -> None:
        self._text = list(tokens)
        self._places: defaultdict[int, list[int]] = defaultdict(list)  # behind each token
        for place in range(1, len(tokens)):
            if tokens[place] not in never:
                self._places[tokens[place - 1]].append(place)

    def behind(
        self,
        last: Sequence[int],
        *,
        end: int | None = None,
        passed: Collection[int] = (),
        possible: NDArray[np.bool_] | None = None,
    ) -> Repetition | None:
        """What followed the longest run of tokens that also ends `last`, at the latest place in front of
        `end` that is none of `passed`; of tokens, where it is said which are `possible`."""
        best: Repetition | None = None
        for place in reversed(self._places.get(last[-1], ()) if last else ()):
            token = self._text[place]
            if place in passed or (end is not None and place >= end):
                continue
            if possible is not None and not possible[token]:
                continue
            length = self._same_before(place, last)
            if best is None or length > best.length:
                best = Repetition(token, length, place)
            if length == LONGEST:
                break
        return best

    def _same_before(self, place: int, last: Sequence[int]) -> int:
        length, most = 1, min(LONGEST, len(last), place)
        while length < most and self._text[place - length - 1] == last[-length - 1]:
            length += 1
        return length


def repetitions(tokens: Sequence[int]) -> Iterator[Repetition]:
    """Of a whole text: each token that could have been told from what stands before it, with the place where
    it then stood."""
    text = Recollection(tokens)
    for place in range(1, len(tokens)):
        found = text.behind(tokens[max(place - LONGEST, 0) : place], end=place)
        if found is not None:
            yield found._replace(place=place)


def signs(own: float, length: int) -> tuple[float, float, float, float]:
    """What Recall's numbers weigh of a repetition; `own` are the log odds that the network gives it."""
    own, much = min(max(own, -_MOST_LOG_ODDS), _MOST_LOG_ODDS), math.log(length)
    return 1.0, own, much, own * much


def log_odds(recall: Recall, own: float, length: int) -> float:
    return sum(map(mul, astuple(recall), signs(own, length)))


def mixed(logits: Row, found: Repetition, recall: Recall, end_ids: Sequence[int]) -> Row:
    """A row of logits with that of the repetition changed. All other text keeps its own; that the text ends
    is as likely as before, for the numbers were fitted to texts in which nothing ends."""
    others = logits.copy()
    others[found.token] = -np.inf
    others[end_ids] = -np.inf
    rest, own = _log_of_sum(others), float(logits[found.token])
    if -math.inf in (rest, own):  # there is no choice
        return logits
    wanted = log_odds(recall, own - rest, found.length)
    row = logits.copy()
    row[found.token] = rest + wanted
    row[end_ids] += np.logaddexp(0, wanted) - np.logaddexp(0, own - rest)
    return row


def _log_of_sum(logits: Row) -> float:
    most = float(logits.max())
    return most if most == -math.inf else most + math.log(np.exp(logits - most).sum())


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
        end_ids: Collection[int],
    ) -> None:
        self._chooser, self._recall, self._prompt_tokens = chooser, recall, len(prompt)
        self._end_ids = sorted(end_ids)
        self._text = Recollection(prompt, end_ids)
        self._before = prompt[max(prefix_end - LONGEST, 0) : prefix_end]
        self._passed: set[int] = set()

    def along(self, draft: list[int], logits: Logits, seen: list[int]) -> list[int]:
        written = [*self._before, *seen[self._prompt_tokens :]]
        passed, heard = {*self._passed}, []
        found: list[Repetition | None] = []
        end_ids = [token for token in self._end_ids if token < logits.shape[-1]]
        for row, guess in zip(logits, [*draft, None], strict=True):
            possible = np.isfinite(row) if row.min() == -math.inf else None
            known = self._text.behind(written[-LONGEST:], passed=passed, possible=possible)
            found.append(known)
            heard.append(row if known is None else mixed(row, known, self._recall, end_ids))
            if guess is not None:  # the next row is of the text in which it was right
                written.append(guess)
                passed |= _come_true(known, guess)
        chosen = self._chooser.along(draft, np.stack(heard), seen)
        for known, token in zip(found, chosen, strict=False):
            self._passed |= _come_true(known, token)
        return chosen


def _come_true(found: Repetition | None, token: int) -> set[int]:
    return {found.place} if found is not None and found.token == token else set()
