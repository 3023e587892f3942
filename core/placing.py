"""From a model at rest to one that runs: tries the best place first and says each step down."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from core.checkpoint.packed import load_quantised
from core.checkpoint.stored import StoredModel
from core.fitting import budget_of, context_of, require, this_card, this_machine
from core.model.cache import CacheLayers, CacheRows, KVCache
from core.model.card import CardPacking
from core.model.crossover import choose_reads
from core.model.device import Attempt, attempts, unused_card, usable_cores, use_threads
from core.model.graphs import choose_graphs
from core.model.quant import Packing, TorchPacking, choose_kernels
from core.model.tiled import CacheTiles, LibraryPacking
from core.model.transformer import Transformer
from core.native import library
from core.native.library import Library
from core.spec.budget import Budget
from core.spec.errors import DoesNotFit, NotNumbers, is_refusal_of_memory
from core.spec.placement import Placement
from core.spec.removal import packed_folder
from core.spec.sizes import MB

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_PROBE_TOKENS = 8
_COMPARED_TOKENS = 12

Say = Callable[[str], None]


@dataclass(frozen=True)
class PlacedModel:
    """`kernel` names what multiplies, for people; caches are made like `cache_layers`."""

    model: Transformer
    attempt: Attempt
    threads: int
    kernel: str
    cache_layers: CacheLayers
    room: "Room"
    concessions: tuple[str, ...] = ()

    def new_cache(self) -> KVCache:
        return KVCache(self.room.context_tokens, self.cache_layers.emptied())


@dataclass(frozen=True)
class Room:
    """`budget`: what the plan is made of; `planned_bytes`: what a model may come to beside the program, with
    one text of `context_tokens`, and 0 where nobody asked; `kept_bytes`: what earlier texts may take more."""

    context_tokens: int
    budget: Budget
    planned_bytes: int
    kept_bytes: int


def place(stored: StoredModel, placement: Placement, say: Say, ours_bytes: int = 0) -> PlacedModel:
    """`ours_bytes`: what models that are held already are planned to take."""
    placed = _first_that_works(stored, placement, say, ours_bytes)
    if placement.device != "auto" or placed.attempt.device == "cpu":
        return placed
    say("comparing the card with the processor")
    try:
        other = _first_that_works(stored, replace(placement, device="cpu"), say, ours_bytes)
    except DoesNotFit:
        return placed
    return faster_of(placed, other)


@torch.inference_mode()
def faster_of(one: PlacedModel, other: PlacedModel) -> PlacedModel:
    """A small card may lose to a good processor, so both write a few tokens, in turns."""
    best = dict.fromkeys((0, 1), float("inf"))
    sides = ((one, one.new_cache()), (other, other.new_cache()))
    for _ in range(_COMPARED_TOKENS):
        for number, (placed, cache) in enumerate(sides):
            started = time.perf_counter()
            int(placed.model.read([1], cache, last=1).argmax())  # which waits until a card is done
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
            room = _room(stored, attempt, placement, ours_bytes)
            placed = _placed(stored, attempt, placement.threads, room, say)
            return replace(placed, concessions=(*concessions, *placed.concessions))
        except (MemoryError, OSError, RuntimeError, DoesNotFit, NotNumbers) as error:
            if not (isinstance(error, DoesNotFit | NotNumbers) or is_refusal_of_memory(error)):
                raise
            problem = error
    if isinstance(problem, DoesNotFit):
        raise problem
    raise DoesNotFit(f"{stored.path} cannot run: {_reason(problem)}; choose a smaller model.") from problem


def _room(stored: StoredModel, attempt: Attempt, placement: Placement, ours_bytes: int) -> Room:
    """Whatever the plan leaves free is for earlier texts, up to the limit that was set."""
    context = context_of(stored.config, placement.context_tokens)
    if attempt.device == "cuda":
        machine = this_card(placement.vram_mb, ours_bytes)
    else:  # mps shares the system's memory
        machine = this_machine(placement.ram_mb, ours_bytes, placement.beside_pid)
    if placement.anyway:
        budget = budget_of(stored.config, attempt.precision, context, machine)
        return Room(context, budget, 0, attempt.cache_mb * MB)
    budget = require(str(stored.path), stored.config, attempt.precision, context, machine)
    kept_bytes = min(attempt.cache_mb * MB, machine.free_bytes - budget.total_bytes)
    return Room(context, budget, budget.total_bytes - budget.runtime_bytes, kept_bytes)


@torch.inference_mode()
def _placed(stored: StoredModel, attempt: Attempt, threads: int, room: Room, say: Say) -> PlacedModel:
    """`threads` as they were asked for: 0 where we are to choose."""
    step = f"reading the weights as {attempt.precision} for the {attempt.device}"
    say(step)
    torch_threads = use_threads(threads)
    dtype = _DTYPES.get(attempt.precision)
    tiles = library.load() if dtype is None and attempt.device == "cpu" else None
    if dtype is not None:
        model = stored.load(dtype, lambda share: say(f"{step}: {share} %")).to(attempt.device)
        layers = CacheRows(stored.config, dtype, attempt.device)
        placed = PlacedModel(model, attempt, torch_threads, attempt.precision, layers, room)
    elif tiles is not None:
        placed = _placed_in_tiles(stored, attempt, tiles, room, say)
        tiles.set_threads(threads or usable_cores())  # it gives up a core that other programs want
        placed = replace(placed, threads=threads or usable_cores())
    else:
        is_card = attempt.device != "cpu"
        model = _packed(stored, attempt, CardPacking() if is_card else TorchPacking(), say).to(attempt.device)
        # as planned, whatever multiplies; cards before 2020 have no bfloat16
        rows = CacheRows(stored.config, torch.float16 if is_card else torch.bfloat16, attempt.device)
        slower = (f"{library.why_not()} PyTorch multiplies instead, several times slower",)
        concessions = () if is_card else slower
        say("measuring what computes fastest here")
        kernel = choose_kernels(model).name
        placed = PlacedModel(model, attempt, torch_threads, kernel, rows, room, concessions)
    say("trying it out")
    _check_numbers(placed)
    return _with_graphs(placed) if attempt.device == "cuda" else placed


def _with_graphs(placed: PlacedModel) -> PlacedModel:
    why_not = choose_graphs(placed.model, placed.new_cache())
    if why_not:
        return replace(placed, concessions=(*placed.concessions, why_not))
    return replace(placed, kernel=f"{placed.kernel}, CUDA graphs")


def _placed_in_tiles(
    stored: StoredModel, attempt: Attempt, tiles: Library, room: Room, say: Say
) -> PlacedModel:
    model = _packed(stored, attempt, LibraryPacking(tiles), say)
    say("measuring what computes fastest here")
    reads = choose_reads(model)
    layers = CacheTiles(stored.config, tiles, reads.wide)
    return PlacedModel(model, attempt, 0, tiles.kernels + reads.name, layers, room)


def _packed(stored: StoredModel, attempt: Attempt, packing: Packing, say: Say) -> Transformer:
    precision: Any = attempt.precision
    return load_quantised(stored, precision, packing, packed_folder(), say)


def _check_numbers(placed: PlacedModel) -> None:
    """Some cards without bf16 overflow in fp16; a few tokens through the whole network tell."""
    count = min(_PROBE_TOKENS, placed.room.context_tokens)
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
