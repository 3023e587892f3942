"""New bytes for a file of the person's: whole or not at all, and everything else about the file stays.

The bytes go to a new file beside the old one, which then takes its place. Where that would change more than
the bytes (other names of the file, its owner, a folder that may not be written), they are written into the
file itself, and the old bytes put back if that fails; only a crash in that instant could leave a mixture, and
then recovery has the text. On Windows the access list of the file becomes that of its folder.
"""

import errno
import os
import secrets
import stat
from pathlib import Path

from core.spec.errors import SmallCoderError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})
_WILL_NOT_BE_REPLACED = frozenset({*_REFUSED, errno.EBUSY, errno.EXDEV, errno.ENOTSUP, errno.EROFS})
_NAME, _ENDING = ".smallcoder-", ".tmp"


class CannotWrite(SmallCoderError):
    """The system refused; the file is as it was."""


def may_be_written(path: Path) -> bool:
    """For the superuser too, who could write anything, a file without any write permission is read-only."""
    try:
        return os.access(path, os.W_OK) and bool(os.stat(path).st_mode & 0o222)
    except OSError:
        return False


def replace_file(target: Path, data: bytes) -> None:
    """`target` is no link: links are followed before."""
    try:
        before = os.stat(target)
    except FileNotFoundError:
        before = None
    except OSError as error:
        raise CannotWrite(sentence(error, target)) from error
    _check(target, before)
    try:
        if before is None or _may_be_replaced(target, before):
            try:
                return _put_beside(target, data, before)
            except OSError as error:
                if before is None or error.errno not in _WILL_NOT_BE_REPLACED:
                    raise
        _write_into(target, data)
    except OSError as error:
        raise CannotWrite(sentence(error, target)) from error


def remove_leftovers(folder: Path) -> None:
    """Files that a process of ours had begun when it was killed."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.startswith(_NAME)]
    except OSError:  # then there is nothing that could be removed either
        return
    for name in names:
        owner = name.removeprefix(_NAME).partition("-")[0]
        if name.endswith(_ENDING) and owner.isdecimal() and not _is_alive(int(owner)):
            (folder / name).unlink(missing_ok=True)


def sentence(error: OSError, path: Path) -> str:
    if error.errno in _FULL:
        return f"The disk is full, so {path} was not saved and is as it was; free some space and save again."
    if error.errno in _REFUSED:
        return f"{path} may not be written; change its permissions, or save under another name."
    if error.errno == errno.EROFS:
        return f"{path} is on a disk that cannot be written; save under another name."
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"The folder {path.parent} is gone; save under another name."
    if error.errno == errno.ELOOP:
        return f"{path} is a link that leads back to itself; mend the link, or save under another name."
    reason = error.strerror or type(error).__name__
    return f"{path} cannot be written ({reason}); save under another name."


def _check(target: Path, before: os.stat_result | None) -> None:
    if before is not None and not stat.S_ISREG(before.st_mode):
        raise CannotWrite(f"{target} is not a file; save under another name.")
    if before is not None and not may_be_written(target):
        raise CannotWrite(f"{target} is read-only; change its permissions, or save under another name.")
    if before is None and not target.parent.is_dir():
        raise CannotWrite(f"The folder {target.parent} is gone; save under another name.")
    if before is None and not may_be_written(target.parent):
        raise CannotWrite(f"The folder {target.parent} is read-only; save in another one.")


def _may_be_replaced(target: Path, before: os.stat_result) -> bool:
    """Whether a new file in its place would be the same to everyone else."""
    if before.st_nlink > 1 or not may_be_written(target.parent):
        return False
    if os.name != "posix" or os.geteuid() == 0:
        return True
    return before.st_uid == os.geteuid() and before.st_gid in {os.getegid(), *os.getgroups()}


def _put_beside(target: Path, data: bytes, before: os.stat_result | None) -> None:
    temporary = target.with_name(f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}{_ENDING}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    # a new file gets what the umask says; an old one's bytes are nobody else's before its permissions are set
    handle = os.open(temporary, flags, 0o666 if before is None else 0o600)
    try:
        try:
            _write_all(handle, data)
            if before is not None:
                _make_alike(handle, target, before)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _make_alike(handle: int, target: Path, before: os.stat_result) -> None:
    if os.name != "posix":
        return
    new = os.fstat(handle)
    if (new.st_uid, new.st_gid) != (before.st_uid, before.st_gid):
        os.fchown(handle, before.st_uid, before.st_gid)
    if hasattr(os, "listxattr"):
        for name in os.listxattr(target):
            if not name.startswith("security."):  # the system's own, which it sets by itself
                os.setxattr(handle, name, os.getxattr(target, name))
    os.fchmod(handle, stat.S_IMODE(before.st_mode))


def _write_into(target: Path, data: bytes) -> None:
    handle = os.open(target, os.O_RDWR | getattr(os, "O_BINARY", 0))
    try:
        old = _read_all(handle)
        try:
            _overwrite(handle, data)
        except OSError:
            _overwrite(handle, old)
            raise
    finally:
        os.close(handle)


def _overwrite(handle: int, data: bytes) -> None:
    os.lseek(handle, 0, os.SEEK_SET)
    _write_all(handle, data)
    os.ftruncate(handle, len(data))
    os.fsync(handle)


def _read_all(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 1 << 20):
        parts.append(part)
    return b"".join(parts)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync_folder(folder: Path) -> None:
    """So that the name, too, outlives a power failure. The text is saved even where that is refused."""
    if os.name != "posix":
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)


def _is_alive(process: int) -> bool:
    import psutil

    return psutil.pid_exists(process)
