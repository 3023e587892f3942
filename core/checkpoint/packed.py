"""Quantised weights on disk, so that a second start maps them instead of quantising again.

A file belongs to one state of one model: its name is made of all that decides its contents, so it is never
out of date, only unused. It can be deleted at any time.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.stored import StoredModel
from core.checkpoint.weights import Weights, open_gguf
from core.model.quant import Quantised, fill, share_table, with_quantised_layers
from core.model.transformer import Transformer, on_meta
from core.spec.errors import ModelFormatError
from core.spec.fields import to_json
from core.spec.gguf_header import read_gguf_header

_FORMAT = 1
_ALIGNMENT = 64  # torch's int8 operation crashes below 16


def load_quantised(
    stored: StoredModel, precision: Quantised, folder: Path, say: Callable[[str], None]
) -> Transformer:
    """On the CPU. Packed weights are kept in `folder`, where that can be written."""
    place = folder / f"{_fingerprint(stored, precision)}.gguf"
    model = _empty(stored, precision)
    if place.exists():
        try:
            return _mapped(model, _open(place))
        except ModelFormatError:
            say("the packed weights on disk are damaged, so they are made again")
    say(f"packing the weights as {precision}, once")
    fill(model, stored.parameters(), torch.float32)
    try:
        _keep(model, place)
    except OSError as error:
        say(f"the packed weights could not be kept for the next start ({error.strerror})")
        return model.eval()
    # what was just made in memory is given back for the same bytes on disk
    return _mapped(_empty(stored, precision), _open(place))


def _empty(stored: StoredModel, precision: Quantised) -> Transformer:
    model = on_meta(stored.config)
    with torch.device("meta"):
        return with_quantised_layers(model, precision, torch.float32)


def _mapped(model: Transformer, weights: Weights) -> Transformer:
    expected = _state(model)
    if set(weights.names) != set(expected):
        raise ModelFormatError("The packed weights hold other tensors than the model.")
    tensors = {name: weights.read(name).view(expected[name].dtype) for name in expected}
    for name, tensor in tensors.items():
        if tensor.shape != expected[name].shape or tensor.dtype != expected[name].dtype:
            raise ModelFormatError(f"The packed tensor {name!r} has another shape or type than the model's.")
    model.load_state_dict(tensors, assign=True, strict=False)
    if model.config.tie_embeddings:
        share_table(model)
    return model.requires_grad_(False).eval()


def _state(model: Transformer) -> dict[str, torch.Tensor]:
    """Without the head where it is the table once more."""
    state = model.state_dict()
    is_tied = model.config.tie_embeddings
    return {name: tensor for name, tensor in state.items() if not (is_tied and name.startswith("head."))}


def _keep(model: Transformer, place: Path) -> None:
    """As GGUF, the one format we write that puts each tensor where vector instructions want it."""
    from gguf import GGMLQuantizationType, GGUFWriter

    kinds = {
        torch.float32: GGMLQuantizationType.F32,
        torch.bfloat16: GGMLQuantizationType.BF16,
        torch.int8: GGMLQuantizationType.I8,
        torch.uint8: GGMLQuantizationType.I8,
    }
    place.parent.mkdir(parents=True, exist_ok=True)
    partial = place.with_name(f"{place.name}.{os.getpid()}")
    writer = GGUFWriter(partial, "packed")
    try:
        writer.add_custom_alignment(_ALIGNMENT)
        for name, tensor in _state(model).items():
            data = tensor.contiguous().view(torch.uint8).numpy()
            writer.add_tensor(name, data, raw_dtype=kinds[tensor.dtype])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def _open(place: Path) -> Weights:
    return open_gguf(place, read_gguf_header(place))


def _fingerprint(stored: StoredModel, precision: Quantised) -> str:
    files = [
        (str(path.resolve()), status.st_size, status.st_mtime_ns)
        for path in stored.weights.paths
        for status in (path.stat(),)
    ]
    # the packing of int4 differs between processors
    facts: list[Any] = [_FORMAT, precision, files, to_json(stored.config), torch.__version__]
    facts.append(torch.backends.cpu.get_cpu_capability())
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
