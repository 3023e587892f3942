"""StoredModel: a model at rest, opened: what it is, where each tensor lies. Weights stay on disk until read.

The formats differ only in how a StoredModel comes about; from there on there is one way to a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.checkpoint.names import Layout
from core.checkpoint.reading import Tell, in_percent
from core.spec.about import NOTHING_MORE, About
from core.spec.config import ModelConfig
from core.spec.errors import ModelFormatError, TokenizerError
from core.spec.headers import TensorInfo
from core.text.tokenizer import Tokenizer

if TYPE_CHECKING:  # what is opened only to be named or read by the C library needs no torch
    import torch

    from core.model.transformer import Transformer

# what files of the known families hold beside parameters: tables that are computed, masks, the tied output
_NOT_PARAMETERS = ("*.rotary_emb.inv_freq", "*.attn.bias", "*.attn.masked_bias", "rope_freqs.weight")


class TensorSource(Protocol):
    """Tensors by the names of a Layout: those of files (Weights), or those of no file at all (preset.py)."""

    @property
    def paths(self) -> tuple[Path, ...]: ...

    @property
    def names(self) -> tuple[str, ...]: ...

    def info(self, name: str) -> TensorInfo: ...

    def read(self, name: str, dtype: torch.dtype | None = None) -> torch.Tensor: ...


@dataclass(frozen=True)
class StoredModel:
    """`variant`: what its weights are changed by as they are read."""

    path: Path
    config: ModelConfig
    layout: Layout
    weights: TensorSource
    about: About = NOTHING_MORE
    variant: str = ""

    def tokenizer(self) -> Tokenizer:
        from core.text.vocabulary_folder import open_tokenizer

        tokenizer = open_tokenizer(self.path)
        if tokenizer.vocab_size > self.config.vocab_size:
            raise TokenizerError(
                f"The tokenizer of {self.path} has {tokenizer.vocab_size:,} tokens but its weights only "
                f"{self.config.vocab_size:,}; they do not belong together, so get the model again."
            )
        return tokenizer

    def load(self, dtype: torch.dtype | None = None, tell: Tell | None = None) -> Transformer:
        """The network on the CPU, in its stored type where none is asked for; mapped where possible. Who is
        told how it goes gets one that is read to its end."""
        from core.model.transformer import on_meta

        model = on_meta(self.config)
        entries = self.parameters(dtype)
        if tell is not None:
            elements = sum(tensor.numel() for tensor in model.state_dict().values())
            entries = in_percent(entries, elements, tell)
        model.load_state_dict(dict(entries), assign=True)
        return model.requires_grad_(False).eval()

    def parameters(self, dtype: torch.dtype | None = None) -> Iterator[tuple[str, torch.Tensor]]:
        """Under our names, read one tensor of the file after the other."""
        from core.model.transformer import on_meta

        model = on_meta(self.config)
        ours = list(model.state_dict())
        for theirs in self.layout.pack(self.config, model.state_dict()):
            tensor = self.weights.read(theirs, dtype)
            yield from self.layout.unpack(self.config, ours, theirs, tensor).items()

    def check(self) -> None:
        """That every tensor is there, has the shape that the configuration calls for, and no other is."""
        from core.model.transformer import on_meta

        expected = self.layout.pack(self.config, on_meta(self.config).state_dict())
        present = set(self.weights.names)
        for name, tensor in expected.items():
            if name not in present:
                raise ModelFormatError(f"{self.path} lacks the tensor {name!r}; get the model again.")
            found = self.weights.info(name).shape
            if tuple(found) != tuple(tensor.shape):
                raise ModelFormatError(
                    f"Tensor {name!r} in {self.path} has the shape {list(found)}, but its configuration "
                    f"calls for {list(tensor.shape)}; get the model again."
                )
        self._refuse_extra(present - set(expected))

    def _refuse_extra(self, names: set[str]) -> None:
        tied_head = self.layout.table["head"] + ".weight" if self.config.tie_embeddings else ""
        for name in sorted(names):
            if name != tied_head and not any(fnmatchcase(name, pattern) for pattern in _NOT_PARAMETERS):
                raise ModelFormatError(
                    f"{self.path} holds a tensor {name!r} that it has no place for; "
                    "models of this kind are not supported."
                )
