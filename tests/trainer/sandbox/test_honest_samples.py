"""Samples that mean well pass across the two processes as they would in one, and are told what was wrong."""

import time
import tomllib
from pathlib import Path

import pytest

from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox

HONEST = tomllib.loads(Path(__file__).with_name("honest_samples.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", HONEST.values(), ids=HONEST)
def test_an_honest_sample_passes(sandbox: Sandbox, quick: Limits, case: dict[str, str]) -> None:
    verdict = sandbox.run(case["sample"], case["tests"], entry_point=case["entry_point"], limits=quick)
    assert verdict.passed, verdict


def test_what_is_printed_is_kept_up_to_a_length(sandbox: Sandbox) -> None:
    sample = """
import sys
print('loaded')
def f():
    print('é' * 10)
    sys.stderr.write('warned\\n')
    print('x' * 1000)
"""
    limits = Limits(seconds=20.0, output_bytes=50)
    verdict = sandbox.run(sample, "f()", entry_point="f", limits=limits)
    assert verdict.passed
    assert verdict.stdout.startswith("loaded\n" + "é" * 10 + "\nwarned\nxxx")
    assert len(verdict.stdout.encode()) == 50


def test_what_is_printed_before_the_time_is_over_is_kept(sandbox: Sandbox) -> None:
    sample = "def f():\n    print('begun')\n    while True: pass"
    verdict = sandbox.run(sample, "f()", entry_point="f", limits=Limits(seconds=1.5))
    assert (verdict.outcome, verdict.stdout) == ("timeout", "begun\n")


def test_slow_is_not_wrong(sandbox: Sandbox) -> None:
    before = time.monotonic()
    sample = "import time\ndef f():\n    time.sleep(1)\n    return 1"
    verdict = sandbox.run(sample, "assert f() == 1", entry_point="f", limits=Limits(seconds=30.0))
    assert verdict.passed
    assert 1 <= verdict.seconds <= time.monotonic() - before


IN_A_LOOP = """
def test():
    for x in (0, 1, 2):
        assert f(x) == x * x, f'square of {x}'
test()
"""
HANDS_OVER_A_FILE = "f(open('x', 'w'))"
FAULTS = {
    "a wrong answer": ("def f(x): return x", "assert f(2) == 4", "failed", ["line 1: f(2) == 4", "was 2."]),
    "one of many": ("def f(x): return x", IN_A_LOOP, "failed", ["line 4: f(x) == x * x (square of 2)"]),
    "an exception": ("def f(x): raise ValueError('bad')", "f(2)", "error", ["ValueError: bad", "line 1"]),
    "an exception when loaded": ("1 / 0", "f(2)", "error", ["cannot be loaded", "ZeroDivisionError"]),
    "no such function": ("def g(x): return x", "f(2)", "error", ["defines no f"]),
    "no answer": ("def f(x): pass", "assert f(2) + 1 == 4", "failed", ["does not fit", "NoneType"]),
    "nothing at all": ("", "assert f(2) == 4", "error", ["defines no f"]),
    "tests that are no Python": ("def f(x): return x", "assert f(2 ==", "tests", ["cannot be read"]),
    "tests with a null byte": ("def f(x): return x", "assert f(1)\0", "tests", ["cannot be read"]),
    "tests that test nothing": ("def f(x): return x", "assert True", "tests", ["never used"]),
    "tests that hand over too much": ("def f(x): return x", HANDS_OVER_A_FILE, "tests", ["not carried"]),
    "tests that exit": ("def f(x): return x", "f(1)\nraise SystemExit(0)", "failed", ["SystemExit"]),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named(sandbox: Sandbox, quick: Limits, case: tuple[str, str, str, list[str]]) -> None:
    sample, tests, outcome, said = case
    verdict = sandbox.run(sample, tests, entry_point="f", limits=quick)
    assert verdict.outcome == outcome, verdict
    assert all(words in verdict.message for words in said), verdict.message
    assert "\n" not in verdict.message
