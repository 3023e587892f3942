"""Matrices in the packed form of layout.h: int8 or int4 weights in blocks of 32 with a scale each.

Packed bytes belong to the caller: they may be mapped from a file. They mean the same on every processor.
Numbers are arrays of NumPy's in fp32 or fp16, or the bits of bf16 as uint16.
"""

import ctypes
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.native.library import Library, check
from core.native.structures import TYPES, MatrixFields, Rows

Array = NDArray[Any]
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
    packed: NDArray[np.uint8]

    def __post_init__(self) -> None:
        packed = self.packed
        is_whole = packed.shape == (self.shape.packed_bytes,) and packed.flags.c_contiguous
        if packed.dtype != np.uint8 or not is_whole:
            raise ValueError(f"{self.shape} needs {self.shape.packed_bytes} bytes in one piece")
        if packed.ctypes.data % LINE_BYTES:
            raise ValueError(f"packed weights must begin at a multiple of {LINE_BYTES} bytes")

    def fields(self) -> MatrixFields:
        shape = self.shape
        return MatrixFields(self.packed.ctypes.data, shape.rows, shape.columns, shape.bits, shape.is_pair)


def empty_matrix(shape: Shape) -> Matrix:
    room = np.empty(shape.packed_bytes + LINE_BYTES, np.uint8)
    begin = -room.ctypes.data % LINE_BYTES
    return Matrix(shape, room[begin : begin + shape.packed_bytes])


def pack(
    library: Library, weight: Array, into: Matrix, which: int = GATE, importance: Array | None = None
) -> None:
    """`weight`: (rows, columns). Of a pair, one of the two.

    `importance`: (columns) above zero, how much an error in each counts, where bits are few: the mean square
    of what will be multiplied with it, or anything that goes with that.
    """
    _check(weight, (into.shape.rows, into.shape.columns))
    if importance is not None:
        _check(importance[None], (1, into.shape.columns), np.float32)
    fields, rows, address = into.fields(), _rows(weight), _address(importance)
    check(library.functions.native_pack(library.kernels_address, fields, which, rows, address))


def packed(library: Library, weight: Array, bits: Bits, importance: Array | None = None) -> Matrix:
    matrix = empty_matrix(Shape(weight.shape[0], weight.shape[1], bits))
    pack(library, weight, matrix, importance=importance)
    return matrix


def packed_pair(library: Library, gate: Array, up: Array, bits: Bits) -> Matrix:
    matrix = empty_matrix(Shape(gate.shape[0], gate.shape[1], bits, is_pair=True))
    pack(library, gate, matrix, GATE)
    pack(library, up, matrix, UP)
    return matrix


def unpack(library: Library, matrix: Matrix, to: Array, first: int = 0, which: int = GATE) -> None:
    """Fills `to` with the rows from `first` on: (some rows, columns)."""
    _check(to, (to.shape[0], matrix.shape.columns))
    fields, rows = matrix.fields(), _rows(to)
    check(library.functions.native_unpack(library.kernels_address, fields, which, first, to.shape[0], rows))


def multiply(
    library: Library, matrix: Matrix, x: Array, bias: Array | None = None, planes: Planes = 2
) -> NDArray[np.float32]:
    """(..., columns) in fp32 to (..., rows): x times the matrix, transposed as in torch's linear.

    A row that is not finite gives NaN. A row's result has the same bits whatever rows are beside it.
    """
    x = np.ascontiguousarray(x)
    out = np.empty((*x.shape[:-1], matrix.shape.rows), np.float32)
    rows = out.size // matrix.shape.rows
    _check(x.reshape(-1, x.shape[-1]), (rows, matrix.shape.columns), np.float32)
    if bias is not None:
        _check(bias[None], (1, matrix.shape.rows), np.float32)
    where_to, where_from = out.ctypes.data, x.ctypes.data
    check(
        library.functions.native_multiply(
            library.kernels_address, matrix.fields(), where_from, rows, _address(bias), planes, where_to
        )
    )
    return out


def _rows(array: Array) -> Rows:
    return Rows(array.ctypes.data, array.strides[0] // array.itemsize, TYPES[array.dtype])


def _address(array: Array | None) -> ctypes.c_void_p:
    return ctypes.c_void_p(None if array is None else array.ctypes.data)


def _check(array: Array, shape: tuple[int, int], dtype: type[np.generic] | None = None) -> None:
    """What the library reads or writes is there: it does not look."""
    if array.shape != shape:
        raise ValueError(f"an array of shape {shape} is needed, not {array.shape}")
    if array.size and array.shape[1] > 1 and array.strides[1] != array.itemsize:
        raise ValueError("the numbers of a row must lie side by side")
    if (array.dtype != dtype) if dtype else (array.dtype not in TYPES):
        raise ValueError(f"{array.dtype} is not supported here")
