"""Quantised weights on disk, so that a second start reads them instead of quantising again.

A file belongs to one state of one model: its name is made of all that decides its contents, so it is never
out of date, only unused. It can be deleted at any time.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.checkpoint.reading import Tell, in_percent, read_in_percent
from core.checkpoint.stored import StoredModel
from core.checkpoint.weights import open_gguf
from core.heap import give_back
from core.model.large_pages import in_large_pages
from core.model.quant import Packing, Quantised
from core.model.transformer import Transformer, on_meta
from core.spec.errors import ModelFormatError
from core.spec.fields import to_json
from core.spec.gguf_header import read_gguf_header
from core.spec.headers import open_model_file
from core.spec.removal import PACKED_FROM, as_text

_FORMAT = 1
_ALIGNMENT = 64  # torch's int8 operation crashes below 16


def load_quantised(
    stored: StoredModel, precision: Quantised, packing: Packing, folder: Path, say: Callable[[str], None]
) -> Transformer:
    """On the CPU. Packed weights are kept in `folder`, where that can be written."""
    place = folder / f"{_name(stored, precision, packing)}.gguf"
    with torch.device("meta"):
        model = packing.prepare(on_meta(stored.config), precision)
    elements = sum(tensor.numel() for tensor in _expected(model).values())

    def read() -> Transformer:
        state = _held(place, model, packing, lambda share: say(f"reading the packed weights: {share} %"))
        return _with_state(model, state, packing)

    if place.exists():
        try:
            return read()
        except ModelFormatError:
            say("the packed weights on disk are damaged, so they are made again")
    step = f"packing the weights as {precision}, once"
    say(step)
    try:
        packed = packing.state(model, stored.parameters())
        _keep(model, in_percent(packed, elements, lambda share: say(f"{step}: {share} %")), place, stored)
        if stored.variant:
            _forget_other_variants(place)
    except OSError as error:
        say(f"the packed weights cannot be kept for the next start ({error.strerror})")
        return _with_state(model, dict(packing.state(model, stored.parameters())), packing)
    give_back()  # packing leaves large holes
    return read()


def _with_state(model: Transformer, state: dict[str, Tensor], packing: Packing) -> Transformer:
    model.load_state_dict(state, assign=True, strict=False)
    model.requires_grad_(False).eval()
    packing.finish(model)
    return model


def _expected(model: Transformer) -> dict[str, Tensor]:
    """Without the head where it is the table once more."""
    state = model.state_dict()
    is_tied = model.config.tie_embeddings
    return {name: tensor for name, tensor in state.items() if not (is_tied and name.startswith("head."))}


def _held(place: Path, model: Transformer, packing: Packing, tell: Tell) -> dict[str, Tensor]:
    """In large pages where the processor multiplies with them and the system has such; else mapped."""
    header, expected = read_gguf_header(place), _expected(model)
    if set(header.tensors) != set(expected):
        raise ModelFormatError("The packed weights hold other tensors than the model.")
    for name, tensor in expected.items():
        info = header.tensors[name]
        if info.shape != tuple(tensor.shape) or info.size_bytes != tensor.nbytes:
            raise ModelFormatError(f"The packed tensor {name!r} has another shape than the model's.")
    first = min(info.offset for info in header.tensors.values())
    behind = max(info.offset + info.size_bytes for info in header.tensors.values())
    memory = in_large_pages(behind - first) if packing.stays_on_processor else None
    if memory is None:
        weights = open_gguf(place, header)
        mapped = ((name, weights.read(name).view(tensor.dtype)) for name, tensor in expected.items())
        return dict(in_percent(mapped, sum(tensor.numel() for tensor in expected.values()), tell))
    with open_model_file(place) as file:
        file.seek(first)
        if read_in_percent(file, memory, tell) < behind - first:
            raise ModelFormatError(f"{place} has become shorter.")
    return {
        name: memory[info.offset - first :][: info.size_bytes].view(expected[name].dtype).view(info.shape)
        for name, info in header.tensors.items()
    }


def _keep(model: Transformer, state: Iterable[tuple[str, Tensor]], place: Path, stored: StoredModel) -> None:
    """One tensor after the other, so that packing needs little memory."""
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.{os.getpid()}")
    try:
        _write_header(partial, _expected(model), stored)
        places = read_gguf_header(partial).tensors
        with partial.open("r+b") as file:
            for name, tensor in state:
                file.seek(places[name].offset)
                file.write(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)
            os.fsync(file.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def _write_header(path: Path, tensors: dict[str, Tensor], stored: StoredModel) -> None:
    """As GGUF, the one format we write that puts each tensor where vector instructions want it."""
    from gguf import GGMLQuantizationType, GGUFWriter

    kinds = {
        torch.float32: GGMLQuantizationType.F32,
        torch.bfloat16: GGMLQuantizationType.BF16,
        torch.int8: GGMLQuantizationType.I8,
        torch.uint8: GGMLQuantizationType.I8,
    }
    writer = GGUFWriter(path, "packed")
    writer.add_custom_alignment(_ALIGNMENT)
    if stored.weights.paths:  # so that it can go with its model
        writer.add_string(PACKED_FROM, as_text(stored.weights.paths[0]))
    for name, tensor in tensors.items():
        kind = kinds[tensor.dtype]
        writer.add_tensor_info(name, tuple(tensor.shape), np.dtype(np.float32), tensor.nbytes, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    padded = [-(-size // _ALIGNMENT) * _ALIGNMENT for size in (path.stat().st_size, *_sizes(tensors))]
    os.truncate(path, sum(padded))


def _sizes(tensors: dict[str, Tensor]) -> list[int]:
    return [tensor.nbytes for tensor in tensors.values()]


def _name(stored: StoredModel, precision: Quantised, packing: Packing) -> str:
    """That of a variant begins with its model's."""
    if not stored.variant:
        return _fingerprint(stored, precision, packing)
    plain = f"{stored.path.resolve()} {precision} {packing.name}"
    family = hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return f"{family}-{_fingerprint(stored, precision, packing)}"


def _forget_other_variants(place: Path) -> None:
    """Each strength of an adapter makes one as large as the model."""
    family = place.name.partition("-")[0]
    for other in place.parent.glob(f"{family}-*.gguf"):
        if other != place:
            with contextlib.suppress(OSError):  # where it is in use, some systems keep it
                other.unlink()


def _fingerprint(stored: StoredModel, precision: Quantised, packing: Packing) -> str:
    files = [
        (str(path.resolve()), status.st_size, status.st_mtime_ns)
        for path in stored.weights.paths
        for status in (path.stat(),)
    ]
    facts: list[Any] = [_FORMAT, precision, packing.name, files, to_json(stored.config)]
    facts += [stored.variant] if stored.variant else []
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
