"""Does a run fit? Its plan against this machine, as it is measured now.

The arithmetic, and what it says, is in trainer/spec/memory.
"""

from core.fitting import this_card, this_machine
from core.spec.config import ModelConfig
from core.spec.errors import DoesNotFit
from core.spec.training_budget import TrainingBudget
from trainer.networks import config_of
from trainer.spec.jobs import TrainSpec
from trainer.spec.memory import Plan
from trainer.torchrun import started_together


def require_room(spec: TrainSpec, device: str) -> TrainingBudget:
    """The plan, or a sentence that shows what there is room for. `spec` is decided already."""
    plan = plan_here(spec, device)
    if not spec.anyway and not plan.fits:
        raise DoesNotFit(plan.refusal())
    return plan.budget()


def plan_here(spec: TrainSpec, device: str) -> Plan:
    config, teacher = config_and_teacher(spec)
    machine = this_card(0) if device == "cuda" else this_machine(spec.ram_mb)
    cards = started_together() if device == "cuda" and not spec.trains_adapter else 1
    return Plan(spec, config, teacher, device, machine, cards)


def config_and_teacher(spec: TrainSpec) -> tuple[ModelConfig, ModelConfig | None]:
    return config_of(spec.model), None if spec.teacher is None else config_of(spec.teacher)
