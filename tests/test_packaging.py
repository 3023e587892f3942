"""What the packaged app is made by, without making one: `python3 packaging/build.py` does, and checks it."""

import ast
import ctypes
import importlib.util
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from PySide6.QtGui import QImage

from app.shell.licences import licence_of, parts, required_packages
from core.native.build import system_toolchain
from tests.test_architecture import sources
from trainer.sandbox.template import _OFTEN_IMPORTED

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
on_posix = pytest.mark.skipif(sys.platform == "win32", reason="a shell's script")


@pytest.fixture(autouse=True)
def found_beside_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGING))


def module(name: str) -> ModuleType:
    """Of packaging/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"packaging_{name}", PACKAGING / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_folder_does_not_hide_the_package_of_the_same_name() -> None:
    code = "import packaging.version; print(packaging.version.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert str(ROOT / "packaging") not in done.stdout
    assert not (PACKAGING / "__init__.py").exists()


def test_every_module_of_ours_goes_in() -> None:
    wanted = {name for name in sources(ROOT) if name != "main"}
    assert wanted <= set(module("parts").own_modules())


def test_every_resource_goes_in_but_pictures_and_scripts() -> None:
    packed = {str(Path(file).relative_to(ROOT)) for file, _ in module("parts").resources()}
    files = {str(file.relative_to(ROOT)) for file in (ROOT / "resources").rglob("*") if file.is_file()}
    left_out = {
        file for file in files if re.match(r"resources[/\\](screenshots|examples)|.*__pycache__", file)
    }
    assert packed == files - left_out | {"pyproject.toml"}


def test_all_of_pythons_library_goes_in_that_a_sample_may_ask_for() -> None:
    library = set(module("parts").library_modules())
    assert {name for name in _OFTEN_IMPORTED if name not in sys.builtin_module_names} <= library
    assert {
        "xml.dom.minidom",
        "concurrent.futures.thread",
        "email.mime.text",
        "_sqlite3",
        "statistics",
    } <= library
    assert not {"tkinter", "test", "idlelib", "readline", "_gdbm", "_dbm", "__main__"} & library


def test_nothing_is_left_out_that_the_program_needs() -> None:
    """Optional packages are imported where they are asked for, and a sentence says that they are missing."""
    optional = {"tensorboard", "wandb", "onnx", "onnxruntime", "onnxscript", "readline"}
    left_out = set(module("parts").NOT_USED) - optional
    for name, file in sources(ROOT).items():
        tops = {
            imported.partition(".")[0] for imported in _imported(ast.parse(file.read_text(encoding="utf-8")))
        }
        assert not tops & left_out, name


def test_tools_stay_out_and_what_they_bring_along() -> None:
    """Of what is installed beside the program, whatever it is."""
    left_out = set(module("parts").others_modules())
    assert {"pytest", "_pytest", "pluggy", "mypy"} <= left_out
    assert (
        not {"torch", "PySide6", "numpy", "regex", "yaml", "requests", "huggingface_hub", "psutil"} & left_out
    )


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize(
    ("place", "is_wanted"),
    [
        ("PySide6/Qt/lib/libQt6Widgets.so.6", True),
        ("PySide6/Qt/plugins/platforms/libqxcb.so", True),
        ("PySide6/Qt/plugins/imageformats/libqsvg.so", True),
        ("torch/lib/libtorch_cpu.so", True),
        ("torch/bin/torch_shm_manager", True),
        ("PySide6/Qt/lib/libQt6Qml.so.6", False),
        ("PySide6/Qt/lib/libQt6EglFsKmsSupport.so.6", False),
        ("PySide6\\plugins\\imageformats\\qpdf.dll", False),
        ("PySide6/Qt/translations/qtbase_de.qm", False),
        ("torch/include/ATen/ATen.h", False),
    ],
)
def test_what_no_window_shows_stays_out(place: str, is_wanted: bool) -> None:
    assert module("parts").is_wanted(place) is is_wanted


def test_libraries_that_only_unwanted_plugins_asked_for_stay_out() -> None:
    inside = str(Path(sys.prefix) / "lib")
    binaries = [
        ("PySide6/plugins/platforms/libqxcb.so", f"{inside}/libqxcb.so", "BINARY"),
        ("PySide6/plugins/platformthemes/libqgtk3.so", f"{inside}/libqgtk3.so", "BINARY"),
        ("PySide6/Qt/lib/libQt6Core.so.6", f"{inside}/libQt6Core.so.6", "BINARY"),
        ("libQt6Core.so.6", "PySide6/Qt/lib/libQt6Core.so.6", "SYMLINK"),
        ("libQt6Qml.so.6", "PySide6/Qt/lib/libQt6Qml.so.6", "SYMLINK"),
        ("libxcb-util.so.1", "/usr/lib/libxcb-util.so.1", "BINARY"),
        ("libxcb-image.so.0", "/usr/lib/libxcb-image.so.0", "BINARY"),
        ("libatk-1.0.so.0", "/usr/lib/libatk-1.0.so.0", "BINARY"),
    ]
    asked_for = {
        f"{inside}/libqxcb.so": ["libxcb-image.so.0", "libQt6Core.so.6", "libc.so.6"],
        f"{inside}/libqgtk3.so": ["libatk-1.0.so.0"],
        "/usr/lib/libxcb-image.so.0": ["/usr/lib/libxcb-util.so.1"],
    }
    kept = module("parts").needed(binaries, lambda file: asked_for.get(file, []))
    assert [place for place, _, _ in kept] == [
        *("PySide6/plugins/platforms/libqxcb.so", "PySide6/Qt/lib/libQt6Core.so.6", "libQt6Core.so.6"),
        *("libxcb-util.so.1", "libxcb-image.so.0"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="done there alone")
def test_a_stripped_library_still_works(tmp_path: Path) -> None:
    """And what a wheel keeps in a folder of its own is not touched."""
    toolchain = system_toolchain()
    assert toolchain is not None
    (tmp_path / "one.c").write_text(
        "static int hidden(void) { return 3; } int shown(void) { return hidden(); }"
    )
    library = tmp_path / "libone.so"
    subprocess.run(
        [*toolchain.command, "-g", "-shared", "-fPIC", tmp_path / "one.c", "-o", library], check=True
    )
    entries = [("libone.so", str(library), "BINARY"), ("numpy.libs/libone.so", str(library), "BINARY")]
    made = module("parts").stripped(entries, tmp_path / "stripped")
    assert [place for place, _, _ in made] == ["libone.so", "numpy.libs/libone.so"]
    assert Path(made[0][1]).stat().st_size < library.stat().st_size
    assert ctypes.CDLL(made[0][1]).shown() == 3
    assert made[1][1] == str(library)


def test_a_licence_goes_in_for_every_part(tmp_path: Path) -> None:
    module("parts").write_licences(tmp_path / "licences", [Path(sys.executable)], tools=["pytest"])
    names = {file.stem for file in (tmp_path / "licences").iterdir()}
    assert {"SmallCoder", "Python", "pytest", *required_packages()} <= names


def test_the_licence_is_the_same_wherever_it_stands() -> None:
    assert (ROOT / "LICENSE").read_text() == licence_of("SmallCoder")
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert parts()[0] == "SmallCoder"


def test_no_package_comes_along_whose_licence_would_change_ours() -> None:
    """Qt's may be used as it is used here: as libraries of their own, which anyone can replace."""
    for package in required_packages():
        kind = licence_of(package).splitlines()[1]
        if package not in ("pyside6-essentials", "shiboken6"):
            assert not re.search(r"\b(A?GPL|LGPL|GNU)", kind), f"{package}: {kind}"


