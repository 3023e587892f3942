"""Data sets from the Hugging Face hub: the files that can be learnt from, each whole and with the right hash.

A file grows under another name and goes on where it was, also after a kill. The library starts anew there, so
of it are used the parts that talk to the hub, with their retries, sign-in and HF_ENDPOINT.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from core.checkpoint.staging import require_room
from core.spec.errors import DataError, UsageError
from core.spec.folders import data_folder
from trainer.data.disk import room_on_disk
from trainer.data.downloaded import is_inside, write_list
from trainer.data.ignore import IgnoreRules

FORMATS = ((".parquet",), (".jsonl", ".jsonl.gz"), (".txt",))  # of a data set in several, only the first
_CHUNK_BYTES = 1 << 20

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class RemoteFile:
    """`sha256` of a large file; of a small one git's own hash, in which its length comes first."""

    name: str
    size_bytes: int
    sha256: str | None
    blob_id: str


def default_folder(repository: str) -> Path:
    return data_folder() / "datasets" / repository.replace("/", "--")


def download(repository: str, folder: Path, *, only: Sequence[str], revision: str, tell: Tell) -> list[str]:
    """The names of its files, now all in the folder. `only`: patterns as in .gitignore; nothing said, all of
    the first format that there is. `tell` hears how many bytes of how many are there."""
    with _plain_words(repository):
        files, commit = _listing(repository, revision)
    chosen = _chosen(files, only)
    if not chosen:
        raise DataError(
            f"{repository} has no {_spoken_formats()} files that fit; look at its page for others."
        )
    missing = [file for file in chosen if not _is_whole(folder / file.name, file)]
    total = sum(file.size_bytes for file in chosen)
    done = total - sum(file.size_bytes for file in missing)
    begun = sum(_size(_unfinished(folder, file)) for file in missing)
    folder.mkdir(parents=True, exist_ok=True)
    require_room(folder / "data", total - done - begun)
    for file in missing:
        with _plain_words(repository), room_on_disk(folder):
            _fetch(repository, commit, file, folder, partial(_tell_behind, tell, done, total))
        done += file.size_bytes
    tell(done, total)
    names = [file.name for file in chosen]
    write_list(folder, repository, commit, names)
    return names


def _tell_behind(tell: Tell, before: int, total: int, count: int) -> None:
    tell(before + count, total)


def _listing(repository: str, revision: str) -> tuple[list[RemoteFile], str]:
    from huggingface_hub import HfApi

    info = HfApi().dataset_info(repository, revision=revision, files_metadata=True)
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
    return sorted(files, key=lambda file: file.name), info.sha or revision


def _chosen(files: Sequence[RemoteFile], only: Sequence[str]) -> list[RemoteFile]:
    rules = IgnoreRules("\n".join(only))
    for suffixes in FORMATS:
        chosen = [
            file
            for file in files
            if file.name.endswith(suffixes)
            and (not only or rules.verdict(file.name.split("/"), is_folder=False))
        ]
        if chosen:
            return chosen
    return []


def _fetch(repository: str, commit: str, file: RemoteFile, folder: Path, tell: Callable[[int], None]) -> None:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    constants.DOWNLOAD_CHUNK_SIZE = _CHUNK_BYTES  # else what a slow line brings in minutes may be lost
    unfinished = _unfinished(folder, file)
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("ab") as stream:
        if stream.tell() < file.size_bytes:
            http_get(
                hf_hub_url(repository, file.name, repo_type="dataset", revision=commit),
                stream,
                resume_size=stream.tell(),
                headers=build_hf_headers(),
                tqdm_class=_progress(file, tell),
            )
    if not _is_whole(unfinished, file):
        unfinished.unlink()
        raise DataError(
            f"What came for {file.name} of {repository} is not what the hub lists; give the command again."
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
                raise DataError(
                    f"The hub sends more of {file.name} than it lists; it cannot be had from there."
                )
            tell(self._count)

    return Progress


@contextmanager
def _plain_words(repository: str) -> Iterator[None]:
    import httpx2
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError:
        raise DataError(
            f"{repository} is given only to those who agreed to its terms; do that on its page, then sign in"
            " with 'hf auth login'."
        ) from None
    except errors.RevisionNotFoundError:
        raise UsageError(f"{repository} has no such revision; leave --revision out.") from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise UsageError(
            f"The hub has no data set {repository}, or it is private; check the spelling, or sign in with"
            " 'hf auth login'."
        ) from None
    except errors.OfflineModeIsEnabled:
        raise DataError("HF_HUB_OFFLINE forbids to go online; unset it to download.") from None
    except (httpx2.HTTPError, errors.HfHubHTTPError) as error:
        reason = type(error).__name__
        raise DataError(
            f"The hub cannot be reached ({reason}); what is there is kept, so give the command again later."
        ) from None


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


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _spoken_formats() -> str:
    return ", ".join(suffix for suffixes in FORMATS for suffix in suffixes)
