"""The one decoding loop.

Invariant: `cache` holds the keys and values of a prefix of `tokens`; what it lacks is fed next. Reading the
prompt in chunks, plain decoding, speculation and the reuse of a prefix all follow from keeping that true.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from core.generate.drafting import Guessing
from core.generate.sampling import TokenChooser
from core.model.cache import KVCache, shared_length
from core.model.network import Network
from core.spec.budget import PREFILL_CHUNK
from core.spec.errors import NotNumbers


def decode(
    model: Network,
    cache: KVCache,
    tokens: list[int],
    *,
    guessing: Guessing,
    chooser: TokenChooser,
    is_cancelled: Callable[[], bool],
) -> Iterator[int]:
    """The tokens that follow, until cancelled or until the cache can hold no more."""
    tokens = list(tokens)
    pace = guessing.pace
    # one token is always left to feed, else there would be no logits to choose from
    cache.keep(min(shared_length(cache.tokens, tokens), len(tokens) - 1))
    while not is_cancelled() and len(tokens) <= cache.max_length:
        missing = tokens[len(cache) :]
        if len(missing) > PREFILL_CHUNK:
            model.read(missing[:PREFILL_CHUNK], cache, last=0)
            continue
        draft = _guessed(tokens, guessing, cache.max_length - len(tokens)) if len(missing) == 1 else []
        pace.start()
        logits = model.read(missing + draft, cache, last=1 + len(draft))
        if not np.isfinite(logits).all():
            cache.forget()
            raise NotNumbers(
                "The model's numbers overflow at this precision; choose another --precision or --device."
            )
        accepted = chooser.along(draft, logits, tokens)
        if len(missing) == 1:
            pace.finish(len(draft))
        tokens += accepted
        cache.keep(len(tokens) - 1)
        for place, token in enumerate(accepted):
            if place > 0 and is_cancelled():
                return
            yield token


def _guessed(tokens: list[int], guessing: Guessing, room: int) -> list[int]:
    def worth(chances: Sequence[float], seconds_each: float = 0.0) -> int:
        return guessing.pace.worth(chances[:room], seconds_each)

    return guessing.drafter.propose(tokens, worth)
