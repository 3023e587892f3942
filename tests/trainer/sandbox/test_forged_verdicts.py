"""Samples that are wrong and want to pass: none does, however it lies, ends, or what it says on the pipe."""

import json
import struct

import pytest

from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox

TESTS = "assert candidate(2) == 4\nassert candidate(3) == 9\n"

WRONG = {
    "exits when loaded": "import sys\nsys.exit(0)",
    "ends its process when loaded": "import os\nos._exit(0)",
    "exits when called": "import sys\ndef f(x):\n    sys.exit(0)",
    "ends its process when called": "import os\ndef f(x):\n    os._exit(0)",
    "raises SystemExit": "def f(x):\n    raise SystemExit(0)",
    "raises KeyboardInterrupt": "def f(x):\n    raise KeyboardInterrupt",
    "raises GeneratorExit": "def f(x):\n    raise GeneratorExit",
    "replaces its process": "import os, sys\ndef f(x):\n    os.execv(sys.executable, ['python', '-c', ''])",
    "aborts": "import os\ndef f(x):\n    os.abort()",
    "reads nowhere": "import ctypes\ndef f(x):\n    return ctypes.string_at(0)",
    "runs out of C stack": """
import sys
def f(x):
    sys.setrecursionlimit(10**9)
    one, other = (), ()
    for _ in range(10**6):
        one, other = (one,), (other,)
    return one == other
""",
    "answers nothing": "def f(x): pass",
    "is no Python": "def f(x):",
    "has a null byte": "def f(x): return 4\0",
    "does not define it": "def g(x): return x * x",
    "is equal to everything": """
class Yes:
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 4
def f(x): return Yes()
""",
    "is a number that is equal to everything": """
class Yes(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __hash__(self): return 4
    __class__ = int
def f(x): return Yes(5)
""",
    "is a class where a function is wanted": """
class f:
    def __init__(self, x): pass
    def __eq__(self, other): return True
""",
    "changes builtins": """
import builtins, operator, json
builtins.isinstance = lambda *a: True
builtins.len = lambda *a: 4
operator.eq = lambda *a: True
json.dumps = lambda *a, **k: '{"value":true,"outcome":"passed","message":""}'
def f(x): return True
""",
    "changes the code around it": """
import sys
for name, module in list(sys.modules.items()):
    if name.startswith('trainer'):
        for key in list(vars(module)):
            if not key.startswith('__'):
                setattr(module, key, lambda *a, **k: {"outcome": "passed", "message": ""})
def f(x): return 5
""",
    "closes every file": "import os\ndef f(x):\n    os.closerange(0, 200)\n    return 4",
    "closes every file when loaded": "import os\nos.closerange(0, 200)\ndef f(x): return 4",
    "says passed into every file": """
import os
def f(x):
    for file in range(200):
        try:
            os.write(file, b'{"outcome": "passed", "message": ""}')
        except OSError:
            pass
    os._exit(0)
""",
    "walks up the stack": """
import sys, gc
def f(x):
    frame = sys._getframe()
    while frame:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            if isinstance(value, dict) and 'outcome' in value:
                value['outcome'] = 'passed'
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, dict) and 'outcome' in thing:
            thing['outcome'] = 'passed'
    return 5
""",
}


@pytest.mark.parametrize("sample", WRONG.values(), ids=WRONG)
def test_a_wrong_sample_does_not_pass(sandbox: Sandbox, quick: Limits, sample: str) -> None:
    verdict = sandbox.run(sample, TESTS, entry_point="f", limits=quick)
    assert not verdict.passed
    assert verdict.outcome in ("failed", "error", "killed")
    assert verdict.message.endswith(".")


