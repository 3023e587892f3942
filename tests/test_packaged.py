"""What the packaged app does at its start, tried without one; packaging/check_build.py tries it in one."""

import os
import sys
from pathlib import Path

import pytest

from bootstrap import packaged, system_packages
from bootstrap.installer import SetupError

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="other systems find libraries in other ways")


@only_linux
@pytest.mark.parametrize("before", ["/opt/theirs", None])
def test_what_is_started_finds_the_systems_libraries(
    monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/smallcoder/_internal")
    monkeypatch.setenv("_PYI_PARENT_PROCESS_LEVEL", "1")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    packaged.restore_environment()
    assert os.environ.get("LD_LIBRARY_PATH") == before
    assert not [name for name in os.environ if name.startswith("_PYI") or name == "LD_LIBRARY_PATH_ORIG"]


@only_linux
def test_a_library_of_the_display_that_is_missing_is_named_and_nothing_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    packaged.check_system()
    monkeypatch.setattr(system_packages, "QT_LIBRARIES", ["libEGL.so.1", "libnever.so.7"])
    with pytest.raises(
        SetupError, match=r"The window needs what this system lacks \(libnever\.so\.7\): install it"
    ):
        packaged.check_system()


@only_linux
def test_what_came_along_is_not_named_as_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It cannot be loaded where a library of the system is missing that it needs."""
    monkeypatch.setattr(system_packages, "QT_LIBRARIES", ["libours.so.1", "libnever.so.7"])
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path), raising=False)
    (tmp_path / "libours.so.1").touch()
    with pytest.raises(SetupError, match=r"lacks \(libnever\.so\.7\)"):
        packaged.check_system()
    monkeypatch.setattr(system_packages, "QT_LIBRARIES", ["libours.so.1"])
    with pytest.raises(SetupError, match=r"lacks \(libours\.so\.1\)"):
        packaged.check_system()


@only_linux
def test_what_libraries_read_as_they_start_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it a window comes without letters, or hears no key."""
    monkeypatch.setattr(system_packages, "DATA", {"/nowhere/xkb": ("xkb-data", ("XKB_CONFIG_ROOT",))})
    with pytest.raises(SetupError, match=r"lacks \(/nowhere/xkb\): .*xkb-data"):
        packaged.check_system()
    monkeypatch.setenv("XKB_CONFIG_ROOT", "/elsewhere")
    packaged.check_system()


@only_linux
def test_who_started_it_from_a_menu_sees_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By a program of the desktop, for what is written to standard error goes where nobody looks."""
    said = tmp_path / "said"
    dialog = tmp_path / "xmessage"
    dialog.write_text(f"#!/bin/sh\nprintf '%s' \"$2\" >{said}\n")
    dialog.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(system_packages, "QT_LIBRARIES", ["libnever.so.7"])
    with pytest.raises(SetupError) as raised:
        packaged.check_system()
    assert said.read_text() == str(raised.value)


def test_a_program_without_streams_can_be_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(sys, "stderr", None)
    packaged.open_streams()
    assert sys.stderr is not None
    sys.stderr.write("nobody reads this\n")
    sys.stderr.close()
