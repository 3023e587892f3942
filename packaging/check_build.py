"""Runs the packaged app as someone does who has nothing: `python3 packaging/build.py check`.

Each check starts the real programs of dist/, in a folder whose name has spaces and letters of any alphabet,
with an empty home, no PATH and no Python in sight. Sizes and times are kept in dist/measured.json.
`build.py bare` runs the same in a Debian that has nothing (bare_debian.py), from the archive.
"""

import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bare_debian
import psutil
import pytest
from archives import app_folder, inner_folder
from packaged_app import MB, App, prepare, shown, spent_s, write_a_line

from bootstrap.system_packages import QT_LIBRARIES, WAYLAND_LIBRARIES, XCB_LIBRARIES
from core.native.build import library_name, this_platform
from core.spec.version import version
from tests.hub import ID, Hub, running
from tests.journeys.screen import screen

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
TORCH = os.environ.get("SMALLCODER_CHECKED_TORCH", "cpu")
BARE = Path(os.environ["SMALLCODER_CHECKED_IN"]) if "SMALLCODER_CHECKED_IN" in os.environ else None
MOST_MB = {"cpu": 800, "cuda": 6000}[TORCH]
# of a processor: other programs must not fail the check
MOST_WINDOW_S, MOST_FIRST_TOKEN_S = 2.0, 6.0
STARTS = 3
only_linux = pytest.mark.skipif(sys.platform != "linux", reason="written for Linux")
only_bare = pytest.mark.skipif(BARE is None, reason="of a system that has nothing: build.py bare")


@pytest.fixture(scope="session")
def measured() -> Iterator[dict[str, Any]]:
    found: dict[str, Any] = {"version": version(), "torch": TORCH, "platform": this_platform()}
    yield found
    name = "measured.json" if BARE is None else "measured-bare.json"
    (DIST / name).write_text(json.dumps(found, indent=2) + "\n")
    sys.stdout.write(f"\n{json.dumps(found, indent=2)}\n")


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app moved to where nobody expected it; links spare the disk a copy."""
    folder = tmp_path_factory.mktemp("Ünser Örtchen, 場所")
    if BARE is not None:
        return _unpacked(folder)
    top = DIST / ("SmallCoder.app" if sys.platform == "darwin" else "smallcoder")
    assert top.is_dir(), f"{top} is not there: python3 packaging/build.py app"
    shutil.copytree(top, folder / top.name, symlinks=True, copy_function=_linked)
    return folder


def _unpacked(folder: Path) -> Path:
    """As an administrator does it: those who start it cannot write there."""
    ending = "" if TORCH == "cpu" else "-cuda"
    name = f"smallcoder-{version()}-linux-{platform.machine().lower()}{ending}"
    subprocess.run(["tar", "-xf", DIST / f"{name}.tar.gz", "-C", folder], check=True)
    (folder / name).rename(folder / "smallcoder")
    folder.chmod(0o755)
    return folder


def _linked(source: str, to: str) -> str:
    try:
        os.link(source, to)
    except OSError:
        shutil.copy2(source, to)
    return to


@pytest.fixture(scope="session")
def entering(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a command begins with to run in the bare system, where the check is in one."""
    if BARE is None:
        return []
    shared = tmp_path_factory.getbasetemp()
    shared.chmod(0o755)
    return bare_debian.entering(BARE, shared)


@pytest.fixture
def app(place: Path, tmp_path: Path, entering: list[str]) -> App:
    return App(place, tmp_path, entering)


def test_it_is_no_larger_than_promised(place: Path, measured: dict[str, Any]) -> None:
    sizes: dict[str, int] = {}
    for file in inner_folder(place).parent.rglob("*"):
        if file.is_file() and not file.is_symlink():
            parts = file.relative_to(inner_folder(place).parent).parts
            part = parts[1] if len(parts) > 2 else "programs and single libraries"
            sizes[part] = sizes.get(part, 0) + file.stat().st_size
    largest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    measured["unpacked_mb"] = round(sum(sizes.values()) / MB)
    measured["largest_mb"] = {part: round(size / MB) for part, size in largest}
    packed = [file for file in DIST.glob("smallcoder-*") if file.is_file()]
    measured["packed_mb"] = {file.name: round(file.stat().st_size / MB) for file in packed}
    assert measured["unpacked_mb"] <= MOST_MB


