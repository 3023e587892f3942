"""Muon: the mean of a matrix's gradients, made orthogonal, is its step; every direction gets its share."""

import torch
from torch import Tensor

from trainer.optimizers.rules import Gradient, State

# Polar Express (Amsel et al. 2025), five steps: each the best odd quintic for what the one before it left
_COEFFICIENTS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)
_SAFETY = 1.02  # the coefficients want singular values of at most 1, after rounding too


class Muon:
    """For matrices inside the network; tables of tokens and vectors need another rule.

    `dtype`: which directions are made orthogonal in; bf16 is exact enough, where the device multiplies in it.
    """

    def __init__(self, dtype: torch.dtype, momentum: float = 0.95) -> None:
        self.dtype, self.momentum = dtype, momentum

    def begin(self, weight: Tensor) -> State:
        return {"mean": torch.zeros_like(weight)}

    def step(self, weight: Tensor, gradient: Gradient, state: State, rate: float, decay: float) -> None:
        exact, mean = gradient.exact(), state["mean"]
        mean.lerp_(exact, 1 - self.momentum)
        ahead = torch.lerp(exact, mean, self.momentum)  # Nesterov's
        direction = orthogonal(ahead, self.dtype)
        # so that a step changes what a layer computes by as much whatever its shape
        scale = max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5
        weight.mul_(1 - rate * decay).sub_(direction.to(weight.dtype), alpha=rate * scale)


def orthogonal(matrix: Tensor, dtype: torch.dtype) -> Tensor:
    """Roughly the nearest matrix whose rows (columns, where they are fewer) are at right angles."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.t() if is_tall else matrix).to(dtype)
    x = x / (x.norm() * _SAFETY + 1e-6)
    for a, b, c in _COEFFICIENTS:
        square = x @ x.t()
        x = a * x + torch.addmm(square, square, square, beta=b, alpha=c) @ x
    return x.t() if is_tall else x
