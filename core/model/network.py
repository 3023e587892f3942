"""What the decoding loop asks of a network, whatever computes it."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.model.cache import KVCache
from core.spec.config import ModelConfig

Logits = NDArray[np.float32]  # (positions, vocab_size), on the processor


class Network(Protocol):
    @property
    def config(self) -> ModelConfig: ...

    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        """Feeds tokens behind those that the cache holds, PREFILL_CHUNK of them at most; logits of the
        `last` ones."""
        ...
