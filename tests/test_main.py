"""The entry as a person starts it: what costs nothing, what is refused, and the window, opened and closed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HELP_OVER_BARE_PYTHON = 10  # importing numpy alone would make it 16
WITHOUT_SET_UP = "import sys; sys.path.insert(0, ''); import main; sys.exit(main.main())"
only_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="other systems have a display, or none to ask for"
)


def start(*words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """As someone who has nothing set up; an empty setting is not there at all."""
    env = {**os.environ, "SMALLCODER_VENV": os.path.join(os.environ["HOME"], "venv"), **settings}
    return subprocess.run(
        [sys.executable, "main.py", *words],
        cwd=ROOT,
        env={name: value for name, value in env.items() if value},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def nothing_was_set_up() -> bool:
    return not Path(os.environ["HOME"], "venv").exists()


def command_names() -> list[str]:
    return re.findall(r"(?m)^    (\w+) ", start("--help").stdout.partition("commands:")[2])


def test_help_is_quick() -> None:
    """In processor time and against a Python that does nothing, because the machine may be slow or busy."""
    help = sum(processor_seconds([sys.executable, "main.py", "--help"]) for _ in range(8))
    nothing = sum(processor_seconds([sys.executable, "-c", "pass"]) for _ in range(8))
    assert help < nothing * HELP_OVER_BARE_PYTHON


def processor_seconds(command: list[str]) -> float:
    before = os.times()
    subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    after = os.times()
    return sum(after[2:4]) - sum(before[2:4])  # of children: in the program, and in the system for it


def test_help_of_everything_loads_neither_torch_nor_qt_and_sets_nothing_up() -> None:
    commands = command_names()
    assert {"complete", "models", "tokenize", "test"} <= set(commands)
    script = (
        "import contextlib, sys, main\n"
        "with contextlib.suppress(SystemExit): main.run(sys.argv[1:], sets_itself_up=True)\n"
        "sys.exit(', '.join({'torch', 'PySide6', 'numpy'} & sys.modules.keys()) or 0)"
    )
    for words in (["--help"], *([command, "--help"] for command in commands)):
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, ""), words
        assert done.stdout.startswith("usage: ")
    assert nothing_was_set_up()


@pytest.mark.parametrize(
    "words", [["nonsense"], ["models", "nonsense"], ["--torch", "tpu"], ["complete", "--nonsense"]]
)
def test_what_cannot_be_meant_is_refused_before_any_set_up(words: list[str]) -> None:
    done = start(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("smallcoder: ")
    assert len(done.stderr.splitlines()) == 1
    assert nothing_was_set_up()


def test_the_version_is_the_projects_and_needs_no_set_up() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    done = start("--version")
    assert (done.returncode, done.stdout) == (0, f"SmallCoder {project['version']}\n")
    assert nothing_was_set_up()


@pytest.mark.parametrize("words", [["--torch", "cuda"], ["--extra", "export", "models", "list"]])
def test_only_a_copy_from_source_sets_itself_up(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SET_UP, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("--torch and --extra set up a copy from source.")


def test_what_the_packaged_app_refuses_it_does_not_offer() -> None:
    script = "import sys, main; sys.frozen = True; sys.exit(main.run(sys.argv[1:], sets_itself_up=False))"
    command = [sys.executable, "-c", script]
    done = subprocess.run([*command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "complete" in done.stdout
    for word in ("--torch", "--extra", "test suite", "    test "):
        assert word not in done.stdout
        assert word in start("--help").stdout
    done = subprocess.run(
        [*command, "--torch", "cuda"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "the packaged app is as it is" in done.stderr


@only_linux
def test_without_a_display_the_commands_that_need_none_are_named() -> None:
    done = start(DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("There is no display to open a window on; these commands need none: ")
    assert done.stderr.count("\n") == 1
    assert all(command in done.stderr for command in command_names())
    assert nothing_was_set_up()


@only_linux
def test_a_display_that_is_gone_is_one_sentence_and_not_an_abort() -> None:
    done = start(DISPLAY=":987", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert done.returncode == 2
    assert done.stderr.startswith("The display :987 does not answer; these commands need none: ")


@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C is sent as a signal")
def test_an_interrupted_command_ends_with_130_and_no_traceback(tmp_path: Path) -> None:
    for part in ("bootstrap", "core", "trainer"):
        (tmp_path / part).mkdir()
    shutil.copy(ROOT / "main.py", tmp_path)
    shutil.copytree(ROOT / "bootstrap", tmp_path / "bootstrap", dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "trainer/cli.py").write_text("def add_commands(commands): pass\n")
    (tmp_path / "core/cli.py").write_text(
        "def add_commands(commands): commands.add_parser('wait').set_defaults(run=wait)\n"
        "def wait(arguments):\n"
        "    import signal\n"
        "    print('waiting', flush=True)\n"
        "    signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "main.py", "wait"],
        cwd=tmp_path,
        env={**os.environ, "LOCAL_RANK": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert (process.returncode, said) == (130, "")


def test_an_installed_copy_runs_without_any_set_up(tmp_path: Path) -> None:
    source, installed = tmp_path / "source", tmp_path / "installed"
    not_source = shutil.ignore_patterns(".*", "__pycache__", "tests", "runs", "build", "dist", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=not_source)
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(installed)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(source)], check=True, timeout=120)
    done = subprocess.run(
        [sys.executable, installed / "bin/smallcoder", "--version"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "SmallCoder 0.1.0\n", "")


@pytest.mark.parametrize("words", [["a.py"], ["no/such/folder"], ["new.txt", "app"]])
def test_words_that_mean_files_are_for_the_window(words: list[str]) -> None:
    done = start(*words, DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    assert done.returncode == 2
    assert done.stderr.startswith("There is no display to open a window on")


@pytest.fixture
def desktop() -> Iterator[dict[str, str]]:
    """A display of its own with a window manager, without which no window gets the keys."""
    if not (shutil.which("Xvfb") and shutil.which("openbox") and shutil.which("xdotool")):
        pytest.skip("needs Xvfb, openbox and xdotool")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        settings = {**os.environ, "DISPLAY": f":{server.stdout.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
        with subprocess.Popen(["openbox"], env=settings, stderr=subprocess.DEVNULL) as manager:
            yield settings
            manager.terminate()
        server.terminate()


@only_linux
def test_the_window_opens_on_a_real_display_and_closes_cleanly(desktop: dict[str, str]) -> None:
    find = ["xdotool", "search", "--sync", "--onlyvisible", "--name", "SmallCoder$"]
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_SET_UP],
        cwd=ROOT,
        env=desktop,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        subprocess.run([*find, "windowactivate", "--sync"], env=desktop, check=True, timeout=30)
        subprocess.run(["xdotool", "key", "alt+F4"], env=desktop, check=True, timeout=30)
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, said) == (0, "")
