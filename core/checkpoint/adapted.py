"""A stored model with an adapter in its weights: merged as they are read, whatever they become then.

So it runs as fast as the model by itself, at any precision and with any kernel. What is attached beside the
weights while a run learns is in core/model/lora.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from core.checkpoint.adapter import CONFIG, WEIGHTS, is_adapter, read_adapter
from core.checkpoint.names import Layout
from core.checkpoint.stored import StoredModel, TensorSource
from core.model.lora import Detour
from core.model.transformer import on_meta
from core.spec.config import ModelConfig
from core.spec.errors import UsageError
from core.spec.headers import TensorInfo


def with_adapter(stored: StoredModel, folder: Path, strength: float = 1.0) -> StoredModel:
    """`strength` 1 is as it was learnt, 0 the model by itself."""
    if not is_adapter(folder):
        raise UsageError(f"There is no adapter in {folder}; choose another one, or none.")
    state, detours = read_adapter(stored.config, folder)
    merged = _Merged(
        stored.weights, stored.config, stored.layout, folder, _Additions(state, detours, strength)
    )
    return replace(stored, weights=merged, variant=f"{folder.resolve()} at {strength:g}")


@dataclass(frozen=True)
class _Additions:
    state: Mapping[str, Tensor]
    detours: Mapping[str, Detour]
    strength: float

    def to(self, place: str) -> Tensor:
        """What is added to the weights of that layer."""
        down, up = self.state[f"{place}.down"], self.state[f"{place}.up"]
        return (up @ down) * (self.detours[place].scaling * self.strength)


@dataclass(frozen=True)
class _Merged:
    """Tensors by the names of the model's own files."""

    weights: TensorSource
    config: ModelConfig
    layout: Layout
    folder: Path
    additions: _Additions

    @property
    def paths(self) -> tuple[Path, ...]:
        return (*self.weights.paths, self.folder / CONFIG, self.folder / WEIGHTS)

    @property
    def names(self) -> tuple[str, ...]:
        return self.weights.names

    def info(self, name: str) -> TensorInfo:
        return self.weights.info(name)

    def read(self, name: str, dtype: torch.dtype | None = None) -> Tensor:
        tensor = self.weights.read(name, dtype)
        added = self._added(name)
        return tensor if added is None else (tensor.float() + added).to(tensor.dtype)

    def _added(self, theirs: str) -> Tensor | None:
        state = on_meta(self.config).state_dict()
        ours = self.layout.contents(state).get(theirs, [])
        places = [name.removesuffix(".weight") for name in ours]
        if not any(place in self.additions.detours for place in places):
            return None
        parts = {
            name: self.additions.to(place)
            if place in self.additions.detours
            else torch.zeros(state[name].shape)
            for name, place in zip(ours, places, strict=True)
        }
        (added,) = self.layout.pack(self.config, parts).values()
        return added
