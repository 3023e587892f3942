"""Our own folder: config.json with a ModelConfig, safetensors under our own names, tokenizer, model card.

config.json may name the `languages` that a model was taught, so that an editor need not ask it in others.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core.checkpoint.folder import write_folder
from core.checkpoint.names import NATIVE
from core.checkpoint.stored import StoredModel
from core.checkpoint.weights import open_safetensors
from core.model.transformer import Transformer
from core.spec.config import ModelConfig
from core.spec.errors import ModelFormatError, UsageError
from core.spec.fields import from_json, to_json
from core.spec.headers import shown
from core.text.tokenizer import Tokenizer

FORMAT = 1


def is_native(description: dict[str, Any]) -> bool:
    return "format" in description


def open_native(folder: Path, description: dict[str, Any]) -> StoredModel:
    where = str(folder / "config.json")
    if description["format"] != FORMAT:
        raise ModelFormatError(
            f"{where} has format {shown(description['format'])}, newer than this program; update it."
        )
    unknown = set(description) - {"format", "network", "languages"}
    if unknown or "network" not in description:
        wrong = f"has an unknown key {shown(min(unknown))}" if unknown else "lacks the key 'network'"
        raise ModelFormatError(f"{where} {wrong}; get the model again.")
    try:
        config = from_json(ModelConfig, description["network"], where)
    except UsageError as error:
        raise ModelFormatError(str(error)) from None
    languages = description.get("languages", [])
    if not isinstance(languages, list) or not all(isinstance(name, str) for name in languages):
        raise ModelFormatError(f"'languages' in {where} must be a list of names; get the model again.")
    return StoredModel(folder, config, NATIVE, open_safetensors(folder), tuple(languages))


def write_native(
    model: Transformer,
    tokenizer: Tokenizer | None,
    folder: Path,
    dtype: torch.dtype,
    languages: tuple[str, ...] = (),
) -> None:
    write_network(model.config, model.state_dict(), tokenizer, folder, dtype, languages)


def write_network(
    config: ModelConfig,
    weights: Mapping[str, torch.Tensor],
    tokenizer: Tokenizer | None,
    folder: Path,
    dtype: torch.dtype,
    languages: tuple[str, ...] = (),
) -> None:
    """Weights under our own names, for who has them in another form than the network does."""
    description = {"format": FORMAT, "network": to_json(config)}
    if languages:
        description["languages"] = list(languages)
    write_folder(folder, description, NATIVE.pack(config, weights), tokenizer, dtype)
