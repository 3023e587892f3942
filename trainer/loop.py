"""The one training loop. What is learnt, from what, and how steps come about are handed in as values."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.heap import give_back
from core.spec.errors import JobError
from core.spec.messages import Event, Finished, Metric, Note, Progress, Saved
from core.spec.training_budget import gradients_waiting
from trainer.control import Control
from trainer.data.batches import Batch, Batches
from trainer.lanes import Lanes
from trainer.optimizers.optimizer import Optimizer, StepTaken
from trainer.recipes import Place, Recipe
from trainer.resume import Progressed
from trainer.schedule import TimeBox, step_size
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import GOING_ON, PAUSED, SAMPLE

_QUIET_SECONDS = 0.2  # between two reports at least
_RATE_STEPS = 16  # the last ones, of which the speed is told


@dataclass(frozen=True)
class Outside:
    """What the loop asks of the world. `save` writes a checkpoint and gives its place, `sample` a text."""

    tell: Callable[[Event], None]
    save: Callable[[Progressed], str]
    sample: Callable[[], str]
    control: Control


@dataclass(frozen=True)
class Material:
    train: Batches
    validation: Batches | None


def total_steps(spec: TrainSpec, train: Batches) -> int:
    return spec.steps or max(1, math.ceil(len(train) * spec.epochs / spec.accumulation))


def _lanes(count: int, optimizer: Optimizer) -> Lanes:
    gradients_bytes = sum(weight.numel() * weight.element_size() for weight in optimizer.parameters.values())
    return Lanes(count, gradients_waiting(count, gradients_bytes))


class Training:
    """A run under way."""

    def __init__(
        self,
        recipe: Recipe,
        optimizer: Optimizer,
        material: Material,
        spec: TrainSpec,
        place: Place,
        outside: Outside,
    ) -> None:
        self._recipe, self._optimizer, self._material = recipe, optimizer, material
        self._spec, self._place, self._outside = spec, place, outside
        self._total = total_steps(spec, material.train)
        self._told_at = self._began_at = time.monotonic()
        self._box: TimeBox | None = None
        self._lanes = None if spec.lanes <= 1 else _lanes(spec.lanes, optimizer)
        self._lately: deque[tuple[float, int]] = deque(maxlen=_RATE_STEPS)
        self._saved_at: int | None = None
        self._kept_step = 0
        self.progress = Progressed()

    def run(self) -> Finished:
        """To the end of the steps, or until somebody or the clock stops it; saved in any case."""
        try:
            return self._run()
        finally:
            if self._lanes is not None:
                self._lanes.close()

    def _run(self) -> Finished:
        progress, spec = self.progress, self._spec
        self._kept_step = progress.step
        if progress.step == 0 and progress.first_loss is None:
            progress.first_loss = self._validate()
        if spec.finish_minutes:
            self._box = TimeBox(spec, progress.fallen, time.monotonic(), progress.seconds)
        while progress.step < self._total and not self._is_over():
            self._pause()
            if self._must_stop():
                return self._finished(stopped=True)
            metrics = self._step()
            is_last = progress.step == self._total or self._is_time_up()
            if self._is_due(spec.validate_every) or (is_last and self._material.validation is not None):
                metrics |= self._judge()
            self._report(metrics, at_once=is_last or "validation_loss" in metrics)
            if self._is_due(spec.sample_every):
                self._outside.tell(Note(SAMPLE + self._outside.sample()))
            if self._is_due(spec.checkpoint_every) or is_last or self._is_over():
                self._save()
        return self._finished(stopped=False)

    def _step(self) -> dict[str, float]:
        began, progress, spec = time.monotonic(), self.progress, self._spec
        first = progress.step * spec.accumulation
        batches = [self._material.train.at(first + number) for number in range(spec.accumulation)]
        (counted,) = self._place.group.total(sum(self._recipe.count(batch) for batch in batches))
        share = self._step_size(began)
        self._optimizer.begin(share)
        loss, tokens = self._place.group.total(
            sum(self._learnt(batches, counted)), sum(batch.inputs.numel() for batch in batches)
        )
        if not math.isfinite(loss):
            raise self._no_number("loss")
        taken = self._optimizer.step(self._lanes)
        if taken.norm is not None and not math.isfinite(taken.norm):
            raise self._no_number("gradient")
        progress.step, progress.tokens = progress.step + 1, progress.tokens + int(tokens)
        self._lately.append((time.monotonic() - began, int(tokens)))
        return self._metrics(loss, share, taken)

    def _step_size(self, now: float) -> float:
        progress, spec, group = self.progress, self._spec, self._place.group
        if self._box is None:
            return step_size(spec, progress.step, self._total)
        told = (self._box.fallen(now), self._box.warmed(now)) if group.is_first else (0.0, 0.0)
        progress.fallen, warmed = group.total(*told)
        return step_size(spec, progress.step, self._total, progress.fallen, warmed)

    def _learnt(self, batches: list[Batch], counted: float) -> Iterator[float]:
        """Adds the gradient of each batch and gives its loss; where nothing counts, none is added."""
        if counted == 0:
            return
        if self._lanes is None:
            for batch in batches:
                loss = self._loss(batch, counted)
                self._optimizer.backward(loss)
                yield float(loss.detach())
            return

        def learn(batch: Batch) -> tuple[float, tuple[Tensor | None, ...]]:
            loss = self._loss(batch, counted)
            return float(loss.detach()), self._optimizer.gradients_of(loss)

        for found, gradients in self._lanes.each(learn, batches):
            self._optimizer.add(gradients)
            yield found

    def _loss(self, batch: Batch, counted: float) -> Tensor:
        with self._place.computing():
            return self._recipe.loss(self._moved(batch)) / counted

    def _judge(self) -> dict[str, float]:
        loss = self._validate()
        if loss is None:
            return {}
        progress = self.progress
        if progress.best_loss is None or loss < progress.best_loss:
            progress.best_loss, progress.best_step, progress.worse_in_a_row = loss, progress.step, 0
            self._save()
        else:
            progress.worse_in_a_row += 1
        return {"validation_loss": loss}

    @torch.no_grad()
    def _validate(self) -> float | None:
        """The same batches each time, without dropout."""
        if self._material.validation is None or not self._spec.validate_every:
            return None
        model = self._recipe.model.eval()
        loss, counted = 0.0, 0
        for number in range(min(self._spec.validation_batches, len(self._material.validation))):
            batch = self._material.validation.at(number)
            with self._place.computing():
                loss += float(self._recipe.loss(self._moved(batch)))
            counted += self._recipe.count(batch)
        model.train()
        loss, together = self._place.group.total(loss, counted)
        return loss / max(1, together)

    def _moved(self, batch: Batch) -> Batch:
        return Batch(batch.inputs.to(self._place.device), batch.targets.to(self._place.device))

    def _pause(self) -> None:
        if self._outside.control.is_paused:
            self._outside.tell(Note(PAUSED))
            give_back()
            self._outside.control.wait_while_paused()
            self._outside.tell(Note(GOING_ON))

    def _must_stop(self) -> bool:
        used = time.monotonic() - self._began_at
        is_wanted = self._outside.control.is_stopped or 0 < self._spec.minutes * 60 <= used
        return self._place.group.any(is_wanted)

    def _is_over(self) -> bool:
        """Validations have not become better for too long, or the clock has ended it."""
        return self._is_time_up() or 0 < self._spec.patience <= self.progress.worse_in_a_row

    def _is_time_up(self) -> bool:
        if self._box is None:
            return False
        return self._place.group.any(self._box.seconds_left(time.monotonic()) == 0)

    def _is_due(self, every: int) -> bool:
        return every > 0 and self.progress.step % every == 0

    def _metrics(self, loss: float, share: float, taken: StepTaken) -> dict[str, float]:
        seconds, tokens = (sum(column) for column in zip(*self._lately, strict=True))
        metrics = {
            "loss": loss,
            "learning_rate": share * (self._spec.learning_rate or 0.0),
            "tokens": float(self.progress.tokens),
            "tokens_per_s": tokens / max(seconds, 1e-9),
            "seconds_left": (self._total - self.progress.step) * seconds / len(self._lately),
        }
        if self._box is not None:
            left = self._box.seconds_left(time.monotonic())
            metrics["seconds_left"] = min(left, metrics["seconds_left"])
        if taken.norm is not None:
            metrics["gradient_norm"] = taken.norm
        if taken.was_skipped:
            metrics["overflow"] = 1.0
        return metrics

    def _report(self, metrics: dict[str, float], *, at_once: bool) -> None:
        now = time.monotonic()
        if at_once or self.progress.step == 1 or now - self._told_at >= _QUIET_SECONDS:
            self._told_at = now
            listed = tuple(Metric(name, value) for name, value in metrics.items())
            self._outside.tell(Progress(self.progress.step, self._likely_total(now), listed))

    def _likely_total(self, now: float) -> int:
        """By the pace of late, where the clock ends it first."""
        if self._box is None:
            return self._total
        pace = sum(seconds for seconds, _ in self._lately) / len(self._lately)
        return min(self._total, self.progress.step + round(self._box.seconds_left(now) / max(pace, 1e-9)))

    def _finished(self, *, stopped: bool) -> Finished:
        return self.progress.finished(stopped=stopped, path=self._save())

    def _save(self) -> str:
        """Says so once a step; a second time nothing is written."""
        if self._box is not None:
            self.progress.seconds = self._box.used_s(time.monotonic())
        place = self._outside.save(self.progress)
        if self._saved_at != self.progress.step:
            self._saved_at = self._kept_step = self.progress.step
            self._outside.tell(Saved(place, self.progress.step))
        return place

    def _no_number(self, what: str) -> JobError:
        kept = (
            f"the checkpoint of step {self._kept_step} is kept" if self._kept_step else "none was saved yet"
        )
        return JobError(
            f"The {what} is no number at step {self.progress.step + 1}; {kept}. Try a smaller learning_rate "
            f"than {self._spec.learning_rate:g}, more warmup_steps, or fp32."
        )
