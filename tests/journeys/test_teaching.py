"""A person teaches a model their folder in the real window, with keys alone, and sees the suggestion change.

The run is stopped, gone on with, killed, and gone on with again on the way. A tiny model takes a minute, the
one that comes along takes several.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.spec.folders import embedded_model
from core.spec.messages import Event, Finished, Progress
from tests.app.workers import tireless_model
from tests.journeys.pointer import Pointer
from tests.journeys.screen import Screen, screen
from tests.journeys.sight import START
from tests.journeys.test_writing import program, set_up
from trainer.spec.runs import Run

BEGUN = "value = 1\nresult = "
PATIENCE_S = 300  # a run begins with importing PyTorch, on a machine that is busy with it
TIMEOUT_S = 900
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")


def project(folder: Path, files: int) -> Path:
    """With a habit that nobody else has."""
    folder.mkdir()
    for number in range(files):
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

    def is_taught_and_stopped_and_killed_on_the_way(self) -> None:
        run = self._run
        self.does_until("Start Learning", run.spec_file.exists, "a run")
        self.waits_for_steps(2)
        self.does_until("Stop Learning and Save", self.has_stopped, "a stop")
        self.does_until("Go On Learning", lambda: run.claim() is not None, "the run again")
        self.waits_for_steps(2)
        claim = run.claim()
        assert claim is not None
        os.kill(claim[0], signal.SIGKILL)
        self.does_until("Go On Learning", lambda: run.claim() not in (None, claim), "the run after its kill")
        self.waits_for_steps(6)
        self.does_until("Stop Learning and Save", self.has_stopped, "another stop")

    def uses_it(self, home: Path) -> None:
        adapters, settings = home / "data" / "adapters", home / "settings" / "settings.json"
        self.does_until("Use What It Learnt", adapters.exists, "the adapter")
        self._seen.wait(lambda: "adapters" in settings.read_text(), "the adapter in use")

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


@pytest.mark.timeout(TIMEOUT_S)
def test_a_tiny_model_learns_a_folder_and_suggests_something_else(tmp_path: Path) -> None:
    """Its curve is seen, it is stopped, gone on with, killed and gone on with, and used."""
    home, folder = tmp_path / "home", project(tmp_path / "shelves", files=24)
    for name in ("picture", "made"):
        (tmp_path / name).mkdir()
    set_up(home, tireless_model(tmp_path / "made"))
    with screen(tmp_path / "picture") as seen:
        seen.patience_s = PATIENCE_S
        pointer = Pointer(seen, tmp_path)
        with program(seen, home, folder, folder / "open.py", start=START) as process:
            seen.activate("open.py")
            pointer.wait("button", "tireless")
            before = suggestion(seen, folder / "open.py")
            run = Run(home / "data" / "runs" / "shelves")
            person = Person(seen, run)
            person.does("Teach a Model This Folder")
            pointer.wait("words", "25 files to learn from")
            steps_of_a_moment(seen, pointer)
            person.is_taught_and_stopped_and_killed_on_the_way()
            assert (run.spec().learning_rate, run.spec().context_tokens) == (0.02, 64)
            pointer.wait("chart", "Loss over Step. loss: last ")
            person.uses_it(home)
            pointer.wait("button", "tireless + ")
            after = suggestion(seen, folder / "open.py")
            assert after != before
            process.terminate()
            assert process.wait(60) == 128 + 15


def steps_of_a_moment(seen: Screen, pointer: Pointer) -> None:
    """Small ones, and each of them a leap: as much as a tiny model can bear."""
    page = (900, 600)
    pointer.scroll_to("button", "Advanced", *page)
    pointer.click("button", "Advanced")
    for words, value in (
        ("peak step size; none", "0.02"),
        ("length of a row", "64"),
        ("gradients make", "1"),
        ("without a better one", "0"),  # it goes on for as long as it is let
    ):
        pointer.scroll_to("field", "Find a setting", *page)
        pointer.click("field", "Find a setting")
        seen.press("ctrl+a")
        seen.write(words)
        seen.press("Tab", "ctrl+a")
        seen.write(value)
        seen.press("Return")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not embedded_model().is_dir(), reason="needs the model that comes along")
def test_the_model_that_comes_along_learns_a_folder(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", project(tmp_path / "shelves", files=40)
    (tmp_path / "picture").mkdir()
    set_up(home, embedded_model())
    with screen(tmp_path / "picture") as seen, program(seen, home, folder, folder / "open.py") as process:
        seen.patience_s = PATIENCE_S
        seen.activate("open.py")
        before = suggestion(seen, folder / "open.py")
        person = Person(seen, Run(home / "data" / "runs" / "shelves"))
        person.does("Teach a Model This Folder")
        person.is_taught_and_stopped_and_killed_on_the_way()
        person.uses_it(home)
        seen.pause(5)  # the model is loaded with it
        after = suggestion(seen, folder / "open.py")
        assert "frobnicate" not in before
        assert after != before
        process.terminate()
        assert process.wait(60) == 128 + 15
