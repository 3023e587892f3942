"""Builds the packaged app and checks it: `python3 packaging/build.py`.

In an environment of its own (build/venv-cpu), which the program's set-up makes; the result lies in dist/.
What goes in, parts.py knows; what is made of the folder, archives.py; the check is check_build.py.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
BUILD, DIST = ROOT / "build", ROOT / "dist"
STEPS = ("kernels", "app", "archives", "check")
BARE = "bare"  # takes root and debootstrap, so it is done where somebody asks for it
BUILT_AT = "1700000000"  # in every file that has a time: the same sources give the same bytes


def main() -> int:
    arguments = parse()
    environment = BUILD / f"venv-{arguments.torch}"
    os.environ.setdefault("SMALLCODER_VENV", str(environment))
    sys.path.insert(0, str(ROOT))
    from bootstrap import environment as set_up
    from bootstrap.installer import SetupError

    try:
        set_up.check_python(sys.version_info[:2])
        set_up.enter("window", extras=["package"], torch=arguments.torch)  # and goes on there
    except SetupError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    work = BUILD / f"package-{arguments.torch}"
    for step in [step for step in (*STEPS, BARE) if step in (arguments.steps or STEPS)]:
        started = time.monotonic()
        said = RUN[step](work, arguments)
        sys.stdout.write(f"{step}: {said} ({time.monotonic() - started:.0f} s)\n")
        sys.stdout.flush()
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Builds the packaged app for this system, and checks it.")
    parser.add_argument(
        "steps",
        nargs="*",
        metavar="STEP",
        help=f"of {', '.join(STEPS)}: all of them by default; {BARE}: the check in a Debian that has nothing",
    )
    parser.add_argument(
        "--torch", choices=["cpu", "cuda"], default="cpu", help="which build of PyTorch goes in"
    )
    parser.add_argument("--all-kernels", action="store_true", help="compile the C library for all systems")
    arguments = parser.parse_args()
    unknown = [step for step in arguments.steps if step not in RUN]
    if unknown:
        parser.error(f"{unknown[0]} is no step; there are {', '.join(RUN)}")
    return arguments


def make_kernels(work: Path, arguments: argparse.Namespace) -> str:
    """With zig, which compiles for every system on any, and on Linux for old ones too."""
    import shutil

    from core.native.build import ZIG_TARGETS, build, library_name, this_platform, zig_toolchain

    wanted = list(ZIG_TARGETS) if arguments.all_kernels else [this_platform()]
    for platform in wanted:
        built = build(BUILD / "native", zig_toolchain(platform))
        if built.library is None:
            raise SystemExit(f"The C library for {platform} was not made: {built.why_not}")
        # the app takes this system's; the others are for whoever packages on theirs
        folder = (work if platform == this_platform() else BUILD) / "native" / platform
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(built.library, folder / library_name(platform))
    return ", ".join(wanted)


def make_app(work: Path, _: argparse.Namespace) -> str:
    import shutil

    from archives import app_folder, finish
    from icons import make_icons

    from core.spec.version import version

    make_icons(ROOT / "resources/icons/smallcoder.svg", work / "icons")
    for leftover in (DIST / "smallcoder", DIST / "SmallCoder.app"):
        if leftover.exists():
            shutil.rmtree(leftover)
    settings = {
        "SMALLCODER_BUILD": str(work),
        "SMALLCODER_VERSION": version(),
        "PYTHONHASHSEED": "1",
        "SOURCE_DATE_EPOCH": BUILT_AT,
    }
    freeze(work, settings)
    finish(DIST, work)
    return str(app_folder(DIST))


def freeze(work: Path, settings: dict[str, str]) -> None:
    import subprocess

    places = ["--distpath", str(DIST), "--workpath", str(work / "pyinstaller")]
    words = [
        "-m",
        "PyInstaller",
        "--noconfirm",
        "--log-level",
        "WARN",
        *places,
        str(HERE / "smallcoder.spec"),
    ]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env={**os.environ, **settings}, check=False)
    if done.returncode:
        raise SystemExit("PyInstaller could not make the app; what it said stands above.")


def make_archives(work: Path, arguments: argparse.Namespace) -> str:
    from archives import archive

    return ", ".join(str(file) for file in archive(DIST, work, arguments.torch))


def check(_: Path, arguments: argparse.Namespace, **more: str) -> str:
    import subprocess

    words = ["-m", "pytest", "-c", str(HERE / "pytest.ini"), str(HERE / "check_build.py")]
    settings = {**os.environ, "SMALLCODER_CHECKED_TORCH": arguments.torch, **more}
    if subprocess.run([sys.executable, *words], cwd=ROOT, env=settings, check=False).returncode:
        raise SystemExit("The packaged app is not fit to be handed out; what failed stands above.")
    return "all passed"


def check_in_bare_debian(work: Path, arguments: argparse.Namespace) -> str:
    import shutil

    import bare_debian

    if os.name == "nt" or os.geteuid() != 0 or not shutil.which("debootstrap"):
        raise SystemExit("The step bare takes a Linux, the rights of root, and debootstrap.")
    root = BUILD / "bare-debian"
    bare_debian.make(root)
    said = check(work, arguments, SMALLCODER_CHECKED_IN=str(root))
    shutil.rmtree(root)
    return said


RUN = {"kernels": make_kernels, "app": make_app, "archives": make_archives, "check": check}
RUN[BARE] = check_in_bare_debian

if __name__ == "__main__":
    sys.exit(main())
