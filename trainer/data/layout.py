"""How prepared data lies in its folder, for the writer and for the reader.

That is data.json, and for each part and split a file of tokens, with a byte a token beside it where not all
of them count.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from core.text.tokenizer import Tokenizer

Split = Literal["train", "validation"]
DataKind = Literal["text", "lesson", "choice"]

FORMAT = 1
FACTS_NAME = "data.json"
JOURNAL_NAME = "progress.jsonl"
LOCK_NAME = "lock"
SPLITS: tuple[Split, ...] = get_args(Split)
DATA_KINDS: tuple[DataKind, ...] = get_args(DataKind)
IGNORED = -100
SHARD_NAME = re.compile(rf"({'|'.join(SPLITS)})-\d{{5,}}\.(tokens|counted)")
_LARGEST_SMALL_VOCABULARY = 1 << 16


@dataclass(frozen=True)
class Shard:
    """`digest` is of its files, one behind the other."""

    split: Split
    number: int
    documents: int
    tokens: int
    counted_tokens: int
    digest: str

    @property
    def names(self) -> tuple[str, str]:
        """Of the tokens, and of what says which of them count where a folder has that."""
        return f"{self.split}-{self.number:05d}.tokens", f"{self.split}-{self.number:05d}.counted"


@dataclass(frozen=True)
class Notes:
    """How many texts were infilled, were cut short, or had nothing to learn that fits."""

    infilled: int = 0
    shortened: int = 0
    dropped: int = 0

    def __add__(self, other: "Notes") -> "Notes":
        return Notes(
            self.infilled + other.infilled, self.shortened + other.shortened, self.dropped + other.dropped
        )


def token_type(vocab_size: int) -> np.dtype[Any]:
    return np.dtype("<u2" if vocab_size <= _LARGEST_SMALL_VOCABULARY else "<u4")


def vocabulary_fingerprint(tokenizer: Tokenizer) -> str:
    """The same for two vocabularies in which each number means the same."""
    digest = hashlib.blake2b(digest_size=16)
    for token in range(tokenizer.vocab_size):
        spelling = tokenizer.spelling(token)
        digest.update(
            b"\0" if spelling is None else b"\1" + spelling.encode("utf-8", "surrogatepass") + b"\2"
        )
    return digest.hexdigest()


def is_kept_whole(kind: DataKind) -> bool:
    """Whether rows must be read as they were written."""
    return kind != "text"
