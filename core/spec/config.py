"""ModelConfig: the facts that fix a network, and nothing else.

No field is a name and nothing anywhere branches on one: a quirk of a model family is a field here, or is not
supported. How weights are stored and anything about text live elsewhere.
"""

import math
from dataclasses import dataclass
from typing import Literal

from core.spec.errors import UsageError
from core.spec.fields import setting

Norm = Literal["rms", "layer"]
Mlp = Literal["swiglu", "gelu", "gelu_tanh"]
Position = Literal["rope", "learned"]
Bias = Literal["none", "qkv", "attention", "all"]
ScalingKind = Literal["linear", "llama3", "yarn", "divisors"]


@dataclass(frozen=True)
class RopeScaling:
    """How rotary frequencies are stretched beyond the context a model was first trained on."""

    kind: ScalingKind = setting(..., "The rule that stretches the frequencies")
    factor: float = setting(1.0, "How many times longer the context became", low=1e-3, high=1e6)
    original_context: int = setting(0, "The context before stretching", low=0, high=2**24)
    low_frequency_factor: float = setting(
        1.0, "llama3: below this many turns, stretch fully", low=0, high=1e6
    )
    high_frequency_factor: float = setting(
        4.0, "llama3: above this many turns, do not stretch", low=0, high=1e6
    )
    beta_fast: float = setting(32.0, "yarn: above this many turns, do not stretch", low=0, high=1e6)
    beta_slow: float = setting(1.0, "yarn: below this many turns, stretch fully", low=0, high=1e6)
    magnitude: float | None = setting(
        None, "yarn: what rotated vectors are multiplied by", low=1e-3, high=1e3
    )
    divisors: tuple[float, ...] = setting((), "divisors: one for each frequency", low=1e-6, high=1e6)

    def __post_init__(self) -> None:
        if self.kind in ("llama3", "yarn") and self.original_context == 0:
            raise UsageError(f"Rope scaling {self.kind!r} needs the original context length.")
        if self.kind == "llama3" and self.low_frequency_factor >= self.high_frequency_factor:
            raise UsageError("Rope scaling 'llama3' needs a low frequency factor below the high one.")


@dataclass(frozen=True)
class ModelConfig:
    vocab_size: int = setting(..., "Rows of the embedding table", low=1, high=2**21)
    dim: int = setting(..., "Width of the residual stream", low=1, high=2**16)
    n_layers: int = setting(..., "Blocks, one after the other", low=1, high=1024)
    n_heads: int = setting(..., "Query heads", low=1, high=1024)
    n_kv_heads: int = setting(..., "Key and value heads, shared by groups of query heads", low=1, high=1024)
    head_dim: int = setting(..., "Width of one head", low=1, high=1024)
    ffn_dim: int = setting(..., "Width inside the MLP", low=1, high=2**18)
    max_context: int = setting(..., "Tokens the model was made for", low=1, high=2**24)
    norm: Norm = setting("rms", "RMSNorm, or LayerNorm with bias")
    norm_eps: float = setting(1e-5, "Added to the variance", low=0, high=1)
    mlp: Mlp = setting("swiglu", "Gated SiLU, or GELU exact or by tanh")
    position: Position = setting("rope", "Rotary, or a learned table")
    rope_theta: float = setting(10_000.0, "Base of the rotary frequencies", low=1.1, high=1e12)
    rope_scaling: RopeScaling | None = setting(None, "How the rotary frequencies are stretched")
    bias: Bias = setting("none", "Which linear layers have a bias")
    qk_norm: bool = setting(False, "RMSNorm on each query and key head before rotation")
    tie_embeddings: bool = setting(True, "The output projection is the embedding table")
    sliding_window: int | None = setting(None, "Tokens a windowed layer looks back on", low=1, high=2**24)
    first_windowed_layer: int = setting(0, "Layers from this one on are windowed", low=0, high=1024)
    dropout: float = setting(0.0, "Dropped while training", low=0, high=0.9)
    embedding_multiplier: float = setting(1.0, "Embeddings times this", low=-1e6, high=1e6)
    attention_multiplier: float | None = setting(
        None, "Attention scores times this; none is 1/sqrt(head width)", low=-1e6, high=1e6
    )
    residual_multiplier: float = setting(1.0, "Each branch times this before it is added", low=-1e6, high=1e6)
    logits_divisor: float = setting(1.0, "Logits divided by this", low=1e-6, high=1e6)

    def __post_init__(self) -> None:
        if self.n_heads % self.n_kv_heads:
            raise UsageError(
                f"{self.n_heads} query heads cannot share {self.n_kv_heads} key and value heads evenly."
            )
        if self.position == "rope" and self.head_dim % 2:
            raise UsageError(f"Rotary positions need an even head width, not {self.head_dim}.")
        if self.rope_scaling and self.rope_scaling.kind == "divisors":
            expected, found = self.head_dim // 2, len(self.rope_scaling.divisors)
            if expected != found:
                raise UsageError(f"Rope scaling needs {expected} frequency divisors, not {found}.")

    @property
    def attention_scale(self) -> float:
        if self.attention_multiplier is None:
            return 1 / math.sqrt(self.head_dim)
        return self.attention_multiplier

    @property
    def has_attention_bias(self) -> bool:
        return self.bias != "none"

    @property
    def has_output_bias(self) -> bool:
        """Whether the projection that ends the attention block has a bias too."""
        return self.bias in ("attention", "all")

    @property
    def has_mlp_bias(self) -> bool:
        return self.bias == "all"

    def window_of(self, layer: int) -> int | None:
        return self.sliding_window if layer >= self.first_windowed_layer else None