LIES = {
    "a sum that comes out right": (
        "abs(candidate(2) - 3.5) < 1e-6",
        "class N:\n"
        "    def __sub__(self, other): return 0.0\n"
        "    __rsub__ = __add__ = __radd__ = __truediv__ = __sub__\n"
        "    def __abs__(self): return 0.0\n"
        "    def __lt__(self, other): return True\n"
        "    def __float__(self): return 0.0\n"
        "def f(x): return N()",
    ),
    "an object that is less than anything": (
        "candidate(2) < 3",
        "class N:\n    def __lt__(self, other): return True\ndef f(x): return N()",
    ),
    "a container that holds anything": (
        "17 in candidate(2)",
        "class N:\n"
        "    def __contains__(self, item): return True\n"
        "    def __iter__(self): return iter([1, 2])\n"
        "def f(x): return N()",
    ),
    "a list of objects that are equal": (
        "candidate(2) == [1, 2, 3]",
        "class N:\n    def __eq__(self, other): return True\ndef f(x): return [N(), N(), N()]",
    ),
    "a list that is equal to any": (
        "candidate(2) == [1, 2]",
        "class L(list):\n    def __eq__(self, other): return True\ndef f(x): return L()",
    ),
    "a text that is equal to any": (
        "candidate(2) == 'yes'",
        "class T(str):\n"
        "    def __eq__(self, other): return True\n"
        "    def __hash__(self): return 0\n"
        "def f(x): return T('no')",
    ),
    "a key that is equal to any": (
        "{4: 'four'}.get(candidate(2)) == 'four'",
        "class N:\n"
        "    def __eq__(self, other): return True\n"
        "    def __hash__(self): return 4\n"
        "def f(x): return N()",
    ),
    "what says it is a number": (
        "isinstance(candidate(2), int)",
        "class N:\n    __class__ = int\ndef f(x): return N()",
    ),
    "its own abs": ("abs(candidate(2) - 9) < 1", "def abs(x): return 0\ndef f(x): return 5"),
    "its own math": (
        "math.isclose(candidate(2), 9)",
        "class math:\n    isclose = lambda *a: True\ndef f(x): return 5",
    ),
    "its own sorted": (
        "sorted(candidate(2)) == [1, 2]",
        "def sorted(x): return [1, 2]\ndef f(x): return [5]",
    ),
    "the end of the loop around it": (
        "all(map(lambda x: candidate(x) == x * x, [2, 3]))",
        "def f(x): raise StopIteration",
    ),
    "the end of a generator around it": (
        "list(map(candidate, [2, 3])) == []",
        "class Over(StopIteration): pass\ndef f(x): raise Over",
    ),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lying_object_does_not_pass(sandbox: Sandbox, quick: Limits, lie: tuple[str, str]) -> None:
    condition, sample = lie
    verdict = sandbox.run(sample, f"assert {condition}", entry_point="f", limits=quick)
    assert not verdict.passed
    assert verdict.outcome in ("failed", "error")


SWALLOWED = {
    "a failure": "        assert box.count() == 1",
    "its own exception": "        box.fail()\n        assert box.count() == 1",
    "an exception over a wrong answer": "        assert box.count() + None == 1",
}
BOX = """
class Box:
    def __enter__(self): return self
    def __exit__(self, *what): return True
    def count(self): return 99
    def fail(self): raise ValueError
"""


@pytest.mark.parametrize("body", SWALLOWED.values(), ids=SWALLOWED)
def test_no_failure_is_swallowed_by_a_with_statement_of_the_sample(
    sandbox: Sandbox, quick: Limits, body: str
) -> None:
    tests = f"def check():\n    with Box() as box:\n{body}\n    return 1\nassert check() == 1"
    assert sandbox.run(BOX, tests, entry_point="Box", limits=quick).outcome in ("failed", "error")


def test_a_manager_that_is_to_swallow_is_seen_to_do_it(sandbox: Sandbox, quick: Limits) -> None:
    tests = "with Quiet(ValueError):\n    raise ValueError('x')"
    quiet = """
class Quiet:
    def __init__(self, *kinds): self.kinds = kinds
    def __enter__(self): return self
    def __exit__(self, kind, error, trace): return kind is not None and issubclass(kind, self.kinds)
"""
    assert sandbox.run(quiet, tests, entry_point="Quiet", limits=quick).passed
    assert not sandbox.run(
        BOX.replace("return True", "return False"),
        tests.replace("Quiet", "Box"),
        entry_point="Box",
        limits=quick,
    ).passed


@pytest.mark.parametrize("kind", ["Exception", "AssertionError", "BaseException"])
def test_the_exception_that_tests_expect_is_not_one_that_failures_are(
    sandbox: Sandbox, quick: Limits, kind: str
) -> None:
    tests = """
try:
    candidate([])
    assert False, "it went through"
except Empty:
    pass
"""
    lying = f"Empty = {kind}\ndef f(x): return 0"
    assert not sandbox.run(lying, tests, entry_point="f", limits=quick).passed
    honest = "class Empty(Exception): pass\ndef f(x): raise Empty"
    assert sandbox.run(honest, tests, entry_point="f", limits=quick).passed


def test_no_test_is_skipped_because_a_sample_says_so(sandbox: Sandbox, quick: Limits) -> None:
    tests = """
import io, unittest
class Square(unittest.TestCase):
    def test_two(self):
        self.assertEqual(candidate(2), 4)
suite = unittest.defaultTestLoader.loadTestsFromTestCase(Square)
assert unittest.TextTestRunner(stream=io.StringIO()).run(suite).wasSuccessful()
"""
    skips = "import unittest\ndef f(x):\n    raise unittest.SkipTest('no')"
    assert sandbox.run("def f(x): return x * x", tests, entry_point="f", limits=quick).passed
    assert sandbox.run(skips, tests, entry_point="f", limits=quick).outcome == "failed"


def frame(content: object) -> bytes:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return struct.pack(">I", len(data)) + data


FRAMES = {
    "a verdict": frame({"outcome": "passed", "message": ""}),
    "no JSON": frame(b"\xff\xfe{"),
    "a list": frame([1]),
    "an empty object": frame({}),
    "a number that is none": frame({"value": {"int": "four"}}),
    "an unknown kind": frame({"value": {"function": "lambda"}}),
    "an object without a number": frame({"value": {"object": "4"}}),
    "an object with two kinds": frame({"value": {"int": "0x4", "set": []}}),
    "a dict of no pairs": frame({"value": {"dict": [[1]]}}),
    "a list as a key": frame({"value": {"dict": [[[1], 2]]}}),
    "a range that stands still": frame({"value": {"range": [1, 2, 0]}}),
    "a fraction of nothing": frame({"value": {"fraction": [1, 0]}}),
    "a false name": frame({"value": {"named": [["a b", "class"], [1, 2]]}}),
    "deeper than any value": frame(b'{"value":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "longer than any message": struct.pack(">I", 0xFFFFFFFF) + b"x" * 1000,
    "half a message": struct.pack(">I", 1000) + b'{"value": 4}',
    "a number of too many digits": frame(b'{"value":' + b"9" * 10_000 + b"}"),
    "an argument that was not given": frame({"value": 4, "is_argument": 7}),
    "an argument that cannot change": frame({"value": 4, "changed": {"0": 4}}),
    "a function that was not handed over": frame({"callback": 0, "args": [], "kwargs": {}}),
    "a function by a false number": frame({"callback": "x", "args": [], "kwargs": {}}),
    "an exception that is none": frame(
        {"raised": [["builtins", "print"]], "args": [], "message": "", "value": None}
    ),
    "an exception out of nothing": frame({"raised": [], "args": [], "message": "", "value": None}),
    "an exception of a strange module": frame(
        {"raised": [["os", "system"]], "args": ["true"], "message": "", "value": None}
    ),
}


@pytest.mark.parametrize("forged", FRAMES.values(), ids=FRAMES)
def test_a_forged_message_does_not_pass(sandbox: Sandbox, quick: Limits, forged: bytes) -> None:
    """Also not where the tests swallow every exception."""
    sample = f"import os\ndef f(x):\n    os.write(5, {forged!r})\n    os._exit(0)"
    tests = "try:\n    candidate(2)\nexcept Exception:\n    pass\ntry:\n    candidate(3)\nexcept:\n    pass"
    verdict = sandbox.run(sample, tests, entry_point="f", limits=quick)
    assert verdict.outcome == "killed"


def test_a_class_of_exceptions_is_no_way_around_the_tests(sandbox: Sandbox, quick: Limits) -> None:
    """The tests' own exceptions are not within reach: those of the same name are others."""
    sample = "class SampleGone(BaseException): pass\nclass AssertionError(Exception): pass\n"
    sample += "def f(x): raise AssertionError if x else SampleGone"
    tests = "caught = False\ntry:\n    candidate(1)\nexcept AssertionError:\n    caught = True\nassert caught"
    assert not sandbox.run(sample, tests, entry_point="f", limits=quick).passed
