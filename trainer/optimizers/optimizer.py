"""Optimizer: moves what a network learns with, while the network itself may hold it in fewer bits.

It owns the exact weights in fp32: the network's own where that computes in fp32, else beside it or, with
offload, in RAM. Gradients go to the exact weights as soon as they are there; from the second one on they are
added in fp32, so without rounding. Rules say how a gradient becomes a step; which weights take which rule is
decided here.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.spec.errors import JobError
from trainer.distributed import ALONE, Group, share_of, spread_like, take_share, whole
from trainer.lanes import Lanes
from trainer.optimizers.adamw8 import AdamW8
from trainer.optimizers.muon import Muon
from trainer.optimizers.rules import AdamW, Gradient, Lion, Rule, parts
from trainer.spec.jobs import TrainSpec

_FIRST_SCALE = 2.0**16
_STEPS_TO_GROW = 2000


@dataclass(frozen=True)
class Treatment:
    """How one weight is moved."""

    rule: Rule
    peak: float
    decay: float


@dataclass
class LossScale:
    """fp16 loses small gradients: the loss is enlarged, less so after an overflow, more after long peace."""

    value: float = 1.0
    steps_in_peace: int = 0

    def overflowed(self) -> None:
        self.value, self.steps_in_peace = self.value / 2, 0
        if self.value < 1e-4:
            raise JobError(
                "Gradients overflow in fp16 however small the loss is made; take bf16 or fp32, or a smaller "
                "learning_rate."
            )

    def held(self) -> None:
        self.steps_in_peace += 1
        if self.steps_in_peace == _STEPS_TO_GROW:
            self.value, self.steps_in_peace = self.value * 2, 0


@dataclass(frozen=True)
class StepTaken:
    """`norm`: length of the gradient before it was shortened; None where it is not known."""

    norm: float | None
    was_skipped: bool = False


class Optimizer:
    """`parameters` come in fp32; those of the network are put on `device` as `working`."""

    def __init__(
        self,
        parameters: Mapping[str, nn.Parameter],
        spec: TrainSpec,
        device: torch.device,
        working: torch.dtype,
        group: Group = ALONE,
    ) -> None:
        self.parameters = dict(parameters)
        self._group = group
        self._is_spread = any(share_of(parameter) is not parameter for parameter in self.parameters.values())
        self.scale = LossScale(_FIRST_SCALE if working == torch.float16 else 1.0)
        self._is_fp16 = working == torch.float16
        self._spec = spec
        self._share = 0.0
        self._gradients: dict[str, Tensor] = {}
        self._exact: dict[str, Tensor] = {}
        # weights that are spread come in fp32, and FSDP makes what is computed with
        self._has_copies = not self._is_spread and (spec.offload or working != torch.float32)
        for name, parameter in self.parameters.items():
            if self._is_spread:
                self._exact[name] = share_of(parameter.detach())
                continue
            self._exact[name] = parameter.detach().to("cpu" if spec.offload else device, torch.float32)
            kept = self._exact[name]
            parameter.data = kept.to(device, working, copy=self._has_copies)
        self._treatments = _treatments(self._exact, spec, working)
        self._states = {name: how.rule.begin(self._exact[name]) for name, how in self._treatments.items()}
        self._hooks = [
            parameter.register_post_accumulate_grad_hook(  # type: ignore[no-untyped-call]
                self._taker(name)
            )
            for name, parameter in self.parameters.items()
            if self._has_copies or spec.in_backward
        ]

    def begin(self, share: float) -> None:
        """Before the gradients of a step: its size, as a share of the peak."""
        self._share = share

    def backward(self, loss: Tensor) -> None:
        (loss * self.scale.value if self._is_fp16 else loss).backward()  # type: ignore[no-untyped-call]

    def gradients_of(self, loss: Tensor) -> tuple[Tensor | None, ...]:
        """For `add`. Touches nothing of ours, so several threads may ask at once."""
        return torch.autograd.grad(loss, list(self.parameters.values()), allow_unused=True)

    def add(self, gradients: Sequence[Tensor | None]) -> None:
        for name, gradient in zip(self.parameters, gradients, strict=True):
            if gradient is not None:
                self._add(name, gradient)

    def step(self, lanes: Lanes | None = None) -> StepTaken:
        """With lanes, weights are moved side by side."""
        if self._spec.in_backward:
            return StepTaken(None)
        gradients = self._collected()
        norm = self._norm(gradients) / self.scale.value
        finite = norm < float("inf")  # False for what is no number too
        if not finite and self._is_fp16:
            self.scale.overflowed()
            self._forget()
            return StepTaken(None, was_skipped=True)
        if not finite:
            self._forget()
            return StepTaken(norm)
        factor = self._shortening(norm)
        given = {name: Gradient(tensor, factor) for name, tensor in gradients.items() if tensor.numel()}
        if lanes is None:
            for name, gradient in given.items():
                self._move(name, gradient)
        else:
            deque(lanes.each(lambda pair: self._move(*pair), given.items()), maxlen=0)
        self._forget()
        if self._is_fp16:
            self.scale.held()
        return StepTaken(norm)

    def weights(self) -> dict[str, Tensor]:
        """The exact ones; views, so not to be kept. Of what is spread all processes must ask for them."""
        if self._is_spread:
            return {name: whole(parameter.detach()) for name, parameter in self.parameters.items()}
        return dict(self._exact)

    def state(self) -> dict[str, Tensor]:
        return {
            f"{name}:{key}": tensor for name, state in self._states.items() for key, tensor in state.items()
        }

    def spread_state(self) -> dict[str, Tensor]:
        """The same as parts of tensors that all processes hold together."""
        return {
            f"{name}:{key}": spread_like(tensor, self.parameters[name])
            for name, state in self._states.items()
            for key, tensor in state.items()
        }

    def load_weights(self, weights: Mapping[str, Tensor]) -> None:
        """Whole ones, of which each process takes its share."""
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                take_share(self._exact[name], parameter, weights[name])
                if self._has_copies:
                    parameter.data.copy_(self._exact[name])

    def load(self, weights: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
        """Exactly what `weights` and `state` gave."""
        _copy_all(weights, self._exact)
        _copy_all(state, self.state())
        if self._has_copies:
            for name, parameter in self.parameters.items():
                parameter.data.copy_(self._exact[name])

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _taker(self, name: str) -> Callable[[Tensor], None]:
        def take(parameter: Tensor) -> None:
            gradient, parameter.grad = parameter.grad, None
            if gradient is None:
                return
            if self._spec.in_backward:
                self._move(name, Gradient(gradient))
            else:
                self._add(name, gradient)

        return take

    def _add(self, name: str, gradient: Tensor) -> None:
        device = self._exact[name].device
        held = self._gradients.get(name)
        if held is None:
            # alone it is as exact in the bits it was computed in, and half as long in being read
            is_kept_narrow = device.type == "cpu" and self._group.is_alone
            dtype = gradient.dtype if is_kept_narrow else torch.float32
            self._gradients[name] = gradient.to(device, dtype).contiguous()
        else:
            self._gradients[name] = held.to(torch.float32)
            total, more = self._gradients[name].view(-1), gradient.to(device).reshape(-1)
            for part in parts(more):  # torch takes five times as long to widen all of it by itself
                total[part].add_(more[part].to(torch.float32))

    def _norm(self, gradients: Mapping[str, Tensor]) -> float:
        if not self._is_spread:
            self._group.add_up(gradients)
        lengths = [length for gradient in gradients.values() for length in _lengths(gradient.reshape(-1))]
        norm = float(torch.linalg.vector_norm(torch.stack(lengths))) if lengths else 0.0
        return self._group.total(norm**2)[0] ** 0.5 if self._is_spread else norm

    def _collected(self) -> dict[str, Tensor]:
        if self._has_copies or self._gradients:
            return self._gradients
        found = {name: each.grad for name, each in self.parameters.items() if each.grad is not None}
        return {name: share_of(gradient) for name, gradient in found.items()}

    def _shortening(self, norm: float) -> float:
        factor = 1 / self.scale.value
        if 0 < self._spec.max_grad_norm < norm:
            factor *= self._spec.max_grad_norm / norm
        return factor

    def _move(self, name: str, gradient: Gradient) -> None:
        how, exact = self._treatments[name], self._exact[name]
        with torch.no_grad():
            how.rule.step(exact, gradient, self._states[name], how.peak * self._share, how.decay)
            if self._has_copies:
                self.parameters[name].data.copy_(exact)

    def _forget(self) -> None:
        self._gradients.clear()
        for parameter in self.parameters.values():
            parameter.grad = None


def _lengths(flat: Tensor) -> Iterator[Tensor]:
    for part in parts(flat):
        yield torch.linalg.vector_norm(flat[part].to(torch.float32))


def _treatments(weights: Mapping[str, Tensor], spec: TrainSpec, working: torch.dtype) -> dict[str, Treatment]:
    """Weight decay pulls matrices only: a norm or a bias near zero would be no simpler."""
    if spec.learning_rate is None or spec.weight_decay is None:
        raise ValueError("the settings of a run are settled before it begins")
    usual = _rule(spec)
    matrix = Treatment(usual, spec.learning_rate, spec.weight_decay)
    vector = Treatment(usual, spec.learning_rate, 0.0)
    # where the network computes in bf16, that is fast; elsewhere it may be emulated
    muon = Muon(torch.bfloat16 if working == torch.bfloat16 else torch.float32)
    hidden = Treatment(muon, spec.muon_learning_rate, spec.weight_decay)
    found = {}
    for name, weight in weights.items():
        is_hidden = spec.optimizer == "muon" and name.startswith("layers.")
        found[name] = vector if weight.dim() < 2 else hidden if is_hidden else matrix
    return found


def _rule(spec: TrainSpec) -> Rule:
    if spec.optimizer == "lion":
        return Lion(spec.beta1, spec.beta2)
    if spec.optimizer == "adamw8":
        return AdamW8(spec.beta1, spec.beta2)
    return AdamW(spec.beta1, spec.beta2)


def _copy_all(source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> None:
    if set(source) != set(target):
        odd = min(set(source) ^ set(target))
        raise JobError(
            f"The checkpoint does not belong to this run: {odd!r} is in one only; start a new run."
        )
    for name, tensor in target.items():
        if source[name].shape != tensor.shape or source[name].dtype != tensor.dtype:
            raise JobError(f"The checkpoint does not belong to this run: {name!r} differs; start a new run.")
    with torch.no_grad():
        for name, tensor in target.items():
            tensor.copy_(source[name])
