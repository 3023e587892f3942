"""The one decoding loop.

Invariant: `cache` holds the keys and values of a prefix of `tokens`; what it lacks is fed next. Reading the
prompt in chunks and decoding both follow from keeping that true.
"""

from collections.abc import Callable, Iterator

import torch

from core.generate.sampling import choose
from core.model.cache import KVCache
from core.model.transformer import Transformer
from core.spec.sampling import Sampling

PREFILL_CHUNK = 256


def decode(
    model: Transformer,
    cache: KVCache,
    tokens: list[int],
    *,
    sampling: Sampling,
    is_cancelled: Callable[[], bool],
) -> Iterator[int]:
    """Endless: the caller stops taking tokens at an end mark or a limit."""
    tokens = list(tokens)
    generator = torch.Generator(cache.device).manual_seed(sampling.seed)
    while not is_cancelled():
        fed = tokens[len(cache) : len(cache) + PREFILL_CHUNK]
        ids = torch.tensor([fed], device=cache.device)
        if len(cache) + len(fed) < len(tokens):
            model.hidden(ids, cache)
            continue
        logits = model(ids, cache, last=1)[0, -1]
        tokens.append(choose(logits, tokens, sampling, generator))
        yield tokens[-1]
