"""Gives the program its environment: .venv with the packages that pyproject.toml pins.

Standard library only, since it runs before anything is installed. How pip and apt-get are run is in
installer.py, what a Linux system must have in system_packages.py; what a command needs, main.py says.
"""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap import installer, system_packages
from bootstrap.installer import DOWNLOADS, LOG, ROOT, VENV, SetupError, pip, run_python, say, venv_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    Purpose = Literal["command", "window", "tests"]

NEEDS = {"command": "The set-up", "window": "The window", "tests": "The test suite"}
STATE, LOCK = VENV / "setup.json", VENV / "setup.lock"
PYTORCH_INDEX = os.environ.get("SMALLCODER_PYTORCH_INDEX") or "https://download.pytorch.org/whl"
PYTORCH_TAGS = {"cpu": "cpu", "cuda": "cu130"}
PLAIN_BUILD = "cuda" if sys.platform == "linux" else "cpu"  # of a torch with no tag behind its version
BUILDS = {"cpu": "for the processor, a download of about 0.2 GB", "cuda": "with CUDA, one of about 2.8 GB"}
NEEDED_GB = {"cpu": 3.0, "cuda": 12.0}  # unpacked, with the downloads beside it
SMALL_CHANGE_GB = 0.5


def check_python(version: tuple[int, int], system: str = sys.platform) -> None:
    """Also Pythons far older than the program's own must be able to parse what leads here."""
    lowest, beyond = supported_pythons()
    if lowest <= version < beyond:
        return
    newest = f"{beyond[0]}.{beyond[1] - 1}"
    remedy = f"`uv run --python {newest} main.py`, or your system's package of Python {newest}"
    if system == "win32":
        remedy = f"`py -{newest} main.py`"
    raise SetupError(
        f"SmallCoder needs Python {lowest[0]}.{lowest[1]} to {newest}, this is "
        f"{version[0]}.{version[1]}: use {remedy}."
    )


def supported_pythons() -> tuple[tuple[int, int], tuple[int, int]]:
    """Read without tomllib, which a Python that is too old does not have."""
    project = ROOT / "pyproject.toml"
    found = re.search(r'(?m)^requires-python = ">=(\d+)\.(\d+),<(\d+)\.(\d+)"', project.read_text("utf-8"))
    if found is None:
        raise SetupError(f"{project} has lost its line requires-python: restore the file.")
    return (int(found[1]), int(found[2])), (int(found[3]), int(found[4]))


def enter(purpose: Purpose, *, extras: Sequence[str] = (), torch: str | None = None) -> None:
    """Returns where the packages are; elsewhere it starts this command again there, after any set-up."""
    if {"LOCAL_RANK", "TORCHELASTIC_RUN_ID"} & os.environ.keys():
        return  # torchrun starts many of us at once, with a Python of its own choice
    try:
        inside = VENV.exists() and os.path.samefile(sys.prefix, VENV)
        current = is_current(extras, torch)
        if inside or not current:
            needs_pip = not current and not packages("pip")
            installer.provide(missing_from_system(purpose, needs_pip=needs_pip), NEEDS[purpose])
        if not current:
            with only_one():
                if not is_current(extras, torch):
                    set_up(extras, torch)
        if not (inside and current):
            restart_inside()
    except OSError as error:
        raise SetupError(installer.explain(str(error))) from error


def missing_from_system(purpose: Purpose, *, needs_pip: bool) -> dict[str, str]:
    missing = system_packages.missing_for_pip() if needs_pip else {}
    if purpose == "window":
        missing.update(system_packages.missing_for_window())
    elif purpose == "tests":
        missing.update(system_packages.missing_for_tests())
    return missing


def restart_inside() -> None:
    command = [str(venv_python()), *sys.argv]
    os.environ.pop("__PYVENV_LAUNCHER__", None)  # on macOS it makes the new process take itself for this one
    if os.name == "posix":
        os.execv(command[0], command)  # noqa: S606
    import subprocess

    process = subprocess.Popen(command)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:  # the child got it too; its answer counts
            continue


