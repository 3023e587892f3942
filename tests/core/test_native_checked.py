"""The C library under sanitizers, on processors that an emulator plays, and compiled for other systems.

Slow, because each compiles it anew. All but the sanitizers need a tool that not every machine has.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.native.build import (
    FLAGS,
    SOURCES,
    ZIG_TARGETS,
    Toolchain,
    build,
    compile_objects,
    system_toolchain,
    this_platform,
    zig_toolchain,
)
from tests.core.native_library import library

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "tests/native/kernels_check.c"
WARNINGS = ("-Wall", "-Wextra", "-Werror")
TABLES = {"x86_64": ("avx512", "avxvnni", "avx2", "vnni256", "plain"), "arm64": ("neon", "plain")}
BEGINNINGS = {"linux": b"\x7fELF", "windows": b"MZ", "macos": b"\xcf\xfa\xed\xfe"}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks for the tools of Linux")


def check_program(toolchain: Toolchain, place: Path) -> Path:
    """kernels_check.c with the whole library in it."""
    objects = [str(file) for file in compile_objects(toolchain, place)]
    command = [*toolchain.command, *FLAGS, *toolchain.extra_flags, f"-I{SOURCES}", str(CHECK), *objects]
    subprocess.run([*command, "-o", place / "check", "-lm", "-pthread"], check=True)
    return place / "check"


def sanitized(*kinds: str) -> Toolchain:
    toolchain = system_toolchain()
    assert toolchain is not None
    flags = ("-O1", "-g", f"-fsanitize={','.join(kinds)}", "-fno-sanitize-recover", *WARNINGS)
    return Toolchain(toolchain.command, toolchain.platform, flags)


@on_linux
@pytest.mark.parametrize("kinds", [("address", "undefined"), ("thread",)])
def test_no_sanitizer_has_anything_to_say(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    done = subprocess.run(
        [check_program(sanitized(*kinds), tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == library().usable_kernels()


@on_linux
def test_the_tests_pass_with_every_access_checked(tmp_path: Path) -> None:
    """What Python hands over is checked too: addresses and sizes that torch's tensors have."""
    built = build(tmp_path, sanitized("address", "undefined"))
    assert built.library is not None, built.why_not
    runtime = subprocess.run(
        [*sanitized().command, "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    environment = {
        **os.environ,
        "LD_PRELOAD": runtime,
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
        "SMALLCODER_NATIVE": str(built.library),
    }
    files = [f"tests/core/test_native_{name}.py" for name in ("matrix", "cache", "step")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@on_linux
def test_arm64_gives_the_same_bits_however_it_is_called(tmp_path: Path) -> None:
    compiler, emulator = "aarch64-linux-gnu-gcc", "qemu-aarch64"
    for tool in (compiler, emulator):
        if not shutil.which(tool):
            pytest.skip(f"there is no {tool}")
    program = check_program(Toolchain((compiler, "-static"), "linux-arm64", WARNINGS), tmp_path)
    done = subprocess.run([emulator, "-cpu", "max", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["neon", "plain"]


@pytest.mark.parametrize("platform", ZIG_TARGETS)
def test_every_system_that_we_package_for_can_be_compiled_for(tmp_path: Path, platform: str) -> None:
    pytest.importorskip("ziglang")
    built = build(tmp_path, zig_toolchain(platform))
    assert built.library is not None, built.why_not
    beginning = BEGINNINGS[platform.partition("-")[0]]
    content = built.library.read_bytes()
    assert content.startswith(beginning)
    for table in TABLES[platform.partition("-")[2]]:  # none was left empty
        assert f"{table}\0".encode() in content, table
    if platform == this_platform():
        environment = {**os.environ, "SMALLCODER_NATIVE": str(built.library)}
        files = [f"tests/core/test_native_{name}.py" for name in ("matrix", "cache", "step")]
        subprocess.run([sys.executable, "-m", "pytest", "-q", *files], cwd=ROOT, env=environment, check=True)
