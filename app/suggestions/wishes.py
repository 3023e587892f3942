"""Wishes: what is asked of the engine for one editor, one at a time, and what is heard of it.

A newer wish takes the place of an older one, in the engine too. What is heard whole is remembered.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Literal

from PySide6.QtGui import QTextCursor

from app.settings import Completion as Settings
from app.suggestions import completion_policy as policy
from app.suggestions.answers import Answer, Answers, Place
from app.suggestions.asking_pace import AskingPace
from app.suggestions.completion_policy import Kind, Situation
from app.suggestions.suggestion import presentable
from app.suggestions.surroundings import OpenText, around, excerpts, place_of
from core.spec.editing import Editing
from core.spec.messages import Complete, Done, Failed, Reading, Reply, Text
from core.spec.sampling import Sampling

# shown as soon as it comes; kept for when what is shown was taken; another answer for the same place
Purpose = Literal["show", "ahead", "other"]


@dataclass(frozen=True)
class Sources:
    """What completions ask others for. `kind_at` knows strings and comments better than a line by itself."""

    new_id: Callable[[], int]
    other_files: Callable[[], Iterable[OpenText]] = tuple
    is_on_battery: Callable[[], bool] = lambda: False
    kind_at: Callable[[QTextCursor], Kind] | None = None
    clock: Callable[[], float] = time.monotonic


@dataclass(frozen=True)
class Heard:
    """All that has come of a wish for a place. `progress`: a sentence while there is no text yet."""

    purpose: Purpose
    place: Place
    text: str = ""
    is_over: bool = False
    chance: float | None = None
    is_unsure: bool = False
    problem: str = ""
    progress: str | None = None


@dataclass(frozen=True)
class _Wish:
    request: Complete
    place: Place
    purpose: Purpose
    asked_at: float


class Wishes:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.answers, self.pace = Answers(), AskingPace()
        self.last_answer_ms: float | None = None
        self._wish: _Wish | None = None
        self._heard: Heard | None = None
        self._last: _Wish | None = None  # ended, and what stood around it
        self._key_at = 0.0
        self._was_by_hand = False

    def note_key(self) -> None:
        now = self._sources.clock()
        self.pace.note_key((now - self._key_at) * 1000)
        self._key_at = now

    def forget_engine(self) -> None:
        """Another model answers otherwise, and at another pace."""
        self.answers.forget()
        self.pace = AskingPace()

    def ask(self, settings: Settings, now: Situation, cursor: QTextCursor, *, by_hand: bool) -> Complete:
        self._was_by_hand = by_hand
        extent = policy.extent(settings, now, by_hand=by_hand)
        editing = self._editing(settings, now)
        editing = replace(editing, extent=extent, least_chance=0.0 if by_hand else settings.least_chance)
        tokens = policy.LINE_TOKENS if extent == "line" else policy.BLOCK_TOKENS
        prefix, suffix = around(cursor)
        request = Complete(self._sources.new_id(), prefix, suffix, editing, Sampling(max_tokens=tokens))
        return self._send(request, place_of(cursor), "show")

    def ask_other(self, settings: Settings, now: Situation, cursor: QTextCursor, rank: int) -> Complete:
        """As sure and as long as the one that it takes the place of."""
        request = self.ask(settings, now, cursor, by_hand=self._was_by_hand)
        request = replace(request, editing=replace(request.editing, alternative=rank))
        return self._send(request, place_of(cursor), "other")

    def look_ahead(self, place: Place, text: str, swallowed: int) -> Complete | None:
        """What comes behind the text at the place; None where that is known or cannot be asked."""
        last, behind = self._last, place.moved_behind(text, swallowed)
        if last is None or last.place != place or self.answers.at(behind) is not None:
            return None
        prefix, suffix = last.request.prefix + text, last.request.suffix[swallowed:]
        request = replace(last.request, id=self._sources.new_id(), prefix=prefix, suffix=suffix)
        return self._send(request, behind, "ahead")

    def promote(self, place: Place) -> bool:
        """Whether what is asked ahead is for this place: then it is shown as it comes."""
        wish = self._wish
        if wish is None or wish.purpose != "ahead" or wish.place.position != place.position:
            return False
        self._wish = replace(wish, purpose="show")
        return True

    def give_up(self) -> int | None:
        """The id of what was asked and has not ended."""
        wish, self._wish, self._last = self._wish, None, None
        return None if wish is None else wish.request.id

    def heard(self, reply: Reply) -> Heard | None:
        """None for what belongs to no wish of now."""
        wish = self._wish
        if wish is None or self._heard is None or getattr(reply, "id", None) != wish.request.id:
            return None
        heard = replace(self._heard, purpose=wish.purpose, progress=None)
        match reply:
            case Text():
                if not heard.text:
                    self._note_answer(wish)
                heard = replace(heard, text=presentable(heard.text + reply.text))
            case Reading():
                heard = replace(heard, progress=f"Reading {reply.done:,} of {reply.total:,} tokens")
            case Done():
                heard = self._ended(wish, heard, reply)
            case Failed():
                heard = replace(heard, is_over=True, problem=reply.message)
                self._wish = None
            case _:
                return None
        self._heard = heard
        return heard

    def _ended(self, wish: _Wish, heard: Heard, done: Done) -> Heard:
        figures = done.statistics
        self.pace.note_reading(figures.prompt_tokens - figures.reused_tokens, figures.first_token_ms)
        heard = replace(heard, is_over=True, chance=figures.chance, is_unsure=done.ending == "unsure")
        if done.ending != "cancelled" and wish.purpose != "other":
            self.answers.remember(Answer(wish.place, heard.text, heard.chance, heard.is_unsure))
        self._last, self._wish = wish, None
        return heard

    def _note_answer(self, wish: _Wish) -> None:
        took_ms = (self._sources.clock() - wish.asked_at) * 1000
        self.pace.note_answer(took_ms)
        if wish.purpose == "show":
            self.last_answer_ms = took_ms

    def _send(self, request: Complete, place: Place, purpose: Purpose) -> Complete:
        self._wish = _Wish(request, place, purpose, self._sources.clock())
        self._heard = Heard(purpose, place)
        return request

    def _editing(self, settings: Settings, now: Situation) -> Editing:
        most = self.pace.context_letters() if settings.other_files else 0
        context = excerpts(self._sources.other_files(), most, now.path) if most else ()
        context = tuple(replace(file, path=_within(now.project, file.path)) for file in context)
        path = None if now.path is None else _within(now.project, now.path)
        project = PurePath(now.project).name if now.project else None
        return Editing(path, now.language or None, project, context)


def _within(folder: str | None, path: str) -> str:
    """What tells a model of a file: where it lies in its project, and no more."""
    whole = PurePath(path)
    if folder is not None and whole.is_relative_to(folder):
        return whole.relative_to(folder).as_posix()
    return whole.name if whole.is_absolute() else path
