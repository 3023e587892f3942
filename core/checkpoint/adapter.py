"""Adapters on disk, in PEFT's format and under the names that Hugging Face's models have.

Where a family keeps query, key and value as one matrix, three adapters of ours become one that is three times
as wide, and one of theirs becomes three that share a part. A network that no family computes keeps our names.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.checkpoint.facts import Facts
from core.checkpoint.families import family_of
from core.checkpoint.names import NATIVE, Layout
from core.checkpoint.weights import Weights, open_safetensors
from core.model.lora import Detour, adapter_parameters, attach, detours_of, shape_of
from core.model.transformer import Transformer, on_meta
from core.spec.config import ModelConfig
from core.spec.errors import ModelFormatError, UsageError
from core.spec.headers import read_json, shown

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_PREFIX = "base_model.model."
_DOWN, _UP = ".lora_A.weight", ".lora_B.weight"
_MAX_RANK = 4096
_OTHER_KINDS = (
    *("use_dora", "fan_in_fan_out", "use_qalora", "modules_to_save", "alora_invocation_tokens"),
    *("trainable_token_indices", "lora_bias", "target_parameters", "layer_replication"),
)


def is_adapter(folder: Path) -> bool:
    return (folder / CONFIG).is_file()


def write_adapter(
    model: Transformer, name: str, folder: Path, base: str, weights: Mapping[str, Tensor] | None = None
) -> None:
    """Into `folder`, which must not exist. `weights`: exact ones, where the network holds rounded ones."""
    layout, detours = _layout(model.config), detours_of(model, name)
    exact = dict(adapter_parameters(model, name)) if weights is None else dict(weights)
    exact = {key: tensor.detach().float().cpu() for key, tensor in exact.items()}
    tensors: dict[str, Tensor] = {}
    theirs: dict[str, Detour] = {}
    for place, parts in _groups(layout, model.config, detours).items():
        down, up, theirs[place] = _joined(model.config, layout, parts, exact, detours)
        tensors[f"{_PREFIX}{place}{_DOWN}"], tensors[f"{_PREFIX}{place}{_UP}"] = down, up
    folder.mkdir()
    text = json.dumps(_description(theirs, base), indent=2) + "\n"
    (folder / CONFIG).write_text(text, encoding="utf-8")
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})


def attach_adapter(model: Transformer, name: str, folder: Path) -> None:
    """Reads what PEFT or we have written; what it asks for beyond plain LoRA is refused."""
    state, detours = read_adapter(model.config, folder)
    attach(model, name, state, detours)


def read_adapter(config: ModelConfig, folder: Path) -> tuple[dict[str, Tensor], dict[str, Detour]]:
    where = str(folder / CONFIG)
    content = read_json(folder / CONFIG)
    if not isinstance(content, dict):
        raise ModelFormatError(f"{where} must hold a JSON object; get the adapter again.")
    facts = Facts(content, where)
    _refuse_other_kinds(facts, content)
    state: dict[str, Tensor] = {}
    detours: dict[str, Detour] = {}
    with open_safetensors(folder / WEIGHTS) as weights:
        places = _places(weights, folder)
        layout = _layout(config, places)
        ours = list(on_meta(config).state_dict())
        known = layout.pack(config, on_meta(config).state_dict())
        for place in places:
            if f"{place}.weight" not in known or not place.count("."):
                raise ModelFormatError(
                    f"{folder} adapts {shown(place)}, which this model has not; choose another model."
                )
            down = weights.read(f"{_PREFIX}{place}{_DOWN}", torch.float32).clone()
            up = weights.read(f"{_PREFIX}{place}{_UP}", torch.float32).clone()
            _check_shapes(folder, place, down, up, known[f"{place}.weight"])
            detour = Detour(down.shape[0], _scaling(facts, content, place, down.shape[0]))
            for name, part in layout.unpack(config, ours, f"{place}.weight", up).items():
                layer = name.removesuffix(".weight")
                state[f"{layer}.down"], state[f"{layer}.up"] = down, part.contiguous()
                detours[layer] = detour
    return state, detours


def _layout(config: ModelConfig, places: list[str] | None = None) -> Layout:
    if places is not None and all(place.startswith("layers.") for place in places):
        return NATIVE
    try:
        return family_of(config).layout
    except UsageError:
        return NATIVE


def _groups(layout: Layout, config: ModelConfig, detours: Mapping[str, Detour]) -> dict[str, list[str]]:
    """Their layer -> ours in it, where one of them at least is adapted."""
    groups = {}
    for theirs, names in layout.contents(on_meta(config).state_dict()).items():
        parts = [name.removesuffix(".weight") for name in names]
        if theirs.endswith(".weight") and any(part in detours for part in parts):
            groups[theirs.removesuffix(".weight")] = parts
    return groups


def _joined(
    config: ModelConfig,
    layout: Layout,
    parts: list[str],
    exact: Mapping[str, Tensor],
    detours: Mapping[str, Detour],
) -> tuple[Tensor, Tensor, Detour]:
    """One adapter for what they keep in one matrix: down and up, and its detour."""
    if len(parts) == 1:
        return exact[f"{parts[0]}.down"], exact[f"{parts[0]}.up"], detours[parts[0]]
    held = [part for part in parts if part in detours]
    rank = sum(detours[part].rank for part in held)
    plain, ups, begin = on_meta(config), {}, 0
    for part in parts:
        up = torch.zeros(shape_of(plain.get_submodule(part))[0], rank)
        if part in detours:
            end = begin + detours[part].rank
            up[:, begin:end] = exact[f"{part}.up"] * detours[part].scaling
            begin = end
        ups[f"{part}.weight"] = up
    (up,) = layout.pack(config, ups).values()
    return torch.cat([exact[f"{part}.down"] for part in held]), up, Detour(rank, 1.0)


def _description(theirs: Mapping[str, Detour], base: str) -> dict[str, Any]:
    """PEFT's own keys; what differs from layer to layer stands in its patterns."""
    usual = next(iter(theirs.values()))
    others = {place: detour for place, detour in theirs.items() if detour != usual}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base,
        "r": usual.rank,
        "lora_alpha": usual.scaling * usual.rank,
        "lora_dropout": 0.0,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "use_rslora": False,
        "use_dora": False,
        "target_modules": sorted({".".join(place.split(".")[-2:]) for place in theirs}),
        "rank_pattern": {place: detour.rank for place, detour in others.items()},
        "alpha_pattern": {place: detour.scaling * detour.rank for place, detour in others.items()},
    }


