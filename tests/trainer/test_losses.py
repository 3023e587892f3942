"""Losses in chunks against the plain ones, with gradients, to the last digits that fp64 and fp32 have."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from trainer import losses
from trainer.losses import IGNORED, Teacher, answer_log_probabilities, cross_entropy_sum, divergence_sum

ROWS, DIM, VOCAB = 37, 16, 50


@pytest.fixture(autouse=True)
def several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHUNK_BYTES", "LEARNING_CHUNK_BYTES"):
        monkeypatch.setattr(losses, name, 14 * VOCAB * 4)
    monkeypatch.setattr(losses._CrossEntropy, "part_logits", 3 * VOCAB)
    monkeypatch.setattr(losses._Divergence, "part_logits", 5 * VOCAB)


def given(dtype: torch.dtype, masked: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    hidden = torch.randn(ROWS, DIM, dtype=dtype, requires_grad=True)
    weight = torch.randn(VOCAB, DIM, dtype=dtype, requires_grad=True)
    targets = torch.randint(VOCAB, (ROWS,))
    if masked:
        targets[::3] = IGNORED
    return hidden, weight, targets


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-11 if one.dtype == torch.float64 else 2e-5, atol=1e-6)


def same_gradients(
    ours: Callable[[], Tensor], plain: Callable[[], Tensor], leaves: tuple[Tensor, ...], share: float = 0.25
) -> None:
    one, other = ours(), plain()
    close(one, other)
    for found, expected in zip(
        torch.autograd.grad(one * share, leaves), torch.autograd.grad(other * share, leaves), strict=True
    ):
        close(found, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("divisor", [1.0, 8.0])
@pytest.mark.parametrize("masked", [False, True])
def test_cross_entropy_is_the_plain_one(dtype: torch.dtype, divisor: float, masked: bool) -> None:
    hidden, weight, targets = given(dtype, masked)
    same_gradients(
        lambda: cross_entropy_sum(hidden, weight, targets, divisor),
        lambda: F.cross_entropy(hidden @ weight.t() / divisor, targets, reduction="sum"),
        (hidden, weight),
    )


@pytest.mark.parametrize("chunk_rows", [5, ROWS])
def test_in_half_precision_a_gradient_is_as_near_as_that_allows(
    chunk_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(losses, "LEARNING_CHUNK_BYTES", chunk_rows * VOCAB * 2)
    hidden, weight, targets = given(torch.bfloat16)
    found = torch.autograd.grad(cross_entropy_sum(hidden, weight, targets) / ROWS, (hidden, weight))
    exact = [each.detach().double().requires_grad_() for each in (hidden, weight)]
    wanted = torch.autograd.grad(
        F.cross_entropy(exact[0] @ exact[1].t(), targets, reduction="sum", ignore_index=IGNORED) / ROWS, exact
    )
    for one, other in zip(found, wanted, strict=True):
        assert one.dtype == torch.bfloat16
        assert float((one.double() - other).norm() / other.norm()) < 0.01


def test_a_table_that_is_used_at_both_ends_gets_both_gradients() -> None:
    _, weight, targets = given(torch.float64)
    ids = torch.arange(ROWS) % VOCAB

    def ours() -> Tensor:
        return cross_entropy_sum(F.embedding(ids, weight), weight, targets)

    def plain() -> Tensor:
        return F.cross_entropy(F.embedding(ids, weight) @ weight.t(), targets, reduction="sum")

    same_gradients(ours, plain, (weight,))


def test_a_frozen_table_gets_no_gradient_and_hidden_does() -> None:
    hidden, weight, targets = given(torch.float64)
    frozen = weight.detach()
    same_gradients(
        lambda: cross_entropy_sum(hidden, frozen, targets),
        lambda: F.cross_entropy(hidden @ frozen.t(), targets, reduction="sum"),
        (hidden,),
    )


def test_nothing_that_counts_is_a_loss_of_zero() -> None:
    hidden, weight, targets = given(torch.float32)
    loss = cross_entropy_sum(hidden, weight, torch.full_like(targets, IGNORED))
    assert loss.item() == 0
    assert torch.autograd.grad(loss, (hidden,))[0].count_nonzero() == 0


def test_without_gradients_none_are_computed() -> None:
    hidden, weight, targets = given(torch.float32)
    with torch.no_grad():
        loss = cross_entropy_sum(hidden, weight, targets)
    assert not loss.requires_grad
    close(loss, cross_entropy_sum(hidden, weight, targets).detach())


def test_huge_logits_stay_finite() -> None:
    hidden, weight, targets = given(torch.float32)
    loss = cross_entropy_sum(hidden * 1e4, weight, targets)
    assert bool(loss.isfinite())
    assert all(bool(each.isfinite().all()) for each in torch.autograd.grad(loss, (hidden, weight)))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("mixing", [0.0, 0.3, 1.0])
def test_divergence_is_the_plain_one(temperature: float, mixing: float) -> None:
    hidden, weight, targets = given(torch.float64)
    teacher_hidden = torch.randn(ROWS, 9, dtype=torch.float64)
    teacher_weight = torch.randn(VOCAB, 9, dtype=torch.float64)
    teacher = Teacher(teacher_hidden, teacher_weight, divisor=2.0, student_divisor=4.0)

    def plain() -> Tensor:
        counted = targets != IGNORED
        ours, theirs = (hidden @ weight.t() / 4)[counted], (teacher_hidden @ teacher_weight.t() / 2)[counted]
        hard = F.cross_entropy(ours, targets[counted], reduction="sum")
        soft = F.kl_div(
            (ours / temperature).log_softmax(-1), (theirs / temperature).softmax(-1), reduction="sum"
        )
        return (1 - mixing) * hard + mixing * temperature**2 * soft

    same_gradients(
        lambda: divergence_sum(hidden, weight, targets, teacher, temperature, mixing), plain, (hidden, weight)
    )


def test_a_student_like_its_teacher_has_nothing_to_learn() -> None:
    hidden, weight, targets = given(torch.float64)
    teacher = Teacher(hidden.detach(), weight.detach(), divisor=1.0, student_divisor=1.0)
    loss = divergence_sum(hidden, weight, targets, teacher, 2.0, 1.0)
    assert abs(loss.item()) < 1e-9
    assert float(torch.autograd.grad(loss, (hidden,))[0].abs().max()) < 1e-9


def test_answers_are_scored_one_by_one() -> None:
    torch.manual_seed(2)
    hidden = torch.randn(4, 9, DIM, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(VOCAB, DIM, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(VOCAB, (4, 9))
    targets[:, :4] = IGNORED

    def plain() -> Tensor:
        logs = (hidden @ weight.t()).log_softmax(-1)[:, 4:]
        return (logs.gather(2, targets[:, 4:, None]).sum(dim=(1, 2)) * torch.arange(4)).sum()

    def ours() -> Tensor:
        return (answer_log_probabilities(hidden, weight, targets, 1.0) * torch.arange(4)).sum()

    same_gradients(ours, plain, (hidden, weight))


def test_preference_falls_as_the_chosen_answer_gains_on_the_rejected_one() -> None:
    reference = (torch.tensor([-5.0]), torch.tensor([-5.0]))
    even = losses.preference_sum(*reference, reference, 0.1)
    torch.testing.assert_close(even, torch.log(torch.tensor(2.0)))
    better = losses.preference_sum(torch.tensor([-4.0]), torch.tensor([-6.0]), reference, 0.1)
    assert float(better) == pytest.approx(-float(F.logsigmoid(torch.tensor(0.2))))
    assert better < even
