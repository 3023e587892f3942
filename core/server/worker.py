"""Worker: does one request after another on the engine's thread, the only one that touches the engine.

A chat gives way between two of its tokens or chunks: to counts, and to one completion at a time. A count
gives way to a completion.
"""

import os
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.generate.answer import Answer, Hooks
from core.server.outbox import Outbox
from core.server.requests import Requests, Work, called_off
from core.spec import messages
from core.spec.errors import (
    SmallCoderError,
    UsageError,
    is_loss_of_card,
    is_refusal_of_memory,
    sentence_about,
)
from core.spec.messages import (
    Activity,
    Chat,
    Complete,
    Count,
    Counted,
    Done,
    Failed,
    Load,
    Loaded,
    Loading,
    ModelFacts,
    Reading,
    Reply,
    Statistics,
    Text,
    Unload,
    Unloaded,
)
from core.spec.placement import Placement

if TYPE_CHECKING:
    from core.engine import Engine

OpenEngine = Callable[[Path, Placement, Callable[[str], None]], "Engine"]

_ACTIVITIES: dict[type[Work], Activity] = {
    Load: "loading",
    Unload: "unloading",
    Count: "counting",
    Complete: "completing",
    Chat: "chatting",
}
_COUNTED_LETTERS = 2**16
_LAST_WORDS_S = 1.0
_EXIT_WITHOUT_CARD = 1


class _CalledOff(Exception):
    """Unwinds work that nobody wants any more."""


class Worker:
    def __init__(self, requests: Requests, outbox: Outbox, open_engine: OpenEngine) -> None:
        self._requests, self._outbox, self._open_engine = requests, outbox, open_engine
        self._engine: Engine | None = None
        self.facts: ModelFacts | None = None
        self.busy_with: Activity = "nothing"
        self._has_lost_card = False  # then only another process can go on

    def work(self) -> None:
        while True:
            self._do(self._requests.take())

    def _do(self, work: Work) -> None:
        interrupted, self.busy_with = self.busy_with, _ACTIVITIES[type(work)]
        try:
            last_word = self._answered(work)
        except _CalledOff:
            last_word = called_off(work)
        except SmallCoderError as error:
            last_word = messages.failed(error, work.id)
        except Exception as error:  # noqa: BLE001 (a bug, or memory was refused: the worker outlives both)
            last_word = self._surprise(error, work.id)
        self.busy_with = interrupted
        self._requests.end(work.id)
        self._outbox.say(last_word)
        if self._has_lost_card:
            self._outbox.wait_until_written(_LAST_WORDS_S)
            os._exit(_EXIT_WITHOUT_CARD)

    def _answered(self, work: Work) -> Reply:
        match work:
            case Load():
                return self._loaded(work)
            case Unload():
                self._close()
                return Unloaded(work.id)
            case Count():
                return self._counted(work)
            case Complete():
                return self._streamed(work.id, self._completion(work))
            case Chat():
                return self._streamed(work.id, self._chat(work))

    def _loaded(self, load: Load) -> Reply:
        def say_step(step: str) -> None:
            if self._requests.is_called_off(load.id):
                raise _CalledOff
            self._outbox.say(Loading(load.id, step))

        if self._engine is not None:
            from core.checkpoint.load import open_placed
            from core.placing.place import check

            # what is no model leaves the one that is loaded in its place
            check(open_placed(Path(load.path), load.placement), load.placement)
        self._close()
        self._engine = self._open_engine(Path(load.path), load.placement, say_step)
        if self._requests.is_called_off(load.id):
            self._close()
            raise _CalledOff
        self.facts = ModelFacts(**self._engine.facts())
        return Loaded(load.id, self.facts)

    def _close(self) -> None:
        engine, self._engine, self.facts = self._engine, None, None
        if engine is not None:
            engine.close()

    def _loaded_engine(self) -> "Engine":
        if self._engine is None:
            raise UsageError("No model is loaded; load one first.")
        return self._engine

    def _counted(self, count: Count) -> Reply:
        """Some of a long text at a time, cut where lines begin: all at once takes seconds and a gigabyte."""
        tokenizer, tokens, start = self._loaded_engine().tokenizer, 0, 0
        while start < len(count.text):
            self._do_urgent(count)
            if self._requests.is_called_off(count.id):
                raise _CalledOff
            limit = start + _COUNTED_LETTERS
            end = count.text.rfind("\n", start, limit) + 1 if limit < len(count.text) else 0
            part = count.text[start : end or limit]
            tokens += len(tokenizer.encode(part, continues=start > 0))
            start += len(part)
        return Counted(count.id, tokens)

    def _do_urgent(self, work: Work) -> None:
        urgent = self._requests.take_ahead_of(work)
        if urgent is not None:
            self._do(urgent)

    def _completion(self, wish: Complete) -> Answer:
        return self._loaded_engine().complete_answer(
            wish.prefix,
            wish.suffix,
            wish.sampling,
            editing=wish.editing,
            hooks=self._hooks(wish.id, lambda: None),
        )

    def _chat(self, wish: Chat) -> Answer:
        return self._loaded_engine().chat_answer(
            [{"role": turn.role, "content": turn.content} for turn in wish.messages],
            wish.sampling,
            self._hooks(wish.id, lambda: self._do_urgent(wish)),
        )

    def _hooks(self, id: int, do_urgent: Callable[[], None]) -> Hooks:
        def is_cancelled() -> bool:
            do_urgent()
            return self._requests.is_called_off(id)

        return Hooks(is_cancelled, lambda done, total: self._outbox.say(Reading(id, done, total)))

    def _streamed(self, id: int, answer: Answer) -> Done:
        for piece in answer:
            if piece and not self._requests.is_called_off(id):
                self._outbox.say(Text(id, piece, answer.statistics.new_tokens))
        self.facts = ModelFacts(**self._loaded_engine().facts())
        figures = answer.statistics
        return Done(
            id,
            "cancelled" if self._requests.is_called_off(id) else figures.ending,
            Statistics(
                prompt_tokens=figures.prompt_tokens,
                reused_tokens=figures.reused_tokens,
                dropped_tokens=figures.dropped_tokens,
                new_tokens=figures.new_tokens,
                first_token_ms=figures.first_token_ms,
                total_ms=figures.total_ms,
                chance=figures.chance,
                dropped_messages=figures.dropped_messages,
            ),
        )

    def _surprise(self, error: Exception, id: int) -> Failed:
        if is_loss_of_card(error):
            traceback.print_exception(error)
            self._has_lost_card = True
            return Failed("crashed", "The card stopped answering, so the engine ended; ask again.", id)
        if is_refusal_of_memory(error):
            if self._engine is not None:
                self._engine.forget_texts()
            return Failed(
                "memory", "There was not enough memory to go on; close other programs, or take less text.", id
            )
        if (sentence := sentence_about(error)) is not None:
            return Failed("request", sentence, id)
        traceback.print_exception(error)
        kind = type(error).__name__
        return Failed("bug", f"SmallCoder made a mistake ({kind}); please report it with the log.", id)
