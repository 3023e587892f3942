"""What goes into the packaged app: found rather than listed, so that new parts of it are packaged too.

smallcoder.spec asks here; only what is left out stands here by name, each with its reason.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from app.shell import licences  # noqa: E402 (the root must be found first)

OURS = ("app", "bootstrap", "core", "trainer")
_NO_RESOURCES = {"screenshots", "examples", "__pycache__"}  # pictures of the README, and scripts
# tools for developers and other windows
_NO_LIBRARY = {
    *("test", "tests", "idlelib", "tkinter", "turtle", "turtledemo", "lib2to3", "ensurepip", "venv"),
    *("site-packages", "__pycache__", "pydoc_data"),
}
# under the GPL, so they would put all of the app under it; the program does without them
_COPYLEFT = {"readline", "_gdbm", "_dbm"}
_NO_COMPILED = {"_tkinter"} | _COPYLEFT
# what packages of ours can use and we do not ask for; torch's optimizers do need its compiler and sympy
NOT_USED = (
    *(
        "tkinter",
        "matplotlib",
        "PIL",
        "scipy",
        "pandas",
        "pyarrow",
        "IPython",
        "jedi",
        "pytest",
        "hypothesis",
    ),
    *("tensorboard", "wandb", "torchvision", "torchaudio", "triton", "onnx", "onnxruntime", "onnxscript"),
    *("setuptools", "pkg_resources", "pip", "ziglang", "PyInstaller", "mypy", "ruff", "transformers", "peft"),
    *("PyQt5", "PyQt6", "PySide2", "OpenGL", "cupy", "numba", "h5py"),
    *sorted(_COPYLEFT),
)
# Qt's plugins bring whole parts of it along that no window of ours shows; translations are of its own dialogs
_NO_QT = re.compile(  # also on Windows, where libraries have no lib before their name
    r"(Qt6?(Pdf|Quick|Qml|VirtualKeyboard|(?i:EglFS)|Wayland\w*Compositor)|"
    r"plugins/(platforms/libq(eglfs|linuxfb|vnc|vkkhrdisplay|minimalegl)|platformthemes/libqgtk3|egldeviceintegrations|"
    r"platforminputcontexts/libqtvirtualkeyboard|imageformats/(lib)?qpdf|qmltooling|qmllint)|/translations/|/qml/)"
)
_NO_TORCH = re.compile(r"^torch/(bin/(protoc|test_)|include/|test/)")


def own_modules() -> list[str]:
    """Of which many are imported only once they are needed."""
    files = [file for name in OURS for file in sorted((ROOT / name).rglob("*.py"))]
    return [_module(file.relative_to(ROOT)) for file in files]


def library_modules() -> list[str]:
    """All of Python's own: what a model writes may import any of it, and it is run in the packaged app."""
    library = Path(sysconfig.get_path("stdlib"))
    found = {
        _module(file.relative_to(library)) for file in _files(library, _NO_LIBRARY) if file.suffix == ".py"
    }
    compiled = [library / "lib-dynload", Path(sys.base_prefix) / "DLLs"]
    ending = re.compile(r"(\.[\w-]+)?\.(so|pyd)$")
    names = {
        ending.sub("", file.name)
        for folder in compiled
        for file in folder.glob("*")
        if ending.search(file.name)
    }
    tested = re.compile(r"^_?(test|xx|ctypes_test)")
    return sorted(
        name
        for name in found | names
        if name.partition(".")[0] in sys.stdlib_module_names - _NO_COMPILED and not tested.match(name)
    )


def others_modules() -> list[str]:
    """Of packages that are installed and that the program does not ask for: tools, and what they need."""
    ours = set(packages())
    named = metadata.packages_distributions().items()
    return sorted(
        module
        for module, brought_by in named
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in brought_by} & ours
    )


def resources() -> list[tuple[str, str]]:
    """(file, its folder in the app), as PyInstaller wants them."""
    files = [ROOT / "pyproject.toml", *_files(ROOT / "resources", _NO_RESOURCES)]
    return [(str(file), str(file.parent.relative_to(ROOT))) for file in files]


Entry = tuple[str, str, str]  # PyInstaller's: its place in the app, the file, what kind of file


