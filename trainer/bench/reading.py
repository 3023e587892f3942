"""What runs have read so far, token for token, and what that has cost: from their data, steps and events."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.spec.errors import UsageError
from core.spec.fields import from_json, setting
from core.spec.headers import read_json
from core.spec.messages import Progress
from trainer.data.batches import PackedBatches
from trainer.data.layout import FACTS_NAME, IGNORED
from trainer.data.prepared import PreparedData
from trainer.resume import read_state
from trainer.spec.runs import Run

_FLOPS = 6  # a weight and token: two there, four back


@dataclass(frozen=True)
class Cost:
    runs: int = setting(..., "How many", low=0)
    steps: int = setting(..., "Of all of them", low=0)
    tokens: int = setting(..., "Read", low=0)
    hours: float = setting(..., "Of computing alone, told from the speeds that the runs have reported", low=0)
    flops: float = setting(..., "Floating-point operations", low=0)
    sources: tuple[str, ...] = setting(..., "Names of the folders that its data was prepared from")

    def __add__(self, other: "Cost") -> "Cost":
        runs, steps, tokens = self.runs + other.runs, self.steps + other.steps, self.tokens + other.tokens
        sources = tuple(sorted({*self.sources, *other.sources}))
        return Cost(runs, steps, tokens, self.hours + other.hours, self.flops + other.flops, sources)


def rows_read(run: Run) -> list[NDArray[np.int64]]:
    """A text a row; what was read twice is there twice. Where the last token did not count, nobody says which
    it was."""
    saved = run.steps_saved()
    if not saved:
        raise UsageError(f'"{run.name}" has saved nothing yet; let it run until its first checkpoint.')
    steps = read_state(run.checkpoint(saved[-1]))[0].step
    spec = run.spec()
    data = PreparedData.open(Path(spec.data))
    batches = PackedBatches(data, "train", spec.batch_size, spec.context_tokens, spec.seed)
    rows: list[NDArray[np.int64]] = []
    for number in range(steps * spec.accumulation):
        batch = batches.at(number)
        for inputs, last in zip(batch.inputs.numpy(), batch.targets.numpy()[:, -1], strict=True):
            rows.append(inputs if last == IGNORED else np.append(inputs, last))
    return rows


def rows_prepared(folder: Path) -> list[NDArray[np.int64]]:
    """All that was prepared for training, a text a row."""
    data = PreparedData.open(folder)
    rows = data.rows("train", data.row_tokens)
    return [*rows.read(range(len(rows)))[0]]


def cost_of(runs: Iterable[Run], parameters: int) -> Cost:
    count = steps = tokens = 0
    seconds, sources = 0.0, set[str]()
    for run in runs:
        before = last_step = 0
        for event in run.events():
            if isinstance(event, Progress):
                known = {metric.name: metric.value or 0.0 for metric in event.metrics}
                seconds += (known["tokens"] - before) / known["tokens_per_s"]
                before, last_step = int(known["tokens"]), event.step
        count, steps, tokens = count + 1, steps + last_step, tokens + before
        sources |= {Path(path).name for path in read_json(Path(run.spec().data) / FACTS_NAME)["paths"]}
    flops = float(_FLOPS * parameters * tokens)
    return Cost(count, steps, tokens, seconds / 3600, flops, tuple(sorted(sources)))


def cost_in(measured: Path) -> Cost | None:
    """What a model has cost, where the file beside it tells."""
    known = read_json(measured) if measured.is_file() else {}
    return from_json(Cost, known["training"], str(measured)) if "training" in known else None
