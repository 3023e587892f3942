"""What a preparation has finished, line by line, so that it goes on there after it was killed.

The first line says what is being made and of what; each further one stands for a part whose files are safe on
the disk. A last line without its end was being written when the power went, and does not count.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.disk import sync_folder
from core.spec.errors import DataError, UsageError
from core.spec.fields import from_json, to_json
from trainer.data.layout import JOURNAL_NAME, SHARD_NAME, Notes, Shard
from trainer.data.shards import UNFINISHED


@dataclass(frozen=True)
class Part:
    """`documents` of all parts so far, and `chain`: a hash of them, in their order."""

    documents: int
    chain: str
    notes: Notes
    shards: tuple[Shard, ...]


class Journal:
    def __init__(self, folder: Path, plan: dict[str, Any]) -> None:
        """`plan` must be what the folder was begun with, unless nothing of that is finished."""
        self._path = folder / JOURNAL_NAME
        self.parts: list[Part] = []
        lines = self._whole_lines()
        if len(lines) > 1:
            begun = self._parsed(lines[0])
            if begun != plan:
                changed = ", ".join(sorted(key for key in plan if begun.get(key) != plan[key]))
                raise UsageError(
                    f"{folder} was begun with other settings ({changed}); take another folder, or delete it."
                )
            self.parts = [self._part(line) for line in lines[1:]]
        else:
            self._path.unlink(missing_ok=True)
            self._append(plan)
        self._remove_all_but_finished(folder)

    def add(self, part: Part) -> None:
        """Its files must be on the disk already."""
        sync_folder(self._path.parent)
        self._append(to_json(part))
        self.parts.append(part)

    @staticmethod
    def remove(folder: Path) -> None:
        (folder / JOURNAL_NAME).unlink(missing_ok=True)

    def _append(self, content: dict[str, Any]) -> None:
        with self._path.open("ab") as file:
            file.write(json.dumps(content).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._path.parent)

    def _whole_lines(self) -> list[bytes]:
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._path, len(whole))
        return whole.splitlines()

    def _parsed(self, line: bytes) -> dict[str, Any]:
        try:
            content = json.loads(line)
            if isinstance(content, dict):
                return content
        except (ValueError, RecursionError):
            pass
        raise self._damage()

    def _part(self, line: bytes) -> Part:
        try:
            return from_json(Part, self._parsed(line), JOURNAL_NAME)
        except UsageError:
            raise self._damage() from None

    def _damage(self) -> DataError:
        return DataError(f"{self._path} is damaged; delete its folder and prepare the data again.")

    def _remove_all_but_finished(self, folder: Path) -> None:
        """Only what has the name of a shard."""
        finished = {name for part in self.parts for shard in part.shards for name in shard.names}
        for path in folder.iterdir():
            if SHARD_NAME.fullmatch(path.name.removesuffix(UNFINISHED)) and path.name not in finished:
                path.unlink()
