"""What became of an answer: its tests are run in the sandbox, or it is compared with what stood there."""

from dataclasses import replace
from pathlib import PurePath

from core.spec.trials import Trial
from trainer.bench.asking import Reply
from trainer.bench.score import (
    WITH_TESTS,
    WITHOUT_TESTS,
    Scores,
    quality_of,
    scores_of_code,
    scores_of_infilling,
)
from trainer.bench.tasks import Task
from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox, Verdict

_KEPT_LETTERS = 100_000  # of a text in a row
_PYTHON = (".py", ".pyi")


class Judge:
    """`sandbox` is None where no task has tests."""

    def __init__(self, sandbox: Sandbox | None, limits: Limits) -> None:
        self._sandbox, self._limits = sandbox, limits

    def trial(self, task: Task, attempt: int, reply: Reply) -> Trial:
        blank = Trial(
            task=task.id,
            category=task.category,
            attempt=attempt,
            outcome="unasked",
            reason=reply.unasked,
            output=_kept(reply.output),
            used=_kept(reply.used),
            expected=_kept(task.middle),
            program=_kept(reply.program) if task.tests else "",
            prompt_tokens=reply.prompt_tokens,
            new_tokens=reply.new_tokens,
            first_token_ms=reply.first_token_ms,
            total_ms=reply.total_ms,
            ending=reply.ending,
        )
        judged = self._tested(task, reply, blank) if task.tests else _compared(task, reply, blank)
        return replace(judged, reason=" ".join(filter(None, (judged.reason, reply.cut_off))))

    def reference_fails(self, task: Task) -> str:
        """Why a task's own solution does not pass its tests; "" where it does."""
        if not task.tests:
            return ""
        verdict = self._verdict(task, task.program(task.middle))
        return "" if verdict.passed else verdict.message

    def _verdict(self, task: Task, program: str) -> Verdict:
        if self._sandbox is None:
            raise ValueError("tasks with tests need a sandbox")
        return self._sandbox.run(program, task.tests, entry_point=task.entry_point, limits=self._limits)

    def _tested(self, task: Task, reply: Reply, blank: Trial) -> Trial:
        if reply.unasked:
            return _scored(blank, scores_of_code(task, "", ""), passed=False)
        scores = scores_of_code(task, reply.used, reply.program)
        if not reply.used.strip():
            return _scored(replace(blank, outcome="empty", reason=_why_nothing(reply)), scores, passed=False)
        verdict = self._verdict(task, reply.program)
        told = replace(
            blank,
            outcome=verdict.outcome,
            reason=verdict.message,
            printed=_kept(verdict.stdout),
            test_ms=verdict.seconds * 1000,
        )
        return _scored(told, scores, passed=verdict.passed)


def _compared(task: Task, reply: Reply, blank: Trial) -> Trial:
    name = task.id.rpartition(":")[0]
    scores = scores_of_infilling(task, reply.used, is_python=PurePath(name).suffix in _PYTHON)
    if reply.unasked:
        return _scored(blank, scores, passed=None)
    if not reply.used.strip():
        return _scored(replace(blank, outcome="empty", reason=_why_nothing(reply)), scores, passed=None)
    if scores.exact:
        return _scored(replace(blank, outcome="exact", reason="It is what stood there."), scores, passed=None)
    reason = f"It is not what stood there; {scores.similarity or 0:.0%} of both is in both."
    return _scored(replace(blank, outcome="different", reason=reason), scores, passed=None)


def _why_nothing(reply: Reply) -> str:
    return "The model wrote nothing that counts." if reply.output.strip() else "The model wrote nothing."


def _scored(trial: Trial, scores: Scores, *, passed: bool | None) -> Trial:
    values = {name: value for name, value in vars(scores).items() if name != "broken"}
    shares = WITHOUT_TESTS if passed is None else WITH_TESTS
    quality = quality_of({**values, "passed": None if passed is None else float(passed)}, shares)
    return replace(trial, **values, broken=scores.broken, passed=passed, quality=quality)


def _kept(text: str) -> str:
    more = len(text) - _KEPT_LETTERS
    return text if more <= 0 else f"{text[:_KEPT_LETTERS]}\n[{more:,} letters more are not kept]"
