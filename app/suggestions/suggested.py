"""Suggested: a text that begins at a place, and how a document may go on without contradicting it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.suggestions.answers import Answer, Place
from app.suggestions.completion_policy import CompletionState
from app.suggestions.suggestion import parted

_MOST_TRIES = 4  # for another answer that is not one of those known


class Change(NamedTuple):
    """Of a document, in units, as Qt tells it."""

    position: int
    removed: int
    added: int


@dataclass(frozen=True)
class Suggested:
    """`after_units`: how much of the document stood behind the place. Until `is_over`, more text may come."""

    place: Place
    text: str
    after_units: int
    is_over: bool = False
    chance: float | None = None
    is_unsure: bool = False
    problem: str = ""

    def allows(self, changes: Iterable[Change], position: int) -> bool:
        """Nothing but what stands between the place and the cursor has changed."""
        return position >= self.place.position and all(
            change.position >= self.place.position for change in changes
        )

    def rest(self, typed: str) -> str | None:
        """What is left of it. None where something else was typed; empty where it may yet say so."""
        if self.text.startswith(typed):
            return self.text[len(typed) :]
        return "" if not self.is_over and typed.startswith(self.text) else None

    def closed_by_editor(
        self, typed: str, here: Place, after_units: int
    ) -> tuple["Suggested", Answer] | None:
        """The editor has closed what typing opened: the part in between, and what comes behind that."""
        rest = self.rest(typed)
        if not rest or after_units != self.after_units + 1:
            return None
        closing = here.after[:1]
        halves = parted(rest, closing)
        if halves is None:
            return None
        behind = here.moved_behind(halves.inside + closing)
        beyond = Answer(replace(behind, after=here.after[1:]), halves.outside, self.chance, self.is_unsure)
        inside = Suggested(here, halves.inside, after_units, True, self.chance, self.is_unsure)
        return inside, beyond

    def state(self, is_shown: bool, answer_ms: float | None, progress: str | None) -> CompletionState | None:
        """None while it is not known yet what becomes of it."""
        if is_shown:
            sure = "" if self.chance is None else f", {self.chance:.0%} sure"
            return CompletionState("shown", f"Suggestion{sure}", self.chance, answer_ms)
        if progress is not None:
            return CompletionState("asking", progress)
        return self._why_nothing() if self.is_over else None

    def _why_nothing(self) -> CompletionState:
        if self.problem:
            return CompletionState("failed", f"No suggestion: {self.problem}")
        if self.is_unsure:
            return CompletionState("nothing", "No suggestion: the model is not sure enough of anything here")
        if self.text.strip():
            return CompletionState("nothing", "No suggestion: there is too little to add here")
        return CompletionState("nothing", "No suggestion: the model has nothing to add here")


@dataclass(frozen=True)
class Others:
    """Several suggestions for one place, one of them shown. `rank`: the last one asked for."""

    texts: tuple[str, ...]
    index: int = 0
    rank: int = 0
    tries: int = 0

    @property
    def text(self) -> str:
        return self.texts[self.index]

    @property
    def may_try_again(self) -> bool:
        return self.tries < _MOST_TRIES

    def stepped(self, step: int) -> "Others | None":
        """None where the next one is not known yet. Before the first comes the last."""
        wanted = self.index + step
        if wanted >= len(self.texts):
            return None
        return replace(self, index=wanted % len(self.texts), tries=0)

    def asking(self) -> "Others":
        return replace(self, rank=self.rank + 1, tries=self.tries + 1)

    def with_one_more(self, text: str) -> "Others":
        return Others((*self.texts, text), len(self.texts), self.rank)
