"""From a model at rest to one that runs: tries the best place first and says each step down."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from core.checkpoint.packed import load_quantised
from core.checkpoint.stored import StoredModel
from core.fitting import require, this_card, this_machine
from core.model.cache import CacheRows, KVCache
from core.model.device import Attempt, attempts, use_threads
from core.model.quant import choose_kernels
from core.model.transformer import Transformer
from core.spec.budget import MB
from core.spec.errors import DoesNotFit, NotNumbers, is_refusal_of_memory
from core.spec.folders import cache_folder
from core.spec.placement import Placement

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_PROBE_TOKENS = 8

Say = Callable[[str], None]


@dataclass(frozen=True)
class PlacedModel:
    """`kernel` names what multiplies, for people; `cache_dtype` is what keys and values are held in.

    `planned_bytes` is what it may come to beside the program, `kept_bytes` what earlier texts may take more.
    """

    model: Transformer
    attempt: Attempt
    threads: int
    kernel: str
    cache_dtype: torch.dtype
    planned_bytes: int
    kept_bytes: int

    def new_cache(self) -> KVCache:
        config = self.model.config
        return KVCache(config.max_context, CacheRows(config, self.cache_dtype, self.model.device))


@dataclass(frozen=True)
class _Room:
    planned_bytes: int
    kept_bytes: int


def place(stored: StoredModel, placement: Placement, say: Say, ours_bytes: int = 0) -> PlacedModel:
    """`ours_bytes`: what models that are held already are planned to take."""
    threads = use_threads(placement.threads)
    problem: Exception | None = None
    for attempt in attempts(placement):
        if problem is not None:
            say(f"{_reason(problem)}; trying {attempt.why}")
        try:
            room = _room(stored, attempt, placement, ours_bytes)
            return _placed(stored, attempt, threads, room, say)
        except (MemoryError, OSError, RuntimeError, DoesNotFit, NotNumbers) as error:
            if not (isinstance(error, DoesNotFit | NotNumbers) or is_refusal_of_memory(error)):
                raise
            problem = error
    if isinstance(problem, DoesNotFit):
        raise problem
    raise DoesNotFit(f"{stored.path} cannot run: {_reason(problem)}; choose a smaller model.") from problem


def _room(stored: StoredModel, attempt: Attempt, placement: Placement, ours_bytes: int) -> _Room:
    """Whatever the plan leaves free is for earlier texts, up to the limit that was set."""
    if placement.anyway:
        return _Room(0, attempt.cache_mb * MB)
    if attempt.device == "cuda":
        machine = this_card(placement.vram_mb, ours_bytes)
    else:  # mps shares the system's memory
        machine = this_machine(placement.ram_mb, ours_bytes)
    budget = require(str(stored.path), stored.config, attempt.precision, machine)
    kept_bytes = min(attempt.cache_mb * MB, machine.free_bytes - budget.total_bytes)
    return _Room(budget.total_bytes - budget.runtime_bytes, kept_bytes)


@torch.inference_mode()
def _placed(stored: StoredModel, attempt: Attempt, threads: int, room: _Room, say: Say) -> PlacedModel:
    say(f"reading the weights as {attempt.precision} for the {attempt.device}")
    if attempt.precision in ("int8", "int4"):
        model = load_quantised(stored, attempt.precision, cache_folder() / "packed", say).to(attempt.device)
        chosen = choose_kernels(model)
        kernel, cache_dtype = chosen.name, chosen.wide
    else:
        model = stored.load(_DTYPES[attempt.precision]).to(attempt.device)
        kernel, cache_dtype = attempt.precision, _DTYPES[attempt.precision]
    placed = PlacedModel(model, attempt, threads, kernel, cache_dtype, room.planned_bytes, room.kept_bytes)
    _check_numbers(placed)
    return placed


def _check_numbers(placed: PlacedModel) -> None:
    """Some cards without bf16 overflow in fp16; a few tokens through the whole network tell."""
    count = min(_PROBE_TOKENS, placed.model.config.max_context)
    tokens = [token % placed.model.config.vocab_size for token in range(count)]
    logits = placed.model.read(tokens, placed.new_cache(), last=1)
    if not bool(logits.isfinite().all()):
        raise NotNumbers("its numbers overflow at this precision")


def _reason(problem: Exception | None) -> str:
    if isinstance(problem, NotNumbers):
        return str(problem)
    if isinstance(problem, DoesNotFit):
        return str(problem).partition(";")[0]
    return "there is not enough memory"
