"""Curves elsewhere: a run's numbers also to TensorBoard or Weights & Biases, where somebody asked for that.

Both are extras that are not installed otherwise, and no part of the packaged program. What a run itself keeps
is in its events.jsonl, whatever happens here.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from core.spec.errors import UsageError
from core.spec.fields import to_json
from core.spec.messages import Event, Progress
from core.spec.program import command_for_extra
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run

_FOLDER = "tensorboard"

Write = Callable[[dict[str, float], int], None]


@contextmanager
def followed(run: Run, spec: TrainSpec, tell: Callable[[Event], None]) -> Iterator[Callable[[Event], None]]:
    """Tells what `tell` does, and passes numbers on."""
    if spec.curves == "off":
        yield tell
        return
    write, close = _opened(run, spec)

    def tell_both(event: Event) -> None:
        tell(event)
        if isinstance(event, Progress):
            known = {metric.name: metric.value for metric in event.metrics if metric.value is not None}
            write(known, event.step)

    try:
        yield tell_both
    finally:
        close()


def _opened(run: Run, spec: TrainSpec) -> tuple[Write, Callable[[], None]]:
    if getattr(sys, "frozen", False):
        raise UsageError(f"The packaged program has no {spec.curves}; its own charts show the same curves.")
    try:
        return _tensorboard(run) if spec.curves == "tensorboard" else _wandb(run, spec)
    except ImportError:
        raise UsageError(
            f"{spec.curves} is not installed; {command_for_extra(spec.curves)} brings it, or leave "
            "out --curves."
        ) from None


def _tensorboard(run: Run) -> tuple[Write, Callable[[], None]]:
    from torch.utils.tensorboard import SummaryWriter

    writer: Any = SummaryWriter(str(run.folder / _FOLDER))

    def write(numbers: dict[str, float], step: int) -> None:
        for name, number in numbers.items():
            writer.add_scalar(name, number, step)

    return write, writer.close


def _wandb(run: Run, spec: TrainSpec) -> tuple[Write, Callable[[], None]]:
    import wandb

    started: Any = wandb.init(
        project="smallcoder", name=run.name, dir=str(run.folder), config=to_json(spec), resume="allow"
    )
    return lambda numbers, step: started.log(numbers, step=step), started.finish
