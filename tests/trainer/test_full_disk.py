"""A disk that is really full when a checkpoint is due: one sentence, nothing lost, and the run goes on."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.spec.errors import SmallCoderError
from core.spec.fields import to_json
from tests.trainer.runs import go, new_run, saved_files, tiny_spec
from trainer.spec.runs import Run

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk, as root on Linux may"
)
DISK_BYTES = 16 << 20
PAGE_BYTES = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def leave(disk: Path, room: int) -> Path:
    """Fills it up but for so much."""
    filling = disk / "filling"
    filling.unlink(missing_ok=True)
    status = os.statvfs(disk)
    with filling.open("wb") as file:
        for _ in range(status.f_bavail - room // PAGE_BYTES):
            file.write(bytes(PAGE_BYTES))
    return filling


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_a_full_disk_costs_a_run_nothing_but_time(disk: Path, tmp_path: Path) -> None:
    spec = tiny_spec(tmp_path, "full", checkpoint_every=2, validate_every=0)
    whole = new_run(tmp_path / "whole", spec)
    go(whole)
    run = new_run(disk / "run", spec)
    go(run, stop_at=2)
    kept, size = saved_files(run), size_of(run.checkpoint(2))
    said = []
    for room in (0, PAGE_BYTES, size // 2, size - 4 * PAGE_BYTES, size - PAGE_BYTES, size):
        filling = leave(disk, room)
        with pytest.raises(SmallCoderError) as caught:
            go(run)
        filling.unlink()
        said.append(str(caught.value))
        assert run.steps_saved() == [2], said
        assert saved_files(run) == kept
        assert sorted(path.name for path in run.checkpoint(2).parent.iterdir()) == ["step-00000002"]
        assert to_json(Run(run.folder).spec()) == to_json(spec)
    assert all("ree some space" in sentence and "\n" not in sentence for sentence in said), said
    assert any("has only" in sentence for sentence in said), said  # seen before anything was written
    assert any("The disk is full" in sentence for sentence in said), said  # in the middle of writing
    assert not go(run).stopped
    assert saved_files(run) == saved_files(whole)
