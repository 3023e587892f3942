"""What the sandbox costs a sample, and a question of its tests: `python -m tests.benchmarks.sandbox --help`.

Warm (copies of a template) and cold (two fresh Pythons) are measured in turn, so that what else this machine
does weighs on both.
"""

import argparse
import os
import statistics
import time

from core import report
from trainer.bench.tasks import own_suite
from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox

COLD_EVERY = 5
LIMITS = Limits(seconds=60.0)
QUESTIONS = 2000
ASKING = f"""
import time
before = time.perf_counter()
for number in range({QUESTIONS}):
    f(number)
raise SystemExit(f"{{(time.perf_counter() - before) * 1e6 / {QUESTIONS}:.0f}} us")
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=200)
    samples: int = parser.parse_args().samples
    seconds: dict[str, list[float]] = {"warm": [], "cold": [], "own tasks, warm": []}
    tasks = own_suite().tasks
    with Sandbox() as warm, Sandbox(is_warm=False) as cold:
        held = warm.confinement.holds
        for number in range(samples):
            seconds["warm"].append(_measured(warm))
            if number % COLD_EVERY == 0:
                seconds["cold"].append(_measured(cold))
            task = tasks[number % len(tasks)]
            verdict = warm.run(
                task.program(task.middle), task.tests, entry_point=task.entry_point, limits=LIMITS
            )
            seconds["own tasks, warm"].append(verdict.seconds)
        asked = warm.run("def f(x): return x", ASKING, entry_point="f", limits=LIMITS)
    report.say(f"fence: {', '.join(held)}; load {os.getloadavg()[0]:.1f}")
    for name, values in seconds.items():
        values.sort()
        middle, high = statistics.median(values), values[int(0.95 * (len(values) - 1))]
        shown = ", ".join(f"{1000 * value:.1f}" for value in (values[0], middle, high))
        report.say(f"{name}: least, p50, p95 of {len(values)} in ms: {shown}")
    report.say(f"a question of the tests: {asked.message.rpartition('SystemExit: ')[2]}")
    return 0


def _measured(sandbox: Sandbox) -> float:
    before = time.perf_counter()
    verdict = sandbox.run("def f(x): return x + 1", "assert f(1) == 2", entry_point="f", limits=LIMITS)
    assert verdict.passed, verdict
    return time.perf_counter() - before


if __name__ == "__main__":
    raise SystemExit(main())
