"""Parquet files, row by row, read in a process of its own.

The library that decodes them ends the whole process when a file is damaged in certain ways, and a small file
can unfold to more than there is memory: neither may take a run with it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from core.spec.errors import DataError, UsageError
from trainer.data.own_process import own_command, own_environment
from trainer.data.samples import FIELDS

MAX_ROW_BYTES = 64 << 20
_ROWS_AT_ONCE = 64
_MOST_MEMORY_BYTES = 4 << 30


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """Of the columns only those that samples knows."""
    if not path.is_file():
        raise UsageError(f"{path} is no file; check the name.")
    process = subprocess.Popen(  # noqa: S603 (ourselves)
        [*own_command(), "data", "rows", "--here", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=own_environment(),
    )
    count = 0
    with process:
        try:
            for line in _lines(cast(IO[bytes], process.stdout)):
                row = json.loads(line)
                if count == 0:
                    _check_columns(path, row)
                else:
                    yield row
                count += 1
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise DataError(
            f"{path} cannot be read beyond row {max(count - 1, 0)}: it is damaged or no Parquet file;"
            " get it again."
        )


def read_here(path: Path) -> Iterator[str]:
    """As JSON the names of the columns, then the rows; for the process that may fall."""
    from arro3.io import read_parquet

    _limit_memory()
    reader = read_parquet(path, batch_size=_ROWS_AT_ONCE)
    yield json.dumps(reader.schema.names)
    for batch in reader:
        known = [name for name in batch.column_names if name in FIELDS]
        columns = [batch.column(name).to_pylist() for name in known]
        for values in zip(*columns, strict=True):
            yield json.dumps(dict(zip(known, values, strict=True)), default=str)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """A last line without its end is half a row."""
    while (line := stream.readline(MAX_ROW_BYTES)).endswith(b"\n"):
        yield line
    if len(line) == MAX_ROW_BYTES:
        raise DataError(f"A row holds more than {MAX_ROW_BYTES >> 20} MB; split it first.")


def _check_columns(path: Path, columns: list[str]) -> None:
    if not set(FIELDS).intersection(columns):
        raise DataError(
            f"{path} has none of the columns {', '.join(FIELDS)} but {', '.join(columns)[:200]}; rename one."
        )


def _limit_memory() -> None:
    if sys.platform == "linux":
        import resource

        resource.setrlimit(
            resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1])
        )
