"""ONNX out: one step of the network with its cache as inputs and outputs, for onnxruntime.

Inputs: ids (1, new) and, for each layer N, past_key.N and past_value.N (1, n_kv_heads, held, head_dim); both
lengths are free and may be 0 and 1. Outputs: logits (1, new, vocab_size), key.N, value.N.
"""

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.model.frequencies import frequencies
from core.model.transformer import Transformer
from core.spec.errors import UsageError
from core.spec.program import command_for_extra

_EXPORTER_LOG = "torch.onnx"


def write_onnx(model: Transformer, path: Path) -> None:
    """`path` holds the graph; weights lie in a second file beside it, since ONNX files end at 2 GB."""
    _require("onnxscript")
    config = model.config
    # lengths other than 0 and 1, so that tracing takes them for free
    past = tuple(torch.zeros(1, config.n_kv_heads, 5, config.head_dim) for _ in range(2 * config.n_layers))
    ids = torch.zeros(1, 3, dtype=torch.long)
    log = logging.getLogger(_EXPORTER_LOG)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own use of torch
            program = torch.onnx.export(
                _Step(model).eval(),
                (ids, past),
                dynamo=True,
                verbose=False,
                dynamic_shapes=({1: "new"}, tuple({2: "held"} for _ in past)),
                input_names=["ids", *_names("past_", config.n_layers)],
                output_names=["logits", *_names("", config.n_layers)],
            )
    finally:
        log.setLevel(level)
    if program is None:
        raise AssertionError("torch.onnx.export gave no program")
    program.save(str(path), external_data=True)


class OnnxModel:
    """Runs an exported file; used to compare it with the network it came from."""

    def __init__(self, path: Path, model: Transformer) -> None:
        _require("onnxruntime")
        import onnxruntime

        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        config = model.config
        empty = np.zeros((1, config.n_kv_heads, 0, config.head_dim), dtype=np.float32)
        self._past = dict.fromkeys(_names("past_", config.n_layers), empty)

    def logits(self, ids: list[int]) -> Tensor:
        """Of `ids` as they follow those given before: (new, vocab_size)."""
        inputs = {"ids": np.array([ids], dtype=np.int64), **self._past}
        logits, *cache = self._session.run(None, inputs)
        self._past = dict(zip(self._past, cache, strict=True))
        return torch.from_numpy(logits[0])


def _names(prefix: str, layers: int) -> list[str]:
    return [f"{prefix}{kind}.{layer}" for layer in range(layers) for kind in ("key", "value")]


def _require(module: str) -> None:
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise UsageError(f"ONNX needs the package {module}, which {command_for_extra('export')} brings.")


class _Step(nn.Module):
    def __init__(self, model: Transformer) -> None:
        super().__init__()
        self.model = model
        config = model.config
        turning, self.magnitude = frequencies(config)
        self.frequencies = nn.Buffer(torch.from_numpy(turning))

    def forward(self, ids: Tensor, past: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        model, held = self.model, past[0].shape[2]
        here = held + torch.arange(ids.shape[1])
        x = model.embed(ids) * model.config.embedding_multiplier
        rotation = None
        if model.positions is None:
            angles = (here[:, None] * self.frequencies).repeat(1, 2)
            rotation = (angles.cos() * self.magnitude, angles.sin() * self.magnitude)
        else:
            x = x + model.positions(here)
        cache: Any = _HandedCache(past)
        sight: Any = _ExplicitSight(torch.arange(held + ids.shape[1]), here)
        x = model.through_blocks(x, rotation, sight, cache)
        return model.logits(x), *cache.written


class _HandedCache:
    """Stands where the network expects a KVCache: holds the past handed in, collects the rest."""

    def __init__(self, past: tuple[Tensor, ...]) -> None:
        self.past = past
        self.written: list[Tensor] = []

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        both = (
            torch.cat((self.past[2 * layer], keys), dim=2),
            torch.cat((self.past[2 * layer + 1], values), dim=2),
        )
        self.written.extend(both)
        return both


class _ExplicitSight:
    """Stands for Sight: a mask in every case, since a traced network cannot choose by the lengths."""

    def __init__(self, keys: Tensor, here: Tensor) -> None:
        self.keys, self.queries = keys, here[:, None]

    def mask(self, window: int | None) -> Tensor:
        seen = self.keys <= self.queries
        return seen if window is None else seen & (self.keys > self.queries - window)
