"""The cache that the C library reads: what is written comes back, whatever the shape and type."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.native.cache import TiledCache
from core.native.library import Library
from tests.core.native_library import KERNELS, library, read, write

TYPES = (torch.float32, torch.bfloat16, torch.float16)


@pytest.fixture(params=KERNELS)
def native(request: pytest.FixtureRequest) -> Library:
    return library(request.param)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def halved(tensor: Tensor) -> Tensor:
    return tensor.half().float()


def test_any_width_of_heads_comes_back(native: Library) -> None:
    for head_dim in (*range(1, 34), 64, 72, 80, 127, 128, 255, 256):
        cache = TiledCache(1, 2, head_dim)
        cache.reserve(40, 0)
        keys, values = noise(2, 37, head_dim), noise(2, 37, head_dim, seed=1)
        write(native, cache, 0, 0, keys, values)
        found_keys, found_values = read(native, cache, 0, 37)
        assert torch.equal(found_keys, halved(keys)), head_dim
        assert torch.equal(found_values, halved(values)), head_dim


@pytest.mark.parametrize("dtype", TYPES)
def test_any_type_of_float_goes_in_and_out(native: Library, dtype: torch.dtype) -> None:
    cache = TiledCache(1, 3, 24)
    cache.reserve(20, 0)
    keys, values = noise(3, 20, 24).to(dtype), noise(3, 20, 24, seed=1).to(dtype)
    write(native, cache, 0, 0, keys, values)
    found_keys, found_values = read(native, cache, 0, 20, dtype)
    assert torch.equal(found_keys, keys.half().to(dtype))
    assert torch.equal(found_values, values.half().to(dtype))


def test_positions_are_written_anywhere_and_nothing_beside_them(native: Library) -> None:
    keys, values = noise(2, 50, 24), noise(2, 50, 24, seed=1)
    for first in (0, 1, 15, 16, 17, 30):
        for end in (first, first + 1, first + 16, 50):
            cache = TiledCache(1, 2, 24)
            cache.reserve(50, 0)
            write(native, cache, 0, 0, keys, values)
            write(native, cache, 0, first, keys[:, first:end] + 1, values[:, first:end] + 1)
            for found, before in zip(read(native, cache, 0, 50), (keys, values), strict=True):
                expected = halved(before)
                expected[:, first:end] = halved(before[:, first:end] + 1)
                assert torch.equal(found, expected)


def test_heads_may_lie_far_apart(native: Library) -> None:
    cache = TiledCache(1, 2, 24)
    cache.reserve(20, 0)
    together = noise(20, 2, 3, 24)  # as a projection leaves them: position by position
    keys, values = together[:, :, 1].transpose(0, 1), together[:, :, 2].transpose(0, 1)
    write(native, cache, 0, 0, keys, values)
    found_keys, found_values = read(native, cache, 0, 20)
    assert torch.equal(found_keys, halved(keys))
    assert torch.equal(found_values, halved(values))


def test_layers_are_kept_apart_and_growing_keeps_what_is_held(native: Library) -> None:
    cache = TiledCache(3, 2, 24)
    written = [(noise(2, 23, 24, seed=layer), noise(2, 23, 24, seed=layer + 9)) for layer in range(3)]
    cache.reserve(23, 0)
    assert cache.capacity == 32
    for layer, (keys, values) in enumerate(written):
        write(native, cache, layer, 0, keys, values)
    for capacity in (30, 33, 100, 50):
        cache.reserve(capacity, 23)
        for layer, (keys, values) in enumerate(written):
            found_keys, found_values = read(native, cache, layer, 23)
            assert torch.equal(found_keys, halved(keys))
            assert torch.equal(found_values, halved(values))
    assert cache.capacity == 112


def test_what_fp16_cannot_hold_becomes_its_largest_and_what_is_not_finite_nan(native: Library) -> None:
    cache = TiledCache(1, 1, 6)
    cache.reserve(1, 0)
    numbers = torch.tensor([[[1e30, -1e30, 65519.0, float("nan"), float("inf"), -float("inf")]]])
    write(native, cache, 0, 0, numbers, numbers)
    for found in read(native, cache, 0, 1):
        assert found.flatten()[:3].tolist() == [65504, -65504, 65504]
        assert found.flatten()[3:].isnan().all()


@given(
    heads=st.integers(1, 4),
    head_dim=st.integers(1, 40),
    positions=st.integers(0, 60),
    threads=st.integers(1, 4),
)
def test_any_number_of_threads_writes_and_reads_the_same(
    heads: int, head_dim: int, positions: int, threads: int
) -> None:
    keys, values = noise(heads, positions, head_dim), noise(heads, positions, head_dim, seed=1)
    cache = TiledCache(1, heads, head_dim)
    cache.reserve(positions, 0)
    library().set_threads(threads)
    write(library(), cache, 0, 0, keys, values)
    found_keys, found_values = read(library(), cache, 0, positions)
    library().set_threads(1)
    assert torch.equal(found_keys, halved(keys))
    assert torch.equal(found_values, halved(values))


def test_what_does_not_fit_is_refused() -> None:
    cache = TiledCache(1, 2, 24)
    cache.reserve(16, 0)
    wrong = [(2, 17, 24), (1, 3, 24), (2, 3, 25), (2, 24)]
    for shape in wrong:
        with pytest.raises((ValueError, IndexError)):
            write(library(), cache, 0, 0, noise(*shape), noise(*shape))
    with pytest.raises(ValueError, match="sense"):
        read(library(), cache, 0, 17)
    with pytest.raises(ValueError, match="side by side"):
        write(library(), cache, 0, 0, noise(2, 24, 3).transpose(1, 2), noise(2, 24, 3).transpose(1, 2))
