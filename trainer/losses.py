"""What is made small: cross-entropy, divergence from a teacher, preference between two answers.

None ever holds the whole logits: some rows go through the output projection at a time, and their gradient is
taken before the next ones come. Sums are returned, not means; who knows how much is counted divides.
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100
CHUNK_LOGITS = 2**22  # as many logits at once; more only costs memory


def cross_entropy_sum(hidden: Tensor, weight: Tensor, targets: Tensor, divisor: float = 1.0) -> Tensor:
    """hidden (rows, dim), weight (vocab, dim), targets (rows,) with -100 where nothing is counted."""
    return _Chunked.apply(  # type: ignore[no-untyped-call]
        hidden, weight, _CrossEntropy(targets, divisor), torch.is_grad_enabled()
    )


def divergence_sum(
    hidden: Tensor, weight: Tensor, targets: Tensor, teacher: "Teacher", temperature: float, mixing: float
) -> Tensor:
    """(1 - mixing) cross-entropy + mixing T² KL(teacher || student), over the rows that count."""
    kind = _Divergence(targets, teacher, temperature, mixing)
    return _Chunked.apply(hidden, weight, kind, torch.is_grad_enabled())  # type: ignore[no-untyped-call]


def preference_sum(chosen: Tensor, rejected: Tensor, reference: tuple[Tensor, Tensor], beta: float) -> Tensor:
    """DPO, from the log-probability of each answer under the model and under the one it started from."""
    reference_chosen, reference_rejected = reference
    margin = (chosen - rejected) - (reference_chosen - reference_rejected)
    return -F.logsigmoid(beta * margin).sum()


def answer_log_probabilities(hidden: Tensor, weight: Tensor, targets: Tensor, divisor: float) -> Tensor:
    """hidden (batch, positions, dim), targets (batch, positions): one sum an answer, (batch,)."""
    answers = [
        -cross_entropy_sum(rows, weight, wanted, divisor)
        for rows, wanted in zip(hidden, targets, strict=True)
    ]
    return torch.stack(answers)


class Teacher:
    """What a teacher thinks of the same rows: its own hidden states and output projection."""

    def __init__(self, hidden: Tensor, weight: Tensor, divisor: float, student_divisor: float) -> None:
        self.hidden, self.weight, self.divisor = hidden, weight, divisor
        self.student_divisor = student_divisor


class _CrossEntropy:
    def __init__(self, targets: Tensor, divisor: float) -> None:
        self.targets, self.divisor = targets, divisor

    def loss_and_gradient(self, logits: Tensor, rows: Tensor, wants_gradient: bool) -> Tensor:
        """Turns fp32 logits of these rows, in place, into the gradient of their summed loss."""
        if self.divisor != 1:
            logits.div_(self.divisor)
        wanted = self.targets[rows].unsqueeze(1)
        largest = logits.amax(dim=1, keepdim=True)
        right = logits.gather(1, wanted) - largest
        total = logits.sub_(largest).exp_().sum(dim=1, keepdim=True)
        loss = (total.log() - right).sum()
        if wants_gradient:
            logits.div_(total)
            logits.scatter_add_(1, wanted, torch.full_like(right, -1.0))
            if self.divisor != 1:
                logits.div_(self.divisor)
        return loss


class _Divergence:
    def __init__(self, targets: Tensor, teacher: Teacher, temperature: float, mixing: float) -> None:
        self.targets, self.teacher = targets, teacher
        self.temperature, self.mixing = temperature, mixing
        self._plain = _CrossEntropy(targets, teacher.student_divisor)

    def loss_and_gradient(self, logits: Tensor, rows: Tensor, wants_gradient: bool) -> Tensor:
        teacher = F.linear(self.teacher.hidden[rows], self.teacher.weight).to(logits.dtype)
        heat = self.temperature * self.teacher.student_divisor
        ours = (logits / heat).log_softmax(dim=1)
        theirs = teacher.div_(self.temperature * self.teacher.divisor).log_softmax(dim=1)
        divergence = F.kl_div(ours, theirs, log_target=True, reduction="sum")
        loss = self._plain.loss_and_gradient(logits, rows, wants_gradient)
        share = self.mixing * self.temperature**2
        if wants_gradient:
            logits.mul_(1 - self.mixing)
            logits.add_(ours.exp_().sub_(theirs.exp_()), alpha=share / heat)
        return (1 - self.mixing) * loss + share * divergence


class _Chunked(torch.autograd.Function):
    """The gradient is taken on the way forward, when the logits of a chunk are there anyway."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, kind: "_CrossEntropy | _Divergence", has_gradient: bool
    ) -> Tensor:
        needs_hidden, needs_weight = (has_gradient and needed for needed in ctx.needs_input_grad[:2])
        d_hidden = torch.zeros_like(hidden) if needs_hidden else None
        d_weight = torch.zeros_like(weight, dtype=_exact(weight.dtype)) if needs_weight else None
        loss = torch.zeros((), dtype=_exact(weight.dtype), device=hidden.device)
        for rows in _chunks(kind.targets, weight.shape[0]):
            inside = hidden[rows]
            logits = F.linear(inside, weight).to(_exact(weight.dtype))
            loss += kind.loss_and_gradient(logits, rows, needs_hidden or needs_weight)
            gradient = logits.to(weight.dtype)
            if d_hidden is not None:
                d_hidden[rows] = (gradient @ weight).to(hidden.dtype)
            if d_weight is not None:
                d_weight += gradient.t() @ inside
        ctx.gradients = (d_hidden, d_weight)
        ctx.weight_dtype = weight.dtype
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        d_hidden, d_weight = ctx.gradients
        ctx.gradients = (None, None)  # they are scaled in place, so they are good for once
        if d_hidden is not None:
            d_hidden.mul_(gradients[0])
        if d_weight is not None:
            d_weight = d_weight.mul_(gradients[0]).to(ctx.weight_dtype)
        return d_hidden, d_weight, None, None


def _chunks(targets: Tensor, vocab_size: int) -> Iterator[Tensor]:
    """Numbers of the rows that count, some at a time."""
    counted = (targets != IGNORED).nonzero().squeeze(1)
    at_once = max(1, CHUNK_LOGITS // vocab_size)
    for start in range(0, len(counted), at_once):
        yield counted[start : start + at_once]


def _exact(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32
