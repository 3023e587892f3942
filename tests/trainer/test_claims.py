"""One process a run."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from core.spec.errors import JobError
from tests.trainer.runs import new_run, tiny_spec
from trainer.claims import claimed
from trainer.spec.runs import Run, beginning, owner_of
from trainer.torchrun import is_first_process


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return new_run(tmp_path / "run", tiny_spec(tmp_path, "full"))


@pytest.fixture
def other() -> Iterator[psutil.Process]:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield psutil.Process(process.pid)
        process.communicate(b"\n")


def test_two_processes_cannot_share_a_run(run: Run, other: psutil.Process) -> None:
    run.lock_file.write_text(json.dumps({"pid": other.pid, "since": beginning(other)}))
    with pytest.raises(JobError, match=f"running already, as process {other.pid}"), claimed(run):
        pass
    assert owner_of(run) == other.pid
    other.kill()
    other.wait()
    with claimed(run):
        assert owner_of(run) == psutil.Process().pid
    assert owner_of(run) is None


@pytest.mark.skipif(
    not hasattr(psutil, "_pslinux"), reason="elsewhere the beginning of a process is written down"
)
def test_a_clock_that_is_set_makes_no_run_seem_dead(
    run: Run, other: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted = psutil.boot_time()
    run.lock_file.write_text(json.dumps({"pid": other.pid, "since": beginning(other)}))
    monkeypatch.setattr(psutil._pslinux, "boot_time", lambda: booted + 3600)
    assert owner_of(run) == other.pid
    with pytest.raises(JobError, match="is running already"), claimed(run):
        pass


def test_who_holds_it_may_ask_again_and_still_holds_it_then(run: Run) -> None:
    with claimed(run):
        with claimed(run):
            pass
        assert owner_of(run) == psutil.Process().pid
    assert not run.lock_file.exists()


def test_what_a_killed_process_left_half_written_is_cleared_away(run: Run) -> None:
    torn = run.checkpoints / ".step-00000004.123.new"
    torn.mkdir(parents=True)
    with claimed(run):
        assert not torn.exists()


def test_of_processes_that_were_started_together_one_keeps_the_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RANK", "1")  # of something else than torchrun
    assert is_first_process()
    monkeypatch.setenv("LOCAL_RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not is_first_process()  # of the second machine
    monkeypatch.setenv("RANK", "0")
    assert is_first_process()


CLAIMING = """
import sys, main
import trainer.claims

def claimed(run):
    sys.exit(f"claims {run.name}, torch is {'torch' in sys.modules and 'loaded' or 'not there'}")

trainer.claims.claimed = claimed
main.main()
"""


@pytest.mark.parametrize("action", ["resume", "judge"])
def test_a_run_is_claimed_before_torch_is_loaded(run: Run, action: str) -> None:
    """Which takes seconds, in which a window may offer to delete it."""
    command = [sys.executable, "-c", CLAIMING, "train", action, str(run.folder)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.stderr == "claims run, torch is not there\n"