def test_the_packaged_copy_shows_the_texts_it_brings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "SmallCoder.txt").write_text("ours")
    (tmp_path / "libxcb1.txt").write_text("of the system")
    monkeypatch.setattr("app.shell.licences.PACKAGED", tmp_path)
    assert parts() == ["SmallCoder", "libxcb1"]
    assert licence_of("libxcb1") == "of the system"


def test_icons_are_what_each_system_reads(tmp_path: Path) -> None:
    module("icons").make_icons(ROOT / "resources/icons/smallcoder.svg", tmp_path)
    for size in (16, 512):
        assert QImage(str(tmp_path / f"smallcoder-{size}.png")).width() == size
    ico = (tmp_path / "smallcoder.ico").read_bytes()
    _, kind, count = struct.unpack_from("<HHH", ico)
    assert (kind, count) == (1, 6)
    for number in range(count):
        side, *_, length, offset = struct.unpack_from("<BBBBHHII", ico, 6 + 16 * number)
        assert QImage.fromData(ico[offset : offset + length]).width() == (side or 256)
    icns = (tmp_path / "smallcoder.icns").read_bytes()
    assert struct.unpack_from(">4sI", icns) == (b"icns", len(icns))
    place, sides = 8, []
    while place < len(icns):
        _, length = struct.unpack_from(">4sI", icns, place)
        sides.append(QImage.fromData(icns[place + 8 : place + length]).width())
        place += length
    assert sides == [16, 32, 128, 256, 512, 1024]


