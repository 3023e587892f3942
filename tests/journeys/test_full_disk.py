"""A disk that is really full while a person writes and a model learns: nothing is lost, and all goes on."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.workers import tireless_model
from tests.journeys.pointer import Pointer
from tests.journeys.screen import screen
from tests.journeys.sight import START
from tests.journeys.test_teaching import PATIENCE_S, TIMEOUT_S, Person, project, steps_of_a_moment
from tests.journeys.test_writing import program, set_up
from trainer.spec.runs import Run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk, as root on Linux may"
)
DISK_MB, BLOCK = 64, 1 << 12


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)  # a run takes a moment to leave it


def fill(disk: Path) -> Path:
    """To the last block, as a download does that nobody watches."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(BLOCK))
        except OSError:
            return filling


@pytest.mark.timeout(TIMEOUT_S)
def test_a_full_disk_loses_nothing_and_all_goes_on_with_room_again(disk: Path, tmp_path: Path) -> None:
    home, folder = disk / "home", project(disk / "shelves", files=12)
    file, old = folder / "open.py", (folder / "open.py").read_text()
    for name in ("picture", "made"):
        (tmp_path / name).mkdir()
    set_up(home, tireless_model(tmp_path / "made"))
    run = Run(home / "data" / "runs" / "shelves")
    with screen(tmp_path / "picture") as seen:
        seen.patience_s = PATIENCE_S
        pointer = Pointer(seen, tmp_path)
        with program(seen, home, folder, file, start=START) as process:
            seen.activate("open.py")
            person = Person(seen, run)
            person.does("Teach a Model This Folder")
            pointer.wait("words", "13 files to learn from")
            steps_of_a_moment(seen, pointer)
            person.does_until("Start Learning", run.spec_file.exists, "a run")
            person.waits_for_steps(2)

            filling = fill(disk)
            seen.wait(lambda: not pointer.find("button", "Stop and Save"), "the run to end")
            said = [words.words for words in pointer.all_seen("words")]
            assert any("free some space" in words for words in said), said
            saved = run.steps_saved()
            seen.press("ctrl+1", "ctrl+End")
            seen.write("precious = 1")
            seen.press("ctrl+s")
            pointer.wait("words", "The disk is full, so ")
            assert file.read_text() == old
            assert run.steps_saved() == saved

            filling.unlink()
            pointer.click("button", "Try Again")
            seen.wait(lambda: file.read_text() == f"{old}precious = 1", "the text on the disk")
            before = person.steps()
            pointer.click("button", "Train")
            person.does_until("Go On Learning", lambda: run.claim() is not None, "the run again")
            seen.wait(lambda: person.steps() > before, "more steps")
            person.does_until("Stop Learning and Save", person.has_stopped, "a stop")
            process.terminate()
            assert process.wait(60) == 128 + 15
    assert json.loads((home / "settings" / "settings.json").read_text())["engine"]["model"]
