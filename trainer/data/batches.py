"""Batches for training, each worked out from its number alone: a run that goes on gets the same ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from core.spec.errors import DataError, UsageError
from trainer.data.layout import IGNORED, Split, is_kept_whole
from trainer.data.prepared import PreparedData, Rows
from trainer.data.shuffle import shuffled


@dataclass(frozen=True)
class Batch:
    """Both (rows, tokens) and int64; targets are IGNORED where they do not count."""

    inputs: Tensor
    targets: Tensor


class Batches(Protocol):
    def __len__(self) -> int:
        """Batches an epoch."""
        ...

    def at(self, number: int) -> Batch:
        """The same for a number whatever was asked before; each epoch has another order."""
        ...


@dataclass(frozen=True)
class PackedBatches:
    """Rows in an order drawn anew for each epoch. Of choices the first half of a batch are the chosen answers
    and the second half the rejected ones, in the same order.

    `batch_size` counts the rows of all processes together: the batches of `ranks` processes make up that of
    one. `context` of lessons and choices must have room for what they were prepared for.
    """

    data: PreparedData
    split: Split
    batch_size: int
    context: int
    seed: int = 42
    rank: int = 0
    ranks: int = 1

    def __post_init__(self) -> None:
        if self.batch_size % (self.ranks * self._rows_each):
            each = " and pairs of rows" if self._rows_each > 1 else ""
            raise UsageError(
                f"{self.batch_size} rows a batch cannot be shared out evenly to {self.ranks} processes{each};"
                f" take a multiple of {self.ranks * self._rows_each}."
            )
        if self._is_laid_out and self.context < self.data.row_tokens - 1:
            raise DataError(
                f"{self.data.folder} was prepared for {self.data.spec.context} tokens of context, and with"
                f" {self.context} answers would be cut off; train with that many, or prepare it again with"
                f" --context {self.context}."
            )
        if len(self) == 0:
            raise DataError(
                f"{self.data.folder} has {self.data.tokens(self.split):,} tokens to {_purpose(self.split)},"
                f" not enough for one batch of {self.batch_size} rows of {self._row_tokens:,}; take more"
                " data, a smaller batch or a shorter context."
            )

    def __len__(self) -> int:
        return self._places // (self.batch_size // self._rows_each)

    def at(self, number: int) -> Batch:
        epoch, batch = divmod(number, len(self))
        each = self.batch_size // self._rows_each
        share = each // self.ranks
        first = batch * each + self.rank * share
        places = np.arange(first, first + share)
        drawn = shuffled(places, self._places, f"{self.seed} {epoch} {self.split}")
        if self._rows_each > 1:
            drawn = np.concatenate([self._rows_each * drawn + place for place in range(self._rows_each)])
        tokens, counted = self._rows.read(drawn.tolist())
        targets = np.where(counted[:, 1:], tokens[:, 1:], IGNORED)
        end = self._last_counted(targets)
        return Batch(torch.from_numpy(tokens[:, :end].copy()), torch.from_numpy(targets[:, :end].copy()))

    def _last_counted(self, targets: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
        """Of laid-out rows what is only filled up at the end of all is not worth computing."""
        if not self._is_laid_out:
            return targets.shape[1]
        return int(np.flatnonzero((targets != IGNORED).any(axis=0)).max(initial=0)) + 1

    @property
    def _is_laid_out(self) -> bool:
        return is_kept_whole(self.data.kind)

    @property
    def _rows_each(self) -> int:
        return 2 if self.data.kind == "choice" else 1

    @property
    def _row_tokens(self) -> int:
        return self.data.row_tokens if self._is_laid_out else self.context + 1

    @property
    def _places(self) -> int:
        return len(self._rows) // self._rows_each

    @cached_property
    def _rows(self) -> Rows:
        return self.data.rows(self.split, self._row_tokens)


def rows_of(data: PreparedData, split: Split, context: int) -> int:
    """How many rows a split has, which no batch can exceed."""
    row_tokens = data.row_tokens if is_kept_whole(data.kind) else context + 1
    return len(data.rows(split, row_tokens))


def _purpose(split: Split) -> str:
    return "train on" if split == "train" else "validate with"
