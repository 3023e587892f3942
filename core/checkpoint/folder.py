"""What our own folders and Hugging Face's have in common when they are written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch

_CARD = """# {name}

A {parameters:,}-parameter language model for code, written by SmallCoder as {dtype} safetensors.
Its origin and licence are those of the model it was made from.
"""


def write_folder(
    folder: Path,
    description: dict[str, Any],
    tensors: Mapping[str, torch.Tensor],
    tokenizer: Tokenizer | None,
    dtype: torch.dtype,
) -> None:
    from safetensors.torch import save_file

    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    stored = {name: tensor.to(dtype).contiguous() for name, tensor in tensors.items()}
    # "format" is what transformers asks of a file it opens
    save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    if tokenizer is not None:
        tokenizer.save(folder)
    parameters = sum(tensor.numel() for tensor in stored.values())
    card = _CARD.format(name=folder.name, parameters=parameters, dtype=str(dtype).removeprefix("torch."))
    (folder / "README.md").write_text(card, encoding="utf-8")
