"""One tensor of a file: a view of the mapped file where it is wanted as it is stored; any other is converted
slice by slice. Types that only GGUF has are read by the package gguf.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from core.spec.errors import ModelFormatError
from core.spec.gguf_header import BLOCK_SIZES
from core.spec.headers import TensorInfo, shown

_SLICE_WEIGHTS = 2**18
_STORED_AS = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
}
# what the gguf package can turn back into numbers
_DEQUANTISED = frozenset(
    (
        *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
        *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS"),
        *("TQ1_0", "TQ2_0", "MXFP4", "NVFP4"),
    )
)


def read_tensor(path: Path, file: BinaryIO, info: TensorInfo, dtype: torch.dtype | None) -> torch.Tensor:
    """Without `dtype`, as stored, and quantised weights as float32. Copy before writing to it."""
    stored = _STORED_AS.get(info.type)
    if stored is None and info.type not in _DEQUANTISED:
        raise ModelFormatError(
            f"Tensor {shown(info.name)} in {path} has the type {info.type}, which cannot be read; "
            "get the model as safetensors in BF16 or as GGUF in Q8_0."
        )
    if os.fstat(file.fileno()).st_size < info.offset + info.size_bytes:
        raise _shortened(path)
    if stored is not None and dtype in (None, stored) and info.offset % stored.itemsize == 0:
        return _mapped(file, info, stored)
    result = torch.empty(info.shape, dtype=dtype or stored or torch.float32)
    flat = result.view(-1)
    first = 0
    for part in _slices(path, file, info):
        flat[first : first + len(part)].copy_(part)
        first += len(part)
    return result


def _mapped(file: BinaryIO, info: TensorInfo, stored: torch.dtype) -> torch.Tensor:
    """Copy-on-write, since torch has no read-only tensors: a write by mistake stays out of the file."""
    if info.size_bytes == 0:
        return torch.empty(info.shape, dtype=stored)
    data = np.memmap(file, dtype=np.uint8, mode="c", offset=info.offset, shape=(info.size_bytes,))
    return torch.from_numpy(data).view(stored).view(info.shape)


def _slices(path: Path, file: BinaryIO, info: TensorInfo) -> Iterator[torch.Tensor]:
    """The weights in order, flat; each slice is valid until the next is asked for."""
    # Reading, unlike mapping, leaves no pages of the file with this process and cannot fault if it shrinks.
    stored = _STORED_AS.get(info.type)
    block, block_bytes = (1, stored.itemsize) if stored else BLOCK_SIZES[info.type]
    buffer = bytearray(min(info.size_bytes, _SLICE_WEIGHTS // block * block_bytes))
    file.seek(info.offset)
    left = info.size_bytes
    while left:
        part = memoryview(buffer)[: min(left, len(buffer))]
        if file.readinto(part) < len(part):  # type: ignore[attr-defined]
            raise _shortened(path)
        left -= len(part)
        yield torch.frombuffer(part, dtype=stored) if stored else _dequantised(part, info.type)


def _dequantised(data: memoryview, type_name: str) -> torch.Tensor:
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    one_row = np.frombuffer(data, dtype=np.uint8).reshape(1, -1)  # the package loops over rows
    with np.errstate(all="ignore"):  # a damaged scale may be infinite
        return torch.from_numpy(dequantize(one_row, GGMLQuantizationType[type_name])).view(-1)


def _shortened(path: Path) -> ModelFormatError:
    return ModelFormatError(f"{path} became shorter while it was in use; download it again.")
