"""GGUF files, in and out: network, weights and tokenizer in one file, as llama.cpp reads and writes them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from core.checkpoint import gguf_config
from core.checkpoint.gguf_config import FREQUENCY_DIVISORS, LAYOUTS
from core.checkpoint.stored import StoredModel
from core.checkpoint.weights import open_gguf
from core.model.frequencies import frequency_divisors
from core.spec.gguf_header import read_gguf_header
from core.text.gguf_vocabulary import to_gguf
from core.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from core.model.transformer import Transformer

_BLOCK = 32
_NO_VOCABULARY = {"tokenizer.ggml.model": "no_vocab"}  # as llama.cpp calls it
# numbers of llama.cpp for a file that is mostly of this type
_FILE_TYPES = {"F32": 0, "F16": 1, "BF16": 32, "Q8_0": 7, "Q4_0": 2}


def open_gguf_model(path: Path) -> StoredModel:
    header = read_gguf_header(path)
    config = gguf_config.read_config(header.architecture, header.metadata, header.tensors, str(path))
    weights = open_gguf(path, header)
    if FREQUENCY_DIVISORS in header.tensors:
        divisors = tuple(weights.numbers(FREQUENCY_DIVISORS))
        config = gguf_config.with_divisors(config, divisors, str(path))
    return StoredModel(path, config, LAYOUTS[header.architecture], weights)


def write_gguf(model: Transformer, tokenizer: Tokenizer | None, path: Path, file_type: str) -> None:
    from gguf import GGMLQuantizationType, GGUFWriter

    config = model.config
    architecture = gguf_config.architecture_of(config)
    writer = GGUFWriter(path, architecture)
    fields = {"general.name": path.stem, "general.file_type": _FILE_TYPES[file_type]}
    fields |= {"general.quantization_version": 2} if file_type.startswith("Q") else {}
    fields |= gguf_config.write_config(config)
    fields |= _NO_VOCABULARY if tokenizer is None else to_gguf(tokenizer, vocab_size=config.vocab_size)
    for key, value in fields.items():
        writer.add_key_value(key, value, _value_type(value))
    tensors = dict(_tensors(model))
    for name, tensor in tensors.items():
        kind = GGMLQuantizationType[_stored_type(name, tensor.shape, file_type)]
        writer.add_tensor_info(name, *_size(tensor, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for name, tensor in tensors.items():
        writer.write_tensor_data(_quantised(tensor, _stored_type(name, tensor.shape, file_type)))
    writer.close()


def round_as_gguf(model: Transformer, file_type: str) -> None:
    """Gives each weight the value that a file of this type holds for it."""
    import torch
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize

    # rows are quantised one by one, so the order in which the file has them does not matter
    for name, weight in model.named_parameters():
        theirs = {"embed.weight": "token_embd.weight", "head.weight": "output.weight"}.get(name, name)
        kind = _stored_type(theirs, weight.shape, file_type)
        if kind != "F32":
            values = dequantize(_quantised(weight.data, kind), GGMLQuantizationType[kind])
            weight.data = torch.from_numpy(values).view(weight.shape)


def _tensors(model: Transformer) -> Iterator[tuple[str, Tensor]]:
    import torch

    config = model.config
    layout = LAYOUTS[gguf_config.architecture_of(config)]
    scaling = config.rope_scaling
    if scaling is not None and scaling.kind in ("llama3", "divisors"):
        divisors, _ = frequency_divisors(config.head_dim, config.rope_theta, scaling)
        yield FREQUENCY_DIVISORS, torch.from_numpy(divisors)
    yield from layout.pack(config, model.state_dict()).items()


def _stored_type(name: str, shape: torch.Size, file_type: str) -> str:
    """Vectors and positions stay whole; the tables of tokens are never below 8 bits."""
    if len(shape) == 1 or name.startswith("position"):
        return "F32"
    if file_type.startswith("Q") and shape[-1] % _BLOCK:
        return "F16"
    if file_type == "Q4_0" and name in ("token_embd.weight", "output.weight"):
        return "Q8_0"
    return file_type


def _quantised(tensor: Tensor, kind: str) -> np.ndarray[Any, Any]:
    from gguf import GGMLQuantizationType
    from gguf.quants import quantize

    return quantize(tensor.float().contiguous().numpy(), GGMLQuantizationType[kind])


def _size(tensor: Tensor, kind: Any) -> tuple[Any, ...]:
    """Shape, array type and bytes as GGUFWriter wants them before it sees the data."""
    from gguf import GGML_QUANT_SIZES

    block, block_bytes = GGML_QUANT_SIZES[kind]
    size = math.prod(tensor.shape) // block * block_bytes
    return tuple(tensor.shape), np.dtype(np.float32), size


def _value_type(value: Any) -> Any:
    from gguf import GGUFValueType

    kinds = {
        bool: GGUFValueType.BOOL,
        int: GGUFValueType.UINT32,
        float: GGUFValueType.FLOAT32,
        str: GGUFValueType.STRING,
        list: GGUFValueType.ARRAY,
    }
    return kinds[type(value)]
