"""Matrices in the packed form of layout.h: int8 or int4 weights in blocks of 32 with a scale each.

Packed bytes belong to the caller: they may be mapped from a file. They mean the same on every processor.
"""

import ctypes
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from core.native.library import Library, check
from core.native.structures import TYPES, MatrixFields, Rows

Bits = Literal[8, 4]
Planes = Literal[0, 1, 2]
AS_NEEDED: Planes = 0  # a second plane only where weights are not so coarse that it changes nothing

TILE_ROWS, RECORD_COLUMNS, LINE_BYTES = 16, 64, 64
GATE, UP = 0, 1  # of a pair


@dataclass(frozen=True)
class Shape:
    """`is_pair`: two matrices of this shape whose tiles take turns, as Step wants gate and up."""

    rows: int
    columns: int
    bits: Bits
    is_pair: bool = False

    @property
    def packed_bytes(self) -> int:
        tiles = -(-self.rows // TILE_ROWS) * (2 if self.is_pair else 1)
        record_bytes = LINE_BYTES * (1 + 2 * self.bits)
        return tiles * -(-self.columns // RECORD_COLUMNS) * record_bytes


@dataclass(frozen=True, eq=False)
class Matrix:
    shape: Shape
    packed: Tensor  # uint8

    def __post_init__(self) -> None:
        whole = (torch.uint8, (self.shape.packed_bytes,), True)
        if (self.packed.dtype, tuple(self.packed.shape), self.packed.is_contiguous()) != whole:
            raise ValueError(f"{self.shape} needs {self.shape.packed_bytes} bytes in one piece")
        if self.packed.data_ptr() % LINE_BYTES:
            raise ValueError(f"packed weights must begin at a multiple of {LINE_BYTES} bytes")

    def fields(self) -> MatrixFields:
        shape = self.shape
        return MatrixFields(self.packed.data_ptr(), shape.rows, shape.columns, shape.bits, shape.is_pair)


def empty_matrix(shape: Shape) -> Matrix:
    room = torch.empty(shape.packed_bytes + LINE_BYTES, dtype=torch.uint8)
    begin = -room.data_ptr() % LINE_BYTES
    return Matrix(shape, room[begin : begin + shape.packed_bytes])


def pack(
    library: Library, weight: Tensor, into: Matrix, which: int = GATE, importance: Tensor | None = None
) -> None:
    """`weight`: (rows, columns) in fp32, bf16 or fp16. Of a pair, one of the two.

    `importance`: (columns) above zero, how much an error in each counts, where bits are few: the mean square
    of what will be multiplied with it, or anything that goes with that.
    """
    _check(weight, (into.shape.rows, into.shape.columns))
    if importance is not None:
        _check(importance[None], (1, into.shape.columns), torch.float32)
    address = ctypes.c_void_p(importance.data_ptr() if importance is not None else None)
    fields, rows = into.fields(), Rows(weight.data_ptr(), weight.stride(0), TYPES[weight.dtype])
    check(library.functions.native_pack(library.kernels_address, fields, which, rows, address))


def packed(library: Library, weight: Tensor, bits: Bits, importance: Tensor | None = None) -> Matrix:
    matrix = empty_matrix(Shape(weight.shape[0], weight.shape[1], bits))
    pack(library, weight, matrix, importance=importance)
    return matrix


def packed_pair(library: Library, gate: Tensor, up: Tensor, bits: Bits) -> Matrix:
    matrix = empty_matrix(Shape(gate.shape[0], gate.shape[1], bits, is_pair=True))
    pack(library, gate, matrix, GATE)
    pack(library, up, matrix, UP)
    return matrix


def unpack(library: Library, matrix: Matrix, to: Tensor, first: int = 0, which: int = GATE) -> None:
    """Fills `to` with the rows from `first` on: (some rows, columns) in fp32, bf16 or fp16."""
    _check(to, (to.shape[0], matrix.shape.columns))
    fields, rows = matrix.fields(), Rows(to.data_ptr(), to.stride(0), TYPES[to.dtype])
    check(library.functions.native_unpack(library.kernels_address, fields, which, first, to.shape[0], rows))


def multiply(
    library: Library, matrix: Matrix, x: Tensor, bias: Tensor | None = None, planes: Planes = 2
) -> Tensor:
    """(..., columns) in fp32 to (..., rows): x times the matrix, transposed as in torch's linear.

    A row that is not finite gives NaN. A row's result has the same bits whatever rows are beside it.
    """
    x = x.contiguous()
    out = torch.empty(*x.shape[:-1], matrix.shape.rows)
    _check(x.view(-1, x.shape[-1]), (out.numel() // matrix.shape.rows, matrix.shape.columns), torch.float32)
    if bias is not None:
        _check(bias[None], (1, matrix.shape.rows), torch.float32)
    address = ctypes.c_void_p(bias.data_ptr() if bias is not None else None)
    rows = out.numel() // matrix.shape.rows
    check(
        library.functions.native_multiply(
            library.kernels_address, matrix.fields(), x.data_ptr(), rows, address, planes, out.data_ptr()
        )
    )
    return out


def _check(tensor: Tensor, shape: tuple[int, int], dtype: torch.dtype | None = None) -> None:
    """What the library reads or writes is there: it does not look."""
    if tuple(tensor.shape) != shape or tensor.device.type != "cpu":
        raise ValueError(f"a tensor on the CPU of shape {shape} is needed, not {tuple(tensor.shape)}")
    if tensor.shape[1] > 1 and tensor.stride(1) != 1:
        raise ValueError("the numbers of a row must lie side by side")
    if (tensor.dtype != dtype) if dtype else (tensor.dtype not in TYPES):
        raise ValueError(f"{tensor.dtype} is not supported here")
