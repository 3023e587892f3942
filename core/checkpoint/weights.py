"""Weights: tensors by name, whether they lie in one safetensors file, in several, or in a GGUF file.

A tensor wanted as it is stored is a view of the mapped file; any other is converted slice by slice. Names
are the file's own: what our network calls them is told in core/checkpoint/names.
"""

import os
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import torch

from core.spec.errors import ModelFormatError
from core.spec.gguf_header import BLOCK_SIZES, GgufHeader
from core.spec.headers import TensorInfo, open_model_file, shown
from core.spec.safetensors_header import read_safetensors_folder, read_safetensors_header

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


class Weights:
    """Open until closed or forgotten; views it has handed out stay valid. For one thread at a time."""

    def __init__(self, tensors_by_file: Mapping[Path, Mapping[str, TensorInfo]]) -> None:
        self.paths = tuple(tensors_by_file)
        self._places: dict[str, tuple[Path, BinaryIO, TensorInfo]] = {}
        with ExitStack() as files:
            for path, tensors in tensors_by_file.items():
                file = files.enter_context(open_model_file(path))
                self._places |= {name: (path, file, info) for name, info in tensors.items()}
            self.close = weakref.finalize(self, files.pop_all().close)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._places)

    def info(self, name: str) -> TensorInfo:
        return self._place(name)[2]

    def read(self, name: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Without `dtype`, as stored, and quantised weights as float32. Copy before writing to it."""
        path, file, info = self._place(name)
        stored = _STORED_AS.get(info.type)
        if stored is None and info.type not in _DEQUANTISED:
            raise ModelFormatError(
                f"Tensor {shown(name)} in {path} has the type {info.type}, which cannot be read; "
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

    def __enter__(self) -> "Weights":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _place(self, name: str) -> tuple[Path, BinaryIO, TensorInfo]:
        if name not in self._places:
            where = self.paths[0] if len(self.paths) == 1 else self.paths[0].parent
            raise ModelFormatError(f"{where} lacks the tensor {shown(name)}; download the model again.")
        return self._places[name]


def open_safetensors(path: Path) -> Weights:
    """One file, or a folder with one or with an index."""
    if path.is_dir():
        return Weights(read_safetensors_folder(path))
    return Weights({path: read_safetensors_header(path).tensors})


def open_gguf(path: Path, header: GgufHeader) -> Weights:
    return Weights({path: header.tensors})


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
