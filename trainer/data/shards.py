"""A shard on its way to the disk: under another name until it is whole."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data.layout import DataKind, Shard, Split, is_kept_whole, token_type
from trainer.data.packing import Packer
from trainer.data.passages import Passage

UNFINISHED = ".part"


@dataclass(frozen=True)
class Shape:
    """What all shards of a folder have in common. `end`: the token that fills rows up."""

    kind: DataKind
    vocab_size: int
    row_tokens: int
    end: int


class ShardWriter:
    def __init__(self, folder: Path, split: Split, number: int, shape: Shape) -> None:
        self._planned = Shard(split, number, 0, 0, 0, "")
        self._kind = shape.kind
        self._type = token_type(shape.vocab_size)
        pads = is_kept_whole(shape.kind)
        names = self._planned.names[: 1 + pads]
        self._paths = [folder / name for name in names]
        self._files = [_unfinished(path).open("wb") for path in self._paths]
        self._digests = [hashlib.blake2b(digest_size=16) for _ in names]
        self._packer = Packer(shape.row_tokens, shape.end, self._write, pads=pads)
        self._documents = self._counted = self.tokens = 0

    def add(self, passages: Sequence[Passage]) -> None:
        """Of one document."""
        self._documents += 1
        for passage in passages:
            if self._kind == "choice":
                self._packer.add_as_row(passage)
            else:
                self._packer.add(passage)

    def finish(self) -> Shard:
        """The files have their names and are on the disk, though the folder may not know that yet."""
        self._packer.finish()
        for path, file in zip(self._paths, self._files, strict=True):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            _unfinished(path).replace(path)
        digest = "".join(digest.hexdigest() for digest in self._digests)
        planned = self._planned
        return Shard(planned.split, planned.number, self._documents, self.tokens, self._counted, digest)

    def discard(self) -> None:
        """Of no effect on what is finished."""
        for path, file in zip(self._paths, self._files, strict=True):
            with suppress(OSError):  # the disk is full, and what could not be written is given up
                file.close()
            _unfinished(path).unlink(missing_ok=True)

    def _write(self, tokens: Sequence[int], counted: Sequence[bool] | None) -> None:
        self.tokens += len(tokens)
        self._counted += len(tokens) if counted is None else sum(counted)
        columns = [np.array(tokens, self._type)]
        if len(self._files) > 1:
            columns.append(np.array([True] * len(tokens) if counted is None else counted, np.uint8))
        for column, file, digest in zip(columns, self._files, self._digests, strict=True):
            file.write(column.data)
            digest.update(column.data)


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)
