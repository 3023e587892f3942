"""A person teaches a model their folder in the real window, with keys alone, and sees the suggestion change.

The run is stopped, gone on with, killed, and gone on with again on the way.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.spec.folders import embedded_model
from core.spec.messages import Event, Finished, Progress
from tests.journeys.screen import Screen, screen
from tests.journeys.test_writing import program, set_up
from trainer.spec.runs import Run

BEGUN = "value = 1\nresult = "
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the display is X's"),
    pytest.mark.skipif(not embedded_model().is_dir(), reason="needs the model that comes along"),
    pytest.mark.slow,
    pytest.mark.timeout(1800),
]


def project(folder: Path) -> Path:
    """With a habit that nobody else has."""
    folder.mkdir()
    for number in range(40):
        lines = (f"value = {line}\nresult = frobnicate_shelf(value, {number})\n\n" for line in range(60))
        (folder / f"shelf_{number}.py").write_text("".join(lines))
    (folder / "open.py").write_text(BEGUN)
    return folder


class Person:
    """Who knows the command palette."""

    def __init__(self, seen: Screen, run: Run) -> None:
        self._seen, self._run = seen, run

    def does(self, command: str) -> None:
        self._seen.press("ctrl+shift+p")
        self._seen.write(command)
        self._seen.press("Return")

    def does_until(self, command: str, condition: Callable[[], bool], what: str) -> None:
        """Once more where the window was not ready for it."""

        def is_so() -> bool:
            if condition():
                return True
            self.does(command)
            return False

        self._seen.wait(is_so, what, every_s=4)

    def waits_for_steps(self, more: int) -> None:
        before = self.steps()
        self._seen.wait(lambda: self.steps() >= before + more, f"{more} steps after {before}")

    def steps(self) -> int:
        return max((event.step for event in self.told() if isinstance(event, Progress)), default=0)

    def told(self) -> list[Event]:
        return list(self._run.events())

    def has_stopped(self) -> bool:
        told = self.told()
        return bool(told) and isinstance(told[-1], Finished) and self._run.claim() is None


def suggestion(seen: Screen, file: Path) -> str:
    """What is suggested behind the last word: taken, saved, and taken back."""
    seen.press("ctrl+1", "ctrl+End")

    def saved() -> str:
        seen.press("ctrl+s")
        seen.pause(0.5)
        return file.read_text()

    def is_taken() -> bool:
        seen.press("ctrl+space")
        seen.pause(2)
        seen.press("Tab")
        return saved().rstrip() != BEGUN.rstrip()  # where there is nothing to take, Tab indents

    def is_as_it_was() -> bool:
        seen.press("ctrl+z")
        return saved() == BEGUN

    seen.wait(is_taken, "a suggestion")
    text = file.read_text().removeprefix(BEGUN).strip()
    seen.wait(is_as_it_was, "the text as it was")
    return text


def test_a_model_learns_a_folder_and_suggests_something_else(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", project(tmp_path / "shelves")
    (tmp_path / "picture").mkdir()
    set_up(home, embedded_model())
    run = Run(home / "data" / "runs" / "shelves")
    with screen(tmp_path / "picture") as seen, program(seen, home, folder, folder / "open.py") as process:
        seen.patience_s = 300  # a run begins with importing PyTorch, on a machine that is busy with it
        seen.activate("open.py")
        before = suggestion(seen, folder / "open.py")
        person = Person(seen, run)
        person.does("Teach a Model This Folder")
        person.does_until("Start Learning", run.spec_file.exists, "a run")
        person.waits_for_steps(2)
        person.does_until("Stop Learning and Save", person.has_stopped, "a stop")
        person.does_until("Go On Learning", lambda: run.claim() is not None, "the run again")
        person.waits_for_steps(2)
        claim = run.claim()
        assert claim is not None
        os.kill(claim[0], signal.SIGKILL)
        person.does_until(
            "Go On Learning", lambda: run.claim() not in (None, claim), "the run after its kill"
        )
        person.waits_for_steps(6)
        person.does_until("Stop Learning and Save", person.has_stopped, "another stop")
        adapters = home / "data" / "adapters"
        person.does_until("Use What It Learnt", adapters.exists, "the adapter")
        seen.wait(
            lambda: "adapters" in (home / "settings" / "settings.json").read_text(), "the adapter in use"
        )
        seen.pause(5)  # the model is loaded with it
        after = suggestion(seen, folder / "open.py")
        assert "frobnicate" not in before
        assert after != before
        process.terminate()
        assert process.wait(60) == 128 + 15
