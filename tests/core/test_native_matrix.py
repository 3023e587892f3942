"""Packed weights and products with them: every kind of kernel against arithmetic in float64."""

import ctypes
import itertools

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import dequantize, quantize
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from core.native.library import Library
from core.native.matrix import AS_NEEDED, UP, Matrix, Planes, Shape, empty_matrix
from tests.core.native_library import (
    KERNELS,
    library,
    multiply,
    pack,
    packed,
    packed_pair,
    unpack,
    unpacked,
)

BITS = (8, 4)
BITS_AND_PLANES = [(8, 1), (8, 2), (8, AS_NEEDED), (4, 1), (4, 2), (4, AS_NEEDED)]
OF_ONE_PLANE, OF_TWO_PLANES = 1e-2, 6e-5  # errors of activations, relative to the result


@pytest.fixture(params=KERNELS)
def native(request: pytest.FixtureRequest) -> Library:
    return library(request.param)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def error(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def exact(x: Tensor, weight: Tensor) -> Tensor:
    return x.double() @ weight.double().T


# ---- Weights ----


def test_int8_weights_are_within_half_a_step(native: Library) -> None:
    weight = noise(33, 100)
    loss = (unpacked(native, packed(native, weight, 8)) - weight).abs()
    for first in range(0, 100, 32):
        block = slice(first, first + 32)
        step = weight[:, block].abs().amax(dim=1, keepdim=True) / 127
        assert (loss[:, block] <= step * (0.5 + 127 / 2**11)).all()  # the scale is rounded to fp16 too


@pytest.mark.parametrize(("kind", "gain"), [("normal", 0.08), ("laplace", 0.05), ("student_t", 0.04)])
def test_int4_weights_lose_less_than_in_q4_0(native: Library, kind: str, gain: float) -> None:
    """By mean square, and without harm to the large ones."""
    numbers = np.random.default_rng(0)
    sizes = (256, 512)
    weight = numbers.standard_t(4, sizes) if kind == "student_t" else getattr(numbers, kind)(size=sizes)
    weight = weight.astype(np.float32)
    theirs = dequantize(quantize(weight, gguf.GGMLQuantizationType.Q4_0), gguf.GGMLQuantizationType.Q4_0)
    ours = unpacked(native, packed(native, torch.from_numpy(weight), 4)).numpy()
    assert ((ours - weight) ** 2).sum() < (1 - gain) * ((theirs - weight) ** 2).sum()
    assert (((ours - weight) * weight) ** 2).sum() < 1.02 * (((theirs - weight) * weight) ** 2).sum()


@pytest.mark.parametrize("bits", BITS)
def test_weights_that_are_steps_of_a_scale_come_back(native: Library, bits: int) -> None:
    most = 127 if bits == 8 else 7
    steps = torch.randint(-most, most + 1, (50, 70), generator=torch.Generator().manual_seed(0))
    steps[:, ::32] = most
    weight = steps * 2.0**-9
    assert torch.equal(unpacked(native, packed(native, weight, bits)), weight)


@pytest.mark.parametrize("bits", BITS)
def test_tiny_and_huge_weights_keep_their_precision(native: Library, bits: int) -> None:
    weight = noise(16, 64)
    usual = error(unpacked(native, packed(native, weight, bits)), weight)
    for factor in (3e-5, 1e-3, 1e4):
        scaled = weight * factor
        assert error(unpacked(native, packed(native, scaled, bits)), scaled) < 1.2 * usual


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_weight_that_is_not_finite_makes_its_block_nan(native: Library, bits: int, value: float) -> None:
    weight = noise(20, 96)
    weight[3, 40] = value
    found = unpacked(native, packed(native, weight, bits))
    bad = torch.zeros(20, 96, dtype=torch.bool)
    bad[3, 32:64] = True
    assert torch.equal(found.isnan(), bad)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_any_type_of_float_is_packed_and_unpacked(native: Library, bits: int, dtype: torch.dtype) -> None:
    weight = noise(37, 75).to(dtype)
    matrix = packed(native, weight, bits)
    assert np.array_equal(matrix.packed, packed(native, weight.float(), bits).packed)
    found = torch.empty(37, 75, dtype=dtype)
    unpack(native, matrix, found)
    assert torch.equal(found, unpacked(native, matrix).to(dtype))


@pytest.mark.parametrize("bits", BITS)
def test_any_range_of_rows_is_unpacked_and_nothing_beside_it(native: Library, bits: int) -> None:
    matrix = packed(native, noise(50, 70), bits)
    whole = unpacked(native, matrix)
    for first, count in itertools.product((0, 1, 15, 16, 17, 40), (0, 1, 2, 10)):
        room = torch.full((count + 2, 72), 7.0)
        unpack(native, matrix, room[1 : count + 1, :70], first)
        assert torch.equal(room[1 : count + 1, :70], whole[first : first + count])
        room[1 : count + 1, :70] = 7
        assert (room == 7).all()


@pytest.mark.parametrize("bits", BITS)
def test_a_pair_is_two_matrices(native: Library, bits: int) -> None:
    gate, up = noise(37, 75, seed=1), noise(37, 75, seed=2)
    pair = packed_pair(native, gate, up, bits)
    assert torch.equal(unpacked(native, pair), unpacked(native, packed(native, gate, bits)))
    assert torch.equal(unpacked(native, pair, UP), unpacked(native, packed(native, up, bits)))


def test_all_kernels_pack_int8_to_the_same_bytes(native: Library) -> None:
    weight = noise(37, 175)
    assert np.array_equal(packed(native, weight, 8).packed, packed(library("plain"), weight, 8).packed)


@pytest.mark.parametrize("bits", BITS)
def test_what_one_kernel_packed_all_unpack_alike(native: Library, bits: int) -> None:
    matrix = packed(library("plain"), noise(37, 175), bits)
    assert torch.equal(unpacked(native, matrix), unpacked(library("plain"), matrix))


# ---- Products ----


@pytest.mark.parametrize("bits", BITS)
def test_every_remainder_of_rows_and_columns(native: Library, bits: int) -> None:
    x, weight, bias = noise(2, 130), noise(40, 130, seed=1), noise(40, seed=2)
    for rows, columns in itertools.product((*range(1, 18), 40), (*range(1, 66), 95, 96, 97, 130)):
        part, row_bias = x[:, :columns].contiguous(), bias[:rows].contiguous()
        matrix = packed(native, weight[:rows, :columns].contiguous(), bits)
        expected = exact(part, unpacked(native, matrix)) + row_bias
        found = multiply(native, matrix, part, row_bias)
        # beside a bias that cancels most of a single sum, only the sum's own size says what is exact
        size = part.double().norm(dim=1, keepdim=True) * unpacked(native, matrix).double().norm(dim=1)
        assert ((found - expected).abs() <= OF_TWO_PLANES * size + 1e-6).all(), (rows, columns)


@pytest.mark.parametrize(("bits", "planes"), BITS_AND_PLANES)
def test_products_are_as_exact_as_their_planes(native: Library, bits: int, planes: int) -> None:
    matrix, x = packed(native, noise(300, 1152), bits), noise(5, 1152, seed=1)
    found = multiply(native, matrix, x, planes=planes)
    assert error(found, exact(x, unpacked(native, matrix))) < (OF_TWO_PLANES if planes == 2 else OF_ONE_PLANE)


@pytest.mark.parametrize(("bits", "planes"), BITS_AND_PLANES)
def test_a_row_has_the_same_bits_whatever_is_beside_it(native: Library, bits: int, planes: int) -> None:
    matrix, x = packed(native, noise(50, 300), bits), noise(150, 300, seed=1)
    x[::3, 40] *= 100  # so that some rows need a second plane and their neighbours do not
    alone = torch.cat([multiply(native, matrix, x[i : i + 1], planes=planes) for i in range(len(x))])
    for count in (*range(1, 18), 63, 64, 65, 150):
        assert torch.equal(multiply(native, matrix, x[:count], planes=planes), alone[:count])


@pytest.mark.parametrize("bits", BITS)
def test_a_row_has_the_same_bits_with_any_number_of_threads(native: Library, bits: int) -> None:
    weight, x = noise(150, 200), noise(70, 200, seed=1)
    found = []
    for threads in (1, 2, 3, 7):
        native.set_threads(threads)
        matrix = packed(native, weight, bits)
        found.append((matrix.packed, unpacked(native, matrix), multiply(native, matrix, x)))
    native.set_threads(1)
    for other in found[1:]:
        assert all(np.array_equal(one, two) for one, two in zip(found[0], other, strict=True))


@pytest.mark.parametrize("bits", BITS)
def test_activations_may_begin_anywhere(native: Library, bits: int) -> None:
    matrix, x = packed(native, noise(20, 70), bits), noise(3, 70, seed=1)
    expected = multiply(native, matrix, x)
    for offset in range(1, 17):
        room = torch.empty(offset + 210)
        moved = room[offset:].view(3, 70)
        moved.copy_(x)
        assert torch.equal(multiply(native, matrix, moved), expected)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("planes", [2, AS_NEEDED])
@pytest.mark.parametrize("factor", [10.0, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize("every", [97, 3])
def test_outlier_channels_cost_no_more_than_their_weights_do(
    native: Library, bits: int, planes: Planes, factor: float, every: int
) -> None:
    weight, x = noise(256, 1024), noise(8, 1024, seed=1)
    x[:, 5::every] *= factor
    weight[:, 5::every] /= factor  # so that the usual channels matter as much as the outliers
    matrix = packed(native, weight, bits)
    wanted = exact(x, weight)
    of_weights = (exact(x, unpacked(native, matrix)) - wanted).norm()
    assert (multiply(native, matrix, x, planes=planes) - wanted).norm() <= 1.2 * of_weights


def test_a_second_plane_is_taken_where_the_first_would_lose_the_usual_channels(native: Library) -> None:
    """Beside one that is a hundred times as large, and otherwise not, with weights of four bits."""
    matrix, x = packed(native, noise(64, 256), 4), noise(8, 256, seed=1)
    few, both = (multiply(native, matrix, x, planes=planes) for planes in (AS_NEEDED, 2))
    assert error(few, both) > OF_TWO_PLANES
    x[:, ::32] = 100
    few, both = (multiply(native, matrix, x, planes=planes) for planes in (AS_NEEDED, 2))
    assert torch.equal(few, both)


@pytest.mark.parametrize("kind", ["normal", "laplace"])
def test_int4_errors_are_moved_to_where_they_count_less(native: Library, kind: str) -> None:
    weight = torch.from_numpy(getattr(np.random.default_rng(0), kind)(size=(64, 512)).astype(np.float32))
    importance = torch.ones(512)
    importance[5::32] = 100
    weighed, plain = (unpacked(native, packed(native, weight, 4, given)) for given in (importance, None))
    losses = [(((found - weight) ** 2).double() * importance).sum() for found in (weighed, plain)]
    assert losses[0] < 0.6 * losses[1]
    assert torch.equal(unpacked(native, packed(native, weight, 4, importance * 0 + 8)), plain)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("factor", [0.0, 1e-38, 1e-30, 1e-20, 1e20, 1e30])
def test_activations_of_any_size(native: Library, bits: int, factor: float) -> None:
    matrix, x = packed(native, noise(40, 90), bits), noise(3, 90, seed=1) * factor
    expected = exact(x, unpacked(native, matrix))
    loss = (multiply(native, matrix, x).double() - expected).abs().max()
    assert loss <= 1e-4 * expected.abs().max() + 1e-29


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_row_that_is_not_finite_becomes_nan_and_no_other(native: Library, bits: int, value: float) -> None:
    matrix, x = packed(native, noise(37, 75), bits), noise(6, 75, seed=1)
    for column in (0, 15, 16, 31, 32, 63, 64, 74):
        bad = x.clone()
        bad[2, column] = value
        found = multiply(native, matrix, bad)
        assert found[2].isnan().all()
        assert torch.equal(found[[0, 1, 3, 4, 5]], multiply(native, matrix, x)[[0, 1, 3, 4, 5]])


@given(
    rows=st.integers(1, 70),
    columns=st.integers(1, 300),
    count=st.integers(0, 20),
    bits=st.sampled_from(BITS),
    kernels=st.integers(0, len(KERNELS) - 1),
    seed=st.integers(0, 1000),
)
def test_any_product_is_that_of_the_unpacked_weights(
    rows: int, columns: int, count: int, bits: int, kernels: int, seed: int
) -> None:
    usable = library().usable_kernels()
    native = library(usable[kernels % len(usable)])
    matrix, x = packed(native, noise(rows, columns, seed=seed), bits), noise(count, columns)
    weight = unpacked(native, matrix)
    size = x.double().norm(dim=1, keepdim=True) * weight.double().norm(dim=1)
    loss = (multiply(native, matrix, x) - exact(x, weight)).abs()
    assert (loss <= OF_TWO_PLANES * size + 1e-6).all()


@pytest.mark.parametrize("bits", BITS)
def test_packed_bytes_of_a_stranger_do_no_harm(native: Library, bits: int) -> None:
    shape = Shape(37, 200, bits)
    matrix = empty_matrix(shape)
    matrix.packed[:] = np.random.default_rng(0).integers(0, 256, shape.packed_bytes)
    assert multiply(native, matrix, noise(3, 200)).shape == (3, 37)
    assert unpacked(native, matrix).shape == (37, 200)


# ---- What is refused ----


def test_the_library_agrees_how_many_bytes_a_matrix_takes() -> None:
    for rows, columns, bits, is_pair in itertools.product((1, 16, 17), (1, 64, 65), BITS, (False, True)):
        shape = Shape(rows, columns, bits, is_pair)
        fields = empty_matrix(shape).fields()
        assert library().functions.native_packed_bytes(ctypes.byref(fields)) == shape.packed_bytes


def test_tensors_that_do_not_fit_are_refused() -> None:
    native = library()
    matrix, pair = packed(native, noise(20, 70), 8), empty_matrix(Shape(20, 70, 8, is_pair=True))
    wrong = [
        lambda: multiply(native, matrix, noise(2, 71)),
        lambda: multiply(native, matrix, noise(2, 70).double()),
        lambda: multiply(native, matrix, noise(2, 70), noise(21)),
        lambda: multiply(native, matrix, noise(2, 70), planes=3),
        lambda: multiply(native, pair, noise(2, 70)),
        lambda: pack(native, noise(21, 70), matrix),
        lambda: pack(native, noise(70, 20).T, matrix),
        lambda: pack(native, torch.zeros(20, 70, dtype=torch.int32), matrix),
        lambda: unpack(native, matrix, torch.empty(5, 70), first=16),
        lambda: unpack(native, matrix, torch.empty(5, 70), which=UP),
        lambda: Matrix(matrix.shape, matrix.packed[:-64]),
        lambda: Matrix(Shape(16, 64, 8), empty_matrix(Shape(32, 64, 8)).packed[32:1120]),
    ]
    for call in wrong:
        with pytest.raises(ValueError, match=r"needed|needs|supported|side by side|makes no sense|begin at"):
            call()