def test_an_archive_of_the_same_files_has_the_same_bytes(tmp_path: Path) -> None:
    archives = module("archives")
    packed = []
    for name in ("one", "two"):
        folder = tmp_path / name
        (folder / "inner").mkdir(parents=True)
        (folder / "inner/data").write_text("data")
        (folder / "program").write_text("#!/bin/sh\n")
        (folder / "program").chmod(0o750 if name == "one" else 0o700)
        (folder / "link").symlink_to("program")
        archives._pack(folder, tmp_path / f"{name}.tar.gz", "smallcoder-1")
        packed.append((tmp_path / f"{name}.tar.gz").read_bytes())
    assert packed[0] == packed[1]
    with tarfile.open(tmp_path / "one.tar.gz") as tar:
        entries = {entry.name: entry for entry in tar}
        assert [*entries] == [
            f"smallcoder-1{rest}" for rest in ("", "/inner", "/inner/data", "/link", "/program")
        ]
        assert (entries["smallcoder-1/program"].mode, entries["smallcoder-1/inner/data"].mode) == (
            0o755,
            0o644,
        )
        assert entries["smallcoder-1/link"].linkname == "program"
        assert {(entry.uid, entry.uname, entry.mtime) for entry in entries.values()} == {(0, "", 0)}


@pytest.fixture
def unpacked(tmp_path: Path) -> Path:
    """As the archive brings it, at a place whose name is as odd as the rules for Exec allow."""
    folder = tmp_path / 'it\'s 100% "new" $HOME `here` back\\slash'
    (folder / "icons").mkdir(parents=True)
    for name in ("install.sh", "smallcoder.desktop"):
        shutil.copy(PACKAGING / "linux" / name, folder)
    for name in ("smallcoder-16.png", "smallcoder-256.png", "smallcoder.svg"):
        (folder / "icons" / name).write_bytes(b"picture")
    (folder / "smallcoder").write_text("#!/bin/sh\necho started\n")
    (folder / "smallcoder").chmod(0o755)
    return folder


