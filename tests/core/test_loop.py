"""Decoding with a cache gives what computing everything afresh gives."""

from itertools import islice

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.generate.loop import PREFILL_CHUNK, decode
from core.generate.sampling import choose
from core.model.cache import KVCache
from core.model.transformer import Transformer
from core.spec.sampling import Sampling
from tests.tiny import tiny_model

MODEL = tiny_model(max_context=1024)


def never() -> bool:
    return False


@torch.inference_mode()
def written(tokens: list[int], count: int, sampling: Sampling, model: Transformer = MODEL) -> list[int]:
    cache = KVCache(model.config, torch.float32)
    return list(islice(decode(model, cache, tokens, sampling=sampling, is_cancelled=never), count))


@torch.inference_mode()
def computed_afresh(tokens: list[int], count: int, sampling: Sampling) -> list[int]:
    generator = torch.Generator().manual_seed(sampling.seed)
    so_far = list(tokens)
    for _ in range(count):
        logits = MODEL(torch.tensor([so_far]))[0, -1]
        so_far.append(choose(logits, so_far, sampling, generator))
    return so_far[len(tokens) :]


@settings(max_examples=25, deadline=None)
@given(
    tokens=st.lists(st.integers(0, 511), min_size=1, max_size=40),
    temperature=st.sampled_from([0.0, 1.0]),
    penalty=st.sampled_from([1.0, 1.3]),
)
def test_decoding_equals_computing_afresh(tokens: list[int], temperature: float, penalty: float) -> None:
    sampling = Sampling(temperature=temperature, repetition_penalty=penalty)
    assert written(tokens, 8, sampling) == computed_afresh(tokens, 8, sampling)


def test_a_prompt_of_several_chunks_equals_computing_afresh() -> None:
    prompt = torch.randint(512, (2 * PREFILL_CHUNK + 3,), generator=torch.Generator().manual_seed(3)).tolist()
    assert written(prompt, 4, Sampling()) == computed_afresh(prompt, 4, Sampling())


@torch.inference_mode()
def test_cancel_is_seen_between_two_chunks_and_between_two_tokens() -> None:
    for allowed in (0, 1, 2, 3, 5):
        asked = iter(range(100))
        cache = KVCache(MODEL.config, torch.float32)
        prompt = [1] * (2 * PREFILL_CHUNK + 3)
        tokens = decode(
            MODEL,
            cache,
            prompt,
            sampling=Sampling(),
            is_cancelled=lambda allowed=allowed, asked=asked: next(asked) >= allowed,
        )
        assert len(list(tokens)) == max(allowed - 2, 0)
        assert len(cache) == min(allowed, 2) * PREFILL_CHUNK + (3 if allowed > 2 else 0) + max(allowed - 3, 0)
