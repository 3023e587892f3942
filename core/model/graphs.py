"""One token at a time on an NVIDIA card as a CUDA graph: all launches of a step in one.

A small network spends more time on being launched than on computing. A graph repeats launches with the same
addresses and sizes, so a token is computed against the whole room of its cache, with a mask for what is not
written yet; as rooms double, there are few graphs. What a graph repeats is `OneToken`, which runs anywhere.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.network import Logits
from core.model.transformer import Transformer, as_logits
from core.spec.errors import is_refusal_of_memory

_MOST_GRAPHS = 4  # each keeps what a step holds on the way
_WARM_UPS = 3
_TRIED_TOKENS = 12
_MOST_DIFFERENCE = 1e-2  # attention is summed in another order


class _Seen:
    """Stands for Sight: every position up to the new one, as far as its window reaches."""

    def __init__(self, position: Tensor, room: int) -> None:
        self._position, self._places = position, torch.arange(room, device=position.device)

    def mask(self, window: int | None) -> Tensor:
        seen = self._places <= self._position
        if window is not None:
            seen &= self._places > self._position - window
        return seen.unsqueeze(0)


class _Room:
    """Stands for KVCache: writes at a position that only the card knows, and shows all there is room for."""

    def __init__(self, layers: CacheRows, position: Tensor) -> None:
        self._layers, self._position = layers, position

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        held = self._layers.room(layer)
        held[0].index_copy_(1, self._position, keys[0].to(held.dtype))
        held[1].index_copy_(1, self._position, values[0].to(held.dtype))
        return held[0].unsqueeze(0), held[1].unsqueeze(0)


class OneToken:
    """Logits of one token, its number and its position read from tensors that stay where they are."""

    def __init__(self, model: Transformer, layers: CacheRows, room: int) -> None:
        self._model = model
        self.token = torch.zeros(1, 1, dtype=torch.long, device=layers.device)
        self.position = torch.zeros(1, dtype=torch.long, device=layers.device)
        self._seen: Any = _Seen(self.position, room)
        self._room: Any = _Room(layers, self.position)
        self._angles = None if model.rope is None else model.rope(0, room, model.embed(self.token))

    def compute(self) -> Tensor:
        """(1, vocab_size)"""
        model = self._model
        x = model.embed(self.token) * model.config.embedding_multiplier
        rotation = None
        if self._angles is not None:
            cosines, sines = self._angles
            rotation = cosines.index_select(0, self.position), sines.index_select(0, self.position)
        elif model.positions is not None:
            x = x + model.positions.weight.index_select(0, self.position)
        x = model.through_blocks(x, rotation, self._seen, self._room)
        return model.logits(x[0])

    def let_go_of_cache(self) -> None:
        """A graph knows the addresses; it must not keep the memory from being given back."""
        self._room = None


@dataclass(frozen=True)
class _Graph:
    graph: torch.cuda.CUDAGraph
    step: OneToken
    logits: Tensor


class GraphReader:
    """Reads single tokens, see ShortReads in transformer.py."""

    most_tokens = 1

    def __init__(self, model: Transformer) -> None:
        self._model = model
        # by the addresses of all that a graph writes to: memory that was given back may come again
        self._graphs: OrderedDict[tuple[int, ...], _Graph] = OrderedDict()

    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        cache.make_room(1)
        known = self._graph_for(cache)
        known.step.token.fill_(tokens[0])
        known.step.position.fill_(len(cache))
        known.graph.replay()
        cache.advance(1)
        return as_logits(known.logits[1 - last :])

    def _graph_for(self, cache: KVCache) -> _Graph:
        layers: Any = cache.layers  # on a card, CacheRows
        places = [layers.room(layer).data_ptr() for layer in range(self._model.config.n_layers)]
        key = (cache.capacity, *places)
        if key not in self._graphs:
            step = OneToken(self._model, layers, cache.capacity)
            self._graphs[key] = _captured(step, len(cache))
            step.let_go_of_cache()
            if len(self._graphs) > _MOST_GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        return self._graphs[key]


def _captured(step: OneToken, position: int) -> _Graph:
    """On a stream beside the usual one, after some runs that let libraries set themselves up. They write
    where the token that is about to be read will be written anyway."""
    step.position.fill_(position)
    beside: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_WARM_UPS):
            step.compute()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = step.compute()
    return _Graph(graph, step, logits)


@torch.inference_mode()
def choose_graphs(model: Transformer, cache: KVCache) -> str:
    """Lets the model read single tokens through graphs where that works on this card, gives the same logits
    and is faster. Half a sentence about why not; empty where it does."""
    reader = GraphReader(model)
    try:
        plain, plain_s = _some_tokens(model, cache)
        model.short_reads = reader
        graphed, graphed_s = _some_tokens(model, cache)
    except RuntimeError as error:
        model.short_reads = None
        if is_refusal_of_memory(error):
            raise
        return f"CUDA graphs do not work on this card ({str(error).splitlines()[0]})"
    difference = float(np.linalg.norm(graphed - plain) / np.linalg.norm(plain))
    if difference < _MOST_DIFFERENCE and graphed_s < plain_s:
        return ""
    model.short_reads = None
    if difference < _MOST_DIFFERENCE:
        return "CUDA graphs are no faster on this card"
    return f"CUDA graphs compute something else on this card (by {difference:.1e})"


def _some_tokens(model: Transformer, cache: KVCache) -> tuple[Logits, float]:
    """Logits, and the fastest one's seconds."""
    cache.keep(0)
    best, logits = float("inf"), []
    for token in range(min(_TRIED_TOKENS, cache.max_length)):
        started = time.perf_counter()
        logits.append(model.read([token % model.config.vocab_size], cache, last=1))
        best = min(best, time.perf_counter() - started)
    return np.concatenate(logits), best
