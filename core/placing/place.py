"""From a model at rest to one that runs: tries the best place first and says each step down."""

import sys
import time
from dataclasses import replace

import numpy as np

from core.checkpoint.reading import Say
from core.checkpoint.stored import StoredModel
from core.fitting import bring_torch, context_of, require, this_card, this_machine
from core.model.device import Attempt, attempts, may_have_card, unused_card
from core.placing.in_one_step import find_packed
from core.placing.placed import PlacedModel, Room
from core.spec.budget import to_run
from core.spec.errors import DoesNotFit, NotNumbers, is_refusal_of_memory
from core.spec.placement import Placement
from core.spec.sizes import MB

_PROBE_TOKENS = 8
_COMPARED_TOKENS = 12


def place(stored: StoredModel, placement: Placement, say: Say, ours_bytes: int = 0) -> PlacedModel:
    """`ours_bytes`: what models that are held already are planned to take."""
    if placement.device != "cpu" and may_have_card():
        bring_torch()  # which has to be asked
    placed = _first_that_works(stored, placement, say, ours_bytes)
    if placement.device != "auto" or placed.attempt.device == "cpu":
        return placed
    say("comparing the card with the processor")
    try:
        other = _first_that_works(stored, replace(placement, device="cpu"), say, ours_bytes)
    except DoesNotFit:
        return placed
    return faster_of(placed, other)


def check(stored: StoredModel, placement: Placement) -> None:
    """That its weights are what it says; where they were packed already, they were checked then."""
    if find_packed(stored, next(attempts(placement))) is None:
        stored.check()


def faster_of(one: PlacedModel, other: PlacedModel) -> PlacedModel:
    """A small card may lose to a good processor, so both write a few tokens, in turns."""
    best = dict.fromkeys((0, 1), float("inf"))
    sides = ((one, one.new_cache()), (other, other.new_cache()))
    for _ in range(_COMPARED_TOKENS):
        for number, (placed, cache) in enumerate(sides):
            started = time.perf_counter()
            placed.model.read([1], cache, last=1)  # which waits until a card is done
            best[number] = min(best[number], time.perf_counter() - started)
    return one if best[0] <= best[1] else other


def _first_that_works(stored: StoredModel, placement: Placement, say: Say, ours_bytes: int) -> PlacedModel:
    problem: Exception | None = None
    concessions = [unused_card()] if placement.device == "auto" and unused_card() else []
    for attempt in attempts(placement):
        if problem is not None:
            concessions.append(f"{_reason(problem)}; it runs {attempt.why} instead")
            say(f"{_reason(problem)}; trying {attempt.why}")
        try:
            placed = _tried(stored, attempt, placement, ours_bytes, say)
            return replace(placed, concessions=(*concessions, *placed.concessions))
        except (MemoryError, OSError, RuntimeError, DoesNotFit, NotNumbers) as error:
            if not (isinstance(error, DoesNotFit | NotNumbers) or is_refusal_of_memory(error)):
                raise
            problem = error
    if isinstance(problem, DoesNotFit):
        raise problem
    raise DoesNotFit(f"{stored.path} cannot run: {_reason(problem)}; choose a smaller model.") from problem


def _tried(
    stored: StoredModel, attempt: Attempt, placement: Placement, ours_bytes: int, say: Say
) -> PlacedModel:
    say(f"reading the weights as {attempt.precision} for the {attempt.device}")
    placed, packed = None, find_packed(stored, attempt)
    if packed is not None:
        room = _room(stored, attempt, placement, ours_bytes, in_one_step=True)
        placed = packed.placed(room, placement.threads, say)
    if placed is None:
        say("starting PyTorch")
        bring_torch()
        stored.check()
        room = _room(stored, attempt, placement, ours_bytes, in_one_step=False)
        from core.placing.by_torch import placed_by_torch

        placed = placed_by_torch(stored, attempt, placement.threads, room, say)
    say("trying it out")
    _check_numbers(placed)
    if attempt.device == "cuda":
        from core.placing.by_torch import with_graphs

        placed = with_graphs(placed)
    return placed


def _room(
    stored: StoredModel, attempt: Attempt, placement: Placement, ours_bytes: int, *, in_one_step: bool
) -> Room:
    """Whatever the plan leaves free is for earlier texts, up to the limit that was set."""
    context = context_of(stored.config, placement.context_tokens)
    if attempt.device == "cuda":
        machine = this_card(placement.vram_mb, ours_bytes)
    else:  # mps shares the system's memory
        beside, with_torch = placement.beside_pid, not in_one_step or "torch" in sys.modules
        machine = this_machine(placement.ram_mb, ours_bytes, beside, with_torch=with_torch)
    budget = to_run(
        stored.config,
        attempt.precision,
        context,
        runtime_bytes=machine.runtime_bytes,
        in_one_step=in_one_step,
    )
    if placement.anyway:
        return Room(context, budget, 0, attempt.cache_mb * MB)
    require(f"{stored.path} as {attempt.precision}", stored.config, context, machine, budget)
    kept_bytes = min(attempt.cache_mb * MB, machine.free_bytes - budget.total_bytes)
    return Room(context, budget, budget.total_bytes - budget.runtime_bytes, kept_bytes)


def _check_numbers(placed: PlacedModel) -> None:
    """Some cards without bf16 overflow in fp16; a few tokens through the whole network tell."""
    count = min(_PROBE_TOKENS, placed.room.context_tokens)
    tokens = [token % placed.model.config.vocab_size for token in range(count)]
    logits = placed.model.read(tokens, placed.new_cache(), last=1)
    if not np.isfinite(logits).all():
        raise NotNumbers("its numbers overflow at this precision")


def _reason(problem: Exception | None) -> str:
    if isinstance(problem, NotNumbers):
        return str(problem)
    if isinstance(problem, DoesNotFit):
        return str(problem).partition(";")[0]
    return "there is not enough memory"
