"""The header of a GGUF file: what it says of its model, and where its tensors lie.

What the keys mean is known to core/checkpoint/gguf and to the tokenizer; values are read in gguf_values.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.errors import ModelFormatError
from core.spec.gguf_values import MAX_NAME_BYTES, UINT32, UINT64, Cursor, GgufMetadata, read_pairs
from core.spec.headers import (
    MAX_ELEMENTS,
    MAX_TENSORS,
    TensorInfo,
    check_layout,
    open_model_file,
    refuse_if_not_weights,
    shown,
)

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_ALIGNMENTS = tuple(2**power for power in range(3, 17))
_MAX_KEYS = 65_536
_MAX_DIMENSIONS = 4
_SMALLEST_PAIR_BYTES = 8 + 4 + 1
_SMALLEST_TENSOR_BYTES = 8 + 4 + 4 + 8

# number in the file: (name, weights in a block, bytes of a block)
TENSOR_TYPES = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}
BLOCK_SIZES = {name: (weights, size_bytes) for name, weights, size_bytes in TENSOR_TYPES.values()}


@dataclass(frozen=True)
class GgufHeader:
    version: int
    architecture: str
    metadata: GgufMetadata
    tensors: dict[str, TensorInfo]


def read_gguf_header(path: Path) -> GgufHeader:
    with open_model_file(path) as file:
        cursor = Cursor(path, file)
        version = _read_version(cursor)
        tensor_count = cursor.count("tensors", _SMALLEST_TENSOR_BYTES, MAX_TENSORS)
        key_count = cursor.count("keys", _SMALLEST_PAIR_BYTES, _MAX_KEYS)
        values = read_pairs(cursor, key_count)
        architecture = _architecture(path, values)
        tensors = _read_tensors(cursor, tensor_count, _alignment(path, values))
    check_layout(path, tensors.values(), cursor.file_size)
    return GgufHeader(version, architecture, GgufMetadata(path, values), tensors)


def _read_version(cursor: Cursor) -> int:
    path = cursor.path
    if cursor.file_size < len(_MAGIC) + UINT32.size:
        raise ModelFormatError(f"{path} is too short to be a GGUF file; download it again.")
    magic = cursor.bytes(len(_MAGIC))
    if magic != _MAGIC:
        refuse_if_not_weights(path, magic + cursor.bytes(min(64, cursor.file_size - len(_MAGIC))))
        raise ModelFormatError(
            f"{path} is not a GGUF file; choose another one, or convert it with llama.cpp."
        )
    version: int = cursor.number(UINT32)
    if version not in _VERSIONS:
        if version and version % 2**16 == 0:
            raise ModelFormatError(
                f"{path} is written for big-endian machines; turn it round with gguf-convert-endian "
                "of the Python package gguf."
            )
        raise ModelFormatError(
            f"{path} has version {version} of the GGUF format and not 2 or 3; convert its model again "
            "with a current llama.cpp."
        )
    return version


def _architecture(path: Path, values: dict[str, Any]) -> str:
    parts = values.get("split.count", 1)
    if type(parts) is int and parts > 1:
        raise ModelFormatError(
            f"{path} is one of {parts:,} parts; join them with 'llama-gguf-split --merge' of llama.cpp."
        )
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or not architecture.isprintable():
        raise ModelFormatError(f"{path} does not say which architecture it has; download it again.")
    return architecture


def _alignment(path: Path, values: dict[str, Any]) -> int:
    alignment = values.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or alignment not in _ALIGNMENTS:
        raise ModelFormatError(
            f"'general.alignment' in {path} is not a power of two from {_ALIGNMENTS[0]} to "
            f"{_ALIGNMENTS[-1]}; download it again."
        )
    return alignment


def _read_tensors(cursor: Cursor, count: int, alignment: int) -> dict[str, TensorInfo]:
    """Offsets in the file count from where the tensors begin, which is known only after the last entry."""
    entries: dict[str, TensorInfo] = {}
    for _ in range(count):
        tensor = _read_tensor(cursor, alignment)
        if tensor.name in entries:
            raise ModelFormatError(
                f"{cursor.path} holds tensor {shown(tensor.name)} twice; download it again."
            )
        entries[tensor.name] = tensor
    start = -(-cursor.position // alignment) * alignment
    return {
        name: TensorInfo(name, tensor.type, tensor.shape, start + tensor.offset, tensor.size_bytes)
        for name, tensor in entries.items()
    }


def _read_tensor(cursor: Cursor, alignment: int) -> TensorInfo:
    name = cursor.text("a tensor's name", MAX_NAME_BYTES)
    where = f"Tensor {shown(name)} in {cursor.path}"
    dimensions = cursor.number(UINT32)
    if dimensions > _MAX_DIMENSIONS:
        raise ModelFormatError(
            f"{where} has {dimensions:,} dimensions, more than {_MAX_DIMENSIONS}; download the file again."
        )
    lengths = [cursor.number(UINT64) for _ in range(dimensions)]
    kind, offset = cursor.number(UINT32), cursor.number(UINT64)
    if kind not in TENSOR_TYPES:
        raise ModelFormatError(
            f"{where} has the unknown or withdrawn type {kind}; get the model as Q8_0, Q4_K or F16."
        )
    type_name, block, block_bytes = TENSOR_TYPES[kind]
    shape = tuple(reversed(lengths))
    elements, row = math.prod(shape), shape[-1] if shape else 1
    if not 0 < elements <= MAX_ELEMENTS or row % block:
        raise ModelFormatError(
            f"{where} has the shape {shape}, impossible for {type_name}; download the file again."
        )
    if offset % alignment or offset > MAX_ELEMENTS:
        raise ModelFormatError(f"{where} lies at an impossible place; download the file again.")
    return TensorInfo(name, type_name, shape, offset, elements // block * block_bytes)
