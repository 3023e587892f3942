"""Rules: how a gradient becomes a step, for many weights at once. They remember plain tensors by name.

Each changes weights in place. Weights and gradients are fp32; learning rates and decay come with each step.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

State = dict[str, Tensor]


class Rule(Protocol):
    def begin(self, weight: Tensor) -> State:
        """What is remembered of a weight before its first step."""
        ...

    def step(
        self,
        weights: Sequence[Tensor],
        gradients: Sequence[Tensor],
        states: Sequence[State],
        rate: float,
        decay: float,
    ) -> None: ...


class AdamW:
    def __init__(self, beta1: float, beta2: float, eps: float = 1e-8) -> None:
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def begin(self, weight: Tensor) -> State:
        return {
            "mean": torch.zeros_like(weight),
            "square": torch.zeros_like(weight),
            "step": torch.zeros((), device=weight.device),
        }

    def step(
        self,
        weights: Sequence[Tensor],
        gradients: Sequence[Tensor],
        states: Sequence[State],
        rate: float,
        decay: float,
    ) -> None:
        steps = [state["step"] for state in states]
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            list(weights),
            list(gradients),
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            steps,
            lr=rate,
            beta1=self.beta1,
            beta2=self.beta2,
            weight_decay=decay,
            eps=self.eps,
            amsgrad=False,
            maximize=False,
        )


class Lion:
    """The sign of a mean of gradients: half of AdamW's memory."""

    def __init__(self, beta1: float, beta2: float) -> None:
        self.beta1, self.beta2 = beta1, beta2

    def begin(self, weight: Tensor) -> State:
        return {"mean": torch.zeros_like(weight)}

    def step(
        self,
        weights: Sequence[Tensor],
        gradients: Sequence[Tensor],
        states: Sequence[State],
        rate: float,
        decay: float,
    ) -> None:
        for weight, gradient, state in zip(weights, gradients, states, strict=True):
            mean = state["mean"]
            direction = torch.lerp(gradient, mean, self.beta1).sign_()
            weight.mul_(1 - rate * decay).sub_(direction, alpha=rate)
            mean.lerp_(gradient, 1 - self.beta2)
