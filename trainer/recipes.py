"""Recipes: what is learnt, as values for one loop: a network, the weights that may change, and a loss.

Each is made by one function; the loop never asks which it is running. Data, steps and files live elsewhere.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.checkpoint.packing import load_quantised
from core.model.frozen import unpacked
from core.model.lora import Detour, adapter_parameters, attach_new, set_strength
from core.model.quant import Linear8, Table8, TorchPacking
from core.model.transformer import Transformer, with_random_weights
from core.spec.errors import UsageError
from core.spec.folders import cache_folder
from trainer.data.batches import Batch
from trainer.distributed import ALONE, Group
from trainer.losses import (
    IGNORED,
    Teacher,
    answer_log_probabilities,
    cross_entropy_sum,
    divergence_sum,
    preference_sum,
)
from trainer.networks import config_of, from_nothing, tokenizer_of, with_weights
from trainer.spec.jobs import RecipeName, TrainSpec

ADAPTER = "trained"
_SAMPLE_TEXT = "def add(a: int, b: int) -> int:\n    return a + b  # ünïcode, 12345\n"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where a run computes, in what, and with whom."""

    device: torch.device
    working: torch.dtype
    group: Group = ALONE

    def computing(self) -> AbstractContextManager[None]:
        """fp16 cannot hold what adds up along the layers, so that stays fp32 and only products are fp16."""
        if self.working == torch.float16:
            return torch.autocast(self.device.type, torch.float16)
        return nullcontext()


@dataclass(frozen=True)
class Recipe:
    """`loss` is a sum over what `count` counts: tokens, or pairs of answers."""

    model: Transformer
    trainable: Mapping[str, nn.Parameter]
    loss: Callable[[Batch], Tensor]
    count: Callable[[Batch], int]


def make(spec: TrainSpec, place: Place, say: Say) -> Recipe:
    recipe = _MAKERS[spec.recipe](spec, place, say)
    recipe.model.recomputes_layers = spec.checkpoint_layers
    if place.working == torch.float16:
        recipe.model.embed.register_forward_hook(lambda _, __, rows: rows.float())
    return recipe


def _whole(spec: TrainSpec, place: Place, say: Say) -> Recipe:
    model = _learner(spec, place, say)
    return Recipe(model, dict(model.named_parameters()), _next_token(model), _tokens)


def _distil(spec: TrainSpec, place: Place, say: Say) -> Recipe:
    model = _learner(spec, place, say)
    teacher = _teacher(spec, place, say)
    weight, teacher_weight = output_weight(model, place), output_weight(teacher, place)

    def loss(batch: Batch) -> Tensor:
        with torch.no_grad():
            thoughts = teacher.hidden(batch.inputs).flatten(0, 1)
        divisors = (teacher.config.logits_divisor, model.config.logits_divisor)
        return divergence_sum(
            model.hidden(batch.inputs).flatten(0, 1),
            weight(),
            batch.targets.flatten(),
            Teacher(thoughts, teacher_weight(), *divisors),
            spec.temperature,
            spec.mixing,
        )

    return Recipe(model, dict(model.named_parameters()), loss, _tokens)


def _lora(spec: TrainSpec, place: Place, say: Say) -> Recipe:
    model = frozen_base(spec, place, say)
    trainable = _with_adapter(model, spec)
    return Recipe(model, trainable, _next_token(model, output_weight(model, place)), _tokens)


def _dpo(spec: TrainSpec, place: Place, say: Say) -> Recipe:
    """The model it started from is the same one with its adapter off."""
    model = frozen_base(spec, place, say)
    trainable = _with_adapter(model, spec)
    weight, divisor = output_weight(model, place), model.config.logits_divisor

    def log_probabilities(batch: Batch) -> tuple[Tensor, Tensor]:
        hidden = model.hidden(batch.inputs)
        chosen, rejected = answer_log_probabilities(hidden, weight(), batch.targets, divisor).chunk(2)
        return chosen, rejected

    def loss(batch: Batch) -> Tensor:
        set_strength(model, ADAPTER, 0.0)
        with torch.no_grad():
            reference = log_probabilities(batch)
        set_strength(model, ADAPTER, 1.0)
        return preference_sum(*log_probabilities(batch), reference, spec.preference_beta)

    return Recipe(model, trainable, loss, lambda batch: len(batch.inputs) // 2)


_MAKERS: Mapping[RecipeName, Callable[[TrainSpec, Place, Say], Recipe]] = {
    "pretrain": _whole,
    "full": _whole,
    "distil": _distil,
    "lora": _lora,
    "qlora": _lora,
    "dpo": _dpo,
}


def _next_token(model: Transformer, weight: Callable[[], Tensor] | None = None) -> Callable[[Batch], Tensor]:
    divisor = model.config.logits_divisor
    weight = weight or _table(model)

    def loss(batch: Batch) -> Tensor:
        hidden = model.hidden(batch.inputs).flatten(0, 1)
        return cross_entropy_sum(hidden, weight(), batch.targets.flatten(), divisor)

    return loss


def _tokens(batch: Batch) -> int:
    return int((batch.targets != IGNORED).sum())


def _table(model: Transformer) -> Callable[[], Tensor]:
    return lambda: model.embed.weight if model.head is None else model.head.weight


def output_weight(model: Transformer, place: Place) -> Callable[[], Tensor]:
    """Asked for at each batch; a quantised one is unpacked once."""
    if isinstance(model.head, Linear8):
        weight = unpacked(model.head, place.working)
        return lambda: weight
    return _table(model)


def _learner(spec: TrainSpec, place: Place, say: Say) -> Transformer:
    """In fp32, where it is yet to be moved to its place: who moves its weights puts them there."""
    config = from_nothing(spec.model)
    if config is not None:
        say(f"{spec.model} begins from nothing, with seed {spec.seed}")
        model = with_random_weights(config, spec.seed)
    else:
        model = with_weights(spec.model).load(torch.float32)
    return model.requires_grad_(True).train()


def frozen_base(spec: TrainSpec, place: Place, say: Say) -> Transformer:
    stored = with_weights(spec.model)
    if spec.recipe == "qlora":
        model = load_quantised(stored, spec.base_precision, TorchPacking(), cache_folder() / "packed", say)
        for parameter in model.parameters():
            parameter.data = parameter.data.to(place.working)
        if isinstance(model.embed, Table8):
            model.embed.dtype = place.working
        return model.to(place.device).train()
    return stored.load(place.working).to(place.device).train()


def _with_adapter(model: Transformer, spec: TrainSpec) -> dict[str, nn.Parameter]:
    detour = Detour(spec.lora_rank, spec.lora_alpha / spec.lora_rank)
    attach_new(model, ADAPTER, spec.layers, detour, dropout=spec.lora_dropout, seed=spec.seed)
    parameters = adapter_parameters(model, ADAPTER)
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    return parameters


def _teacher(spec: TrainSpec, place: Place, say: Say) -> Transformer:
    stored = with_weights(str(spec.teacher))
    student = config_of(spec.model)
    ours, theirs = tokenizer_of(spec.model), stored.tokenizer()
    agree = ours is None or ours.encode(_SAMPLE_TEXT) == theirs.encode(_SAMPLE_TEXT)
    if stored.config.vocab_size != student.vocab_size or not agree:
        raise UsageError(
            f"{spec.teacher} and {spec.model} have different vocabularies, so one's predictions mean nothing "
            "to the other; let the teacher write text instead, and train on that."
        )
    say(f"reading the teacher {spec.teacher}")
    return stored.load(place.working).to(place.device)
