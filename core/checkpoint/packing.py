"""Quantises weights and keeps them on disk for the next start; see packed.py for what lies there."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from core.checkpoint.packed import ALIGNMENT, DAMAGED, packed_place, read_packed
from core.checkpoint.reading import Say, Tell, in_percent
from core.checkpoint.stored import StoredModel
from core.heap import give_back
from core.model.quant import Packing, Quantised
from core.model.transformer import Transformer, on_meta
from core.spec.errors import ModelFormatError
from core.spec.gguf_header import read_gguf_header
from core.spec.removal import PACKED_FROM, as_text


def load_quantised(
    stored: StoredModel, precision: Quantised, packing: Packing, folder: Path, say: Say
) -> Transformer:
    """On the CPU. Packed weights are kept in `folder`, where that can be written."""
    place = packed_place(stored, precision, packing.name, folder)
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
            say(DAMAGED)
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
    """In large pages where the processor multiplies with them."""
    state, expected = read_packed(place, tell, wants_large_pages=packing.stays_on_processor), _expected(model)
    if set(state) != set(expected):
        raise ModelFormatError("The packed weights hold other tensors than the model.")
    for name, tensor in expected.items():
        if state[name].shape != tuple(tensor.shape) or state[name].nbytes != tensor.nbytes:
            raise ModelFormatError(f"The packed tensor {name!r} has another shape than the model's.")
    return {name: torch.from_numpy(array).view(expected[name].dtype) for name, array in state.items()}


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
    writer.add_custom_alignment(ALIGNMENT)
    if stored.weights.paths:  # so that it can go with its model
        writer.add_string(PACKED_FROM, as_text(stored.weights.paths[0]))
    for name, tensor in tensors.items():
        kind = kinds[tensor.dtype]
        writer.add_tensor_info(name, tuple(tensor.shape), np.dtype(np.float32), tensor.nbytes, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    padded = [-(-size // ALIGNMENT) * ALIGNMENT for size in (path.stat().st_size, *_sizes(tensors))]
    os.truncate(path, sum(padded))


def _sizes(tensors: dict[str, Tensor]) -> list[int]:
    return [tensor.nbytes for tensor in tensors.values()]


def _forget_other_variants(place: Path) -> None:
    """Each strength of an adapter makes one as large as the model."""
    family = place.name.partition("-")[0]
    for other in place.parent.glob(f"{family}-*.gguf"):
        if other != place:
            with contextlib.suppress(OSError):  # where it is in use, some systems keep it
                other.unlink()
