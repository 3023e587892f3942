"""The same toy networks in transformers, the reference that ours must agree with."""

import json
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GPTBigCodeConfig,
    GraniteConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    Qwen3Config,
    Starcoder2Config,
)

_SHAPE: dict[str, Any] = {
    "vocab_size": 131,
    "hidden_size": 96,
    "intermediate_size": 112,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_BIGCODE: dict[str, Any] = {
    "vocab_size": 131,
    "n_embd": 96,
    "n_layer": 2,
    "n_head": 4,
    "n_inner": 100,
    "n_positions": 4096,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def _rope(kind: str, **more: float) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, "factor": 4.0, **more}}


_LLAMA3 = _rope("llama3", low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=256)
_YARN = _rope("yarn", original_max_position_embeddings=1024)

FAMILIES: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**_SHAPE, head_dim=24),
    "llama, biases everywhere": LlamaConfig(**_SHAPE, head_dim=24, attention_bias=True, mlp_bias=True),
    "llama, wide heads, tied": LlamaConfig(**_SHAPE, head_dim=72, tie_word_embeddings=True),
    "llama, one KV head": LlamaConfig(**(_SHAPE | {"num_key_value_heads": 1}), head_dim=80),
    "llama, as many KV heads": LlamaConfig(**(_SHAPE | {"num_key_value_heads": 4})),
    "llama, linear scaling": LlamaConfig(**_SHAPE, **_rope("linear")),
    "llama, llama3 scaling": LlamaConfig(**_SHAPE, head_dim=72, **_LLAMA3),
    "llama, yarn scaling": LlamaConfig(**_SHAPE, head_dim=80, **_YARN),
    "qwen2": Qwen2Config(**_SHAPE, tie_word_embeddings=True),
    "qwen2, window on the second layer": Qwen2Config(
        **_SHAPE, use_sliding_window=True, sliding_window=50, max_window_layers=1
    ),
    "qwen3": Qwen3Config(**_SHAPE, head_dim=72),
    "qwen3, attention biases": Qwen3Config(**_SHAPE, head_dim=24, attention_bias=True),
    "granite": GraniteConfig(
        **_SHAPE,
        embedding_multiplier=12.0,
        attention_multiplier=0.0156,
        residual_multiplier=0.22,
        logits_scaling=8.0,
        attention_bias=True,
        tie_word_embeddings=True,
    ),
    "starcoder2": Starcoder2Config(**_SHAPE, head_dim=80, sliding_window=None),
    "starcoder2, window": Starcoder2Config(**_SHAPE, sliding_window=60),
    "starcoder2, exact gelu, no biases": Starcoder2Config(
        **_SHAPE, hidden_act="gelu", use_bias=False, tie_word_embeddings=False
    ),
    "gpt_bigcode": GPTBigCodeConfig(**_BIGCODE),
    "gpt_bigcode, many KV heads": GPTBigCodeConfig(**_BIGCODE, multi_query=False),
}


def reference_model(family: str) -> PreTrainedModel:
    """Random weights with every bias and norm moved away from zero and one."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(FAMILIES[family]).eval()
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn_like(weight) * 0.1
            weight.copy_(weight + noise if weight.dim() == 1 else noise)
    return model


def reference_description(family: str) -> dict[str, Any]:
    """config.json as the installed transformers writes it."""
    return json.loads(FAMILIES[family].to_json_string())
