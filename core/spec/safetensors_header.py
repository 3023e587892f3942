"""The header of a safetensors file, and the index that spreads a model over several of them.

The rules are the format's own: names once, tensors side by side without gaps, nothing beyond the file.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, BinaryIO

from core.spec.errors import ModelFormatError
from core.spec.headers import (
    MAX_ELEMENTS,
    MAX_TENSORS,
    TensorInfo,
    check_layout,
    open_model_file,
    parse_json,
    read_json,
    refuse_if_not_weights,
    refuse_pickle,
    shown,
)

INDEX_NAME = "model.safetensors.index.json"
SINGLE_NAME = "model.safetensors"
_LENGTH_BYTES = 8
_MAX_HEADER_BYTES = 16 * 2**20
_MAX_DIMENSIONS = 8
_MAX_SHARDS = 1000
_BITS = {
    "BOOL": 8,
    "F4": 4,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "U8": 8,
    "I8": 8,
    "F8_E5M2": 8,
    "F8_E4M3": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E8M0": 8,
    "I16": 16,
    "U16": 16,
    "F16": 16,
    "BF16": 16,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
}


@dataclass(frozen=True)
class SafetensorsHeader:
    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]


def read_safetensors_header(path: Path) -> SafetensorsHeader:
    with open_model_file(path) as file:
        file_size = os.fstat(file.fileno()).st_size
        text = _header_text(path, file, file_size)
    parsed = parse_json(text, f"The header of {path}")
    if not isinstance(parsed, dict):
        raise ModelFormatError(f"The header of {path} is not a JSON object; download it again.")
    metadata = _checked_metadata(path, parsed.pop("__metadata__", None))
    if len(parsed) > MAX_TENSORS:
        raise ModelFormatError(
            f"{path} claims {len(parsed):,} tensors, more than a model has; download it again."
        )
    data_start = _LENGTH_BYTES + len(text)
    tensors = {name: _tensor(path, name, entry, data_start) for name, entry in parsed.items()}
    check_layout(path, tensors.values(), file_size)
    if data_start + sum(tensor.size_bytes for tensor in tensors.values()) != file_size:
        raise ModelFormatError(f"{path} holds bytes that belong to none of its tensors; download it again.")
    return SafetensorsHeader(tensors, metadata)


def read_safetensors_folder(folder: Path) -> dict[Path, dict[str, TensorInfo]]:
    """The tensors of a model, by the file they lie in."""
    single = folder / SINGLE_NAME
    if single.exists():
        return {single: read_safetensors_header(single).tensors}
    if (folder / INDEX_NAME).exists():
        return read_safetensors_index(folder)
    if folder.is_dir():
        refuse_pickle(folder)
    raise ModelFormatError(
        f"{folder} holds neither {SINGLE_NAME} nor {INDEX_NAME}; choose the folder of a model."
    )


def read_safetensors_index(folder: Path) -> dict[Path, dict[str, TensorInfo]]:
    """A file named in the index lies in the folder itself; a tensor that the index leaves out is left out."""
    index = folder / INDEX_NAME
    parsed = read_json(index)
    places = parsed.get("weight_map") if isinstance(parsed, dict) else None
    if not isinstance(places, dict) or not places:
        raise ModelFormatError(f"{index} has no 'weight_map' that names the files; download it again.")
    names_by_file: dict[str, list[str]] = {}
    for name, file_name in places.items():
        if not _is_plain_file_name(file_name):
            raise ModelFormatError(
                f"{index} names {shown(file_name)}, which is no file of its folder; download the model again."
            )
        names_by_file.setdefault(file_name, []).append(name)
    if len(names_by_file) > _MAX_SHARDS:
        raise ModelFormatError(
            f"{index} names {len(names_by_file):,} files, more than a model has; download it again."
        )
    return {
        folder / file_name: _shard(folder / file_name, names) for file_name, names in names_by_file.items()
    }


def _header_text(path: Path, file: BinaryIO, file_size: int) -> bytes:
    head = file.read(_LENGTH_BYTES)
    length = int.from_bytes(head, "little")
    if len(head) < _LENGTH_BYTES or length > min(file_size - _LENGTH_BYTES, _MAX_HEADER_BYTES):
        refuse_if_not_weights(path, head + file.read(64))
        raise ModelFormatError(f"{path} is cut off or is not a safetensors file; download it again.")
    text = file.read(length)
    if len(text) < length:
        raise ModelFormatError(f"{path} became shorter while it was read; download it again.")
    return text


def _checked_metadata(path: Path, metadata: Any) -> dict[str, str]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelFormatError(f"'__metadata__' in {path} holds more than texts; download it again.")
    return metadata


def _tensor(path: Path, name: str, entry: Any, data_start: int) -> TensorInfo:
    where = f"Tensor {shown(name)} in {path}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise ModelFormatError(f"{where} is not described as the format demands; download the file again.")
    type_name, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(type_name, str) or type_name not in _BITS:
        raise ModelFormatError(
            f"{where} has the unknown type {shown(type_name)}; convert the model to F32, F16 or BF16."
        )
    if not _are_counts(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ModelFormatError(f"{where} has the impossible shape {shown(shape)}; download the file again.")
    elements = math.prod(shape)
    if not _are_counts(offsets) or len(offsets) != 2 or elements > MAX_ELEMENTS:
        raise ModelFormatError(f"{where} lies at an impossible place; download the file again.")
    start, end = offsets
    if (end - start) * 8 != elements * _BITS[type_name]:
        raise ModelFormatError(
            f"{where} has {end - start:,} bytes, which is not what its shape {shown(shape)} takes; "
            "download the file again."
        )
    return TensorInfo(name, type_name, tuple(shape), data_start + start, end - start)


def _shard(path: Path, names: list[str]) -> dict[str, TensorInfo]:
    tensors = read_safetensors_header(path).tensors
    for name in names:
        if name not in tensors:
            raise ModelFormatError(
                f"{path} lacks the tensor {shown(name)} that {INDEX_NAME} promises; download the model again."
            )
    return {name: tensors[name] for name in names}


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**63 for value in values)


def _is_plain_file_name(name: Any) -> bool:
    """By the rules of every system, since the folder may come from another one."""
    return (
        isinstance(name, str)
        and name.endswith(".safetensors")
        and name.isprintable()
        and PurePosixPath(name).name == name == PureWindowsPath(name).name
    )
