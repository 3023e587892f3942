"""App: the packaged programs, started as by someone who has nothing; its window is driven as a person does.

What must then be so is in check_build.py.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from archives import app_folder, inner_folder

from tests.journeys.screen import Screen

MB = 1e6
ENOUGH_GREY = 10
_ENDING = ".exe" if sys.platform == "win32" else ""


class App:
    """The packaged programs, with a home that is empty at first. `entering`: what a command begins with to
    run in another system than this one."""

    def __init__(self, place: Path, home: Path, entering: Sequence[str] = ()) -> None:
        self.inside, self.home, self.entering = inner_folder(place), home, entering
        self.window, self.command = (
            [*entering, str(app_folder(place) / f"{name}{_ENDING}")]
            for name in ("smallcoder", "smallcoder-cli")
        )
        nothing = home / "no programs"
        nothing.mkdir()
        kept = ("SYSTEMROOT", "TEMP", "TMP") if sys.platform == "win32" else ()
        self.settings = {name: os.environ[name] for name in kept if name in os.environ}
        self.settings |= {
            "HOME": str(home),
            "USERPROFILE": str(home),
            "PATH": str(nothing),
            "LANG": "C.UTF-8",
        }

    def run(self, *words: str | Path, **more: str) -> str:
        """What it said on standard output; it must end well, and say nothing else worth a warning."""
        done = subprocess.run(
            [*self.command, *map(str, words)],
            env=self.settings | more,
            cwd=self.home,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


def spent_s(process: "subprocess.Popen[Any]") -> float:
    """Of a processor, so far."""
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


@contextmanager
def shown(app: App, on: Screen, *paths: Path) -> Iterator[tuple["subprocess.Popen[str]", float]]:
    """The window's process, and the seconds until it was seen."""
    settings = app.settings | {"DISPLAY": on.settings["DISPLAY"]}
    started = time.perf_counter()
    command = [*app.window, *map(str, paths)]
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, env=settings, cwd=app.home, **streams) as process:
        try:
            on.wait(lambda: process.poll() is not None or bool(on.windows()), "the window")
            assert process.poll() is None, process.communicate()[0]
            yield process, time.perf_counter() - started
        finally:
            process.kill()


def prepare(app: App) -> None:
    """The engine that comes along, never shy, and letters large enough to be counted."""
    from core.spec.folders import settings_folder

    folder = app.home / settings_folder().relative_to(Path.home())
    folder.mkdir(parents=True)
    settings = {
        "format": 1,
        "appearance": {"theme": "light", "code_size": 22.0},
        "completion": {"least_chance": 0.0},
    }
    (folder / "settings.json").write_text(json.dumps(settings))


def write_a_line(
    seen: Screen, process: "subprocess.Popen[str]", file: Path, measured: dict[str, Any]
) -> None:
    from app.theme import LIGHT

    before = file.read_text()
    seen.activate("sums.py")
    began = time.perf_counter()
    seen.wait(lambda: bool(psutil.Process(process.pid).children()), "the engine")
    seen.press("ctrl+End")
    seen.write("def main():")
    seen.press("Return")

    def is_suggested() -> bool:
        seen.press("ctrl+space")
        return soon(lambda: seen.count(LIGHT.ghost) >= ENOUGH_GREY)

    seen.wait(is_suggested, "grey text")
    measured["suggestion_s_at_most"] = round(time.perf_counter() - began, 1)
    everything = psutil.Process(process.pid)
    measured["window_mb"] = round(everything.memory_info().rss / MB)
    measured["engine_mb"] = round(sum(child.memory_info().rss for child in everything.children()) / MB)
    seen.press("Tab", "ctrl+s")
    typed = before + "def main():\n    "
    seen.wait(
        lambda: file.read_text().startswith(typed) and len(file.read_text().rstrip()) > len(typed), "the line"
    )


def soon(condition: Callable[[], bool], within_s: float = 2.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
