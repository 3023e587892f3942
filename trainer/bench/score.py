"""What an answer is worth: each score from 0 to 1, and one quality of them, whose formula stands here.

Code that cannot be read, and an answer in which nothing was written, score 0 in everything: nothing can be
said for them. What a score is taken off for is named, with its line.
"""

import ast
import warnings
from dataclasses import dataclass
from typing import Any

from trainer.bench.constructs import missing_constructs
from trainer.bench.flow import FLOW_SENTENCES, Finding, broken_flow
from trainer.bench.practices import PRACTICE_SENTENCES, broken_practices
from trainer.bench.similarity import edit_similarity, is_same
from trainer.bench.tasks import Task

# shares of the quality; what does not apply to a task is left out, and the rest makes up the whole. How well
# wrong code is written is worth nothing, so flow and practices count where the tests pass
WITH_TESTS = {"passed": 0.70, "syntax": 0.10, "constructs": 0.10, "flow": 0.05, "practices": 0.05}
WITHOUT_TESTS = {"exact": 0.50, "similarity": 0.40, "syntax": 0.10}
PER_PRACTICE = 0.2
_TOO_DEEP = "it is nested too deeply to be looked at"


@dataclass(frozen=True)
class Scores:
    syntax: float | None = None
    constructs: float | None = None
    flow: float | None = None
    practices: float | None = None
    exact: float | None = None
    similarity: float | None = None
    broken: tuple[str, ...] = ()


def formula(shares: dict[str, float]) -> str:
    terms = " + ".join(f"{value:g} {name}" for name, value in shares.items())
    if "passed" in shares:
        terms += "; flow and practices only of code that passes"
    return f"quality = 100 x ({terms}), the mean over tasks; what a task does not expect is left out"


def rules() -> dict[str, dict[str, str]]:
    """All that flow and practices look for, each rule's name with its sentence."""
    return {"flow": FLOW_SENTENCES, "practices": PRACTICE_SENTENCES}


def quality_of(scores: dict[str, float | None], shares: dict[str, float]) -> float:
    """Of 100."""
    there = {name: value for name in shares if (value := scores.get(name)) is not None}
    whole = sum(shares[name] for name in there)
    if there.get("passed") == 0:
        there |= dict.fromkeys(there.keys() & {"flow", "practices"}, 0.0)
    return 100 * sum(shares[name] * value for name, value in there.items()) / whole if whole else 0.0


def scores_of_code(task: Task, written: str, program: str) -> Scores:
    expected = _expected(task)
    nothing = Scores(0.0, 0.0 if expected else None, 0.0, 0.0)
    if not written.strip():
        return nothing
    tree, problem = _parsed(program)
    if tree is None:
        return _with_broken(nothing, (f"syntax: {problem}",))
    try:
        missing = missing_constructs(tree, expected)
        own = _OwnLines(task, program)
        flow = own.only(broken_flow(program, tree))
        practices = own.only(broken_practices(tree))
    except RecursionError:
        return _with_broken(nothing, (f"flow: {_TOO_DEEP}",))
    flow_rules, practice_rules = ({found.rule for found in kind} for kind in (flow, practices))
    return Scores(
        syntax=1.0,
        constructs=1 - len(missing) / len(expected) if expected else None,
        flow=1 - len(flow_rules) / len(FLOW_SENTENCES),
        practices=max(0.0, 1 - PER_PRACTICE * len(practice_rules)),
        broken=(
            *(f"constructs: no {' or '.join(names.split('|'))}" for names in missing),
            *(f"flow: {found.rule}, line {found.line}" for found in flow),
            *(f"practices: {found.rule}, line {found.line}" for found in practices),
        ),
    )


def scores_of_infilling(task: Task, written: str, *, is_python: bool) -> Scores:
    """Against what stood there. Whether it can be read is asked of whole files of Python only, and only where
    the file could be read before."""
    syntax: float | None = None
    broken: tuple[str, ...] = ()
    if is_python and _parsed(task.program(task.middle))[0] is not None:
        tree, problem = _parsed(task.program(written))
        syntax = float(tree is not None and bool(written.strip()))
        broken = () if tree is not None else (f"syntax: {problem}",)
    return Scores(
        syntax=syntax,
        exact=float(is_same(written, task.middle)),
        similarity=edit_similarity(written.strip(), task.middle.strip()),
        broken=broken,
    )


def _expected(task: Task) -> list[str]:
    """Constructs that the task has not given already."""
    given, _ = _parsed(task.program("    pass\n"))
    return missing_constructs(given, task.constructs) if given is not None else list(task.constructs)


class _OwnLines:
    """Which lines of a program are the answer's: what a task gives is not its fault."""

    def __init__(self, task: Task, program: str) -> None:
        is_between = program.startswith(task.prefix) and program.endswith(task.suffix)
        self._first = task.prefix.count("\n") + 1 if is_between else 1
        self._last = program.count("\n") + 1 - (task.suffix.count("\n") if is_between else 0)

    def only(self, findings: list[Finding]) -> list[Finding]:
        return [found for found in findings if self._first <= found.line <= self._last]


def _parsed(program: str) -> tuple[ast.Module | None, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a stranger's backslashes
            tree = ast.parse(program)
            compile(tree, "<program>", "exec", dont_inherit=True)  # return outside a function, and the like
            return tree, ""
    except SyntaxError as error:
        return None, f"{error.msg}, line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return None, str(error) or _TOO_DEEP


def _with_broken(scores: Scores, broken: tuple[str, ...]) -> Scores:
    values: dict[str, Any] = {**vars(scores), "broken": broken}
    return Scores(**values)
