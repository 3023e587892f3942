"""How soon the worker answers and how soon it stops: `python -m tests.benchmarks.serving --help`.

Every figure is of real processes that speak over their real pipes: a cold process to its greeting and to its
first token, the first token after a keystroke, and the time from a cancel to the last word.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core import report
from core.spec.presets import PRESETS
from tests.benchmarks.memory import make_model

ROOT = Path(__file__).parents[2]
COLD_STARTS, CANCELS, KEYSTROKES = 5, 40, 30
CODE = "def total(prices, rate):\n    return sum(price * rate for price in prices)\n\n\n"


class Client:
    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "main.py", "serve"],
            **{"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": ROOT, "env": environment},
        )
        self._next_id = 0

    def ask(self, kind: str, **values: Any) -> int:
        self._next_id += 1
        line = json.dumps({"type": kind, "id": self._next_id, **values}) + "\n"
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        return self._next_id

    def cancel(self, id: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"type": "cancel", "id": id}).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, *kinds: str) -> dict[str, Any]:
        """The next message of one of these kinds."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if message["type"] in kinds:
                return message
            assert message["type"] != "failed", message
        raise AssertionError("the worker has ended")

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", choices=list(PRESETS), help="preset; may be repeated")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    placement = {"device": "cpu", "precision": arguments.precision, "threads": arguments.threads}
    rows = []
    for name in arguments.model or ["smallcoder-nano", "smallcoder-medium"]:
        with tempfile.TemporaryDirectory() as folder:
            make_model(Path(folder), name)
            rows.append({"model": name, **measured(Path(folder), name, placement)})
        report.say(f"{name} as {arguments.precision}")
        for key, value in rows[-1].items():
            if key != "model":
                report.say(f"  {key:32}{value:8.1f}")
    if arguments.json:
        report.say_json(rows)
    return 0


def measured(folder: Path, name: str, placement: dict[str, Any]) -> dict[str, float]:
    environment = {**os.environ, "SMALLCODER_HOME": str(folder / "home")}
    load = {"path": str(folder / name), "placement": placement}
    with client(environment) as first:  # packs the weights, which is done once for ever
        first.ask("load", **load)
        first.hear("loaded")
    colds = [cold(environment, load) for _ in range(COLD_STARTS)]
    with client(environment) as worker:
        worker.ask("load", **load)
        worker.hear("loaded")
        keystrokes = list(keystroke_times(worker))
        cancels = list(cancel_times(worker))
    return {
        "cold to greeting, ms, p50": statistics.median(greeting for greeting, _ in colds),
        "cold to first token, ms, p50": statistics.median(token for _, token in colds),
        "keystroke to first token, ms, p50": statistics.median(keystrokes),
        "keystroke to first token, ms, p95": _p95(keystrokes),
        "cancel to last word, ms, p50": statistics.median(cancels),
        "cancel to last word, ms, p95": _p95(cancels),
    }


def cold(environment: dict[str, str], load: dict[str, Any]) -> tuple[float, float]:
    started = time.perf_counter()
    with client(environment) as worker:
        worker.hear("hello")
        greeting = time.perf_counter() - started
        worker.ask("load", **load)
        worker.hear("loaded")
        worker.ask("complete", prefix=CODE, sampling={"max_tokens": 8, "repetition_penalty": 1.01})
        worker.hear("text", "done")
        return greeting * 1000, (time.perf_counter() - started) * 1000


def keystroke_times(worker: Client) -> Iterator[float]:
    """About a thousand tokens have been read; a few letters more are typed behind them."""
    text = CODE * 40
    for number in range(KEYSTROKES + 1):
        text += f"x{number} "
        started = time.perf_counter()
        worker.ask("complete", prefix=text, sampling={"max_tokens": 1})
        worker.hear("text", "done")
        elapsed = time.perf_counter() - started
        if number:  # the first one reads it all
            yield elapsed * 1000
        worker.ask("count", text="")  # the answer may have had an end of its own still to come
        worker.hear("counted")


def cancel_times(worker: Client) -> Iterator[float]:
    for number in range(CANCELS):
        id = worker.ask(
            "complete", prefix=CODE + "#" * number, sampling={"max_tokens": 400, "temperature": 1.0}
        )
        worker.hear("text", "done")
        started = time.perf_counter()
        worker.cancel(id)
        worker.hear("done")
        yield (time.perf_counter() - started) * 1000


@contextmanager
def client(environment: dict[str, str]) -> Iterator[Client]:
    worker = Client(environment)
    try:
        yield worker
    finally:
        worker.end()


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