@only_linux
def test_no_library_is_missing_but_those_of_a_display(place: Path) -> None:
    """Which the window looks for before Qt does, and names; a driver's are the system's own too."""
    inside = inner_folder(place)
    folders = {str(file.parent) for file in inside.rglob("*.so*")}
    settings = {"LD_LIBRARY_PATH": ":".join([str(inside), *sorted(folders)]), "PATH": os.environ["PATH"]}
    files = [str(file) for file in inside.rglob("*.so*") if file.is_file() and not file.is_symlink()]
    said = subprocess.run(["ldd", *files], env=settings, capture_output=True, text=True, check=False).stdout
    missing = {line.split()[0] for line in said.splitlines() if "not found" in line}
    of_a_display = {*QT_LIBRARIES, *XCB_LIBRARIES, *WAYLAND_LIBRARIES, "libwayland-egl.so.1"}
    assert not missing - of_a_display - {"libcuda.so.1"}


def test_every_part_has_its_licence_and_none_would_change_ours(app: App) -> None:
    texts = {file.stem: file.read_text(encoding="utf-8") for file in (app.inside / "licences").glob("*.txt")}
    named = [re.split(r"-\d", folder.name)[0] for folder in app.inside.glob("*.dist-info")]
    packages = {re.sub(r"[-_.]+", "-", name).lower() for name in named}
    assert packages <= set(texts)
    assert {"SmallCoder", "Python", "pyinstaller", "pyside6-essentials", "torch"} <= set(texts)
    assert all(len(text.splitlines()) >= 3 for text in texts.values())
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in texts["pyside6-essentials"]
    for part in ("harfbuzz", "freetype", "libpng", "pcre2", "double-conversion", "ICU"):
        assert part in texts["pyside6-essentials"], "what others have made in Qt wants to be named"
    copyleft = [
        file.name
        for file in app.inside.rglob("*")
        if re.match(r"libreadline|libgdbm|libdb-|libQt6Charts", file.name)
    ]
    assert copyleft == []


def test_it_knows_its_version_and_says_nothing_of_whose_it_is(app: App, measured: dict[str, Any]) -> None:
    started = time.perf_counter()
    assert app.run("--version") == f"SmallCoder {version()}\n"
    measured["version_s"] = round(time.perf_counter() - started, 2)
    told = json.loads(app.run("diagnostics", "--json"))
    assert told["SmallCoder"] == f"{version()}, the packaged app"
    assert str(app.home) not in json.dumps(told)
    assert f"prebuilt/{this_platform()}/{library_name(this_platform())}" in told["C library"].replace(
        "\\", "/"
    )
    measured["kernels"] = told["C library"].partition(", from")[0]
    measured["torch_build"] = told["torch"]


