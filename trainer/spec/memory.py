"""What a run will hold, set against what there is, in numbers and in sentences; and what would fit instead.

By arithmetic alone: how much memory a machine has is measured above.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from core.spec.config import ModelConfig
from core.spec.machine import Machine
from core.spec.sizes import in_mb
from core.spec.training_budget import TrainingBudget, TrainingShape, to_train
from trainer.spec.jobs import TrainSpec

_ELEMENT_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}


@dataclass(frozen=True)
class Smaller:
    """Settings that hold less: as flags for a command line, and as fields of a TrainSpec."""

    flags: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A run on one machine. `spec` is decided: its precision is none to be found out. Of `cards` that train
    it together each holds its share."""

    spec: TrainSpec
    config: ModelConfig
    teacher: ModelConfig | None
    device: str
    machine: Machine
    cards: int = 1

    def budget(self) -> TrainingBudget:
        shape = shape_of(self.spec, self.teacher, self.device)
        budget = to_train(self.config, shape, runtime_bytes=self.machine.runtime_bytes)
        if self.spec.offload:  # the card keeps what it computes with; the rest is a matter of RAM
            kept = budget.weights_bytes * shape.element_bytes // (shape.element_bytes + 4)
            budget = replace(budget, weights_bytes=kept, gradients_bytes=0, optimizer_bytes=0)
        return replace(
            budget,
            weights_bytes=budget.weights_bytes // self.cards,
            gradients_bytes=budget.gradients_bytes // self.cards,
            optimizer_bytes=budget.optimizer_bytes // self.cards,
        )

    @property
    def fits(self) -> bool:
        return self.budget().total_bytes <= self.machine.free_bytes

    def smaller(self) -> Smaller | None:
        """The first way to hold less that is enough, from what costs least."""
        for other in _ways(self.spec):
            spec = replace(self.spec, **other.changes)
            if replace(self, spec=spec, teacher=self.teacher if spec.teacher else None).fits:
                return other
        return None

    def refusal(self) -> str:
        """Why it does not fit, and what would."""
        machine, smaller = self.machine, self.smaller()
        instead = (
            "choose a smaller model, close other programs" if smaller is None else f"try {smaller.flags}"
        )
        return (
            f"{self.spec.recipe} of {self.spec.model} takes {arithmetic(self.budget())}, but of "
            f"{in_mb(machine.limit_bytes)} others hold {in_mb(machine.others_bytes)} and "
            f"{in_mb(machine.reserve_bytes)} stay in reserve, which leaves {in_mb(machine.free_bytes)}; "
            f"{instead} or --anyway."
        )


def arithmetic(budget: TrainingBudget) -> str:
    return (
        f"{in_mb(budget.weights_bytes)} weights + {in_mb(budget.gradients_bytes)} gradients + "
        f"{in_mb(budget.optimizer_bytes)} optimiser + {in_mb(budget.activations_bytes)} activations + "
        f"{in_mb(budget.logits_bytes)} logits + {in_mb(budget.runtime_bytes)} program = "
        f"{in_mb(budget.total_bytes)}"
    )


def shape_of(spec: TrainSpec, teacher: ModelConfig | None, device: str = "cpu") -> TrainingShape:
    return TrainingShape(
        rows=spec.batch_size,
        context_tokens=spec.context_tokens,
        element_bytes=_ELEMENT_BYTES[spec.precision],
        optimizer=spec.optimizer,
        base_precision=spec.base_precision if spec.recipe == "qlora" else spec.precision,
        adapter_rank=spec.lora_rank if spec.trains_adapter else 0,
        adapter_layers=spec.layers if spec.trains_adapter else (),
        batches=spec.accumulation,
        recomputes_layers=spec.checkpoint_layers,
        in_backward=spec.in_backward,
        teacher=teacher,
        has_reference=spec.recipe == "dpo",
        is_on_processor=device == "cpu",
        lanes=max(1, spec.lanes),
    )


def _ways(spec: TrainSpec) -> Iterator[Smaller]:
    fewer = max(1, spec.batch_size // 4)
    yield from _unless_dpo(spec, Smaller(f"--batch-size {fewer}", {"batch_size": fewer}))
    yield Smaller("--checkpoint-layers", {"checkpoint_layers": True})
    least = {"checkpoint_layers": True, "batch_size": 1}
    yield from _unless_dpo(spec, Smaller("--checkpoint-layers --batch-size 1", least))
    for recipe in ("lora", "qlora"):
        changes = {"recipe": recipe, **least, "optimizer": "adamw", "teacher": None, "teach_fim": False}
        flags = f"--recipe {recipe} --checkpoint-layers --batch-size 1"
        yield from _unless_dpo(spec, Smaller(flags, changes))


def _unless_dpo(spec: TrainSpec, way: Smaller) -> Iterator[Smaller]:
    """Which reads pairs, and is no matter of code."""
    if spec.recipe != "dpo":
        yield way
