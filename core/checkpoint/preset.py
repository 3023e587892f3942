"""A preset as if it had been stored: random weights, the same ones each time, made one tensor at a time.

For what does not depend on the weights, such as speed and memory. There is no tokenizer to it.
"""

import hashlib
from pathlib import Path

import torch

from core.checkpoint.names import NATIVE
from core.checkpoint.stored import StoredModel
from core.model.transformer import fill_randomly, on_meta
from core.spec.config import ModelConfig
from core.spec.headers import TensorInfo
from core.spec.presets import PRESETS


class RandomWeights:
    """Under our own names. They have fp32 where no other type is asked for."""

    paths: tuple[Path, ...] = ()

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._shapes = {name: tuple(tensor.shape) for name, tensor in on_meta(config).state_dict().items()}
        self._ours = {NATIVE.pack(config, {name: torch.empty(0)}).popitem()[0]: name for name in self._shapes}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._ours)

    def info(self, name: str) -> TensorInfo:
        shape = self._shapes[self._ours[name]]
        return TensorInfo(name, "F32", shape, 0, torch.Size(shape).numel() * torch.float32.itemsize)

    def read(self, name: str, dtype: torch.dtype | None = None) -> torch.Tensor:
        ours = self._ours[name]
        weight = torch.empty(self._shapes[ours], dtype=dtype or torch.float32)
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
        fill_randomly(ours, weight, self._config, torch.Generator().manual_seed(seed))
        return weight


def open_preset(name: str) -> StoredModel:
    config = PRESETS[name]
    return StoredModel(Path(name), config, NATIVE, RandomWeights(config))
