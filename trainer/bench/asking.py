"""Asks a model for answers to tasks, one at a time: what it wrote, what of it counts, and how long it took.

Nothing here judges. However a model behaves, an answer ends: by length, by time, or because it is called off.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.generate.answer import Answer, Hooks
from core.spec.errors import DoesNotFit
from core.spec.sampling import Sampling
from core.text.trim import Cursor, trimmed
from trainer.bench.tasks import Task
from trainer.bench.written import end_of_answer, program_of_reply, prompt_of, question_of
from trainer.spec.bench import AnswerSettings, QualitySettings

if TYPE_CHECKING:
    from core.engine import Engine

_SEED_STRIDE = 1_000_003  # attempts of neighbouring seeds have no seed in common


@dataclass(frozen=True)
class Reply:
    """`used` is the part of `output` that counts, `program` what it makes together with the task. `cut_off`
    says why the model did not end by itself; `unasked`, why it was not asked at all."""

    output: str
    used: str
    program: str
    prompt_tokens: int = 0
    new_tokens: int = 0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    ending: str = ""
    cut_off: str = ""
    unasked: str = ""


class Asker(Protocol):
    def ask(self, task: Task, attempt: int) -> Reply | None:
        """None where it was called off."""


class ModelAsker:
    def __init__(self, engine: "Engine", settings: AnswerSettings, is_called_off: Callable[[], bool]) -> None:
        self._engine, self._settings, self._is_called_off = engine, settings, is_called_off
        # a model that reads little text must be left room for the task itself
        self.max_tokens = max(1, min(settings.max_tokens, engine.max_context // 2))

    def ask(self, task: Task, attempt: int) -> Reply | None:
        until = time.monotonic() + self._settings.answer_seconds
        hooks = Hooks(is_cancelled=lambda: self._is_called_off() or time.monotonic() > until)
        try:
            answer, is_chat = self._answer(task, self._sampling(attempt), hooks)
            heard = _Heard(answer)
            used = _used(heard, task, is_chat=is_chat)
        except DoesNotFit as error:
            return Reply("", "", task.program(""), unasked=str(error))
        if self._is_called_off():
            return None
        if is_chat:
            used, program = program_of_reply(task, used)
        else:
            program = self._given(task) + used + task.suffix
        statistics = answer.statistics
        return Reply(
            output=heard.text,
            used=used,
            program=program,
            prompt_tokens=statistics.prompt_tokens,
            new_tokens=statistics.new_tokens,
            first_token_ms=statistics.first_token_ms,
            total_ms=statistics.total_ms,
            ending=statistics.ending,
            cut_off=self._cut_off(answer),
        )

    def _answer(self, task: Task, sampling: Sampling, hooks: Hooks) -> tuple[Answer, bool]:
        settings = self._settings
        if isinstance(settings, QualitySettings) and settings.ask == "chat" and not task.suffix:
            messages = [{"role": "user", "content": question_of(task)}]
            return self._engine.chat_answer(messages, sampling, hooks), True
        prefix = self._given(task) if task.prefix or not task.tests else prompt_of(task)
        return self._engine.complete_answer(prefix, task.suffix, sampling, hooks=hooks), False

    def _given(self, task: Task) -> str:
        """Of the program, what the model goes on from."""
        settings = self._settings
        strips = isinstance(settings, QualitySettings) and settings.strip_prompt and not task.suffix
        return task.prefix.rstrip() if strips else task.prefix

    def _sampling(self, attempt: int) -> Sampling:
        settings = self._settings
        seed = settings.seed + attempt * _SEED_STRIDE
        if not isinstance(settings, QualitySettings) or settings.temperature == 0:
            return Sampling(max_tokens=self.max_tokens, seed=seed)
        return Sampling(settings.temperature, top_p=settings.top_p, max_tokens=self.max_tokens, seed=seed)

    def _cut_off(self, answer: Answer) -> str:
        reached = {
            "length": f"{answer.statistics.new_tokens} tokens",
            "context": f"{answer.statistics.new_tokens} tokens, for it reads no longer texts",
            "cancelled": f"{self._settings.answer_seconds:g} seconds",
        }.get(answer.statistics.ending)
        return f"The model did not end by itself and was cut off after {reached}." if reached else ""


class _Heard:
    """All that a model writes, on its way to whoever decides where the answer in it ends."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.text = ""

    def __iter__(self) -> Iterator[str]:
        for piece in self._answer:
            self.text += piece
            yield piece

    def stop(self) -> None:
        self._answer.pieces.close()


def _used(heard: _Heard, task: Task, *, is_chat: bool) -> str:
    """The answer; the model is stopped where it ends."""
    if task.extent is not None and not is_chat:
        cursor = Cursor.between(task.prefix, task.suffix)
        used = "".join(trimmed(heard, cursor, task.extent))
        heard.stop()
        return used
    for _ in heard:
        end = None if is_chat else end_of_answer(task, heard.text)
        if end is not None:
            heard.stop()
            return heard.text[:end]
    return heard.text
