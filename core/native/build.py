"""Compiles the C library of this folder with whatever compiler the system has, into one file for the loader.

Standard library only, because the set-up runs this before anything is installed. The file's name is made of
all that decides its contents, so it is never out of date, only unused.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent
SECONDS_TO_COMPILE = 300
BUILT = "native"  # the folder of an environment that libraries are built into

# No -ffast-math: numbers that are not finite must be noticed. No contraction: a row's bits must not depend on
# what the compiler merges in the function that computes it together with others. No tree-ter: GCC would put
# off all additions of a long sum to its end, and run out of registers.
FLAGS: tuple[str, ...] = ("-std=c11", "-O3", "-fPIC", "-fvisibility=hidden", "-Wno-psabi")
FLAGS += ("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-fno-tree-ter")
_AVX2 = ("-mavx2", "-mfma", "-mf16c")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni")
FLAGS_OF_FILES = {
    ("kernels_avx2", "x86_64"): _AVX2,
    ("kernels_avxvnni", "x86_64"): (*_AVX2, "-mavxvnni"),
    ("kernels_vnni256", "x86_64"): _AVX512,
    ("kernels_avx512", "x86_64"): _AVX512,
    ("kernels_neon", "arm64"): ("-march=armv8.2-a+dotprod",),
    ("kernels_plain", "x86_64"): ("-O2",),  # no slower, and much sooner compiled
}
# the same in the words of zig, which would take the others for an unknown processor and leave the table empty
_ZIG_FLAGS_OF_FILES = {("kernels_neon", "arm64"): ("-mcpu=generic+v8_2a+dotprod",)}
ENDINGS = {"linux": ".so", "macos": ".dylib", "windows": ".dll"}
_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_MACHINES = {"amd64": "x86_64", "aarch64": "arm64"}
ZIG_TARGETS = {
    "linux-x86_64": "x86_64-linux-gnu.2.28",
    "linux-arm64": "aarch64-linux-gnu.2.28",
    "windows-x86_64": "x86_64-windows-gnu",
    "macos-x86_64": "x86_64-macos",
    "macos-arm64": "aarch64-macos",
}


@dataclass(frozen=True)
class Toolchain:
    """A compiler as the start of a command, and what it compiles for, such as linux-x86_64."""

    command: tuple[str, ...]
    platform: str
    extra_flags: tuple[str, ...] = ()

    @property
    def system(self) -> str:
        return self.platform.partition("-")[0]

    @property
    def machine(self) -> str:
        return self.platform.partition("-")[2]


@dataclass(frozen=True)
class Built:
    """Where the library lies, or one sentence that says why there is none."""

    library: Path | None
    why_not: str = ""


def this_platform() -> str:
    machine = platform.machine().lower()
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(machine, machine)}"


def library_name(of_platform: str) -> str:
    return f"smallcoder_native{ENDINGS.get(of_platform.partition('-')[0], '.so')}"


def system_toolchain() -> Toolchain | None:
    """The one that CC names, or the first that is found."""
    named = shlex.split(os.environ.get("CC", ""))
    # on Windows GCC does not align the stack as wide registers need it
    known = [["clang"]] if sys.platform == "win32" else [["cc"], ["gcc"], ["clang"]]
    for command in [named] if named else known:
        if shutil.which(command[0]):
            return Toolchain(tuple(command), this_platform())
    return None


def zig_toolchain(for_platform: str) -> Toolchain:
    """Compiles for another system than this one; needs the package ziglang."""
    command = (sys.executable, "-m", "ziglang", "cc", "-target", ZIG_TARGETS[for_platform])
    return Toolchain(command, for_platform)


def build(folder: Path, toolchain: Toolchain | None = None) -> Built:
    """The library for this system in `folder`: found there, or compiled in some seconds."""
    toolchain = toolchain or system_toolchain()
    if toolchain is None:
        return Built(
            None, f"There is no C compiler ({'clang' if sys.platform == 'win32' else 'cc, gcc or clang'})."
        )
    try:
        library = folder / f"{_fingerprint(toolchain)}-{library_name(toolchain.platform)}"
        if not library.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as place:
                os.replace(_compile(toolchain, Path(place)), library)
    except OSError as error:
        return Built(None, f"The C library cannot be made in {folder} ({error.strerror or error}).")
    except subprocess.TimeoutExpired:
        return Built(None, f"{toolchain.command[0]} did not finish within {SECONDS_TO_COMPILE} seconds.")
    except subprocess.CalledProcessError as error:
        return Built(
            None, f"{toolchain.command[0]} cannot compile the C library ({_first_complaint(error)})."
        )
    return Built(library)


def sources() -> list[Path]:
    return sorted(SOURCES.glob("*.c"))


def compile_command(toolchain: Toolchain, source: Path, to: Path, *, is_plain: bool = False) -> list[str]:
    """`is_plain`: without a processor's own instructions, where the compiler does not know them."""
    flags = () if is_plain else _flags_of_files(toolchain).get((source.stem, toolchain.machine), ())
    return [*toolchain.command, *FLAGS, *flags, *toolchain.extra_flags, "-c", str(source), "-o", str(to)]


def _flags_of_files(toolchain: Toolchain) -> dict[tuple[str, str], tuple[str, ...]]:
    return FLAGS_OF_FILES | _ZIG_FLAGS_OF_FILES if "ziglang" in toolchain.command else FLAGS_OF_FILES


def link_command(toolchain: Toolchain, objects: list[Path], to: Path) -> list[str]:
    ending = {"windows": ("-static-libgcc",), "linux": ("-lm", "-pthread")}.get(toolchain.system, ())
    files = [str(file) for file in objects]
    return [*toolchain.command, "-shared", "-s", *toolchain.extra_flags, *files, "-o", str(to), *ending]


def compile_objects(toolchain: Toolchain, place: Path) -> list[Path]:
    def compiled(source: Path) -> Path:
        to = place / f"{source.stem}.o"
        try:
            _run(compile_command(toolchain, source, to))
        except subprocess.CalledProcessError:
            if (source.stem, toolchain.machine) not in FLAGS_OF_FILES:
                raise
            _run(compile_command(toolchain, source, to, is_plain=True))  # an empty table
        return to

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(compiled, sources()))


def _compile(toolchain: Toolchain, place: Path) -> Path:
    library = place / library_name(toolchain.platform)
    _run(link_command(toolchain, compile_objects(toolchain, place), library))
    return library


def _run(command: list[str]) -> str:
    done = subprocess.run(  # noqa: S603
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=SECONDS_TO_COMPILE,
        stdin=subprocess.DEVNULL,
    )
    return done.stdout


def _fingerprint(toolchain: Toolchain) -> str:
    version = _run([*toolchain.command, "--version"])
    flags = repr((FLAGS, _flags_of_files(toolchain), toolchain.extra_flags, toolchain.platform))
    digest = hashlib.sha256(f"{version}{flags}".encode())
    for file in sorted([*sources(), *SOURCES.glob("*.h")]):
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _first_complaint(error: subprocess.CalledProcessError) -> str:
    lines = [line.strip() for line in str(error.stderr).splitlines()]
    complaints = [line for line in lines if "error" in line.lower()] or lines or ["it does not say why"]
    return complaints[0].rstrip(".")
