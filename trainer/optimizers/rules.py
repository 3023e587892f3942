"""Rules: how a gradient becomes a step, one weight at a time. They remember plain tensors by name.

Each changes weights in place. Weights are fp32, gradients may be narrower; learning rates and decay come with
each step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

State = dict[str, Tensor]
_PART = 2**18  # numbers at once on a processor: what is made of them on the way stays in its cache


@dataclass(frozen=True)
class Gradient:
    """Given away: a rule may change it. `factor`: what it is to be multiplied by."""

    tensor: Tensor
    factor: float = 1.0

    def exact(self, part: slice | None = None) -> Tensor:
        """In fp32 and multiplied; flat where a part is asked for."""
        tensor = self.tensor if part is None else self.tensor.reshape(-1)[part]
        exact = tensor.to(torch.float32)
        return exact if self.factor == 1 else exact.mul_(self.factor)


class Rule(Protocol):
    def begin(self, weight: Tensor) -> State:
        """What is remembered of a weight before its first step."""
        ...

    def step(self, weight: Tensor, gradient: Gradient, state: State, rate: float, decay: float) -> None: ...


class AdamW:
    def __init__(self, beta1: float, beta2: float, eps: float = 1e-8) -> None:
        self.beta1, self.beta2, self.eps = beta1, beta2, eps

    def begin(self, weight: Tensor) -> State:
        return {
            "mean": torch.zeros_like(weight),
            "square": torch.zeros_like(weight),
            "step": torch.zeros((), device=weight.device),
        }

    def step(self, weight: Tensor, gradient: Gradient, state: State, rate: float, decay: float) -> None:
        state["step"] += 1
        flat, mean, square = weight.view(-1), state["mean"].view(-1), state["square"].view(-1)
        for part in parts(gradient.tensor):
            torch._fused_adamw_(
                [flat[part]],
                [gradient.exact(part)],
                [mean[part]],
                [square[part]],
                [],
                [state["step"]],
                lr=rate,
                beta1=self.beta1,
                beta2=self.beta2,
                weight_decay=decay,
                eps=self.eps,
                amsgrad=False,
                maximize=False,
            )


def parts(gradient: Tensor) -> Iterator[slice]:
    """Of its numbers, in order. A card wants few and large operations, and gets them in one."""
    numbers = gradient.numel()
    at_once = _PART if gradient.device.type == "cpu" else numbers
    for start in range(0, numbers, at_once):
        yield slice(start, start + at_once)


class Lion:
    """The sign of a mean of gradients: half of AdamW's memory."""

    def __init__(self, beta1: float, beta2: float) -> None:
        self.beta1, self.beta2 = beta1, beta2

    def begin(self, weight: Tensor) -> State:
        return {"mean": torch.zeros_like(weight)}

    def step(self, weight: Tensor, gradient: Gradient, state: State, rate: float, decay: float) -> None:
        exact, mean = gradient.exact(), state["mean"]
        direction = torch.lerp(exact, mean, self.beta1).sign_()
        weight.mul_(1 - rate * decay).sub_(direction, alpha=rate)
        mean.lerp_(exact, 1 - self.beta2)
