"""Files from the Hugging Face hub: each whole, with the right hash, or not at all; and which of a model's.

A file grows under another name and goes on where it was, also after a kill. The library starts anew there, so
of it are used the parts that talk to the hub, with their retries, sign-in and HF_ENDPOINT. What is here
already is told in core/spec/library.py.
"""

import fnmatch
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

from core.spec.disk import require_room, room_on_disk, size_of, sync_folder
from core.spec.errors import HubError, ModelFormatError, UsageError
from core.spec.folders import cache_folder
from core.spec.library import unfinished_folder
from core.spec.network import OFFLINE, STAYS_OFFLINE
from core.spec.sizes import size_text

Kind = Literal["model", "dataset"]
Tell = Callable[[int, int], None]

_CHUNK_BYTES = 1 << 20
_SPOKEN: dict[Kind, str] = {"model": "model", "dataset": "data set"}
_CONFIG, _VOCABULARIES = "config.json", ("tokenizer.json", "tokenizer.model")
_BESIDE_WEIGHTS = (
    *(_CONFIG, "generation_config.json", *_VOCABULARIES, "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "chat_template.jinja", "chat_template.json"),
)
_LICENCE = re.compile(r"(LICEN[CS]E|NOTICE)(\.(md|txt))?", re.IGNORECASE)
_ONE_FILE, _INDEX = "model.safetensors", "model.safetensors.index.json"
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_PART = re.compile(r"-\d+-of-\d+(?=\.gguf$)", re.IGNORECASE)
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_USUAL_GGUF = "q8_0"


@dataclass(frozen=True)
class RemoteFile:
    """`sha256` of a large file; of a small one git's own hash, in which its length comes first."""

    name: str
    size_bytes: int
    sha256: str | None
    blob_id: str


@dataclass(frozen=True)
class Repository:
    """At one commit. `licence` as the hub spells it."""

    kind: Kind
    name: str
    commit: str
    licence: str | None
    files: tuple[RemoteFile, ...]


def look_up(name: str, kind: Kind, revision: str) -> Repository:
    from huggingface_hub import HfApi

    with _plain_words(name, kind):
        ask = HfApi().model_info if kind == "model" else HfApi().dataset_info
        info = ask(name, revision=revision, files_metadata=True)
    licences = [tag.partition(":")[2] for tag in info.tags or () if tag.startswith("license:")]
    files = [
        RemoteFile(
            sibling.rfilename,
            sibling.size or 0,
            sibling.lfs.sha256 if sibling.lfs else None,
            sibling.blob_id or "",
        )
        for sibling in info.siblings or ()
        if is_inside(sibling.rfilename)
    ]
    files.sort(key=lambda file: file.name)
    return Repository(kind, name, info.sha or revision, ", ".join(licences) or None, tuple(files))


def is_inside(name: str) -> bool:
    place = PurePosixPath(name)
    return not place.is_absolute() and ".." not in place.parts and "\\" not in name and ":" not in name


def files_of_model(found: Repository, wanted: str | None) -> list[RemoteFile]:
    """Weights as safetensors, else GGUF; configuration, tokenizer, licence. Never a pickle, nor code.

    `wanted`: the name of a GGUF file or a pattern that fits one.
    """
    top = {file.name: file for file in found.files if "/" not in file.name}
    licence = [file for name, file in top.items() if _LICENCE.fullmatch(name)]
    weights = [top[_ONE_FILE]] if _ONE_FILE in top else []
    if _INDEX in top and not weights:
        weights = [top[_INDEX], *(file for name, file in top.items() if _SHARD.fullmatch(name))]
    if wanted is not None or not weights:
        return [*_gguf(found, wanted), *licence]
    if _CONFIG not in top or not any(name in top for name in _VOCABULARIES):
        raise ModelFormatError(
            f"{found.name} has no {_CONFIG} or no {' or '.join(_VOCABULARIES)}; choose another model."
        )
    return [*(top[name] for name in _BESIDE_WEIGHTS if name in top), *licence, *weights]


def _gguf(found: Repository, wanted: str | None) -> list[RemoteFile]:
    """One model of those that it offers; some come in several parts."""
    offered: dict[str, list[RemoteFile]] = {}
    for file in found.files:
        if file.name.lower().endswith(".gguf"):
            offered.setdefault(_PART.sub("", file.name), []).append(file)
    if not offered:
        raise _no_weights(found)
    chosen = [whole for whole, parts in offered.items() if _fits(whole, parts, wanted)]
    if wanted is None and len(chosen) > 1:
        usual = [whole for whole in chosen if _USUAL_GGUF in whole.lower()]
        chosen = usual if len(usual) == 1 else chosen
    if len(chosen) != 1:
        listed = ", ".join(f"{whole} ({_size(parts)})" for whole, parts in offered.items())
        raise UsageError(f"Choose one file of {found.name} with --file: {listed}.")
    return offered[chosen[0]]


def _fits(whole: str, parts: Sequence[RemoteFile], wanted: str | None) -> bool:
    names = [whole, *(part.name for part in parts)]
    return wanted is None or any(fnmatch.fnmatch(name.lower(), wanted.lower()) for name in names)


def _no_weights(found: Repository) -> ModelFormatError:
    if any(file.name.endswith(_PICKLES) for file in found.files):
        return ModelFormatError(
            f"{found.name} has its weights only as Python pickles, which can run any code when opened and so"
            " are never fetched; choose a model with safetensors or GGUF."
        )
    return ModelFormatError(f"{found.name} has no safetensors and no GGUF that fit; choose another model.")


def place_of_model(files: Sequence[RemoteFile], folder: Path) -> Path:
    """What is opened: the folder, or the GGUF file in it."""
    gguf = [file.name for file in files if file.name.lower().endswith(".gguf")]
    return folder / min(gguf) if gguf else folder


def bytes_to_come(files: Sequence[RemoteFile], folder: Path) -> int:
    """What a download would still bring, as far as sizes tell; hashes are checked when it is done."""
    unfinished = unfinished_folder(folder)
    return sum(file.size_bytes - _bytes_here(file, folder, unfinished) for file in files)


def _bytes_here(file: RemoteFile, folder: Path, unfinished: Path) -> int:
    places = (folder / file.name, unfinished / file.name, _unfinished(unfinished, file))
    return min(file.size_bytes, max(size_of(place) for place in places))


def discard_unfinished(folder: Path) -> int:
    """How many bytes were given back of a download that was broken off."""
    unfinished = unfinished_folder(folder)
    with _alone(folder):
        freed = sum(size_of(path) for path in unfinished.rglob("*"))
        shutil.rmtree(unfinished, ignore_errors=True)
    return freed


def fetch_model(found: Repository, files: Sequence[RemoteFile], folder: Path, tell: Tell) -> None:
    """Grows in a folder beside its own, and takes its place in the end."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file; choose a folder, which may also be a new one.")
    unfinished = unfinished_folder(folder)
    with _alone(folder):
        missing = [file for file in files if not _is_whole(folder / file.name, file)]
        _fetch_all(found, missing, unfinished, tell)
        wanted = {unfinished / file.name for file in missing}
        for path in [path for path in unfinished.rglob("*") if path.is_file() and path not in wanted]:
            path.unlink()  # of a version that was begun and has been replaced since
        if not folder.exists():
            unfinished.rename(folder)
        for path in sorted(wanted) if unfinished.exists() else ():
            place = folder / path.relative_to(unfinished)
            place.parent.mkdir(parents=True, exist_ok=True)
            path.replace(place)
        shutil.rmtree(unfinished, ignore_errors=True)
        sync_folder(folder.parent)


def fetch(found: Repository, files: Sequence[RemoteFile], folder: Path, tell: Tell) -> None:
    """Into the folder, each under its own name. `tell` hears how many bytes of how many are there."""
    with _alone(folder):
        _fetch_all(found, files, folder, tell)


def _fetch_all(found: Repository, files: Sequence[RemoteFile], folder: Path, tell: Tell) -> None:
    missing = [file for file in files if not _is_whole(folder / file.name, file)]
    total = sum(file.size_bytes for file in files)
    done = total - sum(file.size_bytes for file in missing)
    begun = sum(size_of(_unfinished(folder, file)) for file in missing)
    _make_folder(folder)
    require_room(folder / "data", total - done - begun)
    for file in missing:
        with _plain_words(found.name, found.kind), room_on_disk(folder):
            _fetch(found, file, folder, partial(_tell_behind, tell, done, total))
        done += file.size_bytes
    tell(done, total)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made ({error.strerror}); choose another place.") from error


def _tell_behind(tell: Tell, before: int, total: int, count: int) -> None:
    tell(before + count, total)


def _fetch(found: Repository, file: RemoteFile, folder: Path, tell: Callable[[int], None]) -> None:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    # else it warns of each drop that it takes up again, with addresses
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES  # else what a slow line brings in minutes may be lost
    unfinished = _unfinished(folder, file)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("ab") as stream:
        if stream.tell() < file.size_bytes:
            http_get(
                hf_hub_url(found.name, file.name, repo_type=found.kind, revision=found.commit),
                stream,
                resume_size=stream.tell(),
                headers=build_hf_headers(),
                tqdm_class=_progress(file, tell),
            )
        stream.flush()
        os.fsync(stream.fileno())
    if not _is_whole(unfinished, file):
        unfinished.unlink()
        raise HubError(
            f"What came for {file.name} of {found.name} is not what the hub lists; give the command again."
        )
    unfinished.replace(folder / file.name)


def _progress(file: RemoteFile, tell: Callable[[int], None]) -> Any:
    """In the place of the library's bar, which it makes with the bytes there are and then adds to."""

    class Progress:
        def __init__(self, *_: object, initial: int = 0, **__: object) -> None:
            self._count = initial

        def __enter__(self) -> "Progress":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def update(self, count: int) -> None:
            self._count += count
            if self._count > file.size_bytes:
                raise HubError(
                    f"The hub sends more of {file.name} than it lists; it cannot be had from there."
                )
            tell(self._count)

    return Progress


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two that write to the end of one file would spoil it."""
    from filelock import FileLock, Timeout

    locks = cache_folder() / "downloads"
    _make_folder(locks)
    name = hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]
    lock = FileLock(locks / f"{name}.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise HubError(f"Another process is filling {folder} just now; wait until it is done.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _plain_words(name: str, kind: Kind) -> Iterator[None]:
    import httpx2
    from huggingface_hub import errors

    if os.environ.get(OFFLINE):
        raise HubError(STAYS_OFFLINE)
    try:
        yield
    except errors.GatedRepoError:
        raise HubError(
            f"{name} is given only to those who agreed to its terms; do that on its page, then sign in"
            " with 'hf auth login'."
        ) from None
    except errors.RevisionNotFoundError:
        raise UsageError(f"{name} has no such revision; leave --revision out.") from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise UsageError(
            f"The Hugging Face hub has no {_SPOKEN[kind]} {name}, or it is private; check the spelling, or "
            "sign in with 'hf auth login'."
        ) from None
    except errors.OfflineModeIsEnabled:
        raise HubError("HF_HUB_OFFLINE forbids to go online; unset it to download.") from None
    except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
        raise _unreachable(type(error).__name__) from None
    except OSError as error:
        if error.errno is not None:  # the disk's
            raise
        raise _unreachable("fewer bytes came than were promised") from None  # the library has no name for it


def _unreachable(reason: str) -> HubError:
    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT).hostname or constants.ENDPOINT
    return HubError(
        f"{host} cannot be reached ({reason}); see whether the network is on, and try again. What has come "
        "so far is kept."
    )


def _unfinished(folder: Path, file: RemoteFile) -> Path:
    """The hash in the name keeps apart what is of another version."""
    place = folder / file.name
    return place.with_name(f"{place.name}.{(file.sha256 or file.blob_id)[:12]}.partial")


def _is_whole(path: Path, file: RemoteFile) -> bool:
    if not path.is_file() or path.stat().st_size != file.size_bytes:
        return False
    digest = hashlib.sha256()
    if file.sha256 is None:
        digest = hashlib.sha1(f"blob {file.size_bytes}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == (file.sha256 or file.blob_id)


def _size(files: Sequence[RemoteFile]) -> str:
    return size_text(sum(file.size_bytes for file in files))
