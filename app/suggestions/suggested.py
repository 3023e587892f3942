"""Suggested: a text that begins at a place, and how a document may go on without contradicting it. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from app.suggestions.answers import Answer, Place
from app.suggestions.closing import swallowed
from app.suggestions.completion_policy import CompletionState, is_noise, is_worth_a_key
from app.suggestions.suggestion import parted
from app.suggestions.wishes import Heard

_MOST_TRIES = 4  # for another answer that is not one of those known


class Change(NamedTuple):
    """Of a document, in units, as Qt tells it."""

    position: int
    removed: int
    added: int


@dataclass(frozen=True)
class Suggested:
    """`after_units`: how much of the document stood behind the place. Until `is_over`, more text may come.
    `is_asked_for`: by hand."""

    place: Place
    text: str
    after_units: int
    is_over: bool = False
    chance: float | None = None
    is_unsure: bool = False
    problem: str = ""
    is_asked_for: bool = False

    def told(self, heard: Heard) -> "Suggested":
        return replace(
            self,
            text=heard.text,
            is_over=heard.is_over,
            chance=heard.chance,
            is_unsure=heard.is_unsure,
            problem=heard.problem,
        )

    def shows(self, rest: str, *, is_taking: bool) -> bool:
        """Who has asked for it, or is taking it piece by piece, sees the least rest of it too."""
        may_be_noise = self.is_asked_for or is_taking
        return bool(rest) and is_worth_a_key(self.text) and (may_be_noise or not is_noise(rest))

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

    @property
    def swallows(self) -> int:
        """How many letters behind its place it closes itself."""
        left, right = self.place.before.rpartition("\n")[2], self.place.after.partition("\n")[0]
        return swallowed(left, self.text, right)

    def behind_the_closing(self) -> Answer | None:
        """What is left of it for who types over what closes behind its place."""
        closing = self.place.after[:1]
        halves = parted(self.text, closing) if self.swallows else None
        if halves is None:
            return None
        return self.beyond(halves.inside + closing, halves.outside, self.place, 1)

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
        inside = Suggested(here, halves.inside, after_units, True, self.chance, self.is_unsure)
        return inside, self.beyond(halves.inside + closing, halves.outside, here, 1)

    def beyond(self, text: str, rest: str, here: Place, swallowed: int) -> Answer:
        """What is left of it when the text is put in here, in the place of what it swallows."""
        return Answer(here.moved_behind(text, swallowed), rest, self.chance, self.is_unsure)

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
