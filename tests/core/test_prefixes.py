"""What is kept of earlier texts: bounded, but never so that the text a person works on is read again."""

import torch

from core.generate.prefixes import PrefixStore
from core.model.cache import KVCache, shared_length
from core.model.cache_rows import CacheRows
from tests.tiny import TINY, tiny_model

MODEL = tiny_model()


def new_store(limit_bytes: int) -> PrefixStore:
    return PrefixStore(lambda: KVCache(TINY.max_context, CacheRows(TINY, torch.float32)), limit_bytes)


def read(store: PrefixStore, tokens: list[int]) -> int:
    """How many tokens were known."""
    cache = store.take(tokens)
    shared = shared_length(cache.tokens, tokens)
    cache.keep(shared)
    with torch.inference_mode():
        MODEL.read(tokens[shared:], cache, last=0)
    store.give_back(cache)
    return shared


def test_the_text_in_use_is_kept_however_small_the_limit() -> None:
    store = new_store(limit_bytes=0)
    assert [read(store, [1] * length) for length in (300, 301, 302)] == [0, 300, 301]


def test_what_is_kept_beside_it_stays_within_the_limit() -> None:
    store = new_store(limit_bytes=2**20)
    for token in range(1, 5):
        read(store, [token] * 60)
    one_text = store.size_bytes // 4
    for limit_bytes in (0, one_text, 2 * one_text):
        small = new_store(limit_bytes)
        for token in range(1, 7):
            read(small, [token] * 60)
            assert small.size_bytes <= limit_bytes + one_text
        assert small.size_bytes == limit_bytes + one_text


def test_a_text_too_large_to_stay_beside_another_is_not_copied() -> None:
    store = new_store(limit_bytes=0)
    read(store, [1] * 300)
    one_text = store.size_bytes
    assert read(store, [1, *[2] * 299]) == 1
    assert store.size_bytes == one_text


def test_a_text_that_shares_little_leaves_the_other_as_it_was() -> None:
    store = new_store(limit_bytes=2**20)
    read(store, [1] * 60)
    assert read(store, [*[1] * 10, 7, 7]) == 10
    assert read(store, [*[1] * 60, 5]) == 60
