"""How each kind of file spells and stores our parameters: one table each, used both ways.

A Layout says which of our parameters one of their tensors holds. Reading unpacks, writing packs, and what a
file should hold is found by packing a network that has shapes only; so the three cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.spec.config import ModelConfig

if TYPE_CHECKING:
    from torch import Tensor

# ours -> theirs, by module; {i} is the layer. "weight" and "bias" are spelled alike everywhere.
_LLAMA = {
    "embed": "model.embed_tokens",
    "layers.{i}.attn_norm": "model.layers.{i}.input_layernorm",
    "layers.{i}.attn.q": "model.layers.{i}.self_attn.q_proj",
    "layers.{i}.attn.k": "model.layers.{i}.self_attn.k_proj",
    "layers.{i}.attn.v": "model.layers.{i}.self_attn.v_proj",
    "layers.{i}.attn.o": "model.layers.{i}.self_attn.o_proj",
    "layers.{i}.attn.q_norm": "model.layers.{i}.self_attn.q_norm",
    "layers.{i}.attn.k_norm": "model.layers.{i}.self_attn.k_norm",
    "layers.{i}.mlp_norm": "model.layers.{i}.post_attention_layernorm",
    "layers.{i}.mlp.gate": "model.layers.{i}.mlp.gate_proj",
    "layers.{i}.mlp.up": "model.layers.{i}.mlp.up_proj",
    "layers.{i}.mlp.down": "model.layers.{i}.mlp.down_proj",
    "norm": "model.norm",
    "head": "lm_head",
}
_STARCODER2 = _LLAMA | {
    "layers.{i}.mlp.up": "model.layers.{i}.mlp.c_fc",
    "layers.{i}.mlp.down": "model.layers.{i}.mlp.c_proj",
}
_GPT_BIGCODE = {
    "embed": "transformer.wte",
    "positions": "transformer.wpe",
    "layers.{i}.attn_norm": "transformer.h.{i}.ln_1",
    "layers.{i}.attn.qkv": "transformer.h.{i}.attn.c_attn",
    "layers.{i}.attn.o": "transformer.h.{i}.attn.c_proj",
    "layers.{i}.mlp_norm": "transformer.h.{i}.ln_2",
    "layers.{i}.mlp.up": "transformer.h.{i}.mlp.c_fc",
    "layers.{i}.mlp.down": "transformer.h.{i}.mlp.c_proj",
    "norm": "transformer.ln_f",
    "head": "lm_head",
}
_GGUF = {
    "embed": "token_embd",
    "positions": "position_embd",
    "layers.{i}.attn_norm": "blk.{i}.attn_norm",
    "layers.{i}.attn.q": "blk.{i}.attn_q",
    "layers.{i}.attn.k": "blk.{i}.attn_k",
    "layers.{i}.attn.v": "blk.{i}.attn_v",
    "layers.{i}.attn.qkv": "blk.{i}.attn_qkv",
    "layers.{i}.attn.o": "blk.{i}.attn_output",
    "layers.{i}.attn.q_norm": "blk.{i}.attn_q_norm",
    "layers.{i}.attn.k_norm": "blk.{i}.attn_k_norm",
    "layers.{i}.mlp_norm": "blk.{i}.ffn_norm",
    "layers.{i}.mlp.gate": "blk.{i}.ffn_gate",
    "layers.{i}.mlp.up": "blk.{i}.ffn_up",
    "layers.{i}.mlp.down": "blk.{i}.ffn_down",
    "norm": "output_norm",
    "head": "output",
}

_QKV = ("q", "k", "v")


@dataclass(frozen=True)
class Layout:
    """`qkv`: three tensors, or one with all above each other, or one with each head's query, key and value.

    `has_paired_rows`: rows of q and k stand in the order of rotary pairs (0, half, 1, half + 1, ...).
    """

    table: Mapping[str, str]
    qkv: Literal["separate", "stacked", "by_head"] = "separate"
    has_paired_rows: bool = False

    def pack(self, config: ModelConfig, ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
        packed = {}
        for theirs, names in self.contents(ours).items():
            parts = [self._to_file(name, ours[name], config) for name in names]
            packed[theirs] = parts[0] if len(parts) == 1 else self._join(parts, config)
        return packed

    def unpack(
        self, config: ModelConfig, ours: Iterable[str], theirs: str, tensor: Tensor
    ) -> dict[str, Tensor]:
        """Those of our parameters that the tensor called `theirs` holds."""
        names = self.contents(ours)[theirs]
        parts = [tensor] if len(names) == 1 else self._split(tensor, config)
        return {name: self._from_file(name, part, config) for name, part in zip(names, parts, strict=True)}

    def contents(self, ours: Iterable[str]) -> dict[str, list[str]]:
        """Which of ours each of theirs holds, in order."""
        contents: dict[str, list[str]] = {}
        for name in ours:
            contents.setdefault(self._theirs(name), []).append(name)
        return contents

    def _theirs(self, name: str) -> str:
        module, _, kind = name.rpartition(".")
        if self.qkv != "separate" and module.endswith(tuple(f"attn.{part}" for part in _QKV)):
            module = module[:-1] + "qkv"
        words = module.split(".")
        layer = words[1] if words[0] == "layers" else ""
        if layer:
            words[1] = "{i}"
        return f"{self.table['.'.join(words)].replace('{i}', layer)}.{kind}"

    def _join(self, parts: list[Tensor], config: ModelConfig) -> Tensor:
        import torch

        if self.qkv == "stacked":
            return torch.cat(parts)
        heads = [part.view(config.n_heads, config.head_dim, *part.shape[1:]) for part in parts]
        return torch.cat(heads, dim=1).flatten(0, 1)

    def _split(self, tensor: Tensor, config: ModelConfig) -> list[Tensor]:
        if self.qkv == "stacked":
            narrow = config.n_kv_heads * config.head_dim
            return list(tensor.split_with_sizes([config.n_heads * config.head_dim, narrow, narrow]))
        heads = tensor.view(config.n_heads, 3, config.head_dim, *tensor.shape[1:])
        return [heads[:, part].flatten(0, 1) for part in range(3)]

    def _to_file(self, name: str, tensor: Tensor, config: ModelConfig) -> Tensor:
        heads = self._paired_heads(name, config)
        if not heads:
            return tensor
        halves = tensor.view(heads, 2, config.head_dim // 2, *tensor.shape[1:])
        return halves.transpose(1, 2).reshape(tensor.shape)

    def _from_file(self, name: str, tensor: Tensor, config: ModelConfig) -> Tensor:
        heads = self._paired_heads(name, config)
        if not heads:
            return tensor
        pairs = tensor.view(heads, config.head_dim // 2, 2, *tensor.shape[1:])
        return pairs.transpose(1, 2).reshape(tensor.shape)

    def _paired_heads(self, name: str, config: ModelConfig) -> int:
        """How many heads of paired rows this parameter has; 0 where rows stand as in our network."""
        if not self.has_paired_rows:
            return 0
        module = name.rpartition(".")[0]
        return {"q": config.n_heads, "k": config.n_kv_heads}.get(module.rpartition("attn.")[2], 0)


NATIVE = Layout({ours: ours for ours in _LLAMA | _GPT_BIGCODE | _GGUF if not ours.endswith("qkv")})
HF_LLAMA = Layout(_LLAMA)
HF_STARCODER2 = Layout(_STARCODER2)
HF_GPT_BIGCODE = Layout(_GPT_BIGCODE, qkv="stacked")
HF_GPT_BIGCODE_BY_HEAD = Layout(_GPT_BIGCODE, qkv="by_head")
GGUF_PLAIN = Layout(_GGUF)
GGUF_PAIRED = Layout(_GGUF, has_paired_rows=True)
GGUF_STACKED = Layout(_GGUF, qkv="stacked")