def set_up(extras: Sequence[str], torch: str | None) -> None:
    import time

    start = time.monotonic()
    known_extras, known_torch, _ = read_state()
    wanted, choice = sorted({*known_extras, *extras}), torch or known_torch
    needed = requirements(wanted)
    say(f"Setting up SmallCoder in {VENV} (once; when interrupted, it goes on where it stopped)")
    LOG.unlink(missing_ok=True)
    remove(DOWNLOADS)
    say("[1/4] The Python environment")
    make_environment(wanted, choice)
    choice = install_torch(needed, wanted, choice)
    say(f"[3/4] {', '.join(line.partition('==')[0] for line in needed)}")
    check_space(SMALL_CHANGE_GB)
    pip("install", "--only-binary=:all:", *needed)
    remove(DOWNLOADS)
    compile_kernels()
    write_state(wanted, choice, key=fingerprint(wanted, choice))
    say(f"Ready after {time.monotonic() - start:.0f} s")


def compile_kernels() -> None:
    """What is not made now is tried again when a model is loaded, and said in the diagnostics."""
    from core.native.build import BUILT, build

    say("[4/4] The kernels, compiled for this processor")
    built = build(VENV / BUILT)
    if built.library is None:
        by_hand = system_packages.apt_text([*system_packages.COMPILER.values()])
        help_on_linux = f" For full speed: {by_hand}" if sys.platform == "linux" else ""
        say(f"{built.why_not} Everything works, only slower.{help_on_linux}")


def read_state() -> tuple[list[str], str | None, str]:
    """The extras, the choice of torch, and the key, which stays empty until the set-up is complete."""
    import json

    try:
        state = json.loads(STATE.read_text("utf-8"))
        return [str(extra) for extra in state["extras"]], state["torch"], str(state["key"])
    except (OSError, ValueError, KeyError, TypeError):
        return [], None, ""


def write_state(extras: Sequence[str], torch: str | None, *, key: str = "") -> None:
    import json

    draft = STATE.with_suffix(".new")
    draft.write_text(json.dumps({"extras": extras, "torch": torch, "key": key}), "utf-8")
    draft.replace(STATE)


def is_current(extras: Sequence[str], torch: str | None) -> bool:
    requirements(extras)
    known_extras, known_torch, key = read_state()
    if not {*extras} <= {*known_extras} or torch not in (None, known_torch):
        return False
    return bool(key) and key == fingerprint(known_extras, known_torch)


def fingerprint(extras: Sequence[str], torch: str | None) -> str:
    """Of all that decides what is installed; empty where the environment's Python is gone."""
    import hashlib

    python = base_python()
    return python and hashlib.sha256(repr((requirements(extras), torch, python)).encode()).hexdigest()


def requirements(extras: Sequence[str]) -> list[str]:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    optional = project.get("optional-dependencies", {})
    for extra in extras:
        if extra not in optional:
            raise SetupError(f"No extra packages are called {extra}: there are {', '.join(optional)}.")
    return sorted({*project["dependencies"], *(line for extra in extras for line in optional[extra])})


@contextmanager
def only_one() -> Iterator[None]:
    """The system frees the lock when its holder dies; pip inherits it, so an orphaned pip is waited for."""
    VENV.mkdir(parents=True, exist_ok=True)
    with LOCK.open("a+") as file:
        os.set_inheritable(file.fileno(), True)
        if not try_lock(file.fileno()):
            import time

            say("Another start is setting SmallCoder up: waiting until it is done")
            while not try_lock(file.fileno()):
                time.sleep(0.2)
        yield


def try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def base_python() -> str:
    """The Python that the environment was made from; nothing where it is gone, as after an upgrade."""
    try:
        settings = (VENV / "pyvenv.cfg").read_text("utf-8")
    except (OSError, ValueError):
        return ""
    real = os.path.realpath(venv_python())
    if os.name == "nt":  # python.exe is a launcher there
        home = re.search(r"(?m)^home *= *(.+)$", settings)
        real = os.path.join(home[1].strip(), "python.exe") if home and os.path.isfile(real) else ""
    return real if os.path.isfile(real) else ""


def make_environment(extras: Sequence[str], torch: str | None) -> None:
    """Keeps one that works; files that are not an environment's are never removed."""
    python = venv_python()
    lowest, beyond = supported_pythons()
    is_usable = f"{lowest} <= sys.version_info < {beyond} and os.path.isdir(sysconfig.get_path('purelib'))"
    if (
        not base_python()
        or not run_python(python, "-c", f"import os, sys, sysconfig; sys.exit(not ({is_usable}))")[0]
    ):
        found = [entry for entry in VENV.iterdir() if entry not in (STATE, LOCK, LOG, DOWNLOADS)]
        if found and not STATE.exists() and not (VENV / "pyvenv.cfg").exists():
            raise SetupError(f"{VENV} holds other files: set SMALLCODER_VENV to a new or empty folder.")
        write_state(extras, torch)
        for entry in found:
            remove(entry)
        check_space(SMALL_CHANGE_GB)
        base = getattr(sys, "_base_executable", sys.executable)
        installer.must_run_python(base, "-m", "venv", "--without-pip", str(VENV))
    write_state(extras, torch)
    remove_half_installed()
    if not run_python(python, "-m", "pip", "--version")[0]:
        installer.must_run_python(python, "-m", "ensurepip", "--upgrade", "--default-pip")


