"""Answers that somebody else asked a model for: files with a task_id and a completion or a solution a line.

human-eval writes completions, what goes on from the prompt; evalplus writes solutions, whole programs. A line
that is neither is named and passed over.
"""

from collections.abc import Mapping
from pathlib import Path

from core.spec.errors import DataError
from trainer.bench.asking import Reply
from trainer.bench.records import named, records
from trainer.bench.tasks import Task

_KINDS = ("solution", "completion")


class GivenSamples:
    """Takes the place of a model: the answer of an attempt is the sample of that number."""

    def __init__(self, samples: Mapping[str, list[tuple[str, str]]]) -> None:
        self._samples = samples

    def attempts(self, task: Task) -> int:
        return len(self._samples.get(task.id, ()))

    def ask(self, task: Task, attempt: int) -> Reply:
        kind, text = self._samples[task.id][attempt]
        program = text if kind == "solution" else task.program(text)
        return Reply(output=text, used=text, program=program)


def read_samples(path: Path, tasks: tuple[Task, ...]) -> tuple[GivenSamples, tuple[str, ...]]:
    """Also sentences about what was passed over."""
    known = {spelling: task.id for task in tasks for spelling in _spellings(task.id)}
    found: dict[str, list[tuple[str, str]]] = {}
    skipped = []
    strangers = 0
    for place, record in records(path, "a file of samples"):
        kind = next((name for name in _KINDS if isinstance(record, dict) and name in record), "")
        if not isinstance(record, dict) or not kind or not isinstance(record[kind], str):
            skipped.append(f"{named(record, place)} has no task_id with a completion or a solution.")
            continue
        task = known.get(str(record.get("task_id")).lower())
        if task is None:
            strangers += 1
        else:
            found.setdefault(task, []).append((kind, record[kind]))
    if strangers:
        skipped.append(f"{strangers:,} samples are of tasks that are not measured here.")
    if not found:
        why = f"; {skipped[0]}" if skipped else ""
        raise DataError(f"{path} holds no samples of the suite's tasks{why or '.'}")
    return GivenSamples(found), tuple(skipped)


def _spellings(name: str) -> tuple[str, ...]:
    """MBPP's tasks are numbers, with and without a name in front."""
    lower = name.lower()
    return (lower, lower.removeprefix("mbpp/")) if lower.startswith("mbpp/") else (lower,)
