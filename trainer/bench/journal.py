"""Rows of a benchmark on disk as soon as they are known, so that it goes on there after any end.

The first line says what is measured; each further one is a row and whose it is. A last line without its end
was being written when the power went, and does not count.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.spec.disk import room_on_disk
from core.spec.errors import DataError, JobError, UsageError


class Journal:
    """For one process at a time: `opened` sees to that."""

    def __init__(self, path: Path, plan: dict[str, Any], *, afresh: bool) -> None:
        self.path = path
        self._rows: dict[str, list[dict[str, Any]]] = {}
        if afresh:
            path.unlink(missing_ok=True)
        lines = _whole_lines(path)
        if lines:
            self._take_up(lines, plan)
        else:
            self._write("wb", plan)

    def rows(self, whose: str) -> list[dict[str, Any]]:
        return self._rows.setdefault(whose, [])

    def add(self, whose: str, row: dict[str, Any]) -> None:
        self._write("ab", {"whose": whose, "row": row})
        self.rows(whose).append(row)

    def remove(self) -> None:
        """When all of it is in the results."""
        self.path.unlink(missing_ok=True)

    def _take_up(self, lines: list[bytes], plan: dict[str, Any]) -> None:
        begun, *rows = (_parsed(line, self.path) for line in lines)
        if begun != plan:
            changed = ", ".join(sorted(key for key in {*plan, *begun} if begun.get(key) != plan.get(key)))
            raise UsageError(
                f"{self.path} holds a benchmark that was begun in another way ({changed}); finish that one, "
                "or begin anew with --afresh."
            )
        for row in rows:
            if not isinstance(row.get("row"), dict):
                raise _damaged(self.path)
            self.rows(str(row.get("whose"))).append(row["row"])
        size = sum(map(len, lines))
        if size < self.path.stat().st_size:
            os.truncate(self.path, size)

    def _write(self, mode: str, content: dict[str, Any]) -> None:
        # half a surrogate pair, as a sample may hold, becomes \udxxx: JSON's own way to write it
        line = json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        with room_on_disk(self.path.parent), self.path.open(mode) as file:
            file.write(line)


@contextlib.contextmanager
def opened(path: Path, plan: dict[str, Any], *, afresh: bool = False) -> Iterator[Journal]:
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise JobError(
            f"Another benchmark is writing {path}; wait until it ends, or choose another --output."
        ) from None
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); choose another --output.") from None
    try:
        yield Journal(path, plan, afresh=afresh)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)


def _whole_lines(path: Path) -> list[bytes]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); choose another --output.") from None
    return [line for line in data.splitlines(keepends=True) if line.endswith(b"\n")]


def _parsed(line: bytes, path: Path) -> dict[str, Any]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> DataError:
    return DataError(f"{path} is damaged; begin anew with --afresh.")
