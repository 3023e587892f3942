"""A display of its own with a window manager: what is seen on it, and keys pressed as a person does."""

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE_S = 60.0
_WORDS = 25  # of the header of a picture in X's own format


class Screen:
    def __init__(self, settings: dict[str, str], picture: Path) -> None:
        self.settings = settings
        self.patience_s = PATIENCE_S
        self._picture = picture

    def windows(self) -> list[str]:
        """The titles of what can be seen."""
        found = self._run("xdotool", "search", "--onlyvisible", "--name", ".").split()
        return [self._run("xdotool", "getwindowname", id).strip() for id in found]

    def activate(self, title: str) -> None:
        self._run("xdotool", "search", "--sync", "--onlyvisible", "--name", title, "windowactivate", "--sync")

    def press(self, *keys: str) -> None:
        self._run("xdotool", "key", "--clearmodifiers", *keys)

    def write(self, text: str) -> None:
        self._run("xdotool", "type", "--delay", "40", "--", text)

    def click(self, x: int, y: int) -> None:
        self._run("xdotool", "mousemove", str(x), str(y), "click", "1")

    def turn_wheel(self, x: int, y: int, *, is_back: bool = False) -> None:
        """Towards the end of what is there, or back to its head."""
        way = "4" if is_back else "5"
        self._run("xdotool", "mousemove", str(x), str(y), "click", "--repeat", "3", way)

    def count(self, colour: str) -> int:
        """How many points have exactly this colour now, #rrggbb."""
        red, green, blue = bytes.fromhex(colour[1:])
        data = self._picture.read_bytes()
        header = struct.unpack(f">{_WORDS}I", data[: 4 * _WORDS])
        pixels = data[header[0] + header[19] * 12 :]  # behind the header and the table of colours
        assert header[11] == 32, "points of four bytes"
        return sum(pixels.count(bytes((blue, green, red, rest))) for rest in (0, 255))

    def wait(self, condition: Callable[[], bool], what: str, every_s: float = 0.05) -> None:
        deadline = time.monotonic() + self.patience_s
        while not condition():
            assert time.monotonic() < deadline, f"waited for {what}; there is {self.windows()}"
            time.sleep(every_s)

    def pause(self, seconds: float) -> None:
        """As a person does who looks."""
        time.sleep(seconds)

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command, env=self.settings, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout


@contextmanager
def screen(folder: Path) -> Iterator[Screen]:
    if not (shutil.which("Xvfb") and shutil.which("openbox") and shutil.which("xdotool")):
        pytest.skip("needs Xvfb, openbox and xdotool")
    command = [
        "Xvfb",
        "-displayfd",
        "1",
        "-screen",
        "0",
        "1024x768x24",
        "-nolisten",
        "tcp",
        "-r",  # no key repeats by itself, however late its release comes on a busy machine
        "-fbdir",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        settings = {**os.environ, "DISPLAY": f":{server.stdout.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
        with subprocess.Popen(["openbox"], env=settings, stderr=subprocess.DEVNULL) as manager:
            try:
                yield Screen(settings, folder / "Xvfb_screen0")
            finally:
                manager.terminate()
                server.terminate()
