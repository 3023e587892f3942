"""Ours beside another program that takes one of two cores: `python -m tests.benchmarks.neighbour --help`.

What is aimed at is that two threads beside such a neighbour write nearly as fast as one thread does alone:
they may not wait for the core that is taken. One thread alone, two threads alone, and two threads while a
neighbour burns take turns.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core import report
from tests.benchmarks.peers import OURS, SHAPES, Contender, make

BURNING = "while True: pass"
SECONDS_UNTIL_TRIED = 3  # a thread given up is tried again within two


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smallcoder-medium", choices=SHAPES, help="shape")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="keeps models for the next run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.folder or Path(scratch)).absolute() / arguments.model
        if not folder.exists():
            make(folder, arguments.model)
        for name in OURS:
            compare(name, folder, arguments.rounds)
    return 0


def compare(name: str, folder: Path, rounds: int) -> None:
    environment = os.environ | {"SMALLCODER_HOME": str(folder / "home")}
    one, two = (Contender(name, folder, threads, environment) for threads in (1, 2))
    times: dict[str, list[float]] = {"one thread": [], "two threads": [], "two, with a neighbour": []}
    for _ in range(rounds):
        times["one thread"].append(one.seconds("decode"))
        write_for(two, SECONDS_UNTIL_TRIED)
        times["two threads"].append(two.seconds("decode"))
        with neighbour():
            times["two, with a neighbour"].append(two.seconds("decode"))
    one.end()
    two.end()
    alone = statistics.median(times["one thread"])
    for what, found in times.items():
        seconds = statistics.median(found)
        report.say(f"{name}, {what}: {1 / seconds:.1f} tokens/s, {alone / seconds:.2f} of one thread alone")


def write_for(contender: Contender, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        contender.seconds("decode")


@contextmanager
def neighbour() -> Iterator[None]:
    burning = subprocess.Popen([sys.executable, "-c", BURNING])
    try:
        yield
    finally:
        burning.kill()
        burning.wait()


if __name__ == "__main__":
    sys.exit(main())
