"""Data sets from the Hugging Face hub: the files that can be learnt from. How they come is in core/hub.py."""

from collections.abc import Sequence
from pathlib import Path

from core.hub import RemoteFile, Tell, fetch, look_up
from core.spec.errors import DataError
from core.spec.folders import data_folder
from core.spec.ignore_rules import IgnoreRules
from trainer.data.downloaded import write_list

FORMATS = ((".parquet",), (".jsonl", ".jsonl.gz"), (".txt",))  # of a data set in several, only the first


def default_folder(repository: str) -> Path:
    return data_folder() / "datasets" / repository.replace("/", "--")


def download(repository: str, folder: Path, *, only: Sequence[str], revision: str, tell: Tell) -> list[str]:
    """The names of its files, now all in the folder. `only`: patterns as in .gitignore; nothing said, all of
    the first format that there is. `tell` hears how many bytes of how many are there."""
    found = look_up(repository, "dataset", revision)
    chosen = _chosen(found.files, only)
    if not chosen:
        raise DataError(
            f"{repository} has no {_spoken_formats()} files that fit; look at its page for others."
        )
    fetch(found, chosen, folder, tell)
    names = [file.name for file in chosen]
    write_list(folder, repository, found.commit, names)
    return names


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


def _spoken_formats() -> str:
    return ", ".join(suffix for suffixes in FORMATS for suffix in suffixes)
