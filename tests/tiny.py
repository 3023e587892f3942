"""A real tiny model, its tokenizer and its folder, made in a second."""

import io
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch

from core.checkpoint.native import write_native
from core.model.transformer import Transformer, with_random_weights
from core.spec.config import ModelConfig
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer

TINY = ModelConfig(
    vocab_size=512,
    dim=64,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    head_dim=24,
    ffn_dim=96,
    max_context=512,
)
MARKS = ["<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>"]


def tiny_model(seed: int = 0, **changes: Any) -> Transformer:
    """Weights large enough that its predictions differ clearly from token to token."""
    model = with_random_weights(replace(TINY, **changes), seed).eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed + 1)
    for name, weight in model.named_parameters():
        if weight.dim() == 1:
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.1)
        elif not name.startswith("positions"):
            weight.mul_(5)
    return model


@cache
def tiny_tokenizer(folder: Path, kind: Literal["json", "pieces"] = "json") -> Tokenizer:
    """Trained on this project's own source; its files stay in `folder`."""
    source = Path(__file__).read_text(encoding="utf-8") * 4
    if kind == "json":
        _train_json(source, folder)
    else:
        _train_pieces(source, folder)
    return open_tokenizer(folder)


def tiny_folder(folder: Path, tokenizer: Tokenizer, **changes: Any) -> Path:
    write_native(tiny_model(**changes), tokenizer, folder, torch.float32)
    return folder


def _train_json(source: str, folder: Path) -> None:
    from tokenizers import Tokenizer as Library
    from tokenizers import decoders, models, pre_tokenizers, trainers

    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False
    )
    library.train_from_iterator([source], trainer)
    library.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')


def _train_pieces(source: str, folder: Path) -> None:
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(source.splitlines(keepends=True)),
        model_writer=model,
        model_type="bpe",
        vocab_size=500,
        byte_fallback=True,
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        normalization_rule_name="identity",
        minloglevel=2,
    )
    (folder / "tokenizer.model").write_bytes(model.getvalue())
