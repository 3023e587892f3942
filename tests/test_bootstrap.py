"""The set-up, run for real: copies of the program in processes of their own, with an index on loopback."""

import ast
import ctypes
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BOOTSTRAP = list((ROOT / "bootstrap").glob("*.py"))
pytestmark = pytest.mark.skipif(os.name != "posix", reason="starts processes and terminals as POSIX has them")

PROJECT = """
[project]
name = "smallcoder"
version = "0.1.0"
requires-python = ">=3.11,<3.14"
dependencies = [{dependencies}]
[project.optional-dependencies]
dev = ["pytest==9.0"]
export = []
"""
COMMAND = '''
"""Stands for the program: one command that says where it runs and what is installed."""
import json, sys
from importlib import metadata

def add_commands(commands):
    commands.add_parser("where").set_defaults(run=say_where)

def say_where(arguments):
    installed = {each.name: each.version for each in metadata.distributions()}
    print(json.dumps({"prefix": sys.prefix, "installed": installed}))
    return 0
'''


# An index of wheels with next to nothing inside


def add_wheel(
    folder: Path, name: str, version: str, *, requires: str = "", files: Mapping[str, bytes] | None = None
) -> None:
    folder = folder / name.replace("_", "-")
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += f"Requires-Dist: {requires}\n" if requires else ""
    contents = {
        f"{name}/__init__.py": f"version = {version!r}\n".encode(),
        **(files or {}),
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*contents, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {**contents, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(path, content)


@dataclass
class Index:
    """A package index of folders: simple/ is everyone's, pytorch/cpu and pytorch/cu130 are PyTorch's own."""

    folder: Path
    url: str = ""
    fetched: list[str] = field(default_factory=list)
    may_serve: threading.Event = field(default_factory=threading.Event)
    is_asked: threading.Event = field(default_factory=threading.Event)

    def hold(self) -> None:
        """From now on the wheel of `held` is not given away until may_serve is set."""
        self.may_serve.clear()
        self.is_asked.clear()

    def count(self, part: str) -> int:
        return sum(part in path and path.endswith(".whl") for path in self.fetched)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index")
    add_wheel(index.folder / "simple", "torch", "2.13.0", requires="nvidia_fake==1.0")
    add_wheel(index.folder / "simple", "nvidia_fake", "1.0")
    add_wheel(index.folder / "simple", "small", "1.0")
    add_wheel(index.folder / "simple", "small", "1.1")
    add_wheel(index.folder / "simple", "held", "1.0")
    add_wheel(index.folder / "pytorch/cpu", "torch", "2.13.0+cpu")
    add_wheel(index.folder / "pytorch/cu130", "torch", "2.13.0+cu130", requires="nvidia_fake==1.0")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            index.fetched.append(self.path)
            if self.path.rpartition("/")[2].startswith("held"):
                index.is_asked.set()
                index.may_serve.wait()
            super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    def handler(*arguments: object) -> Handler:
        return Handler(*arguments, directory=str(index.folder))  # type: ignore[arg-type]

    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    index.url = f"http://127.0.0.1:{server.server_address[1]}"
    index.may_serve.set()
    yield index
    index.may_serve.set()
    server.shutdown()
    server.server_close()
    thread.join()


# A copy of the program


@dataclass(frozen=True)
class Copy:
    folder: Path
    settings: Mapping[str, str]

    @property
    def venv(self) -> Path:
        return self.folder / ".venv"

    def needs(self, *dependencies: str) -> None:
        lines = ", ".join(f'"{each}"' for each in dependencies)
        (self.folder / "pyproject.toml").write_text(PROJECT.format(dependencies=lines))

    def edit(self, file: str, old: str, new: str) -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    def start(self, *words: str, python: str = sys.executable, **settings: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [python, "main.py", *words],
            cwd=self.folder,
            env={**self.settings, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, python: str = sys.executable, **settings: str) -> tuple[int, str, str]:
        process = self.start(*words, python=python, **settings)
        out, said = process.communicate(timeout=120)
        return process.returncode, out, said

    def where(self, *words: str, **settings: str) -> dict[str, str]:
        """What is installed, after a start that must succeed in the environment."""
        code, out, said = self.run(*words, "where", **settings)
        assert code == 0, said
        answer = json.loads(out)
        assert Path(answer["prefix"]) == Path(settings.get("SMALLCODER_VENV", self.venv))
        return dict(answer["installed"])

    def run_script(self, script: str, **settings: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, '')\n{script}"],
            cwd=self.folder,
            env={**self.settings, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return done.returncode, done.stderr


def make_copy(folder: Path, index_url: str) -> Copy:
    for part in ("core", "trainer"):
        (folder / part).mkdir(parents=True)
    shutil.copy(ROOT / "main.py", folder)
    for part in ("bootstrap", "app"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "core/native").mkdir()
    shutil.copy(ROOT / "core/native/build.py", folder / "core/native")
    (folder / "core/native/answer.c").write_text("int answer(void) { return 42; }\n")
    (folder / "core/cli.py").write_text(COMMAND)
    (folder / "trainer/cli.py").write_text("def add_commands(commands): pass\n")
    settings = {
        **{name: os.environ[name] for name in ("PATH", "HOME", "LD_LIBRARY_PATH") if name in os.environ},
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{index_url}/simple",
        "PIP_RETRIES": "1",
        "PIP_NO_CACHE_DIR": "1",
        "SMALLCODER_PYTORCH_INDEX": f"{index_url}/pytorch",
    }
    copy = Copy(folder, settings)
    copy.needs("torch==2.13.0", "small==1.0")
    return copy


@pytest.fixture
def bare(tmp_path: Path, index: Index) -> Copy:
    return make_copy(tmp_path / "program", index.url)


@pytest.fixture(scope="module")
def pattern() -> list[Path]:
    """Holds an environment that is set up, once a test has needed it."""
    return []


@pytest.fixture
def ready(
    tmp_path: Path, index: Index, pattern: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Copy:
    """A copy that is set up: made once, then copied, as a person may move the folder."""
    if not pattern:
        made = make_copy(tmp_path_factory.mktemp("pattern") / "program", index.url)
        made.where()
        pattern.append(made.venv)
    copy = make_copy(tmp_path / "program", index.url)
    shutil.copytree(pattern[0], copy.venv, symlinks=True)
    index.fetched.clear()
    return copy


def sentence(said: str) -> str:
    """The one line that is neither progress nor a traceback."""
    progress = (" ", "[", "Setting up", "Installing system")
    lines = [line for line in said.splitlines() if not line.startswith(progress)]
    assert len(lines) == 1, said
    return lines[0]


def read_until(process: subprocess.Popen[str], part: str) -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if part in line:
            return said
    raise AssertionError(f"{part!r} was never said, but:\n{said}")


# The life of an environment


def test_the_first_start_sets_up_says_each_step_and_runs_the_command(bare: Copy) -> None:
    code, out, said = bare.run("where")
    assert code == 0, said
    answer = json.loads(out)
    assert Path(answer["prefix"]) == bare.venv
    assert {"torch": "2.13.0", "small": "1.0"}.items() <= answer["installed"].items()
    steps = [line for line in said.splitlines() if not line.startswith(" ")]
    assert [line[:5] for line in steps] == ["Setti", "[1/4]", "[2/4]", "[3/4]", "[4/4]", "Ready"]


def test_the_second_start_asks_no_index_and_says_nothing(ready: Copy, index: Index) -> None:
    log = (ready.venv / "setup.log").read_bytes()
    code, _, said = ready.run("where")
    assert (code, said, index.fetched) == (0, "", [])
    assert (ready.venv / "setup.log").read_bytes() == log


def test_the_environments_own_python_goes_straight_on(ready: Copy, index: Index) -> None:
    code, out, said = ready.run("where", python=str(ready.venv / "bin/python"))
    assert (code, said, index.fetched) == (0, "", [])
    assert Path(json.loads(out)["prefix"]) == ready.venv


def test_a_changed_requirement_is_installed_and_torch_is_left_alone(ready: Copy, index: Index) -> None:
    ready.needs("torch==2.13.0", "small==1.1")
    assert ready.where()["small"] == "1.1"
    assert index.count("torch") == 0


def test_an_edit_of_other_lines_in_pyproject_costs_nothing(ready: Copy, index: Index) -> None:
    ready.edit("pyproject.toml", 'version = "0.1.0"', 'version = "0.2.0"')
    assert ready.where()["small"] == "1.0"
    assert index.fetched == []


def test_killed_in_the_middle_it_goes_on_where_it_stopped(ready: Copy, index: Index) -> None:
    ready.needs("torch==2.13.0", "held==1.0", "small==1.1")
    index.hold()
    process = ready.start("where")
    assert index.is_asked.wait(timeout=30)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    index.may_serve.set()
    installed = ready.where()
    assert (installed["held"], installed["small"]) == ("1.0", "1.1")
    assert index.count("torch") == 0


def test_an_interrupted_set_up_ends_with_130_and_goes_on_later(ready: Copy, index: Index) -> None:
    ready.needs("torch==2.13.0", "held==1.0")
    index.hold()
    process = ready.start("where")
    assert index.is_asked.wait(timeout=30)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in said
    index.may_serve.set()
    assert ready.where()["held"] == "1.0"


def test_a_package_whose_installation_was_cut_off_is_installed_again(ready: Copy) -> None:
    (site,) = ready.venv.glob("lib/python*/site-packages")
    (site / "small-1.0.dist-info/INSTALLER").unlink()
    (site / "small/__init__.py").unlink()
    ready.needs("torch==2.13.0", "small==1.0", "held==1.0")
    ready.where()
    assert (site / "small/__init__.py").exists()


def test_a_second_start_waits_for_the_first_and_installs_nothing_itself(ready: Copy, index: Index) -> None:
    ready.needs("torch==2.13.0", "held==1.0")
    index.hold()
    first = ready.start("where")
    assert index.is_asked.wait(timeout=30)
    second = ready.start("where")
    read_until(second, "waiting until it is done")
    index.may_serve.set()
    _, said_first = first.communicate(timeout=60)
    _, said_second = second.communicate(timeout=60)
    assert (first.returncode, second.returncode) == (0, 0), said_first + said_second
    assert index.count("held") == 1


def test_the_pip_of_a_start_that_was_killed_is_waited_for(ready: Copy, index: Index) -> None:
    ready.needs("torch==2.13.0", "held==1.0")
    index.hold()
    killed = ready.start("where")
    assert index.is_asked.wait(timeout=30)
    killed.kill()
    killed.communicate()
    second = ready.start("where")
    read_until(second, "waiting until it is done")
    index.may_serve.set()
    out, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert json.loads(out)["installed"]["held"] == "1.0"


@pytest.mark.parametrize("damage", ["python is gone", "creation was cut off"])
def test_a_broken_environment_is_built_anew(ready: Copy, damage: str) -> None:
    python = ready.venv / "bin/python"
    if damage == "python is gone":
        python.unlink()
        python.symlink_to("/nowhere/python3.11")
    else:
        (ready.venv / "pyvenv.cfg").unlink()
        shutil.rmtree(ready.venv / "lib")
    assert ready.where()["small"] == "1.0"


def test_a_folder_with_other_files_is_refused_and_kept(bare: Copy, tmp_path: Path) -> None:
    mine = tmp_path / "mine/thesis.txt"
    mine.parent.mkdir()
    mine.write_text("years of work")
    code, _, said = bare.run("where", SMALLCODER_VENV=str(mine.parent))
    assert code == 2
    assert "holds other files" in sentence(said)
    assert mine.read_text() == "years of work"


def test_torchrun_never_sets_up(bare: Copy) -> None:
    code, out, said = bare.run("where", LOCAL_RANK="0")
    assert (code, said) == (0, "")
    assert Path(json.loads(out)["prefix"]) == Path(sys.prefix)
    assert not bare.venv.exists()


def test_the_test_command_brings_pytest_and_passes_options_and_exit_code_on(
    ready: Copy, index: Index
) -> None:
    program = b"import sys; print(sys.argv[1:]); sys.exit(7)"
    add_wheel(index.folder / "simple", "pytest", "9.0", files={"pytest/__main__.py": program})
    (ready.folder / "tests").mkdir()
    code, out, said = ready.run("test", "-k", "a b", "-x", "tests/one.py")
    assert (code, out) == (7, "['-k', 'a b', '-x', 'tests/one.py']\n"), said


# Which PyTorch


def test_the_build_can_be_changed_later(ready: Copy) -> None:
    assert ready.where("--torch", "cpu")["torch"] == "2.13.0+cpu"
    assert "nvidia_fake" not in ready.where()
    assert ready.where("--torch", "cuda")["torch"] == (
        "2.13.0" if sys.platform == "linux" else "2.13.0+cu130"
    )


def test_the_chosen_build_is_remembered_when_the_version_changes(ready: Copy, index: Index) -> None:
    ready.where("--torch", "cpu")
    add_wheel(index.folder / "simple", "torch", "2.14.0")
    add_wheel(index.folder / "pytorch/cpu", "torch", "2.14.0+cpu")
    ready.needs("torch==2.14.0", "small==1.0")
    assert ready.where()["torch"] == "2.14.0+cpu"
    code, _, said = ready.run("--torch", "cpu", "where")
    assert (code, said) == (0, "")


def test_the_persons_own_index_is_preferred_where_it_has_the_build(ready: Copy, index: Index) -> None:
    shutil.move(
        index.folder / "pytorch/cpu/torch/torch-2.13.0+cpu-py3-none-any.whl", index.folder / "simple/torch"
    )
    assert ready.where("--torch", "cpu")["torch"] == "2.13.0+cpu"
    assert not [path for path in index.fetched if path.startswith("/pytorch")]


def test_a_torch_that_fits_is_not_downloaded_again_for_a_choice(ready: Copy, index: Index) -> None:
    assert ready.where("--torch", "cuda" if sys.platform == "linux" else "cpu")["torch"] == "2.13.0"
    assert index.fetched == []


def with_driver(folder: Path) -> dict[str, str]:
    """Any library under the name of the driver's: only that it loads is asked."""
    folder.mkdir()
    shutil.copy(next(Path(ctypes.__file__).parents[1].glob("lib-dynload/_json*.so")), folder / "libcuda.so.1")
    return {"LD_LIBRARY_PATH": str(folder)}


def at_terminal(copy: Copy, *words: str, answer: str, **settings: str) -> tuple[int, str]:
    """Answers the first question on a terminal; returns the exit code and what was seen there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "main.py", *words],
        cwd=copy.folder,
        env={**copy.settings, **settings},
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = ""
    answered = False
    with open(ours, "r+b", buffering=0) as terminal:
        while piece := _read(terminal.fileno()):
            seen += piece
            if seen.endswith("] ") and not answered:
                terminal.write(f"{answer}\n".encode())
                answered = True
    return process.wait(timeout=60), seen


def _read(handle: int) -> str:
    try:
        return os.read(handle, 4096).decode()
    except OSError:  # Linux says EIO when the other side has closed
        return ""


@pytest.mark.skipif(sys.platform != "linux", reason="the driver's library is named as Linux names it")
@pytest.mark.parametrize(("answer", "version"), [("cpu", "2.13.0+cpu"), ("", "2.13.0")])
def test_at_a_terminal_with_a_driver_the_build_is_asked(
    ready: Copy, tmp_path: Path, answer: str, version: str
) -> None:
    without_torch(ready)
    code, seen = at_terminal(ready, "where", answer=answer, **with_driver(tmp_path / "driver"))
    assert code == 0, seen
    assert "An NVIDIA driver is here. Which build, cpu or cuda? [cuda]".lower() in seen.lower()
    assert "about 0.2 GB" in seen
    assert "about 2.8 GB" in seen
    assert ready.where()["torch"] == version


def test_without_a_terminal_plain_pip_decides_and_the_driver_is_named(ready: Copy, tmp_path: Path) -> None:
    without_torch(ready)
    code, _, said = ready.run("where", **with_driver(tmp_path / "driver"))
    assert code == 0
    assert "an NVIDIA driver is here" in said
    assert ready.where()["torch"] == "2.13.0"


def without_torch(copy: Copy) -> None:
    (site,) = copy.venv.glob("lib/python*/site-packages")
    shutil.rmtree(site / "torch-2.13.0.dist-info")
    (copy.venv / "setup.json").unlink()


# Failures, each one sentence


def test_an_index_that_cannot_be_reached_is_one_sentence(ready: Copy) -> None:
    ready.needs("torch==2.13.0", "small==1.1")
    code, _, said = ready.run("where", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert code == 2
    assert "cannot be reached: check the network" in sentence(said)


def test_a_package_that_this_machine_cannot_have_is_named(ready: Copy) -> None:
    ready.needs("torch==2.13.0", "absent==3.0")
    code, _, said = ready.run("where")
    assert code == 2
    assert "has no absent==3.0 for Python 3." in sentence(said)


def test_a_failure_that_nobody_foresaw_shows_the_last_lines_and_the_log(ready: Copy, index: Index) -> None:
    (index.folder / "simple/small/small-1.1-py3-none-any.whl").write_bytes(b"no zip file")
    ready.needs("torch==2.13.0", "small==1.1")
    code, _, said = ready.run("where")
    assert code == 2
    assert f"all of it stands in {ready.venv / 'setup.log'}" in said
    assert "small-1.1" in said.splitlines()[-1] + said.splitlines()[-2]
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("system", "remedy"), [("linux", "`uv run --python 3.13 main.py`"), ("win32", "`py -3.13 main.py`")]
)
@pytest.mark.parametrize("version", [(3, 10), (3, 14)])
def test_a_wrong_python_is_told_the_remedy(
    bare: Copy, system: str, remedy: str, version: tuple[int, int]
) -> None:
    code, said = bare.run_script(f"from bootstrap.environment import *; check_python({version}, {system!r})")
    assert code == 1
    assert said.splitlines()[-1].endswith(
        f"SmallCoder needs Python 3.11 to 3.13, this is {version[0]}.{version[1]}: use {remedy}"
        + (", or your system's package of Python 3.13." if system == "linux" else ".")
    )


@pytest.mark.parametrize("file", ["main.py", *sorted(f"bootstrap/{path.name}" for path in BOOTSTRAP)])
def test_an_older_python_can_parse_what_would_refuse_it(file: str) -> None:
    ast.parse((ROOT / file).read_text(), feature_version=(3, 8))


def test_too_little_space_is_said_before_anything_is_fetched(bare: Copy, index: Index) -> None:
    bare.edit("bootstrap/environment.py", "SMALL_CHANGE_GB = 0.5", "SMALL_CHANGE_GB = 1e9")
    code, _, said = bare.run("where")
    assert code == 2
    assert "about 1e+09 GB are needed" in sentence(said)
    assert index.fetched == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_fills_up_during_the_set_up_is_one_sentence(
    ready: Copy, index: Index, small_disk: Path
) -> None:
    ready.edit("bootstrap/environment.py", "SMALL_CHANGE_GB = 0.5", "SMALL_CHANGE_GB = 0")
    shutil.copytree(ready.venv, small_disk / "venv", symlinks=True)
    add_wheel(index.folder / "simple", "huge", "1.0", files={"huge/zeros": bytes(80_000_000)})
    ready.needs("torch==2.13.0", "huge==1.0")
    code, _, said = ready.run("where", SMALLCODER_VENV=str(small_disk / "venv"))
    assert code == 2
    assert "is full: free some space" in sentence(said)


def test_a_folder_that_cannot_be_written_is_one_sentence(bare: Copy, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    code, _, said = bare.run("where", SMALLCODER_VENV="/sys/venv" if os.geteuid() == 0 else f"{locked}/venv")
    assert code == 2
    assert "venv cannot be written: give yourself the right to, or set SMALLCODER_VENV" in sentence(said)


# What the system lacks


def fake_apt(folder: Path, *, then: str = "exit 100") -> str:
    """A PATH that leads with an apt-get that notes what it was asked, then does what it is told to."""
    folder.mkdir()
    script = folder / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$*" >> "{folder}/asked"\n{then}\n')
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def lacking_a_library(copy: Copy) -> None:
    copy.edit("bootstrap/system_packages.py", '"libEGL.so.1"', '"libnowhere.so.7"')


WINDOW = {"QT_QPA_PLATFORM": "offscreen"}


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring Qt's libraries with it")
def test_a_missing_library_without_apt_is_named(ready: Copy, tmp_path: Path) -> None:
    lacking_a_library(ready)
    code, _, said = ready.run(PATH=str(tmp_path), **WINDOW)
    assert code == 2
    assert "(libnowhere.so.7): install it with the system's own package manager" in sentence(said)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring Qt's libraries with it")
def test_a_missing_library_without_terminal_is_installed_by_root_alone(ready: Copy, tmp_path: Path) -> None:
    lacking_a_library(ready)
    code, _, said = ready.run(PATH=fake_apt(tmp_path / "bin"), **WINDOW)
    assert code == 2
    assert "apt-get install -y --no-install-recommends libnowhere7" in sentence(said)
    if os.geteuid() == 0:
        asked = (tmp_path / "bin/asked").read_text().splitlines()
        assert [line.split()[2] for line in asked] == ["install", "update", "install"]
    else:
        assert "sudo apt-get" in said
        assert not (tmp_path / "bin/asked").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems bring Qt's libraries with it")
def test_at_a_terminal_nothing_is_installed_against_the_persons_will(ready: Copy, tmp_path: Path) -> None:
    lacking_a_library(ready)
    code, seen = at_terminal(ready, answer="n", PATH=fake_apt(tmp_path / "bin"), **WINDOW)
    assert code == 2
    assert "libnowhere7`? [Y/n]" in seen
    assert not (tmp_path / "bin/asked").exists()


def test_a_python_without_ensurepip_is_told_what_to_install(bare: Copy, tmp_path: Path) -> None:
    script = (
        "sys.modules['ensurepip'] = None; import main; sys.exit(main.run(['where'], sets_itself_up=True))"
    )
    code, said = bare.run_script(script, PATH=str(tmp_path))
    assert code == 2
    assert "The set-up needs what this system lacks (ensurepip)" in sentence(said)


@pytest.mark.parametrize(
    ("soname", "package"),
    [
        ("libxcb-icccm.so.4", "libxcb-icccm4"),
        ("libX11.so.6", "libx11-6"),
        ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
        ("libdbus-1.so.3", "libdbus-1-3"),
        ("libglib-2.0.so.0", "libglib2.0-0"),
        ("libz.so.1", "zlib1g"),
    ],
)
def test_the_package_of_a_library_has_debians_name(soname: str, package: str) -> None:
    from bootstrap.system_packages import package_of

    assert package_of(soname) == package


def test_a_long_silence_is_told_from_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bootstrap import installer

    monkeypatch.setattr(installer, "SECONDS_OF_SILENCE", 0.02)
    monkeypatch.setattr(installer, "DOWNLOADS", tmp_path)
    slow = "import sys; print('Installing collected packages: torch', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", slow], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        lines = installer.lines_of(process)
        assert next(lines).startswith("Installing")
        threading.Timer(0.5, process.stdin.close).start()
        assert list(lines) == []
    assert "still installing" in capsys.readouterr().err
