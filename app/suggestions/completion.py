"""Completion: when the engine is asked for one editor, which of its answers is shown, and which key takes it.

A suggestion is a text that begins at a place. While the document goes on as it says, what is left of it is
shown and nobody is asked; all else makes it go. Each wish has an id, and an answer with another is dropped.
What is right after a key is decided once, when the editor has done what it does with the key.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit

from app.actions import KeyMap
from app.engine_client import EngineState
from app.settings import Completion as Settings
from app.suggestions import completion_policy as policy
from app.suggestions.answers import Answer
from app.suggestions.completion_policy import CompletionState, Situation
from app.suggestions.ghost_text import GhostText
from app.suggestions.suggested import Change, Others, Suggested
from app.suggestions.suggestion import first_line, first_word, lets_tab_indent
from app.suggestions.surroundings import line_around, place_of, swallowed_at, text_between
from app.suggestions.typing_watch import Happening, TypingWatch
from app.suggestions.wishes import Sources, Wishes
from core.spec.messages import Reply


class Completion(QObject):
    """
    Signals:
        complete_requested: a Complete for the engine.
        cancel_requested: the id of one that nobody waits for any more.
        wake_requested: the model that was put to rest is wanted again.
        state_changed: the CompletionState for the status bar.
    """

    complete_requested = Signal(object)
    cancel_requested = Signal(object)
    wake_requested = Signal()
    state_changed = Signal(object)

    def __init__(
        self, editor: QPlainTextEdit, ghost: GhostText, keys: KeyMap, settings: Settings, sources: Sources
    ) -> None:
        super().__init__(editor)
        self._ghost, self._keys, self._settings = ghost, keys, settings
        self._wishes = Wishes(sources)
        self._sources = sources
        self._now = Situation()  # but for what stands around the cursor
        self._line_comment = ""
        self.state = CompletionState()
        self._suggested: Suggested | None = None
        self._others: Others | None = None
        self._taken_revision = -1
        self._is_awaited = False  # something was typed before the engine was ready
        self._pause = QTimer(self, singleShot=True)
        self._pause.timeout.connect(self._ask_after_pause)
        self._watch = TypingWatch(editor, self._action_of)
        self._watch.happened.connect(self._follow)
        self._watch.key_typed.connect(self._wishes.note_key)
        self._watch.left.connect(self.dismiss)
        ghost.went.connect(self._watch.settle_soon)

    @property
    def _editor(self) -> QPlainTextEdit:
        return cast(QPlainTextEdit, self.parent())

    def set_settings(self, settings: Settings) -> None:
        if settings != self._settings:
            self._settings = settings
            self._wishes.answers.forget()
            self.dismiss()

    def set_file(
        self, path: str | None, language: str, *, project: str | None = None, line_comment: str = ""
    ) -> None:
        """`language`: as Pygments names it. `project`: the folder that is open."""
        self._now = replace(self._now, path=path, language=language, project=project)
        self._line_comment = line_comment
        self._wishes.answers.forget()
        self.dismiss()

    def set_engine(self, engine: EngineState) -> None:
        was_other = engine.facts != self._now.engine.facts
        self._now, is_awaited = replace(self._now, engine=engine), self._is_awaited
        if was_other:
            self._wishes.forget_engine()
            self._drop()
        self._is_awaited = is_awaited
        if engine.phase == "ready" and self._is_awaited and self._editor.hasFocus():
            self._look()
        elif self._suggested is None:
            self._say_what_is()

    def suggest(self) -> None:
        """By hand: at once, however unsure the model is, and a whole block of it."""
        self._watch.settle()
        self._pause.stop()
        self._ask(by_hand=True)

    def accept(self) -> None:
        self._take(self._ghost.seen)

    def accept_word(self) -> None:
        self._take(first_word(self._ghost.seen))

    def accept_line(self) -> None:
        self._take(first_line(self._ghost.seen))

    def dismiss(self) -> None:
        self._drop()
        self._say_what_is()

    def show_next(self) -> None:
        self._show_other(1)

    def show_previous(self) -> None:
        self._show_other(-1)

    def engine_said(self, reply: Reply) -> None:
        heard = self._wishes.heard(reply)
        suggested = self._suggested
        if heard is None:
            return
        if heard.purpose == "other":
            self._take_other(heard.text, is_over=heard.is_over)
        elif heard.purpose == "show" and suggested is not None and suggested.place == heard.place:
            self._suggested = suggested = suggested.told(heard)
            if suggested.rest(self._typed()) is None:  # meanwhile something else was typed
                self._look()
                return
            self._refresh()
            self._tell(heard.progress)
            if heard.is_over and heard.text and not self._rest():
                self._look()
            elif heard.is_over:
                self._finish()

    def _action_of(self, event: QKeyEvent) -> Callable[[], None] | None:
        if self._ghost.seen:
            action = self._keys.pressed(event, "ghost")
            is_tab = event.key() == Qt.Key.Key_Tab and event.modifiers() == Qt.KeyboardModifier.NoModifier
            left, _ = line_around(self._editor.textCursor())
            is_indenting = is_tab and lets_tab_indent(left, self._ghost.text)
            if action is not None and not is_indenting:
                return {
                    "ghost.accept": self.accept,
                    "ghost.accept_word": self.accept_word,
                    "ghost.accept_line": self.accept_line,
                    "ghost.dismiss": self.dismiss,
                    "ghost.next": self.show_next,
                    "ghost.previous": self.show_previous,
                }[action]
        if self._keys.pressed(event, "ghost") == "ghost.accept_line" and self._has_just_taken:
            return self._end_taking
        return self.suggest if self._keys.pressed(event, "editor") == "completion.trigger" else None

    def _follow(self, happening: Happening) -> None:
        editor = self._editor
        if self._watch.is_composing or editor.textCursor().hasSelection() or editor.isReadOnly():
            self.dismiss()
        elif not happening.changes and not happening.has_moved:
            self._refresh()
        elif happening.changes and self._goes_on(happening.changes):
            self._others = None
            self._refresh()
            if not self._rest():
                self._go_beyond(happening.is_deleting)
        elif happening.is_typing:
            self._look(happening.is_deleting)
        else:
            self.dismiss()

    def _goes_on(self, changes: tuple[Change, ...]) -> bool:
        """Whether the document has gone on as the suggestion says, or as it may yet say."""
        suggested, cursor = self._suggested, self._editor.textCursor()
        if suggested is None or not suggested.allows(changes, self._position()):
            return False
        document = self._editor.document()
        typed = self._typed()
        after_units = document.characterCount() - self._position()
        if after_units == suggested.after_units:
            return suggested.rest(typed) is not None
        closed = suggested.closed_by_editor(typed, place_of(cursor), after_units)
        if closed is None:
            return False
        self._suggested, beyond = closed
        self._wishes.answers.remember(beyond)
        return True

    def _typed(self) -> str:
        start = self._suggested.place.position if self._suggested is not None else self._position()
        return text_between(self._editor.document(), start, self._position())

    def _rest(self) -> str:
        return "" if self._suggested is None else self._suggested.rest(self._typed()) or ""

    def _go_beyond(self, is_deleting: bool) -> None:
        """All of it is typed. What still comes may go on from here, but no longer than usual is waited."""
        if self._suggested is not None and self._suggested.is_over:
            self._look(is_deleting)
        else:
            self._wait(is_deleting)

    def _refresh(self) -> None:
        suggested, rest = self._suggested, self._rest()
        if suggested is None or not suggested.shows(rest, is_taking=self._has_just_taken):
            self._ghost.clear()
        elif self._editor.hasFocus() and not self._watch.is_composing:
            self._ghost.show(rest, hides=swallowed_at(self._editor.textCursor(), rest))

    @property
    def _has_just_taken(self) -> bool:
        return self._editor.document().revision() == self._taken_revision

    def _look(self, is_deleting: bool = False) -> None:
        """At a place that is new: what is known of it, or else the engine is asked when the person pauses."""
        self._suggested = self._others = None
        self._ghost.clear()
        if self._is_refused(self._situation()):
            return
        place = place_of(self._editor.textCursor())
        known = self._wishes.answers.at(place)
        if known is not None:
            self._pause.stop()
            self._show_known(known)
        elif self._wishes.promote(place):
            self._begin(Answer(place, ""))
        else:
            self._wait(is_deleting)
            self._say(policy.READY_TO_SUGGEST)

    def _is_refused(self, situation: Situation, *, by_hand: bool = False) -> bool:
        refused = policy.refusal(self._settings, situation, by_hand=by_hand)
        if refused is None:
            return False
        self._drop()
        self._is_awaited = situation.engine.phase != "ready"
        self._say(refused)
        if situation.engine.is_resting:
            self.wake_requested.emit()
        return True

    def _say_what_is(self) -> None:
        self._say(policy.refusal(self._settings, self._situation()) or policy.READY_TO_SUGGEST)

    def _wait(self, is_deleting: bool) -> None:
        settings, now, pace_ms = self._settings, self._situation(), self._wishes.pace.pause_ms()
        self._pause.start(policy.pause_ms(settings, now, pace_ms, is_deleting=is_deleting))

    def _show_known(self, known: Answer) -> None:
        self._begin(known, is_over=True)
        self._refresh()
        self._tell(None)
        self._finish()

    def _begin(self, known: Answer, *, is_over: bool = False, is_asked_for: bool = False) -> None:
        behind = self._editor.document().characterCount() - known.place.position
        begun = Suggested(known.place, known.text, behind, is_over, known.chance, known.is_unsure)
        self._suggested = replace(begun, is_asked_for=is_asked_for)

    def _ask_after_pause(self) -> None:
        if not self._rest():
            self._ask(by_hand=False)

    def _ask(self, *, by_hand: bool) -> None:
        situation = self._situation()
        if self._is_refused(situation, by_hand=by_hand):
            return
        cursor = self._editor.textCursor()
        self._others = None
        self._ghost.clear()
        wish = self._wishes.ask(self._settings, situation, cursor, by_hand=by_hand)
        self._begin(Answer(place_of(cursor), ""), is_asked_for=by_hand)
        self._say(CompletionState("asking", "Asking the model"))
        self.complete_requested.emit(wish)

    def _finish(self) -> None:
        """The answer is whole: the next one is prepared, as if this one were taken."""
        suggested = self._suggested
        may = self._settings.look_ahead and not self._sources.is_on_battery()
        beyond = suggested.behind_the_closing() if suggested is not None else None
        if beyond is not None:
            self._wishes.answers.remember(beyond)
        if suggested is not None and may and self._ghost.text and not suggested.is_unsure:
            wish = self._wishes.look_ahead(suggested.place, suggested.text, suggested.swallows)
            if wish is not None:
                self.complete_requested.emit(wish)

    def _take(self, part: str) -> None:
        if not part:
            return
        suggested, rest, cursor = self._suggested, self._rest(), self._editor.textCursor()
        swallows = swallowed_at(cursor, part)
        if suggested is not None and suggested.is_over and swallows and rest != part:
            left = suggested.beyond(part, rest[len(part) :], place_of(cursor), swallows)
            self._wishes.answers.remember(left)
        self._watch.expect_typing()
        self._ghost.insert(part, joins_last=self._has_just_taken, swallows=swallows)
        self._taken_revision = self._editor.document().revision()
        self._watch.settle()

    def _end_taking(self) -> None:
        """One line too many was asked for: that does not outdent what was just taken."""
        self._taken_revision = -1

    def _drop(self) -> None:
        """The suggestion, and all that is asked for it."""
        self._pause.stop()
        self._suggested = self._others = None
        self._is_awaited = False
        self._ghost.clear()
        self._call_off()

    def _call_off(self) -> None:
        unwanted = self._wishes.give_up()
        if unwanted is not None:
            self.cancel_requested.emit(unwanted)

    def _show_other(self, step: int) -> None:
        if self._suggested is None or not self._rest():
            return
        cursor = self._editor.textCursor()
        if self._others is None:
            self._call_off()  # what is shown stays as it is
            self._others = Others((self._rest(),))
            self._begin(Answer(place_of(cursor), self._rest()), is_over=True)
        chosen = self._others.stepped(step)
        if chosen is not None:
            self._others = chosen
            self._show_text(chosen.text)
        else:
            self._ask_other()

    def _ask_other(self) -> None:
        if self._others is None:
            return
        self._others = self._others.asking()
        wish = self._wishes.ask_other(
            self._settings, self._situation(), self._editor.textCursor(), self._others.rank
        )
        self._say(CompletionState("asking", "Asking for another suggestion"))
        self.complete_requested.emit(wish)

    def _take_other(self, text: str, *, is_over: bool) -> None:
        if self._others is None or not is_over:
            return
        if policy.is_worth_a_key(text) and text not in self._others.texts:
            self._others = self._others.with_one_more(text)
            self._show_text(text)
        elif self._others.may_try_again:
            self._ask_other()
        else:
            self._say(CompletionState("shown", "There is no other suggestion"))

    def _show_text(self, text: str) -> None:
        if self._suggested is not None and self._others is not None:
            self._suggested = replace(self._suggested, text=text, is_over=True, chance=None)
            self._refresh()
            self._say(
                CompletionState("shown", f"Suggestion {self._others.index + 1} of {len(self._others.texts)}")
            )

    def _tell(self, progress: str | None) -> None:
        """What became of the wish."""
        suggested, shown = self._suggested, self._ghost.text
        state = suggested and suggested.state(bool(shown), self._wishes.last_answer_ms, progress)
        if suggested and suggested.is_over and suggested.text and not self._editor.hasFocus():
            state = policy.READY_TO_SUGGEST  # the keys have gone elsewhere while it came
        if state:
            self._say(state)
        if suggested is not None and suggested.is_over and shown:
            self._ghost.announce(f"Suggestion: {shown}")

    def _say(self, state: CompletionState) -> None:
        if state != self.state:
            self.state = state
            self.state_changed.emit(state)

    def _position(self) -> int:
        return self._editor.textCursor().position()

    def _situation(self) -> Situation:
        cursor = self._editor.textCursor()
        left, right = line_around(cursor)
        kind_at = self._sources.kind_at
        return replace(
            self._now,
            left=left,
            right=right,
            kind=kind_at(cursor) if kind_at is not None else policy.kind_in_line(left, self._line_comment),
            letters=self._editor.document().characterCount() - 1,
            is_read_only=self._editor.isReadOnly(),
            is_composing=self._watch.is_composing,
            has_selection=cursor.hasSelection(),
            is_on_battery=self._sources.is_on_battery(),
        )
