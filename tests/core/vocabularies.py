"""Small vocabularies of every kind, trained in a moment on text that holds what vocabularies stumble over."""

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from core.text import pretokenizers
from core.text.gguf_vocabulary import from_gguf
from core.text.tokenizer import Tokenizer

MARKS = ("<|endoftext|>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>")
CORPUS = [
    pretokenizers.PROBE,
    "def add(first, second):\n    return first + second\n" * 8,
    "\t\tif x:\r\n" * 8,
]


@cache
def merges_without_words() -> tuple[list[str], list[str]]:
    """Tokens and merges learnt over whole texts, so that where a text is cut shows in its tokens."""
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=3000, initial_alphabet=alphabet, show_progress=False)
    spans = [text[start : start + 6] for text in CORPUS for start in range(len(text))]
    library.train_from_iterator(spans, trainer)
    model = json.loads(library.to_str())["model"]
    return sorted(model["vocab"], key=model["vocab"].get), [" ".join(pair) for pair in model["merges"]]


def gguf_byte_level(pre: str = "qwen2", own: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
    """`own`: tokens that a user of the vocabulary added to it."""
    tokens, merges = merges_without_words()
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": [*tokens, *MARKS, *own],
        "tokenizer.ggml.token_type": [1] * len(tokens) + [3] * len(MARKS) + [4] * len(own),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": len(tokens),
    } | {f"tokenizer.ggml.{key}": value for key, value in changes.items()}


def train_pieces(**options: Any) -> bytes:
    model = io.BytesIO()
    settings = {
        "model_type": "bpe",
        "vocab_size": 600,
        "hard_vocab_limit": False,
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "allow_whitespace_only_pieces": True,
        "minloglevel": 2,
    }
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=model, **(settings | options)
    )
    return model.getvalue()


def gguf_pieces(*, adds_space: bool = True, own: Sequence[str] = (), **changes: Any) -> dict[str, Any]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=train_pieces())
    size = processor.vocab_size()
    kinds = [3 if processor.is_control(i) else 6 if processor.is_byte(i) else 1 for i in range(size)]
    kinds[processor.unk_id()] = 2
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": [*map(processor.id_to_piece, range(size)), *own],
        "tokenizer.ggml.scores": [*map(processor.get_score, range(size)), *[0.0] * len(own)],
        "tokenizer.ggml.token_type": kinds + [4] * len(own),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_space_prefix": adds_space,
    } | {f"tokenizer.ggml.{key}": value for key, value in changes.items()}


@cache
def byte_level() -> Tokenizer:
    return from_gguf(gguf_byte_level(own=("    ", "naïve")), source="a byte-level test vocabulary")


@cache
def pieces(*, adds_space: bool = True) -> Tokenizer:
    return from_gguf(gguf_pieces(adds_space=adds_space), source="a test vocabulary of pieces")


def json_file(folder: Path, *, cut: Any = None, specials: Sequence[str] = MARKS, size: int = 700) -> Path:
    """A tokenizer.json as training it with the `tokenizers` library leaves it."""
    library = Library(models.BPE())
    library.pre_tokenizer = cut or pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    library.train_from_iterator(CORPUS, trainer)
    library.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"
