"""PRESETS: the architectures that this project trains from nothing. A new one is a line of data here."""

from dataclasses import replace

from core.spec.config import ModelConfig
from core.spec.errors import UsageError
from core.spec.fields import suggestion
from core.spec.program import command


def _llama(
    vocab: int, context: int, layers: int, dim: int, heads: tuple[int, int, int], ffn: int
) -> ModelConfig:
    n_heads, n_kv_heads, head_dim = heads
    return ModelConfig(
        vocab_size=vocab,
        max_context=context,
        n_layers=layers,
        dim=dim,
        n_heads=n_heads,
        n_kv_heads=n_kv_heads,
        head_dim=head_dim,
        ffn_dim=ffn,
    )


def _gpt(
    vocab: int, context: int, layers: int, dim: int, heads: tuple[int, int, int], ffn: int
) -> ModelConfig:
    shape = _llama(vocab, context, layers, dim, heads, ffn)
    return replace(shape, norm="layer", mlp="gelu_tanh", bias="all")


def _long(config: ModelConfig) -> ModelConfig:
    return replace(config, max_context=8192, rope_theta=500_000.0)


_TINY = _llama(32_000, 4096, 12, 768, (12, 4, 64), 2048)
_SMALL = _llama(32_000, 4096, 16, 960, (15, 5, 64), 2688)
_MEDIUM = _llama(32_000, 4096, 18, 1152, (16, 4, 72), 3328)

PRESETS: dict[str, ModelConfig] = {
    "smallcoder-nano": _llama(8192, 1024, 7, 320, (5, 1, 64), 896),
    "smallcoder-tiny": _TINY,
    "smallcoder-small": _SMALL,
    "smallcoder-medium": _MEDIUM,
    "smallcoder-tiny-lc": _long(_TINY),
    "smallcoder-small-lc": _long(_SMALL),
    "smallcoder-medium-lc": _long(_MEDIUM),
    "smalllm-25m": replace(_gpt(16_000, 512, 8, 384, (6, 6, 64), 1536), tie_embeddings=False),
    "small-llm": replace(_gpt(10_000, 512, 20, 1024, (16, 16, 64), 4096), dropout=0.1),
    "small-llm-4b": _gpt(50_000, 2048, 24, 3584, (28, 28, 128), 14_336),
    "small-llm-7b": replace(_llama(32_000, 2048, 32, 4096, (32, 32, 128), 11_008), tie_embeddings=False),
    "smollm2-135m": _llama(49_152, 2048, 30, 576, (9, 3, 64), 1536),
}


def preset(name: str) -> ModelConfig:
    if name not in PRESETS:
        raise UsageError(
            f"There is no preset {name!r}{suggestion(name, PRESETS)}. See '{command('models', 'presets')}'."
        )
    return PRESETS[name]
