"""From a model at rest to one that runs: tries the best place first and says each step down."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from core.checkpoint.packed import load_quantised
from core.checkpoint.stored import StoredModel
from core.fitting import require, this_machine
from core.model.cache import KVCache
from core.model.device import Attempt, attempts, use_threads
from core.model.quant import choose_kernels
from core.model.transformer import Transformer
from core.spec.errors import DoesNotFit, is_refusal_of_memory
from core.spec.folders import cache_folder
from core.spec.placement import Placement

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_PROBE_TOKENS = 8

Say = Callable[[str], None]


@dataclass(frozen=True)
class PlacedModel:
    """`kernel` names what multiplies, for people; `cache_dtype` is what keys and values are held in."""

    model: Transformer
    attempt: Attempt
    threads: int
    kernel: str
    cache_dtype: torch.dtype

    def new_cache(self) -> KVCache:
        return KVCache(self.model.config, self.cache_dtype, self.model.device)


class _NotNumbers(Exception):
    """What a network computes when its values leave the range of the type that holds them."""


def place(stored: StoredModel, placement: Placement, say: Say) -> PlacedModel:
    threads = use_threads(placement.threads)
    problem: Exception | None = None
    for attempt in attempts(placement):
        if problem is not None:
            say(f"{_reason(problem)}; trying {attempt.why}")
        if attempt.device == "cpu" and not placement.anyway:
            require(str(stored.path), stored.config, attempt.precision, this_machine(placement.ram_mb))
        try:
            return _placed(stored, attempt, threads, say)
        except (MemoryError, OSError, RuntimeError, _NotNumbers) as error:
            if not (isinstance(error, _NotNumbers) or is_refusal_of_memory(error)):
                raise
            problem = error
    raise DoesNotFit(f"{stored.path} cannot run: {_reason(problem)}; choose a smaller model.") from problem


@torch.inference_mode()
def _placed(stored: StoredModel, attempt: Attempt, threads: int, say: Say) -> PlacedModel:
    say(f"reading the weights as {attempt.precision} for the {attempt.device}")
    if attempt.precision in ("int8", "int4"):
        model = load_quantised(stored, attempt.precision, cache_folder() / "packed", say).to(attempt.device)
        chosen = choose_kernels(model)
        kernel, cache_dtype = chosen.name, chosen.wide
    else:
        model = stored.load(_DTYPES[attempt.precision]).to(attempt.device)
        kernel, cache_dtype = attempt.precision, _DTYPES[attempt.precision]
    placed = PlacedModel(model, attempt, threads, kernel, cache_dtype)
    _check_numbers(placed)
    return placed


def _check_numbers(placed: PlacedModel) -> None:
    """Some cards without bf16 overflow in fp16; a few tokens through the whole network tell."""
    count = min(_PROBE_TOKENS, placed.model.config.max_context)
    tokens = [token % placed.model.config.vocab_size for token in range(count)]
    logits = placed.model.read(tokens, placed.new_cache(), last=1)
    if not bool(logits.isfinite().all()):
        raise _NotNumbers


def _reason(problem: Exception | None) -> str:
    if isinstance(problem, _NotNumbers):
        return "its numbers overflow at this precision"
    return "there is not enough memory"
