"""AdamW whose memory is a byte a number: blocks of means and squares, each with a scale of its own.

A number is held as one of 256 steps, which lie closer together near zero; of a square its root is held, which
spreads as far as the mean does. Small tensors stay exact, since nothing is saved there.
"""

import torch
from torch import Tensor

from trainer.optimizers.rules import AdamW, Gradient, State

BLOCK = 256
_SMALLEST = 4096  # numbers; smaller tensors are not worth it
_PART = 2**20  # numbers at a time, so that exact ones of a large table never stand beside each other


class AdamW8:
    def __init__(self, beta1: float, beta2: float) -> None:
        self._exact = AdamW(beta1, beta2)

    def begin(self, weight: Tensor) -> State:
        if weight.numel() < _SMALLEST or weight.numel() % BLOCK:
            return self._exact.begin(weight)
        blocks = weight.numel() // BLOCK
        state = {"step": torch.zeros((), device=weight.device)}
        for name, zero in (("mean", 128), ("root", 0)):
            state[name] = torch.full((blocks, BLOCK), zero, dtype=torch.uint8, device=weight.device)
            state[f"{name}_scale"] = torch.zeros(blocks, 1, device=weight.device)
        return state

    def step(self, weight: Tensor, gradient: Gradient, state: State, rate: float, decay: float) -> None:
        if "mean_scale" not in state:
            self._exact.step(weight, gradient, state, rate, decay)
            return
        flat = weight.view(-1)
        for start in range(0, weight.numel(), _PART):
            numbers = slice(start, start + _PART)
            blocks = slice(start // BLOCK, (start + _PART) // BLOCK)
            part = {
                "mean": _unpacked(state["mean"][blocks], state["mean_scale"][blocks], signed=True),
                "square": _unpacked(
                    state["root"][blocks], state["root_scale"][blocks], signed=False
                ).square_(),
                "step": state["step"].clone(),
            }
            self._exact.step(flat[numbers], Gradient(gradient.exact(numbers)), part, rate, decay)
            for name, exact in (("mean", part["mean"]), ("root", part["square"].sqrt_())):
                packed, scale = _packed(exact.view(-1, BLOCK), signed=name == "mean")
                state[name][blocks], state[f"{name}_scale"][blocks] = packed, scale
        state["step"] += 1


def _packed(exact: Tensor, *, signed: bool) -> tuple[Tensor, Tensor]:
    """Each as the nearest fourth power of evenly spread numbers; what is signed has its zero at 128."""
    scale = exact.abs().amax(dim=1, keepdim=True)
    spread = (exact / scale.clamp(min=torch.finfo(torch.float32).tiny)).abs().sqrt_().sqrt_()
    if signed:
        return (spread.mul_(127).round_().copysign_(exact) + 128).to(torch.uint8), scale
    return spread.mul_(255).round_().to(torch.uint8), scale


def _unpacked(packed: Tensor, scale: Tensor, *, signed: bool) -> Tensor:
    if signed:
        spread = (packed.float() - 128).div_(127)
        return spread.pow(4).copysign_(spread).mul_(scale).view(-1)
    # a root of zero would make a step endless, so the least one stands for half of the next
    return packed.float().clamp_(min=0.5).div_(255).pow_(4).mul_(scale).view(-1)