@on_posix
def test_the_menu_starts_the_program_wherever_it_lies(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    installed(unpacked, home)
    entry = (home / ".local/share/applications/smallcoder.desktop").read_text()
    [exec_line] = [line for line in entry.splitlines() if line.startswith("Exec=")]
    assert program_of(exec_line) == str(unpacked / "smallcoder")
    icons = home / ".local/share/icons/hicolor"
    assert (icons / "256x256/apps/smallcoder.png").read_bytes() == b"picture"
    command = home / ".local/bin/smallcoder"
    assert subprocess.run([command], capture_output=True, text=True, check=True).stdout == "started\n"
    installed(unpacked, home)  # a second time changes nothing
    installed(unpacked, home, "--remove")
    assert [str(left.relative_to(home)) for left in home.rglob("*")] == [".local", ".local/share"]


@on_posix
def test_what_is_taken_out_is_ours_and_what_a_person_made_stays(unpacked: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    kept = [
        ".config/smallcoder/settings.json",
        ".local/share/smallcoder/chats/a.jsonl",
        ".local/bin/smallcoder",
    ]
    kept += [".local/share/icons/hicolor/16x16/apps/other.png", ".cache/other/file"]
    for name in (*kept, ".cache/smallcoder/packed/model"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("theirs")
    assert "no link" in installed(unpacked, home), "a program that is called so and is no link of ours"
    said = installed(unpacked, home, "--remove")
    assert sorted(kept) == sorted(str(file.relative_to(home)) for file in home.rglob("*") if file.is_file())
    assert (
        f"settings in {home}/.config/smallcoder, models, chats and runs in {home}/.local/share/smallcoder."
        in said
    )


@on_posix
def test_another_copy_in_the_menu_is_not_taken_out(unpacked: Path, tmp_path: Path) -> None:
    """But one that is gone is, though only from where the new one lies."""
    home, newer = tmp_path / "home", tmp_path / "newer"
    shutil.copytree(unpacked, newer)
    installed(newer, home)
    before = {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        installed(unpacked, home, "--remove")
    assert f"{newer}/install.sh --remove" in refused.value.stderr
    assert before == {file: file.read_bytes() for file in home.rglob("*") if file.is_file()}
    shutil.rmtree(newer)
    installed(unpacked, home, "--remove")
    assert [file for file in home.rglob("*") if not file.is_dir()] == []


@on_posix
def test_the_menu_takes_no_other_word(unpacked: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [unpacked / "install.sh", "--system"],
        env={"HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "install.sh: --system is not known; there is --remove, or nothing.\n",
    )


def installed(folder: Path, home: Path, *words: str) -> str:
    home.mkdir(exist_ok=True)
    settings = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    command = [folder / "install.sh", *words]
    return subprocess.run(command, env=settings, capture_output=True, text=True, check=True).stdout


def program_of(line: str) -> str:
    """As the Desktop Entry Specification reads it: backslashes of the value, those in quotes, then %%."""
    value = line.removeprefix("Exec=").replace("\\\\", "\\")
    quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)" %F', value)
    assert quoted is not None
    return re.sub(r"\\(.)", r"\1", quoted[1]).replace("%%", "%")


def test_the_menu_entry_is_well_formed_and_belongs_to_the_window() -> None:
    entry = PACKAGING / "linux/smallcoder.desktop"
    lines = dict(line.split("=", 1) for line in entry.read_text().splitlines()[1:])
    assert f'setDesktopFileName("{lines["StartupWMClass"]}")' in (ROOT / "app/run.py").read_text()
    assert lines["MimeType"].endswith(";")
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", entry], check=True)


def test_workflows_start_what_is_there() -> None:
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        workflow: dict[str, Any] = yaml.safe_load(file.read_text())
        for job in workflow["jobs"].values():
            assert {"runs-on", "steps"} <= set(job)
            for step in job["steps"]:
                for started in re.findall(r"(?:python3?|bash) ([\w./-]+\.py|\.ci/run)", step.get("run", "")):
                    assert (ROOT / started).is_file(), f"{file.name} starts {started}"


def test_workflows_run_what_was_looked_at() -> None:
    """A tag of an action can be moved to other code, a commit cannot. And no job may write that need not."""
    for file in (ROOT / ".github/workflows").glob("*.yml"):
        text = file.read_text(encoding="utf-8")
        used = re.findall(r"uses: (.*)", text)
        assert used
        assert [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", name)] == []
        workflow: dict[str, Any] = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}
        assert all("timeout-minutes" in job for job in workflow["jobs"].values())


@on_posix
@pytest.mark.parametrize("script", sorted(PACKAGING.rglob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_read_by_a_plain_shell(script: Path) -> None:
    subprocess.run(["sh", "-n", script], check=True)
    assert script.stat().st_mode & 0o111
