"""Our own folder: config.json with a ModelConfig, safetensors under our own names, tokenizer, model card.

Beside the network, config.json may hold what there is in About: the `languages` that a model was taught, so
that an editor need not ask it in others, and its `recall`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.checkpoint.folder import write_folder
from core.checkpoint.names import NATIVE
from core.checkpoint.stored import StoredModel
from core.checkpoint.weights import open_safetensors
from core.spec.about import NOTHING_MORE, About, Recall
from core.spec.config import ModelConfig
from core.spec.disk import write_whole
from core.spec.errors import ModelFormatError, UsageError
from core.spec.fields import from_json, settings_of, to_json
from core.spec.headers import read_json, shown
from core.text.tokenizer import Tokenizer

if TYPE_CHECKING:
    import torch

    from core.model.transformer import Transformer

FORMAT = 1
_OLD_RECALL = {"fixed", "own", "length", "own_by_length"}


def is_native(description: dict[str, Any]) -> bool:
    return "format" in description


def open_native(folder: Path, description: dict[str, Any]) -> StoredModel:
    where = str(folder / "config.json")
    if description["format"] != FORMAT:
        raise ModelFormatError(
            f"{where} has format {shown(description['format'])}, newer than this program; update it."
        )
    beside = {item.name for item in settings_of(About)}
    unknown = set(description) - {"format", "network"} - beside
    if unknown or "network" not in description:
        wrong = f"has an unknown key {shown(min(unknown))}" if unknown else "lacks the key 'network'"
        raise ModelFormatError(f"{where} {wrong}; get the model again.")
    try:
        config = from_json(ModelConfig, description["network"], where)
        about = from_json(About, _without_old_recall(description, beside), where)
    except UsageError as error:
        raise ModelFormatError(str(error)) from None
    return StoredModel(folder, config, NATIVE, open_safetensors(folder), about)


def _without_old_recall(description: dict[str, Any], beside: set[str]) -> dict[str, Any]:
    """What is said beside the network. Earlier versions fitted four numbers, which meant something else."""
    said = {key: description[key] for key in beside & set(description)}
    recall = said.get("recall")
    if isinstance(recall, dict) and set(recall) == _OLD_RECALL:
        del said["recall"]
    return said


def write_recall(folder: Path, recall: Recall | None) -> None:
    """Over what stands there; None takes that out."""
    path = folder / "config.json"
    description = {key: value for key, value in read_json(path).items() if key != "recall"}
    if recall is not None:
        description["recall"] = to_json(recall)
    write_whole(path, json.dumps(description, indent=2) + "\n")


def write_native(
    model: Transformer,
    tokenizer: Tokenizer | None,
    folder: Path,
    dtype: torch.dtype,
    about: About = NOTHING_MORE,
) -> None:
    write_network(model.config, model.state_dict(), tokenizer, folder, dtype, about)


def write_network(
    config: ModelConfig,
    weights: Mapping[str, torch.Tensor],
    tokenizer: Tokenizer | None,
    folder: Path,
    dtype: torch.dtype,
    about: About = NOTHING_MORE,
) -> None:
    """Weights under our own names, for who has them in another form than the network does."""
    description = {"format": FORMAT, "network": to_json(config)}
    description |= {name: value for name, value in to_json(about).items() if value}
    write_folder(folder, description, NATIVE.pack(config, weights), tokenizer, dtype)
