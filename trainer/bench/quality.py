"""Measures the quality of models: asks each one task after another, judges the answers, and sums up.

What is asked, of whom and how is handed in; nothing is loaded here, and nothing but the journal is written.
"""

import hashlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

from core.spec.errors import SmallCoderError
from core.spec.fields import from_json, to_json
from core.spec.messages import Event, Metric, Note, Progress, Tried
from core.spec.trials import Trial
from trainer.bench.asking import Asker
from trainer.bench.journal import Journal
from trainer.bench.judging import Judge
from trainer.bench.samples import GivenSamples
from trainer.bench.summary import figures_of
from trainer.bench.tasks import Suite, Task
from trainer.spec.bench import AnswerSettings, QualitySettings

Tell = Callable[[Event], None]


@dataclass(frozen=True)
class Contender:
    """A model in one way of running it; `model` and `precision` are as they were asked for. `opened` gives
    who answers, and facts about how it runs."""

    model: str
    precision: str
    identity: str
    opened: Callable[[], AbstractContextManager[tuple[Asker, dict[str, Any]]]]


@dataclass(frozen=True)
class Measured:
    """`problems`: why contenders could not be measured. `is_whole` unless it was called off."""

    results: tuple[dict[str, Any], ...]
    problems: tuple[SmallCoderError, ...]
    is_whole: bool


@dataclass(frozen=True)
class Plan:
    suite: Suite
    settings: AnswerSettings
    judge: Judge
    journal: Journal

    @property
    def attempts(self) -> int:
        return self.settings.attempts if isinstance(self.settings, QualitySettings) else 1

    @property
    def ks(self) -> tuple[int, ...]:
        return self.settings.k if isinstance(self.settings, QualitySettings) else (1,)


def limited(suite: Suite, settings: AnswerSettings) -> Suite:
    """So many tasks, drawn by the seed, in their order."""
    if not settings.limit or settings.limit >= len(suite.tasks):
        return suite
    places = sorted(random.Random(settings.seed).sample(range(len(suite.tasks)), settings.limit))  # noqa: S311
    return replace(suite, tasks=tuple(suite.tasks[place] for place in places))


def with_sound_tasks(suite: Suite, judge: Judge, tell: Tell, is_called_off: Callable[[], bool]) -> Suite:
    """Without tasks whose own solution does not pass: with those nothing can be measured."""
    known: dict[bytes, str] = {}
    sound, skipped = [], list(suite.skipped)
    for number, task in enumerate(suite.tasks, 1):
        if is_called_off():
            break
        key = _digest(task.program(task.middle), task.tests)  # infilling suites cut one program many times
        if key not in known:
            known[key] = judge.reference_fails(task)
        if known[key]:
            skipped.append(f"{task.id} is left out, for its own solution does not pass: {known[key]}")
            tell(Note(skipped[-1]))
        else:
            sound.append(task)
        tell(Progress(number, len(suite.tasks), (Metric("checking_references", 1.0),)))
    return Suite(suite.name, tuple(sound), tuple(skipped))


def fingerprint(suite: Suite) -> str:
    """Of all that decides about an answer."""
    parts = (
        text for task in suite.tasks for text in (task.id, task.prefix, task.suffix, task.middle, task.tests)
    )
    return _digest(*parts).hex()


def measure(
    plan: Plan, contenders: Sequence[Contender], tell: Tell, is_called_off: Callable[[], bool]
) -> Measured:
    """One contender after the other; one that cannot be run leaves the others their turn."""
    clock = _Clock(len(contenders) * len(plan.suite.tasks) * plan.attempts)
    results: list[dict[str, Any]] = []
    problems: list[SmallCoderError] = []
    for contender in contenders:
        began = time.monotonic()
        try:
            facts, rows = _answered(plan, contender, clock, tell, is_called_off)
        except SmallCoderError as error:
            problems.append(error)
            tell(Note(f"{contender.model} as {contender.precision} is left out: {error}"))
            clock.skip(len(plan.suite.tasks) * plan.attempts)
            continue
        if is_called_off():
            return Measured(tuple(results), tuple(problems), is_whole=False)
        results.append(_result(plan, contender, facts, rows) | {"seconds": time.monotonic() - began})
    return Measured(tuple(results), tuple(problems), is_whole=True)


def _answered(
    plan: Plan, contender: Contender, clock: "_Clock", tell: Tell, is_called_off: Callable[[], bool]
) -> tuple[dict[str, Any], list[Trial]]:
    where = f"a row of {plan.journal.path}"
    kept = [from_json(Trial, row, where) for row in plan.journal.rows(contender.identity)]
    known = {(trial.task, trial.attempt): trial for trial in kept}
    rows: list[Trial] = []
    with contender.opened() as (asker, facts):
        for task, attempt in _questions(plan, asker):
            trial = known.get((task.id, attempt))
            is_new = trial is None
            if trial is None:
                reply = None if is_called_off() else asker.ask(task, attempt)
                if reply is None:
                    break
                trial = plan.judge.trial(task, attempt, reply)
                plan.journal.add(contender.identity, to_json(trial))
            rows.append(trial)
            clock.count(trial, is_new=is_new)
            tell(Tried(contender.model, str(facts.get("precision", contender.precision)), trial))
            tell(clock.progress())
    return facts, rows


def _questions(plan: Plan, asker: Asker) -> Iterator[tuple[Task, int]]:
    for task in plan.suite.tasks:
        count = asker.attempts(task) if isinstance(asker, GivenSamples) else plan.attempts
        yield from ((task, attempt) for attempt in range(count))


def _result(plan: Plan, contender: Contender, facts: dict[str, Any], rows: list[Trial]) -> dict[str, Any]:
    return {
        "suite": plan.suite.name,
        "model": contender.model,
        "precision": contender.precision,
        **facts,
        **figures_of(rows, plan.ks, plan.settings.seed),
        "skipped": list(plan.suite.skipped),
        "settings": to_json(plan.settings),
        "seed": plan.settings.seed,
        "rows": [to_json(row) for row in rows],
    }


@dataclass
class _Clock:
    """How far it is, and how long the rest may take, told from what has been asked in this sitting."""

    total: int
    done: int = 0
    good: int = 0
    asked: int = 0
    began_s: float = field(default_factory=time.monotonic)

    def count(self, trial: Trial, *, is_new: bool) -> None:
        self.done += 1
        self.good += trial.is_good
        self.asked += is_new

    def skip(self, count: int) -> None:
        self.total -= count

    def progress(self) -> Progress:
        elapsed_s = time.monotonic() - self.began_s
        left_s = elapsed_s / self.asked * max(self.total - self.done, 0) if self.asked else None
        metrics = (Metric("passed", float(self.good)), Metric("seconds_left", left_s))
        return Progress(self.done, max(self.total, self.done), metrics)


def _digest(*texts: str) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        found.update(len(data).to_bytes(8, "big") + data)
    return found.digest()


def identity_of(parts: Iterable[object]) -> str:
    return _digest(*map(str, parts)).hex()
