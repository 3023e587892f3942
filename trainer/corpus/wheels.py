"""One package, from pip to a folder of its Python files and licences. No code of the package is ever run.

That is why wheels are taken and not source archives: pip runs these to learn what they are. The archive is a
stranger's: its names, sizes and licence are checked before anything of it lies under its own name.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from pathlib import Path, PurePosixPath

from core.spec.errors import DataError, JobError, UsageError
from trainer.corpus.licences import against_licence
from trainer.data.names import is_licence
from trainer.spec.packages import Package, PackageList

MOST_PACKAGE_BYTES = 1 << 29
_MOST_FILE_BYTES = 4 << 20
_MOST_ENTRIES = 1 << 17
_TRIES = 3
_INSTALLED_ELSEWHERE = re.compile(r"[^/]+\.data/(?:purelib|platlib)/")
_INFORMATION = re.compile(r"[^/]+\.dist-info/(?P<name>.+)")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


@dataclass(frozen=True)
class Unpacked:
    files: int
    python_bytes: int
    too_large: int


def download(package: Package, plan: PackageList, folder: Path) -> Path:
    """The archive, in `folder`, which is made anew; pip has compared its sha256."""
    if getattr(sys, "frozen", False):
        raise UsageError("The packaged app has no pip to get packages with; do this with a copy from source.")
    for tries_left in reversed(range(_TRIES)):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        wanted = folder / "wanted.txt"
        wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
        done = subprocess.run(  # noqa: S603 (no shell; every word is checked or our own)
            _pip(plan, folder, wanted),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | {"PIP_CONSTRAINT": os.devnull},  # a person's own are for what is installed
        )
        archives = [path for path in folder.iterdir() if path.suffix == ".whl"]
        if done.returncode == 0 and len(archives) == 1:
            return archives[0]
        if not tries_left or _is_final(done.stderr):
            raise _why_not(package, done.stderr)
    raise AssertionError("unreachable")


def unpack(archive: Path, package: Package, folder: Path, *, checks_licence: bool = True) -> Unpacked:
    """Python files and licences into `folder`, which is made."""
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = list(_entries(opened, package))
            if checks_licence:
                _check_licence(opened, entries, package)
            return _written(opened, entries, folder)
    except _DAMAGE as error:
        raise DataError(f"{archive.name} is damaged ({error}); take another version of it.") from error


def _check_licence(opened: zipfile.ZipFile, entries: list["_Entry"], package: Package) -> None:
    reason = against_licence(package.licence, _metadata(opened, entries), _licences(opened, entries))
    if reason:
        raise DataError(
            f"{package.name} {package.version} cannot be learnt from: {reason}; take it off the list."
        )


def _pip(plan: PackageList, folder: Path, wanted: Path) -> list[str]:
    """Which index is asked, and through which proxy, is set where pip has its settings."""
    return [
        *(sys.executable, "-m", "pip", "download", "--no-input", "--disable-pip-version-check"),
        *("--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-cache-dir", "--quiet"),
        *("--implementation", "cp", "--python-version", plan.python, "--platform", plan.platform),
        *("--dest", str(folder), "--requirement", str(wanted)),
    ]


def _is_final(said: str) -> bool:
    """A sum that is not right may come of a connection that dropped, and not of another file."""
    return "No matching distribution" in said or "No module named" in said


def _why_not(package: Package, said: str) -> DataError | JobError:
    what = f"{package.name} {package.version}"
    if "DO NOT MATCH THE HASHES" in said:
        return DataError(
            f"{what}: what pip was given is not the file on the list, or half of it; "
            f"check the connection and pip's index and give the same command again."
        )
    if "No matching distribution" in said:
        return DataError(f"{what} is not in pip's index as a wheel; take another version of it.")
    lines = [line for line in said.splitlines() if line.strip()]
    last = lines[-1].removeprefix("ERROR: ")[:200] if lines else "it said nothing"
    return JobError(
        f"pip could not get {what} ({last}); check the connection and give the same command again."
    )


@dataclass(frozen=True)
class _Entry:
    """`path`: where it lies for Python; `about`: its name, if it tells of the package."""

    info: zipfile.ZipInfo
    path: PurePosixPath
    about: str = ""


def _entries(opened: zipfile.ZipFile, package: Package) -> Iterator[_Entry]:
    infos = opened.infolist()
    if len(infos) > _MOST_ENTRIES:
        raise DataError(f"{package.name} {package.version} has {len(infos)} files; no package needs so many.")
    for info in infos:
        name = info.filename
        path = PurePosixPath(name)
        if "\\" in name or ":" in name or "\0" in name or path.is_absolute() or ".." in path.parts:
            raise DataError(
                f"{package.name} {package.version} would write outside its folder ({name[:80]!r}); "
                f"take it off the list."
            )
        if info.is_dir() or stat.S_ISLNK(info.external_attr >> 16):
            continue
        about = _INFORMATION.fullmatch(name)
        inside = PurePosixPath(_INSTALLED_ELSEWHERE.sub("", name, count=1))
        yield _Entry(info, inside, about["name"] if about else "")


def _metadata(opened: zipfile.ZipFile, entries: list[_Entry]) -> Message:
    entry = next((entry for entry in entries if entry.about == "METADATA"), None)
    content = b"" if entry is None else _content(opened, entry) or b""
    return BytesHeaderParser(policy=compat32).parsebytes(content)


def _licences(opened: zipfile.ZipFile, entries: list[_Entry]) -> list[str]:
    """The texts of the package's own licence files, not of what it brought along."""
    own = [entry for entry in entries if entry.about and is_licence(entry.path.name)]
    own = [entry for entry in own if entry.about.count("/") <= 1]
    return [(_content(opened, entry) or b"").decode("utf-8", "replace") for entry in own]


def _content(opened: zipfile.ZipFile, entry: _Entry) -> bytes | None:
    """None of a file that is larger than any that is wanted, whatever its header says."""
    with opened.open(entry.info) as file:
        content = file.read(_MOST_FILE_BYTES + 1)
    return content if len(content) <= _MOST_FILE_BYTES else None


def _written(opened: zipfile.ZipFile, entries: list[_Entry], folder: Path) -> Unpacked:
    files = python_bytes = too_large = 0
    for entry in entries:
        is_python = entry.path.suffix == ".py"
        is_strange = any(_DEVICES.fullmatch(part) for part in entry.path.parts)
        if is_strange or not (is_python or is_licence(entry.path.name)):
            continue
        content = _content(opened, entry)
        if content is None:
            too_large += 1
            continue
        python_bytes += len(content) if is_python else 0
        if python_bytes > MOST_PACKAGE_BYTES:
            raise DataError(f"{folder.name} unpacks to more than {MOST_PACKAGE_BYTES >> 20} MB of Python.")
        path = folder / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():  # names that differ in case alone are one file on some systems
            path.write_bytes(content)
            files += is_python
    return Unpacked(files, python_bytes, too_large)
