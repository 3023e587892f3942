"""Estimate: what is known of a run before its first step, as `train estimate` prints it.

Memory can be reckoned anew from it for other settings without asking again; speed is of what was measured.
"""

import math
from dataclasses import dataclass, replace

from core.spec.config import ModelConfig
from core.spec.fields import setting
from core.spec.machine import Machine
from trainer.spec.jobs import TrainPrecision, TrainSpec, in_lanes
from trainer.spec.memory import Plan


@dataclass(frozen=True)
class Estimate:
    device: str = setting(..., "What it would compute on")
    precision: TrainPrecision = setting(..., "What it would compute in")
    lanes: int = setting(..., "How many batches it would compute side by side", low=1)
    learning_rate: float = setting(..., "The peak step size it would take")
    config: ModelConfig = setting(..., "The network that learns")
    machine: Machine = setting(..., "The memory there, and who holds how much of it")
    teacher: ModelConfig | None = setting(None, "The network it learns from")
    tokens_per_s: float | None = setting(None, "How fast it was here; none where it was not measured", low=0)
    tokens: int = setting(0, "What it would learn from, once", low=0)

    def plan(self, spec: TrainSpec, freed_bytes: int = 0) -> Plan:
        """Of these settings on the same model; `freed_bytes`: what others would give back before."""
        precision = self.precision if spec.precision == "auto" else spec.precision
        machine = replace(self.machine, others_bytes=max(0, self.machine.others_bytes - freed_bytes))
        decided = replace(spec, precision=precision)
        if not spec.lanes:
            decided = in_lanes(decided, self.lanes) or decided
        return Plan(decided, self.config, self.teacher if spec.teacher else None, self.device, machine)

    def steps(self, spec: TrainSpec) -> int | None:
        if spec.steps:
            return spec.steps
        if not self.tokens:
            return None
        rows = max(1, self.tokens // spec.context_tokens)
        return max(1, math.ceil(max(1, rows // spec.batch_size) * spec.epochs / spec.accumulation))

    def seconds(self, spec: TrainSpec) -> float | None:
        """To the end of its steps, or of its time where that is shorter."""
        steps = self.steps(spec)
        if steps is None or not self.tokens_per_s:
            return None
        seconds = steps * spec.batch_size * spec.accumulation * spec.context_tokens / self.tokens_per_s
        return min(seconds, spec.finish_minutes * 60) if spec.finish_minutes else seconds