def _refuse_other_kinds(facts: Facts, content: Mapping[str, Any]) -> None:
    """Whatever would make it compute something else than plain LoRA."""
    if facts.text("peft_type", "") != "LORA":
        raise facts.refuse("peft_type", "LORA")
    if facts.text("bias", "none") != "none":
        raise facts.refuse("bias", "none")
    for key in _OTHER_KINDS:
        if content.get(key) not in (None, False, [], {}):
            raise facts.refuse(key, "none")


def _places(weights: Weights, folder: Path) -> list[str]:
    """The layers, from the names of the tensors; each must have both halves and nothing else."""
    names = set(weights.names)
    places = sorted(
        name.removeprefix(_PREFIX).removesuffix(_DOWN)
        for name in names
        if name.startswith(_PREFIX) and name.endswith(_DOWN)
    )
    expected = {f"{_PREFIX}{place}{half}" for place in places for half in (_DOWN, _UP)}
    if names != expected or not places:
        odd = min(names ^ expected, default="nothing at all")
        raise ModelFormatError(
            f"{folder / WEIGHTS} is no plain LoRA: {shown(odd)} has no place in it; get another adapter."
        )
    return places


def _check_shapes(folder: Path, place: str, down: Tensor, up: Tensor, weight: Tensor) -> None:
    fits = down.dim() == up.dim() == 2 and 0 < down.shape[0] == up.shape[1] <= _MAX_RANK
    if not fits or (up.shape[0], down.shape[1]) != tuple(weight.shape):
        raise ModelFormatError(
            f"{folder} does not belong to this model: at {place} it has {list(up.shape)} and "
            f"{list(down.shape)} for weights of {list(weight.shape)}; choose the adapter's own model."
        )


def _scaling(facts: Facts, content: Mapping[str, Any], place: str, rank: int) -> float:
    """A pattern counts for each layer whose name ends in it."""
    alpha = facts.number("lora_alpha", 8.0)
    patterns = facts.section("alpha_pattern")
    for key in content.get("alpha_pattern") or {}:
        if place == key or place.endswith(f".{key}"):
            alpha = patterns.number(key)
    return float(alpha) / (math.sqrt(rank) if facts.flag("use_rslora", False) else rank)
