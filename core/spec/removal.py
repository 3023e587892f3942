"""Deleting a model, to have its room again: only what lies in SmallCoder's own folder, and its packed copies.

What lies in a folder of the person's, or in a cache that other programs use too, is theirs to delete.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from core.spec.disk import size_of
from core.spec.errors import ModelFormatError, UsageError
from core.spec.folders import cache_folder, embedded_model, hub_cache_folder, models_folder
from core.spec.gguf_header import read_gguf_header
from core.spec.library import find_models, no_such_model

PACKED_FROM = "smallcoder.packed_from"  # of a packed copy: the file that its weights were read from
_GOING = ".going"
_PART = re.compile(r"-\d+-of-\d+(?=\.gguf$)", re.IGNORECASE)
_COMES_ALONG = re.compile(r"(README|LICEN[CS]E|NOTICE)(\.(md|txt))?", re.IGNORECASE)


def _plain(path: Path) -> Path:
    """Without dots, which might lead out of a folder."""
    return Path(os.path.abspath(path))


def packed_folder() -> Path:
    return cache_folder() / "packed"


def as_text(path: Path) -> str:
    """As it stands in a packed copy: a file's name need not be text."""
    return str(_plain(path)).encode("utf-8", "backslashreplace").decode("utf-8")


def why_kept(path: Path) -> str:
    """Why a model is not ours to delete, for a person; empty where it is."""
    place, own = _plain(path), _plain(models_folder())
    if own not in place.parents:
        return _why_not_ours(path, place)
    if any(step.is_symlink() for step in (place, *place.parents) if own in step.parents):
        return f"{path} lies elsewhere, and is only linked to; delete the link yourself."
    if not place.exists():
        return f"There is no model at {path}; look again at what is on this disk."
    within = [str(model.path) for model in find_models([place]).models if model.path != path]
    if place.is_dir() and within:
        return f"Other models lie in {path}: {', '.join(within)}; delete these first."
    return ""


def _why_not_ours(path: Path, place: Path) -> str:
    if _plain(embedded_model()) in (place, *place.parents):
        return f"{path} is part of SmallCoder, which needs a model to begin with; it stays."
    if not os.path.lexists(place):
        return str(no_such_model(path))
    if _plain(hub_cache_folder()) in place.parents:
        return f"{path} lies in the hub's cache, which other programs use too; 'hf cache rm' deletes it."
    return f"{path} does not lie in SmallCoder's own folder; delete it yourself if you do not want it."


def remove_model(path: Path) -> int:
    """How many bytes were given back, those of packed copies too."""
    kept = why_kept(path)
    if kept:
        raise UsageError(kept)
    place, own = _plain(path), _plain(models_folder())
    for left in (*own.glob(f".*{_GOING}"), *own.glob(f"*/.*{_GOING}")):  # a kill has come between
        shutil.rmtree(left, ignore_errors=True)
    freed = sum(_forget_packed(place))
    for part in _parts(place):
        freed += sum(size_of(file) for file in (part, *part.rglob("*")))
        if part.is_dir():
            going = part.with_name(f".{part.name}{_GOING}")  # so that half of it is never taken for a model
            part.rename(going)
            shutil.rmtree(going)
        else:
            part.unlink()
    _tidy(place.parent, own)
    return freed


def _parts(place: Path) -> list[Path]:
    """Some GGUF models come in several files."""
    whole = _PART.sub("", place.name)
    if place.is_dir() or whole == place.name:
        return [place]
    return sorted(other for other in place.parent.glob("*") if _PART.sub("", other.name) == whole)


def _forget_packed(place: Path) -> Iterator[int]:
    """Where one is in use and the system keeps it, it stays."""
    for packed in [*packed_folder().glob("*.gguf")]:
        try:
            source = read_gguf_header(packed).metadata.get(PACKED_FROM)
        except (OSError, ModelFormatError):
            continue
        if isinstance(source, str) and (source + os.sep).startswith(as_text(place) + os.sep):
            size = size_of(packed)
            with contextlib.suppress(OSError):
                packed.unlink()
                yield size


def _tidy(folder: Path, own: Path) -> None:
    """Folders in which nothing is left but what had come along with the model."""
    while own in folder.parents:
        left = [*folder.iterdir()]
        if not all(file.is_file() and _COMES_ALONG.fullmatch(file.name) for file in left):
            return
        for file in left:
            file.unlink()
        folder.rmdir()
        folder = folder.parent
