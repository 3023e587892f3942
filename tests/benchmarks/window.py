"""How soon the window is seen, what it holds, what it costs idle, and whether it stalls:
`python -m tests.benchmarks.window --help`.

Every figure is of real processes on a display of its own (Xvfb and openbox), started as a person starts them.
A stall is told by a timer that should fire every few milliseconds: how late it comes is what a person waits.
"""

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from core import report

ROOT = Path(__file__).parents[2]
STARTS, IDLE_S, SETTLE_S = 7, 60, 3.0
LOADS = ("nothing", "generating", "loading", "burning", "training", "standing-back", "opening", "models")
MB = 1024 * 1024
PATIENCE_S = 60


@contextlib.contextmanager
def display() -> Iterator[dict[str, str]]:
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "1440x900x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        number = server.stdout.readline().strip()
        settings = {**os.environ, "DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb"}
        with subprocess.Popen(
            ["openbox"], env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as manager:
            try:
                yield settings
            finally:
                manager.terminate()
                server.terminate()


@contextlib.contextmanager
def window(settings: dict[str, str], *paths: str) -> Iterator[tuple[psutil.Process, float]]:
    """The process, and the seconds until its window was seen."""
    find = ["xdotool", "search", "--onlyvisible", "--name", "SmallCoder$"]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "main.py", *paths], cwd=ROOT, env=settings)
    try:
        while subprocess.run(find, env=settings, capture_output=True, check=False).returncode != 0:
            assert time.perf_counter() - started < PATIENCE_S, "no window came"
            assert process.poll() is None, "the window has ended"
        seen_s = time.perf_counter() - started
        yield psutil.Process(process.pid), seen_s
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def resident_mb(process: psutil.Process) -> float:
    return process.memory_info().rss / MB


def workers(process: psutil.Process) -> list[psutil.Process]:
    return [child for child in process.children(recursive=True) if child.is_running()]


def measure_start(settings: dict[str, str]) -> dict[str, Any]:
    seconds = []
    for _ in range(STARTS):
        with window(settings) as (_, seen_s):
            seconds.append(seen_s)
    return {"visible_s": round(statistics.median(seconds), 3), "slowest_s": round(max(seconds), 3)}


def measure_rest(settings: dict[str, str], idle_s: float) -> dict[str, Any]:
    """Memory, and the share of one core, of a window nobody touches."""
    with window(settings, str(ROOT / "main.py")) as (process, _):
        time.sleep(SETTLE_S)
        found = {"window_mb": round(resident_mb(process))}
        before = process.cpu_times()
        time.sleep(idle_s)
        after = process.cpu_times()
    spent = after.user + after.system - before.user - before.system
    return found | {"idle_cpu_percent": round(100 * spent / idle_s, 2)}


def measure_worker(settings: dict[str, str]) -> dict[str, Any]:
    """With a worker that has started PyTorch and holds no model."""
    config = Path(settings["SMALLCODER_HOME"]) / "settings" / "settings.json"
    config.parent.mkdir(parents=True, exist_ok=True)
    from tests.app.workers import tireless_model

    folder = Path(settings["SMALLCODER_HOME"]) / "model"
    folder.mkdir()
    model = tireless_model(folder)
    config.write_text(json.dumps({"format": 1, "engine": {"model": str(model), "threads": 1}}))
    with window(settings) as (process, _):
        deadline = time.monotonic() + PATIENCE_S
        while not any(resident_mb(worker) > 150 for worker in workers(process)):
            assert time.monotonic() < deadline, "the worker has loaded nothing"
            time.sleep(0.2)
        time.sleep(SETTLE_S)
        sizes = [resident_mb(worker) for worker in workers(process)]
        return {"window_with_worker_mb": round(resident_mb(process)), "worker_mb": round(sum(sizes))}


def measure_stalls(settings: dict[str, str], load: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.benchmarks.window_stalls", load]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True)
    return {f"{load}_{key}": value for key, value in json.loads(done.stdout.splitlines()[-1]).items()}


def measurements(idle_s: float) -> Iterator[tuple[str, Callable[[dict[str, str]], dict[str, Any]]]]:
    yield "start", measure_start
    yield "rest", partial(measure_rest, idle_s=idle_s)
    yield "worker", measure_worker
    for load in LOADS:
        yield f"stalls {load}", partial(measure_stalls, load=load)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--idle-s", type=float, default=IDLE_S, help="how long to watch an idle window")
    parser.add_argument(
        "--only", choices=["start", "rest", "worker", "stalls"], help="one of the measurements"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {}
    with display() as settings:
        for name, measure in measurements(arguments.idle_s):
            if arguments.only not in (None, name.partition(" ")[0]):
                continue
            with tempfile.TemporaryDirectory() as home:
                found = measure(settings | {"SMALLCODER_HOME": home})
            figures |= found
            if not arguments.json:
                for key, value in found.items():
                    report.say(f"  {key:<32} {value}")
    if arguments.json:
        report.say_json([figures])
    return 0


if __name__ == "__main__":
    sys.exit(main())
