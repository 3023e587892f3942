"""Parquet is read row by row, and no file can take us down."""

import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from core.spec.errors import DataError
from trainer.data.parquet import rows
from trainer.data.samples import Lesson, Plain
from trainer.data.sources import Rejections, Sources
from trainer.spec.data import ScanSpec


def table(path: Path, compression: str = "snappy", **columns: Sequence[Any]) -> Path:
    from arro3.core import Array, DataType, RecordBatch
    from arro3.io import write_parquet

    arrays = {
        name: Array(values, type=DataType.utf8() if isinstance(values[0], str) else DataType.int64())
        for name, values in columns.items()
    }
    write_parquet(RecordBatch(arrays), path, compression=compression, max_row_group_size=300)
    return path


def read(path: Path) -> tuple[list[Any], Rejections]:
    rejections, sources = Rejections(), Sources((path,), ScanSpec())
    documents = sources.documents(sources.kind(), rejections)
    return [sample for document in documents for sample in document.samples], rejections


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "gzip(6)", "zstd(3)", "lz4_raw"])
def test_stories_come_in_their_order(tmp_path: Path, compression: str) -> None:
    stories = [f"Once upon a time, {n} \N{SLIGHTLY SMILING FACE}.\n\nThe end." for n in range(1000)]
    path = table(tmp_path / "train.parquet", compression, text=stories, index=list(range(1000)))
    assert read(path) == ([Plain(story) for story in stories], Rejections())


def test_columns_may_be_questions_and_answers(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", prompt=["one?"], completion=["two"], extra=["x"])
    [sample], _ = read(path)
    assert isinstance(sample, Lesson)


def test_empty_rows_are_counted(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=["a", " ", "b"])
    samples, rejections = read(path)
    assert len(samples) == 2
    assert [(problem.place, problem.why) for problem in rejections.problems] == [(2, "'text' is empty")]


def test_other_columns_are_said(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", story=["a"])
    with pytest.raises(DataError, match="but story"):
        [*rows(path)]


def test_a_reader_that_goes_away_leaves_no_process(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", text=["word " * 1000] * 3000)
    found = rows(path)
    assert next(found)["text"].startswith("word")
    found.close()  # type: ignore[attr-defined]


def test_no_damage_takes_the_reader_down(tmp_path: Path) -> None:
    whole = table(tmp_path / "whole.parquet", text=[f"story {n}" for n in range(500)]).read_bytes()
    dice, path = random.Random(5), tmp_path / "damaged.parquet"
    damaged = [b"", b"PAR1", b"PAR1" * 3, whole[:-1], whole[: len(whole) // 2], whole[8:]]
    for _ in range(6):
        changed = bytearray(whole)
        for _ in range(8):
            changed[len(changed) - 1 - dice.randrange(400)] = dice.randrange(256)
        damaged.append(bytes(changed))
    for content in damaged:
        path.write_bytes(content)
        with suppress(DataError):
            assert all(set(row) <= {"text"} for row in rows(path))
