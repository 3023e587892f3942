"""Estimating: how fast a run would learn here, measured on a few of its own steps before there is one.

The texts are drawn by lot: how long a step takes does not hang on what is read.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from core.model.device import use_threads
from core.spec.messages import Event, Progress
from trainer.control import Control
from trainer.data.batches import Batch
from trainer.loop import Material, Outside, Training
from trainer.optimizers.optimizer import Optimizer
from trainer.recipes import Place, make
from trainer.resume import Progressed
from trainer.spec.jobs import TrainSpec

_MOST_STEPS = 16


def tokens_per_s(spec: TrainSpec, place: Place, seconds: float, control: Control) -> float | None:
    """None where somebody stopped it before a step was timed. The first one, which is always slow, is not."""
    use_threads(spec.threads)
    torch.manual_seed(spec.seed)
    recipe = make(spec, place, lambda _: None)
    optimizer = Optimizer(recipe.trainable, spec, place.device, place.working)
    recipe.model.to(place.device)
    watch = _Watch(control, seconds)
    batches = _Drawn(recipe.model.config.vocab_size, spec)
    training = Training(
        recipe,
        optimizer,
        Material(batches, None),
        _briefly(spec),
        place,
        Outside(watch.tell, _unsaved, str, control),
    )
    try:
        training.run()
    finally:
        optimizer.close()
    return watch.rate()


def _briefly(spec: TrainSpec) -> TrainSpec:
    """The same work for each token, and nothing between the steps."""
    return replace(
        spec,
        accumulation=spec.lanes,
        steps=_MOST_STEPS,
        validate_every=0,
        sample_every=0,
        checkpoint_every=0,
        minutes=0.0,
        finish_minutes=0.0,
    )


def _unsaved(_: Progressed) -> str:
    return ""


@dataclass(frozen=True)
class _Drawn:
    vocab_size: int
    spec: TrainSpec

    def __len__(self) -> int:
        return _MOST_STEPS * self.spec.lanes

    def at(self, number: int) -> Batch:
        generator = torch.Generator().manual_seed(number)
        size = (self.spec.batch_size, self.spec.context_tokens + 1)
        ids = torch.randint(self.vocab_size, size, generator=generator)
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())


@dataclass
class _Watch:
    """Ends it once it has seen enough."""

    control: Control
    seconds: float
    clock: Callable[[], float] = time.monotonic
    began: float = field(default_factory=time.monotonic)
    seen: list[tuple[float, float]] = field(default_factory=list)  # when, and tokens until then

    def tell(self, event: Event) -> None:
        if not isinstance(event, Progress):
            return
        now = self.clock()
        tokens = next((item.value for item in event.metrics if item.name == "tokens"), None)
        self.seen.append((now, tokens or 0.0))
        if len(self.seen) > 1 and now - self.began >= self.seconds:
            self.control.stop()

    def rate(self) -> float | None:
        if len(self.seen) < 2:
            return None
        (first, before), (last, after) = self.seen[0], self.seen[-1]
        return (after - before) / max(last - first, 1e-9)
