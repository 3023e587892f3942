"""Prepared data, opened for training: its facts are checked, its tokens stay on the disk until used."""

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.spec.errors import DataError, UsageError
from core.spec.fields import from_json
from trainer.data.layout import (
    DATA_KINDS,
    FACTS_NAME,
    FORMAT,
    JOURNAL_NAME,
    SPLITS,
    DataKind,
    Shard,
    Split,
    is_kept_whole,
    token_type,
)
from trainer.spec.data import PrepareSpec

_MAX_FACTS_BYTES = 256 << 20
_LARGEST_VOCABULARY = 1 << 24


@dataclass(frozen=True)
class PreparedData:
    """`vocabulary` is that of layout.vocabulary_fingerprint; `fingerprint` changes with all that training on
    the data could notice."""

    folder: Path
    kind: DataKind
    vocabulary: str
    vocab_size: int
    spec: PrepareSpec
    shards: tuple[Shard, ...]
    fingerprint: str

    @classmethod
    def open(cls, folder: Path) -> "PreparedData":
        """Also the sizes of the files are checked; what the tokens are, when they are read."""
        facts = _read_facts(folder)
        try:
            data = _understood(folder, facts)
        except (UsageError, KeyError, TypeError, AttributeError):
            raise DataError(f"{folder / FACTS_NAME} is not understood; prepare the data again.") from None
        for shard in data.shards:
            data._check_files(shard)
        return data

    @property
    def row_tokens(self) -> int:
        """What lessons and choices are laid out in; texts may be read in rows of any length."""
        return self.spec.context + 1

    def tokens(self, split: Split) -> int:
        return sum(shard.tokens for shard in self.shards if shard.split == split)

    def rows(self, split: Split, row_tokens: int) -> "Rows":
        return Rows(self, split, row_tokens)

    def paths(self, shard: Shard) -> list[Path]:
        return [self.folder / name for name in shard.names[: 1 + is_kept_whole(self.kind)]]

    def _check_files(self, shard: Shard) -> None:
        sizes = (shard.tokens * token_type(self.vocab_size).itemsize, shard.tokens)
        for path, size in zip(self.paths(shard), sizes, strict=False):
            if not path.is_file() or path.stat().st_size != size:
                raise DataError(f"{path} is missing or not all there; prepare the data again.")


class Rows:
    """The tokens of a split in rows of one length; what is left over at the end of a shard is in none."""

    def __init__(self, data: PreparedData, split: Split, row_tokens: int) -> None:
        self._data = data
        self._row_tokens = row_tokens
        self._shards = [shard for shard in data.shards if shard.split == split and shard.tokens >= row_tokens]
        self._ends = [*accumulate(shard.tokens // row_tokens for shard in self._shards)]
        self._maps: dict[Path, NDArray[Any]] = {}

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def read(self, numbers: Iterable[int]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The tokens of these rows, and which of them count."""
        places = [self._place(number) for number in numbers]
        tokens = np.stack([self._column(shard, start, 0).astype(np.int64) for shard, start in places])
        counted = np.ones(tokens.shape, np.bool_)
        if is_kept_whole(self._data.kind):
            counted = np.stack([self._column(shard, start, 1) != 0 for shard, start in places])
        if tokens.max() >= self._data.vocab_size:
            raise DataError(f"{self._data.folder} is damaged: a token is none; prepare the data again.")
        return tokens, counted

    def _place(self, number: int) -> tuple[Shard, int]:
        index = bisect_right(self._ends, number)
        first = self._ends[index - 1] if index else 0
        return self._shards[index], (number - first) * self._row_tokens

    def _column(self, shard: Shard, start: int, column: int) -> NDArray[Any]:
        path = self._data.paths(shard)[column]
        if path not in self._maps:
            kind = token_type(self._data.vocab_size) if column == 0 else np.dtype(np.uint8)
            self._maps[path] = np.memmap(path, kind, "r", shape=(shard.tokens,))
        return self._maps[path][start : start + self._row_tokens]


def _read_facts(folder: Path) -> Mapping[str, Any]:
    path = folder / FACTS_NAME
    try:
        with path.open("rb") as file:
            written = file.read(_MAX_FACTS_BYTES + 1)
    except OSError as error:
        if (folder / JOURNAL_NAME).exists():
            raise DataError(
                f"{folder} is prepared only in part; give the same 'data prepare' command again to go on."
            ) from None
        raise DataError(
            f"{folder} holds no prepared data ({error.strerror}); make some with 'data prepare'."
        ) from None
    try:
        facts = json.loads(written) if len(written) <= _MAX_FACTS_BYTES else None
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise DataError(f"{path} is damaged or of another version; prepare the data again.")
    return facts


def _understood(folder: Path, facts: Mapping[str, Any]) -> PreparedData:
    shards = tuple(
        from_json(Shard, shard, FACTS_NAME) for split in SPLITS for shard in facts["shards"][split]
    )
    is_sound = (
        facts["kind"] in DATA_KINDS
        and type(facts["vocab_size"]) is int
        and 0 < facts["vocab_size"] <= _LARGEST_VOCABULARY
        and isinstance(facts["vocabulary"], str)
        and all(
            min(shard.number, shard.documents, shard.tokens, shard.counted_tokens) >= 0 for shard in shards
        )
        and len({(shard.split, shard.number) for shard in shards}) == len(shards)
    )
    if not is_sound:
        raise KeyError
    meant = {key: facts[key] for key in ("kind", "vocabulary", "vocab_size", "settings", "shards")}
    return PreparedData(
        folder,
        facts["kind"],
        facts["vocabulary"],
        facts["vocab_size"],
        from_json(PrepareSpec, facts["settings"], FACTS_NAME),
        shards,
        hashlib.blake2b(json.dumps(meant, sort_keys=True).encode(), digest_size=16).hexdigest(),
    )
