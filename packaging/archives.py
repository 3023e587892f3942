"""What a person downloads, made of the app's folder: a tar.gz, a setup, or a disk image."""

import gzip
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from icons import PNG_SIZES

from core.spec.version import version

HERE = Path(__file__).resolve().parent
_README = """SmallCoder {version}

{start}
Nothing is installed with it, and nothing else needs to be: Python and all packages are inside.

Licences. SmallCoder is under the Apache License 2.0. Those of all that it is made of, word for word, are in
{inside}/licences, and in the window under Help, About SmallCoder.

Qt and PySide6 are used under the GNU Lesser General Public License 3. They are files of their own in
{inside}/PySide6, which you may replace by your own builds of the same version ({qt}); their sources
are at https://download.qt.io/official_releases/QtForPython/pyside6/ and
https://download.qt.io/official_releases/qt/. What Qt itself contains:
https://doc.qt.io/qt-6/licenses-used-in-qt.html
"""
_START = {
    "linux": "Start ./smallcoder. ./install.sh puts it into the menu, ./install.sh --remove takes it out.\n"
    "The commands: ./smallcoder-cli --help",
    "win32": "Start smallcoder.exe. The commands: smallcoder-cli.exe --help",
    "darwin": "Start SmallCoder.app. The commands: SmallCoder.app/Contents/MacOS/smallcoder-cli --help",
}


def app_folder(dist: Path) -> Path:
    """Where the programs lie."""
    return dist / ("SmallCoder.app/Contents/MacOS" if sys.platform == "darwin" else "smallcoder")


def inner_folder(dist: Path) -> Path:
    """Where everything else lies."""
    return dist / (
        "SmallCoder.app/Contents/Resources" if sys.platform == "darwin" else "smallcoder/_internal"
    )


def finish(dist: Path, work: Path) -> None:
    """What lies beside the programs."""
    from PySide6.QtCore import qVersion

    folder = app_folder(dist)
    if sys.platform != "win32":
        (folder / "smallcoder-cli").symlink_to("smallcoder")
    inside = inner_folder(dist).relative_to(dist / "smallcoder" if sys.platform != "darwin" else dist)
    text = _README.format(version=version(), start=_START[sys.platform], inside=inside, qt=qVersion())
    (dist if sys.platform == "darwin" else folder).joinpath("README.txt").write_text(text, encoding="utf-8")
    if sys.platform == "linux":
        for file in sorted((HERE / "linux").iterdir()):
            if file.name != "appimage.sh":
                shutil.copy(file, folder / file.name)
        icons = folder / "icons"
        icons.mkdir(exist_ok=True)
        shutil.copy(HERE.parent / "resources/icons/smallcoder.svg", icons / "smallcoder.svg")
        for size in PNG_SIZES:
            shutil.copy(work / "icons" / f"smallcoder-{size}.png", icons)


def archive(dist: Path, work: Path, torch: str) -> list[Path]:
    name = f"smallcoder-{version()}-{sys.platform}-{platform.machine().lower()}" + (
        "" if torch == "cpu" else "-cuda"
    )
    make = {"linux": _for_linux, "win32": _for_windows, "darwin": _for_macos}[sys.platform]
    return list(make(dist, work, name))


def _for_linux(dist: Path, work: Path, name: str) -> Iterator[Path]:
    place = dist / f"{name}.tar.gz"
    _pack(dist / "smallcoder", place, name)
    yield place
    if shutil.which("appimagetool"):
        _run("sh", HERE / "linux/appimage.sh", dist / "smallcoder", dist / f"{name}.AppImage")
        yield dist / f"{name}.AppImage"


def _pack(folder: Path, place: Path, name: str) -> None:
    """The same bytes of the same files: in order, nobody's, and of one time."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = 0
        entry.mode = 0o755 if entry.mode & 0o100 else 0o644
        return entry

    with (
        place.open("wb") as file,
        gzip.GzipFile("", "wb", 6, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        tar.add(folder, name, recursive=False, filter=plain)
        for entry in sorted(folder.rglob("*")):
            tar.add(entry, f"{name}/{entry.relative_to(folder)}", recursive=False, filter=plain)


def _for_windows(dist: Path, work: Path, name: str) -> Iterator[Path]:
    compiler = shutil.which("iscc") or shutil.which("ISCC.exe", path=r"C:\Program Files (x86)\Inno Setup 6")
    if compiler is None:
        sys.stderr.write(
            "Inno Setup is not here: no setup is made. It is at https://jrsoftware.org/isinfo.php\n"
        )
        return
    settings = [f"/DVersion={version()}", f"/DName={name}", f"/DFrom={dist / 'smallcoder'}", f"/DTo={dist}"]
    _run(compiler, *settings, f"/DIcon={work / 'icons/smallcoder.ico'}", HERE / "windows/smallcoder.iss")
    yield dist / f"{name}.exe"


def _for_macos(dist: Path, _: Path, name: str) -> Iterator[Path]:
    _run("sh", HERE / "macos/disk_image.sh", dist / "SmallCoder.app", dist / f"{name}.dmg")
    yield dist / f"{name}.dmg"


def _run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)
