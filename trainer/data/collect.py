"""The files of folders that can be learnt from, and of each other one why not.

One pass in the order of the names; held in memory are one file, and what duplicates and walk remember.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trainer.data import texts
from trainer.data.duplicates import Duplicates
from trainer.data.names import is_licence
from trainer.data.reasons import Reason
from trainer.data.secrets import Secret, find_secrets
from trainer.data.walk import Found, walk
from trainer.spec.data import ScanSpec

_KB = 1024
_LICENCE_BYTES = 1 << 16


@dataclass(frozen=True)
class File:
    """Accepted if there is no `reason`, and then `text` is what can be learnt from it.

    `folder` is the one that was named, `name` the path below it. `like`: the name of a file with this text.
    """

    folder: Path
    name: str
    reason: Reason | None = None
    is_folder: bool = False
    size_bytes: int = 0
    text: str = ""
    licence: str | None = None
    secrets: tuple[Secret, ...] = ()
    like: str = ""

    @property
    def path(self) -> Path:
        return self.folder / self.name


def collect(folders: Iterable[Path], spec: ScanSpec, duplicates: Duplicates | None = None) -> Iterator[File]:
    """A text that an earlier folder has is a duplicate here too."""
    duplicates = duplicates or Duplicates()
    for folder in folders:
        for found in walk(folder, spec):
            yield _judged(folder, found, spec, duplicates)


def _judged(folder: Path, found: Found, spec: ScanSpec, duplicates: Duplicates) -> File:
    file = File(folder, found.name, found.reason, found.is_folder)
    if found.reason == "licence":
        head = texts.read(found.path, _LICENCE_BYTES).data.decode("utf-8", "replace")
        return File(folder, found.name, "licence", licence=texts.licence_of(head))
    if found.reason is not None:
        return file
    data, size_bytes, reason = texts.read(found.path, spec.max_file_kb * _KB)
    text, reason = texts.decoded(data) if reason is None else ("", reason)
    licence = texts.licence_of(text) if is_licence(found.name) else texts.spdx_identifier(text)
    if reason is None and not found.is_included:
        reason = texts.against_text(found.name, text, data)
    if reason is not None:
        return File(folder, found.name, reason, size_bytes=size_bytes, licence=licence)
    secrets = () if found.is_named else find_secrets(data)
    if secrets:
        return File(folder, found.name, "secret", size_bytes=size_bytes, licence=licence, secrets=secrets)
    match = duplicates.find(found.name, data)
    if match is not None:
        like = match.name
        return File(folder, found.name, match.kind, size_bytes=size_bytes, licence=licence, like=like)
    return File(folder, found.name, size_bytes=size_bytes, text=text, licence=licence)
