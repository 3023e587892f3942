"""Hugging Face folders: config.json and safetensors under the family's names, readable by transformers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoint.families import family_of, read_config, write_config
from core.checkpoint.folder import write_folder
from core.checkpoint.stored import StoredModel
from core.checkpoint.weights import open_safetensors
from core.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch

    from core.model.transformer import Transformer


def open_huggingface(folder: Path, description: dict[str, Any]) -> StoredModel:
    config, layout = read_config(description, str(folder / "config.json"))
    return StoredModel(folder, config, layout, open_safetensors(folder))


def write_huggingface(
    model: Transformer, tokenizer: Tokenizer | None, folder: Path, dtype: torch.dtype
) -> None:
    config = model.config
    description = write_config(config, str(dtype).removeprefix("torch."))
    if tokenizer is not None:
        description |= {"bos_token_id": tokenizer.bos_id, "eos_token_id": tokenizer.eos_id}
    tensors = family_of(config).layout.pack(config, model.state_dict())
    write_folder(folder, description, tensors, tokenizer, dtype)
