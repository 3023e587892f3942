"""One text file, read and written such that nothing of it is lost: its bytes, links, permissions, line ends.

What the bytes mean is in text_form; how they replace others is in replace_file; who has the text open is in
documents.
"""

import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from app.documents import replace_file as replacing
from app.documents.text_form import NotText, TextForm, decode, encode
from core.spec.errors import SmallCoderError
from core.spec.sizes import size_text

MAX_BYTES = 20 * 10**6
LONG_LINE = 20_000  # characters; beyond, each key costs what the whole line does
_PYTHON = frozenset({".py", ".pyw", ".pyi"})
_TRIES = 3


class CannotRead(SmallCoderError):
    """A file that an editor cannot show, or the system will not."""


class ChangedOutside(SmallCoderError):
    """Another program has written the file since it was read."""


@dataclass(frozen=True)
class Stamp:
    """What a file held and was at one moment: enough to tell whether anyone has touched it since."""

    size_bytes: int
    time_ns: int
    file: tuple[int, int]
    digest: bytes

    @classmethod
    def of(cls, data: bytes, status: os.stat_result) -> "Stamp":
        identity = (status.st_dev, status.st_ino)
        return cls(len(data), status.st_mtime_ns, identity, hashlib.sha256(data).digest())

    def may_still_hold(self, status: os.stat_result) -> bool:
        """Not proof: a clock ticks slower than programs write."""
        return (status.st_size, status.st_mtime_ns, (status.st_dev, status.st_ino)) == (
            self.size_bytes,
            self.time_ns,
            self.file,
        )


@dataclass(frozen=True)
class TextFile:
    """`path` as the person gave it, made absolute; links are followed when bytes are read or written.
    `notes`: what a person should know before typing; one sentence each."""

    path: Path
    text: str
    form: TextForm
    stamp: Stamp
    notes: tuple[str, ...]


def is_python(path: Path) -> bool:
    return path.suffix.lower() in _PYTHON


def absolute(path: Path | str) -> Path:
    """Without following links: what the person sees is the name that they chose."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def read(path: Path, *, encoding: str = "") -> TextFile:
    path = absolute(path)
    data, stamp = read_bytes(path)
    try:
        text, form = decode(data, is_python=is_python(path), encoding=encoding)
    except NotText as error:
        raise CannotRead(f"{path} cannot be opened. {error}") from None
    return TextFile(path, text, form, stamp, _notes(text, form))


def read_bytes(path: Path) -> tuple[bytes, Stamp]:
    """What the file holds at one moment, unless somebody never stops writing it."""
    for _ in range(_TRIES):
        try:
            data, before, after = _read_once(path)
        except OSError as error:
            raise CannotRead(_refusal(error, path)) from error
        if (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns):
            break
        time.sleep(0.005)
    return data, Stamp.of(data, after)


def write(path: Path, text: str, form: TextForm, expected: Stamp | None = None) -> TextFile:
    """`expected`: what the person has seen of the file; anything else there is not overwritten, but said."""
    path = absolute(path)
    data, form = encode(text, form, is_python=is_python(path))
    if len(data) > MAX_BYTES:
        raise replacing.CannotWrite(
            f"{path} would be {size_text(len(data))}, more than this editor can open again "
            f"({size_text(MAX_BYTES)}); save it in parts."
        )
    target = Path(os.path.realpath(path))
    if expected is not None:
        _check_unchanged(target, expected)
    replacing.replace_file(target, data)
    try:
        status = os.stat(target)
    except OSError as error:  # it was written, and somebody was quick
        raise ChangedOutside(f"{path} was saved, then removed by another program; save it again.") from error
    return TextFile(path, text, form, Stamp.of(data, status), _notes(text, form))


def _notes(text: str, form: TextForm) -> tuple[str, ...]:
    found = form.notes()
    longest = max(map(len, text.split("\n")))
    if longest > LONG_LINE:
        found.append(f"One line has {longest:,} characters: colours and suggestions are off here.")
    return tuple(found)


def _check_unchanged(target: Path, expected: Stamp) -> None:
    """By content: a copied or touched file is no reason to worry anybody. A deleted one is written again."""
    if not target.exists():
        return
    _, stamp = read_bytes(target)
    if stamp.digest != expected.digest:
        raise ChangedOutside(f"{target} has been changed by another program since it was read.")


def _read_once(path: Path) -> tuple[bytes, os.stat_result, os.stat_result]:
    # without waiting: the name may be a pipe that nobody writes into
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    handle = os.open(path, flags)
    try:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            kind = "a folder" if stat.S_ISDIR(before.st_mode) else "no ordinary file"
            raise CannotRead(f"{path} is {kind}; choose a text file.")
        if before.st_size > MAX_BYTES:
            raise CannotRead(_too_large(path, size_text(before.st_size)))
        parts, size = [], 0
        while part := os.read(handle, 1 << 20):
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:  # some files say that they are empty and never end
                raise CannotRead(_too_large(path, f"more than {size_text(MAX_BYTES)}"))
        return b"".join(parts), before, os.fstat(handle)
    finally:
        os.close(handle)


def _too_large(path: Path, size: str) -> str:
    return f"{path} is {size}: the limit here is {size_text(MAX_BYTES)}; split it, or use a viewer."


def _refusal(error: OSError, path: Path) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{path} may not be read; change its permissions."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"{path} is not there (any more); check the name."
    if error.errno == errno.ELOOP:
        return f"{path} is a link that leads back to itself; mend the link."
    return f"{path} cannot be read ({error.strerror or type(error).__name__}); check the disk it is on."
