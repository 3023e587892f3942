"""Verdict: whether what a run has learnt is better than what it began from, in numbers and in a sentence.

`verdict.json` of a run folder holds one. How the numbers come about is in trainer/judging.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.spec.disk import write_whole
from core.spec.errors import UsageError
from core.spec.fields import from_json, setting, to_json
from core.spec.messages import Metric
from trainer.spec.runs import Run

Judgement = Literal["better", "no different", "worse", "forgot", "new"]

# Of bits, for better and for worse. What is held out may be a single file: which one it is makes a per cent.
_CLEAR_SHARE = 0.02
# Who gains so much has gained; below, hidden lines must not say the opposite.
_PLAIN_SHARE = 0.05
# Where each of 24 lines changes by a quarter, either way, two standard errors of their average are a tenth.
# How many are exact is a matter of one or two, and decides nothing alone.
_CLEAR_LIKENESS = 0.1
_CLEAR_TASKS = 0.1  # of those tried


@dataclass(frozen=True)
class Score:
    """How well texts are foretold, and lines hidden in them written anew. `lines` 0: none were asked for."""

    bits: float = setting(..., "For each byte of text, or each token where texts are lessons", low=0)
    per: Literal["byte", "token"] = setting("byte", "What `bits` are counted for")
    lines: int = setting(0, "Hidden lines that were asked for", low=0)
    exact: int = setting(0, "Of these, written exactly so", low=0)
    likeness: float = setting(0.0, "Of what was written to what was hidden, on average", low=0, high=1)


@dataclass(frozen=True)
class TasksPassed:
    """Programs that were asked for, and how many passed their tests."""

    passed: int = setting(..., "Whose tests passed", low=0)
    asked: int = setting(..., "That were tried", low=1)


@dataclass(frozen=True)
class Verdict:
    """`held_out` is of the person's own files, `fixed` and `tasks` of the program's; what began from nothing
    has no before."""

    step: int = setting(..., "Of the checkpoint that was judged", low=0)
    held_out_before: Score | None = setting(None, "What the model was, on files kept apart")
    held_out_after: Score | None = setting(None, "What it has become")
    fixed_before: Score | None = setting(None, "What it was, on the fixed texts")
    fixed_after: Score | None = setting(None, "What it has become")
    tasks_before: TasksPassed | None = setting(None, "Programming tasks that it passed")
    tasks_after: TasksPassed | None = setting(None, "Those that it passes now")

    @property
    def judgement(self) -> Judgement:
        if self.held_out_before is None or self.held_out_after is None:
            return "new" if self.held_out_before is None and self.held_out_after else "no different"
        if _is_clearly_worse(self.held_out_before, self.held_out_after):
            return "worse"
        if not _is_clearly_better(self.held_out_before, self.held_out_after):
            return "no different"
        return "forgot" if self.has_forgotten else "better"

    @property
    def has_forgotten(self) -> bool:
        before, after = self.fixed_before, self.fixed_after
        if self.tasks_before is not None and self.tasks_after is not None:
            fewer = self.tasks_before.passed - self.tasks_after.passed
            if fewer > _CLEAR_TASKS * self.tasks_after.asked:
                return True
        return before is not None and after is not None and _is_clearly_worse(before, after)

    @property
    def title(self) -> str:
        return _TITLES[self.judgement]

    @property
    def reason(self) -> str:
        """What stands behind the title and a colon."""
        also = self.has_forgotten and self.judgement != "forgot"
        return _REASONS[self.judgement] + (" It also forgot some of what it knew before." if also else "")

    @property
    def sentence(self) -> str:
        return f"{self.title}: {self.reason}"

    def metrics(self) -> Iterator[Metric]:
        """Its scores by name, as held_out_after_bits."""
        for part in ("held_out_before", "held_out_after", "fixed_before", "fixed_after"):
            score = getattr(self, part)
            if score is not None:
                yield Metric(f"{part}_bits", score.bits)
                yield Metric(f"{part}_exact", score.exact / max(1, score.lines))
                yield Metric(f"{part}_likeness", score.likeness)

    def task_metrics(self) -> Iterator[Metric]:
        for name, tasks in (("before", self.tasks_before), ("after", self.tasks_after)):
            if tasks is not None:
                yield Metric(f"tasks_{name}_passed", tasks.passed / tasks.asked)

    def lines(self) -> Iterator[str]:
        """The numbers behind it."""
        for name, before, after in (
            ("held-out files", self.held_out_before, self.held_out_after),
            ("fixed benchmark", self.fixed_before, self.fixed_after),
        ):
            if after is not None:
                yield f"{name}: {_change(before, after)}"
        if self.tasks_after is not None:
            began = "" if self.tasks_before is None else f"{self.tasks_before.passed} -> "
            yield f"programming tasks: {began}{self.tasks_after.passed} of {self.tasks_after.asked} passed"


_ADDED = ("tasks_before", "tasks_after")
_TITLES: dict[Judgement, str] = {
    "better": "Better",
    "no different": "No different",
    "worse": "Worse",
    "forgot": "Better, but it forgot",
    "new": "New",
}
_REASONS: dict[Judgement, str] = {
    "better": "it foretells files that it has never seen better than before.",
    "no different": "on files that it has never seen nothing clearly changed; do not use it.",
    "worse": "it does worse than before on files that it has never seen; do not use it.",
    "forgot": (
        "on your files it is better, at the price of some of what it knew before; fewer steps, a smaller "
        "learning_rate or a smaller lora_rank keep more of it."
    ),
    "new": "it began from nothing, so there is nothing to compare it with.",
}


def _is_clearly_worse(before: Score, after: Score) -> bool:
    return after.bits > before.bits * (1 + _CLEAR_SHARE) or after.likeness < before.likeness - _CLEAR_LIKENESS


def _is_clearly_better(before: Score, after: Score) -> bool:
    lines_fell = after.exact < before.exact and after.likeness < before.likeness
    return after.bits <= before.bits * (1 - (_PLAIN_SHARE if lines_fell else _CLEAR_SHARE))


def write_verdict(run: Run, verdict: Verdict) -> None:
    content = to_json(verdict) | {"judgement": verdict.judgement, "sentence": verdict.sentence}
    write_whole(run.verdict_file, json.dumps(content, indent=2) + "\n")


def read_verdict(run: Run) -> Verdict | None:
    """None where a run has not been judged."""
    try:
        content = json.loads(run.verdict_file.read_text(encoding="utf-8"))
        # those of tasks came later
        known = {name: content[name] for name in Verdict.__dataclass_fields__ if name not in _ADDED}
        known |= {name: content[name] for name in _ADDED if name in content}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{run.verdict_file} is damaged; 'train judge' makes it anew.") from None
    return from_json(Verdict, known, str(run.verdict_file))


def _change(before: Score | None, after: Score) -> str:
    bits = f"{after.bits:.3f} bits a {after.per}"
    lines = f", {after.exact} of {after.lines} hidden lines exact, {after.likeness:.0%} alike"
    if before is None:
        return bits + (lines if after.lines else "")
    bits = f"{before.bits:.3f} -> {after.bits:.3f} bits a {after.per}"
    if not after.lines:
        return bits
    return (
        f"{bits}, {before.exact} -> {after.exact} of {after.lines} hidden lines exact, "
        f"{before.likeness:.0%} -> {after.likeness:.0%} alike"
    )
