"""The real program on a real display: typed into, suggested to, saved, closed, opened again."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from app.theme import LIGHT
from tests.app.workers import tireless_model
from tests.journeys.screen import PATIENCE_S, Screen, screen

ROOT = Path(__file__).parents[2]
START = "import sys; sys.path.insert(0, ''); import main; sys.exit(main.main())"
ENOUGH_GREY = 10  # points, of many that a few letters have

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the display is X's")


@contextmanager
def program(on: Screen, home: Path, *paths: Path, start: str = START) -> Iterator["subprocess.Popen[str]"]:
    """Whatever becomes of the test, none of it is left."""
    command = [sys.executable, "-c", start, *map(str, paths)]
    settings = on.settings | {"SMALLCODER_HOME": str(home)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=ROOT, env=settings, text=True, **streams) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    said, _ = process.communicate(timeout=PATIENCE_S)
    return process.returncode, said


def workers_of(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children()


def worker_of(process: "subprocess.Popen[str]") -> psutil.Process:
    [worker] = workers_of(process)
    return worker


def set_up(home: Path, model: Path) -> None:
    (home / "settings").mkdir(parents=True)
    settings = {
        "format": 1,
        # large letters have strokes that are wholly in their colour
        "appearance": {"theme": "light", "code_size": 22.0},
        "engine": {"model": str(model), "precision": "fp32", "device": "cpu", "threads": 1},
        "completion": {"least_chance": 0.0},
        "budget": {"ram_mb": 0},  # whatever else runs on the machine that tests this
    }
    (home / "settings" / "settings.json").write_text(json.dumps(settings))


def is_suggested(seen: Screen) -> bool:
    """Asked for by hand, since what was typed before the model was there has had no answer."""
    seen.press("ctrl+space")
    deadline = time.monotonic() + 2
    while seen.count(LIGHT.ghost) < ENOUGH_GREY and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen.count(LIGHT.ghost) >= ENOUGH_GREY


def test_a_person_writes_with_the_model_and_goes_on_the_next_day(tmp_path: Path) -> None:
    home, file, other = tmp_path / "home", tmp_path / "sums.py", tmp_path / "other.py"
    (tmp_path / "picture").mkdir()
    (tmp_path / "made").mkdir()
    set_up(home, tireless_model(tmp_path / "made"))
    file.write_text("def add(first, second):\n    return first + second\n\n\n")
    other.write_text("x = 1\n")
    with screen(tmp_path / "picture") as seen:
        with program(seen, home, file) as process:
            seen.activate("sums.py")
            seen.wait(lambda: bool(workers_of(process)), "the engine")
            seen.press("ctrl+End")
            seen.write("total = ad")
            seen.wait(lambda: is_suggested(seen), "grey text")
            seen.press("ctrl+s")
            seen.wait(lambda: file.read_text().endswith("total = ad"), "the text without what is grey")
            seen.press("Tab", "ctrl+s")
            seen.wait(
                lambda: "total = ad" in file.read_text() and not file.read_text().endswith("ad"),
                "the suggestion",
            )
            seen.press("ctrl+z", "ctrl+s")
            seen.wait(lambda: file.read_text().endswith("total = ad"), "one undo to take it all back")

            killed = worker_of(process)
            killed.kill()
            seen.wait(lambda: workers_of(process) not in ([], [killed]), "the engine to come again")

            with program(seen, home, other) as second:
                assert ended(second) == (0, "")
            seen.wait(lambda: any("other.py" in title for title in seen.windows()), "the file handed over")
            worker = worker_of(process)
            seen.press("alt+F4")
            assert ended(process) == (0, "")
            seen.wait(lambda: not worker.is_running(), "the engine to end")

        with program(seen, home) as process:
            seen.wait(lambda: any("other.py" in title for title in seen.windows()), "the tabs of yesterday")
            process.terminate()
            assert ended(process) == (128 + 15, "")


def test_unsaved_text_is_asked_about_and_escape_stays(tmp_path: Path) -> None:
    (tmp_path / "picture").mkdir()
    with screen(tmp_path / "picture") as seen, program(seen, tmp_path / "home") as process:
        seen.activate("SmallCoder")
        seen.press("ctrl+n")
        seen.wait(lambda: any("Untitled-1" in title for title in seen.windows()), "a new text")
        seen.write("precious")
        seen.press("ctrl+q")
        seen.wait(lambda: len(seen.windows()) > 1, "the question")
        seen.press("Escape")
        seen.wait(lambda: len(seen.windows()) == 1, "the question to go")
        process.terminate()  # a polite kill asks nothing, and keeps what was not saved
        assert ended(process)[0] == 128 + 15
        with program(seen, tmp_path / "home") as again:
            seen.wait(lambda: any("Untitled-1" in title for title in seen.windows()), "the unsaved text")
            again.terminate()
            assert ended(again)[0] == 128 + 15
