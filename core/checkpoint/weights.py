"""Weights: tensors by name, whether they lie in one safetensors file, in several, or in a GGUF file.

Names are the file's own: what our network calls them is told in core/checkpoint/names. How numbers are read
stands in tensors.py: who only wants to know of them needs no torch.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from core.spec.errors import ModelFormatError
from core.spec.gguf_header import GgufHeader
from core.spec.headers import TensorInfo, open_model_file, shown
from core.spec.safetensors_header import read_safetensors_folder, read_safetensors_header

if TYPE_CHECKING:
    import torch


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
        from core.checkpoint.tensors import read_tensor

        return read_tensor(*self._place(name), dtype)

    def numbers(self, name: str) -> list[float]:
        """Those of a small tensor; torch is only asked where they are not plain fp32."""
        _, file, info = self._place(name)
        file.seek(info.offset)
        data = file.read(info.size_bytes) if info.type == "F32" else b""
        if len(data) < info.size_bytes:
            return self.read(name).float().flatten().tolist()
        return np.frombuffer(data, "<f4").tolist()

    def __enter__(self) -> Weights:
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
