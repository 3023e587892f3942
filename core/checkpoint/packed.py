"""Quantised weights on disk, so that a second start reads them instead of quantising again.

A file belongs to one state of one model: its name is made of all that decides its contents, so it is never
out of date, only unused. It can be deleted at any time. As the model was checked before it was packed, who
finds one need not check it again.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.checkpoint.reading import Tell, look_at, read_in_percent
from core.checkpoint.stored import StoredModel
from core.model.large_pages import in_large_pages
from core.spec.errors import ModelFormatError
from core.spec.fields import to_json
from core.spec.gguf_header import read_gguf_header
from core.spec.headers import TensorInfo, open_model_file

DAMAGED = "the packed weights on disk are damaged, so they are made again"
ALIGNMENT = 64  # torch's int8 operation crashes below 16
_FORMAT = 1
_TYPES = {"F32": np.float32, "BF16": np.uint16, "I8": np.uint8}  # as their bits, where NumPy has no such


def packed_place(stored: StoredModel, precision: str, packing: str, folder: Path) -> Path:
    """The name of a variant begins with its model's."""
    facts = json.dumps(_facts(stored, precision, packing)).encode()
    name = hashlib.sha256(facts).hexdigest()[:32]
    if stored.variant:
        family = f"{stored.path.resolve()} {precision} {packing}".encode("utf-8", "surrogateescape")
        name = f"{hashlib.sha256(family).hexdigest()[:16]}-{name}"
    return folder / f"{name}.gguf"


def read_packed(place: Path, tell: Tell, *, wants_large_pages: bool = True) -> dict[str, NDArray[Any]]:
    """By name. In large pages where the system has such, else mapped."""
    tensors = read_gguf_header(place).tensors
    if unknown := {info.type for info in tensors.values()} - set(_TYPES):
        raise ModelFormatError(f"{place} holds numbers of the type {min(unknown)}.")
    first = min((info.offset for info in tensors.values()), default=0)
    behind = max((info.offset + info.size_bytes for info in tensors.values()), default=0)
    memory = in_large_pages(behind - first) if wants_large_pages and behind else None
    with open_model_file(place) as file:
        if os.fstat(file.fileno()).st_size < behind:
            raise ModelFormatError(f"{place} has become shorter.")
        if memory is None:  # copied where somebody writes to it, since torch knows no other
            memory = np.asarray(np.memmap(file, np.uint8, "c", first, (behind - first,)))
            look_at(memory, tell)
        else:
            file.seek(first)
            if read_in_percent(file, memory, tell) < behind - first:
                raise ModelFormatError(f"{place} has become shorter.")
    return {name: _array(memory, info, first) for name, info in tensors.items()}


def _array(memory: NDArray[np.uint8], info: TensorInfo, first: int) -> NDArray[Any]:
    bytes_of_it = memory[info.offset - first :][: info.size_bytes]
    return bytes_of_it.view(_TYPES[info.type]).reshape(info.shape)


def _facts(stored: StoredModel, precision: str, packing: str) -> list[Any]:
    files = [
        (str(path.resolve()), status.st_size, status.st_mtime_ns)
        for path in stored.weights.paths
        for status in (path.stat(),)
    ]
    facts: list[Any] = [_FORMAT, precision, packing, files, to_json(stored.config)]
    return [*facts, stored.variant] if stored.variant else facts