def packages(pattern: str) -> list[Path]:
    folder = "Lib/site-packages" if os.name == "nt" else "lib/python*/site-packages"
    return sorted(VENV.glob(f"{folder}/{pattern}"))


def remove_half_installed() -> None:
    """pip writes INSTALLER after a package's files, but believes in any folder of the right name."""
    for info in packages("*.dist-info"):
        if not (info / "INSTALLER").exists():
            remove(info)
    for leftover in packages("~*"):
        remove(leftover)


def remove(path: Path) -> None:
    import shutil

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def check_space(needed_gb: float) -> None:
    import shutil

    free_gb = shutil.disk_usage(VENV).free / 1e9
    if free_gb < needed_gb:
        raise SetupError(
            f"The disk that holds {VENV} has {free_gb:.1f} GB free, and about {needed_gb:g} GB are needed: "
            "free some space, or set SMALLCODER_VENV to a folder on another disk."
        )


def install_torch(needed: Sequence[str], extras: Sequence[str], choice: str | None) -> str:
    """Returns the choice that holds from now on; auto is the build that plain pip would take."""
    pin = next(line.partition("==")[2] for line in needed if line.startswith("torch=="))
    installed = [info.name[len("torch-") : -len(".dist-info")] for info in packages("torch-*.dist-info")]
    if matching(installed, pin, choice or "auto"):
        say(f"[2/4] PyTorch {installed[0]} is there already")
        return choice or "auto"
    if choice == "cuda" and sys.platform == "darwin":
        raise SetupError(
            "There is no PyTorch with CUDA for macOS: use --torch cpu, which has Apple's GPU too."
        )
    listing = pip("index", "versions", "torch").partition("Available versions:")[2].partition("\n")[0]
    offered = listing.replace(",", " ").split()
    if choice is None:
        choice = choose_build(build_of(matching(offered, pin, "auto")))
        write_state(extras, choice)
    version = matching(offered, pin, choice)
    if choice == "auto" and not version:
        raise SetupError(installer.explain(f"No matching distribution found for torch=={pin}"))
    build = build_of(version) if version else choice
    say(f"[2/4] PyTorch {pin} {BUILDS[build]}")
    check_space(NEEDED_GB[build])
    tag = PYTORCH_TAGS[build]
    source = [] if version else ["--extra-index-url", f"{PYTORCH_INDEX}/{tag}"]
    pip("install", "--only-binary=:all:", f"torch==={version or f'{pin}+{tag}'}", *source)
    if build == "cpu":
        remove_cuda()
    return choice


def matching(versions: Sequence[str], pin: str, choice: str) -> str:
    """The first of the pinned version and the chosen build; pip lists first what it would take itself."""
    return next((v for v in versions if v.partition("+")[0] == pin and choice in ("auto", build_of(v))), "")


def build_of(version: str) -> str:
    tag = version.partition("+")[2]
    if not tag:
        return PLAIN_BUILD
    return "cuda" if tag.startswith("cu") else "cpu"


def choose_build(plain: str) -> str:
    driver = has_nvidia_driver()
    found = "an NVIDIA driver is here" if driver else "no NVIDIA driver was found"
    if not installer.at_terminal() or not (driver or plain == "cuda"):
        say(f"      {found}; --torch cpu or --torch cuda chooses the build of PyTorch, also later")
        return "auto"
    for build, words in BUILDS.items():
        say(f"      {build:4}  PyTorch {words}")
    advice = "cuda" if driver else "cpu"
    answer = installer.ask(f"      {found}. Which build, cpu or cuda? [{advice}] ")
    return answer if answer in BUILDS else advice


def has_nvidia_driver() -> bool:
    import ctypes

    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def remove_cuda() -> None:
    """pip leaves behind what only the build with CUDA needed: gigabytes."""
    infos = [info for kind in ("nvidia_*", "cuda_*", "triton-*") for info in packages(f"{kind}.dist-info")]
    if infos:
        pip("uninstall", "--yes", *(info.name.partition("-")[0] for info in infos))
