"""Vocabularies that this project's own source was made into, one of each kind, once a process."""

import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from tests.tiny import tiny_tokenizer
from trainer.data.sources import Sources
from trainer.data.tokenizer import source_texts, train_tokenizer
from trainer.spec.data import ScanSpec

ROOT = Path(__file__).parents[2]


def folder_texts(folder: Path) -> Iterator[str]:
    return source_texts(Sources((folder,), ScanSpec()))


@cache
def own_model() -> bytes:
    """Of the kind that was taught prompts with the suffix first."""
    return train_tokenizer(folder_texts(ROOT / "core"), vocab_size=1200)


def own_vocabulary(folder: Path) -> Path:
    path = folder / "own.model"
    if not path.exists():
        path.write_bytes(own_model())
    return path


@cache
def own_tokenizer() -> Tokenizer:
    with tempfile.TemporaryDirectory() as folder:
        return open_tokenizer(own_vocabulary(Path(folder)))


@cache
def byte_level_tokenizer() -> Tokenizer:
    """Of the kind that was not."""
    with tempfile.TemporaryDirectory() as folder:
        return tiny_tokenizer(Path(folder))
