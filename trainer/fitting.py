"""Does a run fit? Its budget against this machine, and the sentence that shows the arithmetic."""

from dataclasses import replace
from typing import Any

from core.fitting import Machine, this_card, this_machine
from core.spec.budget import MB
from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit
from core.spec.training_budget import TrainingBudget, TrainingShape, to_train
from trainer.distributed import started_together
from trainer.networks import config_of
from trainer.spec.jobs import TrainSpec

_ELEMENT_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}


def require_room(spec: TrainSpec, device: str) -> TrainingBudget:
    """The plan, or a sentence that shows what there is room for. `spec` is decided already."""
    config, teacher = config_and_teacher(spec)
    machine = this_card(0) if device == "cuda" else this_machine(spec.ram_mb)
    budget = _budget(spec, config, teacher, device, machine)
    if budget.total_bytes > machine.free_bytes and not spec.anyway:
        instead = _instead(spec, config, teacher, device, machine)
        raise DoesNotFit(
            f"{spec.recipe} of {spec.model} takes {arithmetic(budget)}, but of {_mb(machine.limit_bytes)} "
            f"others hold {_mb(machine.others_bytes)} and {_mb(machine.reserve_bytes)} stay in reserve, "
            f"which leaves {_mb(machine.free_bytes)}; {instead} or --anyway."
        )
    return budget


def arithmetic(budget: TrainingBudget) -> str:
    return (
        f"{_mb(budget.weights_bytes)} weights + {_mb(budget.gradients_bytes)} gradients + "
        f"{_mb(budget.optimizer_bytes)} optimiser + {_mb(budget.activations_bytes)} activations + "
        f"{_mb(budget.logits_bytes)} logits + {_mb(budget.runtime_bytes)} program = {_mb(budget.total_bytes)}"
    )


def config_and_teacher(spec: TrainSpec) -> tuple[ModelConfig, ModelConfig | None]:
    return config_of(spec.model), None if spec.teacher is None else config_of(spec.teacher)


def shape_of(spec: TrainSpec, teacher: ModelConfig | None, device: str = "cpu") -> TrainingShape:
    return TrainingShape(
        rows=spec.batch_size,
        context_tokens=spec.context_tokens,
        element_bytes=_ELEMENT_BYTES[spec.precision],
        optimizer=spec.optimizer,
        base_precision=spec.base_precision if spec.recipe == "qlora" else spec.precision,
        adapter_rank=spec.lora_rank if spec.trains_adapter else 0,
        adapter_layers=spec.layers if spec.trains_adapter else (),
        accumulates=spec.accumulation > 1,
        recomputes_layers=spec.checkpoint_layers,
        in_backward=spec.in_backward,
        teacher=teacher,
        is_on_processor=device == "cpu",
        lanes=spec.lanes,
    )


def _budget(
    spec: TrainSpec, config: ModelConfig, teacher: ModelConfig | None, device: str, machine: Machine
) -> TrainingBudget:
    shape = shape_of(spec, teacher, device)
    budget = to_train(config, shape, runtime_bytes=machine.runtime_bytes)
    if spec.offload:  # the card keeps what it computes with; the rest is the system's memory's matter
        kept = budget.weights_bytes * shape.element_bytes // (shape.element_bytes + 4)
        budget = replace(budget, weights_bytes=kept, gradients_bytes=0, optimizer_bytes=0)
    cards = started_together() if device == "cuda" and not spec.trains_adapter else 1
    return replace(
        budget,
        weights_bytes=budget.weights_bytes // cards,
        gradients_bytes=budget.gradients_bytes // cards,
        optimizer_bytes=budget.optimizer_bytes // cards,
    )


def _instead(
    spec: TrainSpec, config: ModelConfig, teacher: ModelConfig | None, device: str, machine: Machine
) -> str:
    """The first way to hold less that is enough, from what costs least."""
    smaller: dict[str, dict[str, Any]] = {
        f"--batch-size {max(1, spec.batch_size // 4)}": {"batch_size": max(1, spec.batch_size // 4)},
        "--checkpoint-layers": {"checkpoint_layers": True},
        "--checkpoint-layers --batch-size 1": {"checkpoint_layers": True, "batch_size": 1},
        "--recipe lora --checkpoint-layers --batch-size 1": {
            **{"recipe": "lora", "checkpoint_layers": True, "batch_size": 1},
            **{"optimizer": "adamw", "teacher": None},
        },
        "--recipe qlora --checkpoint-layers --batch-size 1": {
            **{"recipe": "qlora", "checkpoint_layers": True, "batch_size": 1},
            **{"optimizer": "adamw", "teacher": None},
        },
    }
    for flags, changes in smaller.items():
        if spec.recipe == "dpo" and "batch_size" in changes:
            continue
        other = replace(spec, **changes)
        teacher_now = teacher if other.teacher else None
        if _budget(other, config, teacher_now, device, machine).total_bytes <= machine.free_bytes:
            return f"try {flags}"
    return "choose a smaller model, close other programs"


def _mb(count: int) -> str:
    return f"{count / MB:,.0f} MB"
