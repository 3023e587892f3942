"""New, renamed and deleted files, and the way back: what is deleted is in the trash."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QFile, QStandardPaths

from core.spec.errors import SmallCoderError

_NOT_IN_NAMES = '<>:"|?*' if os.name == "nt" else ""


class CannotChange(SmallCoderError):
    """The system refused, or a name is taken; nothing has happened."""


class NoTrash(SmallCoderError):
    """This disk has none; deleting would be for good."""


@dataclass(frozen=True)
class Change:
    """Something that was done, in words, and how to undo it."""

    title: str
    undo: Callable[[], None]


def create(folder: Path, name: str, *, is_folder: bool = False) -> tuple[Path, Change]:
    """A name with slashes makes the folders on the way."""
    path = folder.joinpath(*_checked(name))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_folder:
            path.mkdir()
        else:
            path.open("x").close()
    except FileExistsError:
        raise CannotChange(f"{path} exists already; choose another name.") from None
    except OSError as error:
        raise _refused(error, path) from error
    return path, Change(f"creating {path.name}", lambda: _remove_new(path))


def rename(path: Path, name: str) -> tuple[Path, Change]:
    """Within its folder; a name with slashes moves it."""
    target = path.parent.joinpath(*_checked(name))
    _move(path, target)
    return target, Change(f"renaming {path.name}", lambda: _move(target, path))


def trash(path: Path) -> Change:
    # Qt makes the trash, but not the folders above it
    Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation)).mkdir(
        parents=True, exist_ok=True
    )
    if not os.path.lexists(path):
        raise CannotChange(f"{path} is not there any more.")
    file = QFile(str(path))
    if not file.moveToTrash():
        if not os.access(path.parent, os.W_OK):
            raise CannotChange(f"{path} may not be deleted; change the permissions of its folder.")
        raise NoTrash(f"There is no trash for {path}; deleting it would be for good.")
    kept = Path(file.fileName())
    if kept == path:  # the system does not say where it went
        return Change(f"deleting {path.name}", lambda: _say_where(path))
    return Change(f"deleting {path.name}", lambda: _restore(kept, path))


def delete_for_good(path: Path) -> None:
    import shutil

    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise _refused(error, path) from error


def _checked(name: str) -> list[str]:
    parts = [part for part in name.replace("\\", "/" if os.name == "nt" else "\\").split("/") if part]
    wrong = [part for part in parts if part in (".", "..") or set(part) & {*_NOT_IN_NAMES, "\0"}]
    if not parts or wrong or name.startswith("/"):
        raise CannotChange(f"{name!r} is no name for a file; choose another.")
    return parts


def _move(path: Path, target: Path) -> None:
    """Never over something: between looking and moving there is an instant, and a link cannot be made over a
    file, but folders and some disks know no links."""
    if os.path.lexists(target) and not _is_same(path, target):
        raise CannotChange(f"{target} exists already; choose another name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    except OSError as error:
        raise _refused(error, path) from error


def _restore(kept: Path, path: Path) -> None:
    _move(kept, path)
    # what the trash knows of it, beside its files
    (kept.parent.parent / "info" / f"{kept.name}.trashinfo").unlink(missing_ok=True)


def _remove_new(path: Path) -> None:
    """Only as empty as it was made."""
    try:
        if path.is_dir():
            path.rmdir()
        elif path.stat().st_size:
            raise CannotChange(f"{path} is not empty any more; delete it if it is not needed.")
        else:
            path.unlink()
    except OSError as error:
        raise _refused(error, path) from error


def _say_where(path: Path) -> None:
    raise CannotChange(f"{path.name} is in the system's trash; restore it from there.")


def _is_same(first: Path, second: Path) -> bool:
    """On disks that do not tell capitals apart, a file is in the way of its own new name."""
    if first.parent != second.parent or first.name.casefold() != second.name.casefold():
        return False
    try:
        return os.path.samestat(os.lstat(first), os.lstat(second))
    except OSError:
        return False


def _refused(error: OSError, path: Path) -> CannotChange:
    return CannotChange(f"{path} cannot be changed ({error.strerror}); check its name and your permissions.")
