"""The one network. A ModelConfig decides every variant; nothing here knows a model family.

Where weights come from, how they are quantised and how text is decoded live elsewhere.
"""

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from core.model import gradients
from core.model.cache import KVCache
from core.model.network import Logits
from core.model.rope import Rope, rotate
from core.spec.config import ModelConfig

Rotation = tuple[Tensor, Tensor]  # cosines and sines of the new positions


class RmsNorm(nn.Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        if x.requires_grad:
            return gradients.rms_norm(x, self.weight, self.eps)
        # normalised in fp32, scaled in the type of x: the order in which the reference models round
        return F.rms_norm(x.float(), self.weight.shape, eps=self.eps).to(x.dtype) * self.weight


class Sight:
    """Which cached positions each new one may look at; what attention needs is made once for all layers."""

    def __init__(self, held: int, new: int, device: torch.device) -> None:
        self.held, self.new, self.device = held, new, device
        self._masks: dict[int | None, Tensor | None] = {}

    def mask(self, window: int | None) -> Tensor | None:
        """(new, held + new), true where seen; None where plain causal attention says the same."""
        if window is not None and window >= self.held + self.new:
            window = None
        if window not in self._masks:
            self._masks[window] = self._make(window)
        return self._masks[window]

    def _make(self, window: int | None) -> Tensor | None:
        if window is None and (self.held == 0 or self.new == 1):
            return None
        keys = torch.arange(self.held + self.new, device=self.device)
        queries = keys[self.held :, None]
        seen = keys <= queries
        return seen if window is None else seen & (keys > queries - window)


class Attention(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim, self.scale = layer, config.head_dim, config.attention_scale
        self.window, self.dropout = config.window_of(layer), config.dropout
        self.is_grouped = config.n_kv_heads != config.n_heads
        bias, wide = config.has_attention_bias, config.n_heads * config.head_dim
        narrow = config.n_kv_heads * config.head_dim
        self.q = nn.Linear(config.dim, wide, bias=bias)
        self.k = nn.Linear(config.dim, narrow, bias=bias)
        self.v = nn.Linear(config.dim, narrow, bias=bias)
        self.o = nn.Linear(wide, config.dim, bias=config.has_output_bias)
        self.q_norm = RmsNorm(config.head_dim, config.norm_eps) if config.qk_norm else nn.Identity()
        self.k_norm = RmsNorm(config.head_dim, config.norm_eps) if config.qk_norm else nn.Identity()

    def forward(self, x: Tensor, rotation: Rotation | None, sight: Sight, cache: KVCache | None) -> Tensor:
        batch, new, _ = x.shape  # heads below: (batch, heads, positions, head_dim)
        q = self.q_norm(self.q(x).view(batch, new, -1, self.head_dim)).transpose(1, 2)
        k = self.k_norm(self.k(x).view(batch, new, -1, self.head_dim)).transpose(1, 2)
        v = self.v(x).view(batch, new, -1, self.head_dim).transpose(1, 2)
        if rotation is not None:
            turn = gradients.rotated if q.requires_grad else rotate
            q, k = turn(q, *rotation), turn(k, *rotation)
        if cache is not None:
            k, v = cache.write(self.layer, k, v)
            q = q.to(k.dtype)
        mask = sight.mask(self.window)
        if q.requires_grad and mask is None and not self.dropout and gradients.serves_attention(q):
            seen = gradients.causal_attention(q, k, v, self.scale)
            return self.o(seen.transpose(1, 2).reshape(batch, new, -1).to(x.dtype))
        seen = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=mask,
            is_causal=mask is None and new > 1,
            dropout_p=self.dropout if self.training else 0.0,
            scale=self.scale,
            enable_gqa=self.is_grouped,
        )
        return self.o(seen.transpose(1, 2).reshape(batch, new, -1).to(x.dtype))


class Swiglu(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.gate = nn.Linear(config.dim, config.ffn_dim, bias=config.has_mlp_bias)
        self.up = nn.Linear(config.dim, config.ffn_dim, bias=config.has_mlp_bias)
        self.down = nn.Linear(config.ffn_dim, config.dim, bias=config.has_mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate(x), self.up(x)
        return self.down(gradients.gated(gate, up) if gate.requires_grad else F.silu(gate) * up)


class Gelu(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.approximate = "tanh" if config.mlp == "gelu_tanh" else "none"
        self.up = nn.Linear(config.dim, config.ffn_dim, bias=config.has_mlp_bias)
        self.down = nn.Linear(config.ffn_dim, config.dim, bias=config.has_mlp_bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(F.gelu(self.up(x), approximate=self.approximate))


class Block(nn.Module):
    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.attn_norm = _norm(config)
        self.attn = Attention(config, layer)
        self.mlp_norm = _norm(config)
        self.mlp = Swiglu(config) if config.mlp == "swiglu" else Gelu(config)
        self.dropout = nn.Dropout(config.dropout)
        self.multiplier = config.residual_multiplier

    def forward(self, x: Tensor, rotation: Rotation | None, sight: Sight, cache: KVCache | None) -> Tensor:
        x = x + self._branch(self.attn(self.attn_norm(x), rotation, sight, cache))
        return x + self._branch(self.mlp(self.mlp_norm(x)))

    def _branch(self, x: Tensor) -> Tensor:
        x = self.dropout(x)
        return x if self.multiplier == 1 else x * self.multiplier


class ShortReads(Protocol):
    """Something faster than layer after layer, where a few tokens follow what a cache holds."""

    @property
    def most_tokens(self) -> int: ...

    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits: ...


class Transformer(nn.Module):
    """ids (batch, positions) -> logits (batch, positions asked for, vocab_size)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = _table(config.vocab_size, config.dim)
        is_learned = config.position == "learned"
        self.positions = _table(config.max_context, config.dim) if is_learned else None
        self.rope = None if is_learned else Rope(config)
        self.layers = nn.ModuleList(Block(config, layer) for layer in range(config.n_layers))
        self.norm = _norm(config)
        # without a head of its own, the network ends in the table it began with
        self.head = None if config.tie_embeddings else nn.Linear(config.dim, config.vocab_size, bias=False)
        self.dropout = nn.Dropout(config.dropout)
        self.short_reads: ShortReads | None = None
        # while training: less memory for the time it takes to compute each layer twice
        self.recomputes_layers = False

    @property
    def device(self) -> torch.device:
        return self.norm.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """Of what flows between the layers."""
        return self.norm.weight.dtype

    def forward(self, ids: Tensor, cache: KVCache | None = None, last: int | None = None) -> Tensor:
        """Logits of the `last` positions, of all where it is None. With a cache, ids follow what it holds."""
        x = self.hidden(ids, cache)
        return self.logits(x if last is None else x[:, x.shape[1] - last :])

    @torch.no_grad()
    def read(self, tokens: list[int], cache: KVCache, last: int) -> Logits:
        """See Network."""
        if self.short_reads is not None and len(tokens) <= self.short_reads.most_tokens:
            logits = self.short_reads.read(tokens, cache, last)
        else:
            ids = torch.tensor([tokens], device=self.device)
            logits = as_logits(self.logits(self.hidden(ids, cache)[0, len(tokens) - last :]))
        cache.tokens += tokens
        return logits

    def hidden(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """What the output projection is given: (batch, positions, dim)."""
        held, new = (len(cache) if cache is not None else 0), ids.shape[1]
        x = self.embed(ids) * self.config.embedding_multiplier
        rotation = None
        if self.rope is not None:
            rotation = self.rope(held, held + new, x)
        elif self.positions is not None:
            x = x + self.positions.weight[held : held + new]
        x = self.through_blocks(self.dropout(x), rotation, Sight(held, new, x.device), cache)
        if cache is not None:
            cache.advance(new)
        return x

    def through_blocks(
        self, x: Tensor, rotation: Rotation | None, sight: Sight, cache: KVCache | None
    ) -> Tensor:
        for block in self.layers:
            if self.recomputes_layers:
                x = checkpoint(block, x, rotation, sight, cache, use_reentrant=False)
            else:
                x = block(x, rotation, sight, cache)
        return self.norm(x)

    def logits(self, hidden: Tensor) -> Tensor:
        logits = F.linear(hidden, self.embed.weight) if self.head is None else self.head(hidden)
        return logits if self.config.logits_divisor == 1 else logits / self.config.logits_divisor


def as_logits(rows: Tensor) -> Logits:
    """From wherever they were computed."""
    found: Logits = rows.float().cpu().numpy()
    return found


def _table(rows: int, dim: int) -> nn.Embedding:
    """Not filled at random, as Embedding does by itself: on `meta` that imports libraries for a second."""
    return nn.Embedding(rows, dim, _weight=torch.empty(rows, dim))


def _norm(config: ModelConfig) -> RmsNorm | nn.LayerNorm:
    if config.norm == "rms":
        return RmsNorm(config.dim, config.norm_eps)
    return nn.LayerNorm(config.dim, eps=config.norm_eps)


def on_meta(config: ModelConfig) -> Transformer:
    """The network without memory: shapes and counts only."""
    with torch.device("meta"):
        return Transformer(config)


def count_parameters(config: ModelConfig) -> int:
    return sum(weight.numel() for weight in on_meta(config).parameters())


def with_random_weights(config: ModelConfig, seed: int) -> Transformer:
    """Normal weights; what writes into the residual stream is smaller the deeper the network is."""
    model = on_meta(config).to_empty(device="cpu")
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        fill_randomly(name, weight, config, generator)
    return model


@torch.no_grad()
def fill_randomly(name: str, weight: Tensor, config: ModelConfig, generator: torch.Generator) -> None:
    """One parameter by its name, as in `with_random_weights`."""
    if name.endswith("bias"):
        weight.zero_()
    elif weight.dim() == 1:
        weight.fill_(1)
    else:
        is_residual = name.endswith(("attn.o.weight", "mlp.down.weight"))
        weight.normal_(
            std=0.02 / math.sqrt(2 * config.n_layers) if is_residual else 0.02, generator=generator
        )
