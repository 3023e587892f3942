"""What is made small: cross-entropy, divergence from a teacher, preference between two answers.

None ever holds the whole logits: some rows go through the output projection at a time, and their gradient is
taken before the next ones come. Sums are returned, not means; who knows how much is counted divides.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORED = -100
CARD_LOGITS = 2**22  # at once on a card; more only costs memory
# on a processor; where a table learns, adding up its gradient is what takes long, so chunks are fewer
CHUNK_BYTES = 2**26
LEARNING_CHUNK_BYTES = 2**27


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
    # logits made exact at a time: they stay in the processor's cache while they are worked on
    part_logits = 2**19

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
    part_logits = 2**22  # for each part the teacher's table is read

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
        d_weight: Tensor | None = None
        exact = torch.float64 if weight.dtype == torch.float64 else torch.float32
        loss = torch.zeros((), dtype=exact, device=hidden.device)
        for rows in _chunks(kind.targets, weight, is_learning=needs_weight):
            inside = hidden[rows]
            logits = F.linear(inside, weight)
            for part in _parts(len(rows), weight, kind.part_logits):
                gradient = logits[part].to(exact)
                loss += kind.loss_and_gradient(gradient, rows[part], needs_hidden or needs_weight)
                if gradient.dtype != logits.dtype:
                    logits[part] = gradient
            if d_hidden is not None:
                d_hidden[rows] = (logits @ weight).to(hidden.dtype)
            if needs_weight:
                found = logits.t() @ inside
                d_weight = found if d_weight is None else d_weight.to(exact).add_(found)
        if needs_weight and d_weight is None:
            d_weight = torch.zeros_like(weight)
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


def _chunks(targets: Tensor, weight: Tensor, *, is_learning: bool) -> Iterator[Tensor]:
    """Numbers of the rows that count, some at a time; none are many fewer than the others."""
    counted = (targets != IGNORED).nonzero().squeeze(1)
    chunk_bytes = LEARNING_CHUNK_BYTES if is_learning else CHUNK_BYTES
    logits = chunk_bytes // weight.element_size() if weight.device.type == "cpu" else CARD_LOGITS
    at_once = max(1, logits // weight.shape[0])
    if len(counted):
        yield from counted.chunk(math.ceil(len(counted) / at_once))


def _parts(rows: int, weight: Tensor, logits: int) -> Iterator[slice]:
    """A card wants few and large operations, so there a chunk is one part."""
    at_once = max(1, logits // weight.shape[0]) if weight.device.type == "cpu" else rows
    for start in range(0, rows, at_once):
        yield slice(start, start + at_once)