def needed(binaries: list[Entry], libraries_of: Callable[[str], Iterable[str]]) -> list[Entry]:
    """Without libraries of the system that only unwanted plugins had asked for, and links to nothing."""
    wanted = [entry for entry in binaries if is_wanted(entry[0])]
    files = {place: file for place, file, kind in wanted if kind != "SYMLINK"}
    reached = {place for place, file in files.items() if not _is_systems(file)}
    waiting = sorted(reached)
    while waiting:
        names = {Path(name).name for name in libraries_of(files[waiting.pop()])}
        more = {place for place in files if Path(place).name in names} - reached
        reached |= more
        waiting += sorted(more)
    links = [(place, target) for place, target, kind in wanted if kind == "SYMLINK"]
    reached |= {place for place, target in links if os.path.normpath(Path(place).parent / target) in reached}
    return [entry for entry in wanted if entry[0] in reached]


def stripped(binaries: list[Entry], folder: Path) -> list[Entry]:
    """Without the tables that only a debugger reads, which are a sixth of the app on Linux.

    Libraries that a wheel has brought along in a folder of its own (numpy.libs) do not survive it.
    """
    if sys.platform != "linux" or not shutil.which("strip"):
        return binaries
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for place, file, kind in binaries:
        is_left = kind == "SYMLINK" or ".libs/" in place
        made.append((place, file if is_left else _stripped(Path(file), folder), kind))
    return made


def _stripped(file: Path, folder: Path) -> str:
    facts = file.stat()
    copy = folder / f"{facts.st_size}-{facts.st_mtime_ns}-{file.name}"
    if not copy.exists():
        subprocess.run(["strip", "--strip-unneeded", "-o", copy, file], check=True)
    return str(copy)


def packages() -> list[str]:
    """Whose metadata goes along: versions are asked for."""
    return licences.required_packages()


def is_wanted(place: str) -> bool:
    """`place`: of a file within the app."""
    place = place.replace("\\", "/")
    return not (_NO_QT.search(place) or _NO_TORCH.search(place))


def write_licences(folder: Path, binaries: Iterable[Path], tools: Iterable[str] = ("pyinstaller",)) -> None:
    """A text a part: ours, each package, Python, what starts the app, libraries of this system."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    texts = {name: licences.licence_of(name) for name in licences.parts()}
    texts["Python"] = _of_python()
    texts |= {tool: licences.licence_of(tool) for tool in tools}
    texts |= _of_system(binaries)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")


def _of_python() -> str:
    places = [Path(sysconfig.get_path("stdlib")) / "LICENSE.txt", Path(sys.base_prefix) / "LICENSE.txt"]
    places += [
        *Path("/usr/share/doc").glob(f"libpython{sys.version_info[0]}.{sys.version_info[1]}*/copyright")
    ]
    for place in places:
        if place.exists():
            return f"Python {sys.version.split()[0]}\n\n" + place.read_text(encoding="utf-8")
    raise FileNotFoundError("This Python brings no licence text; build with one from python.org or Debian.")


def _of_system(binaries: Iterable[Path]) -> dict[str, str]:
    """Of the libraries that were taken from Debian's packages, by their packages' own statements."""
    if not shutil.which("dpkg-query"):
        return {}
    texts: dict[str, str] = {}
    for file in sorted({str(file.resolve()) for file in binaries if _is_systems(str(file))}):
        package = _package_of(file)
        texts[package] = Path(f"/usr/share/doc/{package}/copyright").read_text(
            encoding="utf-8", errors="replace"
        )
    return texts


def _is_systems(file: str) -> bool:
    prefixes = {str(Path(prefix).resolve()) for prefix in (sys.prefix, sys.base_prefix, ROOT)}
    return not str(Path(file).resolve()).startswith(tuple(prefixes))


def _package_of(file: str) -> str:
    # /lib is a link to /usr/lib, and dpkg knows some files by the one name and some by the other
    for name in (file, file.removeprefix("/usr")):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.partition(":")[0]
    raise FileNotFoundError(f"{file} is taken into the app, and no package says under which licence.")


def _files(folder: Path, without: set[str]) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name in without:
            continue
        if entry.is_dir():
            yield from _files(entry, without)
        else:
            yield entry


def _module(file: Path) -> str:
    parts = file.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
