"""What the program needs of a Linux system, tried rather than guessed, and the Debian packages that hold it.

Installs nothing and asks nothing: installer.py does. On other systems the pinned packages bring all of it.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import which

# What Qt 6.11 loads (readelf -d). Qt's own message names one library, whichever is missing.
QT_LIBRARIES = [
    *("libEGL.so.1", "libGL.so.1", "libX11.so.6", "libdbus-1.so.3", "libfontconfig.so.1", "libfreetype.so.6"),
    *("libglib-2.0.so.0", "libxkbcommon.so.0", "libz.so.1", "libzstd.so.1"),
    *("libgssapi_krb5.so.2", "libbrotlidec.so.1"),  # of QtNetwork, by which two starts find each other
]
XCB_LIBRARIES = [
    *("libX11-xcb.so.1", "libxcb.so.1", "libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-image.so.0"),
    *("libxcb-keysyms.so.1", "libxcb-randr.so.0", "libxcb-render.so.0", "libxcb-render-util.so.0"),
    *("libxcb-shape.so.0", "libxcb-shm.so.0", "libxcb-sync.so.1", "libxcb-util.so.1", "libxcb-xfixes.so.0"),
    *("libxcb-xkb.so.1", "libxkbcommon-x11.so.0"),
]
WAYLAND_LIBRARIES = ["libwayland-client.so.0", "libwayland-cursor.so.0"]
OLD_NAMES = {"libz.so.1": "zlib1g", "libglib-2.0.so.0": "libglib2.0-0", "libbrotlidec.so.1": "libbrotli1"}
# What libraries read as they start, and by what a person says that it lies elsewhere. Debian's packages of
# the libraries bring it along; the packaged app does not, and without it letters or keys are missing.
DATA = {
    "/etc/fonts/fonts.conf": ("fontconfig-config", ("FONTCONFIG_FILE", "FONTCONFIG_PATH")),
    "/usr/share/X11/xkb": ("xkb-data", ("XKB_CONFIG_ROOT",)),
}
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
FONT_ENDINGS = (".ttf", ".otf", ".ttc", ".pfb")
TEST_PROGRAMS = {
    **{"Xvfb": "xvfb", "xauth": "xauth", "openbox": "openbox"},
    **{"xprop": "x11-utils", "xdotool": "xdotool"},
}
COMPILER = {"a C compiler": "gcc", "the headers of the C library": "libc6-dev"}


def missing_for_pip() -> dict[str, str]:
    """Debian keeps ensurepip, from which pip comes, apart from Python."""
    if sys.platform != "linux" or find_spec("ensurepip"):
        return {}
    return {"ensurepip": f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"}


def missing_for_window() -> dict[str, str]:
    if sys.platform != "linux":
        return {}
    platform = WAYLAND_LIBRARIES if os.environ.get("WAYLAND_DISPLAY") else XCB_LIBRARIES
    return {**missing_libraries(QT_LIBRARIES + platform), **missing_data(), **missing_font()}


def missing_for_tests() -> dict[str, str]:
    if sys.platform != "linux":
        return {}
    programs = {program: package for program, package in TEST_PROGRAMS.items() if not which(program)}
    compiler = {} if has_compiler() else COMPILER
    libraries = missing_libraries(QT_LIBRARIES + XCB_LIBRARIES)
    return {**libraries, **missing_data(), **missing_font(), **programs, **compiler}


def missing_libraries(sonames: list[str]) -> dict[str, str]:
    import ctypes

    missing = {}
    for soname in sonames:
        try:
            ctypes.CDLL(soname)
        except OSError:
            missing[soname] = package_of(soname)
    return missing


def package_of(soname: str) -> str:
    """Debian's policy makes a library package's name from the soname; OLD_NAMES are older than the policy."""
    stem, _, version = soname.lower().replace("_", "-").partition(".so.")
    return OLD_NAMES.get(soname) or (f"{stem}-{version}" if stem[-1].isdigit() else stem + version)


def missing_data() -> dict[str, str]:
    return {
        place: package
        for place, (package, names) in DATA.items()
        if not (os.path.exists(place) or any(os.environ.get(name) for name in names))
    }


def missing_font() -> dict[str, str]:
    for folder in FONT_FOLDERS:
        for _, _, files in os.walk(os.path.expanduser(folder)):
            if any(file.lower().endswith(FONT_ENDINGS) for file in files):
                return {}
    return {"any font": "fonts-dejavu-core"}


def has_compiler() -> bool:
    import subprocess

    compiler = which(os.environ.get("CC", "cc")) or which("gcc")
    if not compiler:
        return False
    command = [compiler, "-fsyntax-only", "-x", "c", "-"]
    program = b"#include <stdio.h>\n"
    return subprocess.run(command, input=program, capture_output=True, check=False).returncode == 0


def has_apt() -> bool:
    return which("apt-get") is not None


def apt_text(packages: list[str]) -> str:
    """What a person would type; a fresh system has no lists of packages yet."""
    rights = "" if os.geteuid() == 0 else "sudo "
    update = "" if any(Path("/var/lib/apt/lists").glob("*_Packages*")) else f"{rights}apt-get update && "
    return f"{update}{rights}apt-get install -y --no-install-recommends {' '.join(packages)}"


def apt_command(*arguments: str) -> list[str]:
    rights = [] if os.geteuid() == 0 else ["sudo"]
    patience = ["-o", "DPkg::Lock::Timeout=300"]
    return [*rights, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *patience, *arguments]