def test_it_completes_a_line_without_a_network(app: App, measured: dict[str, Any]) -> None:
    words = [
        "complete",
        "--prompt",
        "import os\n\n\ndef read(path):\n    with open(",
        "--max-tokens",
        "12",
        "--json",
    ]
    answer = json.loads(app.run(*words, HF_ENDPOINT="http://127.0.0.1:9"))
    assert answer["text"].strip()
    begins, processor_s = [], []
    for _ in range(STARTS):
        started = time.perf_counter()
        process = subprocess.Popen(
            [*app.command, *words[:-1]], env=app.settings, cwd=app.home, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.read(1)
        begins.append(time.perf_counter() - started)
        processor_s.append(spent_s(process))
        process.communicate(timeout=60)
        assert process.returncode == 0
    measured["first_token_s"] = round(statistics.median(begins), 2)
    measured["first_token_processor_s"] = round(statistics.median(processor_s), 2)
    assert measured["first_token_processor_s"] < MOST_FIRST_TOKEN_S


def test_it_computes_with_the_kernels_that_came_along(app: App, measured: dict[str, Any]) -> None:
    model = app.inside / "resources/models/smallcoder-nano"
    words = ["--prompt-tokens", "32", "--new-tokens", "16", "--precision", "int8", "--rounds", "1", "--json"]
    [row] = json.loads(app.run("bench", "speed", "--model", model, *words))
    usable = measured.get("kernels", "").split(", ")
    assert any(name and name in row["kernel"] for name in usable), row["kernel"]
    measured["kernel"] = row["kernel"]


def test_it_learns_two_steps_and_goes_on_with_what_it_learnt(app: App) -> None:
    app.run(
        "train",
        "new",
        "first",
        "--spec",
        "finetune-folder",
        "--steps",
        "2",
        "--judged-lines",
        "2",
        "--validate-every",
        "0",
    )
    runs = [*app.home.rglob("events.jsonl")]
    events = [json.loads(line) for line in runs[0].read_text(encoding="utf-8").splitlines()]
    assert max(event.get("step", 0) for event in events) == 2
    app.run("train", "export", "first", app.home / "learnt.gguf", "--to", "gguf")
    assert (app.home / "learnt.gguf").read_bytes().startswith(b"GGUF")


def test_the_sandbox_holds_in_the_packaged_app(app: App) -> None:
    """Started by a hidden word, with all of Python's library, and as fenced in as from source."""
    right = "def fibonacci(n):\n    import statistics, decimal, xml.dom.minidom, sqlite3, http.client\n"
    right += "    if n < 0:\n        raise ValueError(n)\n    a, b = 0, 1\n"
    right += "    for _ in range(n):\n        a, b = b, a + b\n    return a\n"
    secret = app.home / "secret.txt"
    secret.write_text("mine")
    tasks = app.inside / "resources/bench/tasks/fibonacci.toml"
    attempts = {
        "right": right,
        "wrong": "def fibonacci(n):\n    return n\n",
        "reads the home folder": f"def fibonacci(n):\n    return open({str(secret)!r}).read()\n",
        "reads the answers": f"def fibonacci(n):\n    return open({str(tasks)!r}).read()\n",
        "starts a program": "import subprocess\ndef fibonacci(n): return subprocess.call(['/bin/true'])\n",
        "asks the network": "import socket\ndef fibonacci(n): socket.create_connection(('::1', 9))\n",
        "never ends": "def fibonacci(n):\n    while True: pass\n",
    }
    lines = [json.dumps({"task_id": "fibonacci", "solution": text}) for text in attempts.values()]
    samples = app.home / "samples.jsonl"
    samples.write_text("\n".join(lines), encoding="utf-8")
    words = ["--suite", "algorithms", "--samples", samples, "--test-seconds", "5", "--json"]
    [result] = json.loads(app.run("bench", "quality", *words))
    outcomes = {name: row["outcome"] for name, row in zip(attempts, result["rows"], strict=True)}
    assert outcomes == dict.fromkeys(attempts, "error") | {
        "right": "passed",
        "wrong": "failed",
        "never ends": "timeout",
    }
    assert [row["passed"] for row in result["rows"]].count(True) == 1


def test_a_download_works(app: App) -> None:
    """With the libraries for it that are imported only then, from a hub on this machine."""
    files = {
        "config.json": b"{}",
        "README.md": b"---\nlicense: mit\n---\n",
        "data/train-00000.jsonl": b'{"text": "a"}\n',
    }
    with running(Hub(files, large=frozenset({"data/train-00000.jsonl"}))) as hub:
        app.run(
            "data", "download", ID, "--out", app.home / "stories", HF_ENDPOINT=hub.url, NO_PROXY="127.0.0.1"
        )
    assert [*(app.home / "stories").rglob("train-00000.jsonl")]


@only_bare
def test_what_a_bare_system_lacks_is_named_with_the_command_that_brings_it(
    app: App, tmp_path_factory: pytest.TempPathFactory, measured: dict[str, Any]
) -> None:
    """The commands before this have run without any of it."""
    assert BARE is not None
    settings = app.settings | {"DISPLAY": ":77", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(app.window, env=settings, capture_output=True, text=True, timeout=60, check=False)
    said = re.fullmatch(
        r"The window needs what this system lacks \(.*\): install it with `(.*)`, then start again\.\n",
        done.stderr,
    )
    assert said is not None, done.stderr
    assert done.returncode == 2
    bare_debian.install(BARE, tmp_path_factory.getbasetemp(), said[1])
    measured["packages_of_a_window"] = re.findall(r"--no-install-recommends (.*)", said[1])[0].split()


@only_linux
def test_qt_can_be_replaced(app: App) -> None:
    """The duty of its licence: its libraries are files of their own, and what lies there is what runs."""
    [library] = [file for file in app.inside.rglob("libQt6Svg.so.6") if not file.is_symlink()]
    own = library.with_name("of another build")
    shutil.copy(library, own)
    library.unlink()
    try:
        library.write_bytes(b"no library at all")
        code = subprocess.run(
            app.window,
            env=app.settings | {"QT_QPA_PLATFORM": "offscreen"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert code.returncode != 0, "a library of Qt was taken from somewhere else"
        assert "libQt6Svg" in code.stderr
    finally:
        own.replace(library)


@only_linux
def test_a_window_is_seen_writes_with_the_model_and_closes(
    app: App, tmp_path: Path, measured: dict[str, Any]
) -> None:
    (tmp_path / "picture").mkdir()
    file = tmp_path / "sums.py"
    file.write_text("import os\n\n\ndef add(first, second):\n    return first + second\n\n\n")
    prepare(app)
    with screen(tmp_path / "picture") as seen:
        waits, processor_s = [], []
        for number in range(STARTS):
            with shown(app, seen, file) as (process, seconds):
                waits.append(seconds)
                processor_s.append(spent_s(process))
                if number == STARTS - 1:
                    write_a_line(seen, process, file, measured)
                worker = psutil.Process(process.pid).children(recursive=True)
                seen.activate("sums.py")
                seen.press("ctrl+q")
                said, _ = process.communicate(timeout=60)
                assert (process.returncode, said) == (0, "")
                _, alive = psutil.wait_procs(worker, timeout=20)
                assert not alive, "the engine outlived the window"
    measured["window_s"] = round(statistics.median(waits), 2)
    measured["window_processor_s"] = round(statistics.median(processor_s), 2)
    assert measured["window_processor_s"] < MOST_WINDOW_S


@only_linux
def test_without_a_display_it_says_so(app: App) -> None:
    done = subprocess.run(
        app.window, env=app.settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("There is no display to open a window on; these commands need none: ")


@only_linux
def test_it_can_be_put_into_the_menu_and_taken_out(app: App, place: Path, tmp_path: Path) -> None:
    """With what it has kept that can be made again."""
    settings = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    folder = app_folder(place)
    install = [*app.entering, str(folder / "install.sh")]
    subprocess.run(install, env=settings, check=True, capture_output=True)
    entry = tmp_path / ".local/share/applications/smallcoder.desktop"
    assert f'Exec="{folder}/smallcoder" %F' in entry.read_text().splitlines()
    if shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", entry], check=True)
    command = tmp_path / ".local/bin/smallcoder"
    words = [*app.entering, str(command), "complete", "--prompt", "def one(", "--max-tokens", "2"]
    subprocess.run(words, env=settings, cwd=tmp_path, check=True, capture_output=True)
    assert [*(tmp_path / ".cache/smallcoder").rglob("*")], "nothing was kept"
    subprocess.run([*install, "--remove"], env=settings, check=True, capture_output=True)
    left = [file for file in tmp_path.rglob("*") if not file.is_dir()]
    assert left == []
