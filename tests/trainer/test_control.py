"""Wishes that reach a run through its folder, whatever is done to the clock and to the folder meanwhile."""

import shutil
import threading
import time
from pathlib import Path

import pytest

from core.spec.errors import JobError
from tests.trainer.runs import go, new_run, tiny_spec
from trainer.claims import claimed
from trainer.control import Control, listen_to_folder
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, create_run, make_wish, summary

PATIENCE_S = 20


class Told(Control):
    """Says when something was heard."""

    def __init__(self) -> None:
        super().__init__()
        self.was_stopped, self.was_paused, self.went_on = (threading.Event() for _ in range(3))

    def stop(self) -> None:
        super().stop()
        self.was_stopped.set()

    def pause(self) -> None:
        super().pause()
        self.was_paused.set()

    def go_on(self) -> None:
        super().go_on()
        self.went_on.set()


def run_in(folder: Path) -> Run:
    return create_run(str(folder / "run"), TrainSpec(recipe="lora", model="m", data="d"))


def test_a_wish_is_heard_though_the_clock_was_set_back(tmp_path: Path) -> None:
    run, control = run_in(tmp_path), Told()
    make_wish(run, "pause")  # of a time before the process, and before the clock was set
    listen_to_folder(control, run, began_at=time.time() + 3600)
    make_wish(run, "stop")
    assert control.was_stopped.wait(PATIENCE_S)
    assert not control.was_paused.is_set()


def test_a_pause_lasts_as_long_as_was_wished_though_the_clock_was_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, control, now = run_in(tmp_path), Told(), time.time()
    listen_to_folder(control, run, began_at=now)
    make_wish(run, "pause", seconds=0.1)
    assert control.was_paused.wait(PATIENCE_S)
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    assert control.went_on.wait(PATIENCE_S)
    make_wish(run, "stop")
    assert control.was_stopped.wait(PATIENCE_S)


def test_a_run_that_a_process_works_at_is_listed_as_running(tmp_path: Path) -> None:
    run = run_in(tmp_path)
    with claimed(run):
        assert summary(run).state == "running"
    assert summary(run).state != "running"


def test_a_run_whose_folder_goes_ends_and_makes_no_other_one(tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", tiny_spec(tmp_path, validate_every=0))

    def go_away(_: object) -> None:
        shutil.rmtree(run.folder, ignore_errors=True)

    with pytest.raises(JobError, match=r"run is gone"):
        go(run, tell=go_away)
    assert not run.folder.exists()


def test_who_deletes_its_folder_stops_it(tmp_path: Path) -> None:
    run, control = run_in(tmp_path), Told()
    listen_to_folder(control, run, began_at=time.time())
    shutil.rmtree(run.folder)
    assert control.was_stopped.wait(PATIENCE_S)
