"""PrefixStore: the caches of texts seen lately, so that what two requests begin with is computed once.

The last one stays as it is; those before it are bounded in bytes, and the longest unused goes first.
"""

from collections.abc import Callable

from core.model.cache import KVCache, shared_length

# sharing less of its tokens than this, a cache is worth more as it is, and the new text gets a copy
_WORTH_KEEPING = 0.5


class PrefixStore:
    def __init__(self, make: Callable[[], KVCache], limit_bytes: int) -> None:
        """`limit_bytes`: of what is kept beside the text in use, whose own memory is part of every plan."""
        self._make, self._limit_bytes = make, limit_bytes
        self._caches: list[KVCache] = []  # the last used at the end

    @property
    def size_bytes(self) -> int:
        return sum(cache.size_bytes for cache in self._caches)

    def take(self, tokens: list[int]) -> KVCache:
        """The cache to decode `tokens` with. It leaves the store until it is given back."""
        best = max(self._caches, key=lambda cache: shared_length(cache.tokens, tokens), default=None)
        shared = shared_length(best.tokens, tokens) if best is not None else 0
        if best is None or shared == 0:
            self._make_room(spare=None)
            return self._make()
        if shared < len(best.tokens) * _WORTH_KEEPING and best.size_bytes <= self._limit_bytes:
            self._make_room(spare=best)
            return best.copy(shared)
        self._caches.remove(best)
        self._make_room(spare=None)
        return best

    def give_back(self, cache: KVCache) -> None:
        self._make_room(spare=None)
        self._caches.append(cache)

    def clear(self) -> None:
        self._caches.clear()

    def _make_room(self, spare: KVCache | None) -> None:
        while self.size_bytes > self._limit_bytes:
            self._caches.remove(next(cache for cache in self._caches if cache is not spare))
