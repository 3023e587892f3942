"""What is counted for and against code: each rule is broken by what it is about and by nothing honest."""

import ast
from dataclasses import replace

import pytest

from trainer.bench.flow import FLOW_SENTENCES, broken_flow
from trainer.bench.practices import PRACTICE_SENTENCES, broken_practices
from trainer.bench.score import WITH_TESTS, WITHOUT_TESTS, quality_of, scores_of_code, scores_of_infilling
from trainer.bench.tasks import Task, own_suite

OWN = own_suite().tasks
FLOW = {
    "code that is never reached": "def f(x):\n    return x\n    x += 1\n",
    "a loop without an end": "def f(x):\n    while True:\n        for y in x:\n            break\n",
    "a path that returns nothing": "def f(x):\n    if x:\n        return 1\n",
    "recursion without an end": "def f(x):\n    return f(x - 1)\n",
    "a name that nothing defines": "def f(x):\n    return x + y\n",
}
PRACTICES = {
    "a bare except": "try:\n    f = 1\nexcept:\n    f = 2\n",
    "a swallowed exception": "try:\n    f = 1\nexcept Exception:\n    pass\n",
    "a mutable default": "def f(x=[]):\n    return x\n",
    "a careless comparison": "def f(x):\n    return x == None\n",
    "compared types": "def f(x):\n    return type(x) == int\n",
    "a hidden builtin": "def f(list):\n    return list\n",
    "an import of everything": "from math import *\n",
    "a changed global": "n = 0\ndef f():\n    global n\n    n = 1\n",
    "evaluated text": "def f(x):\n    return eval(x)\n",
    "a file left open": "def f(x):\n    return open(x).read()\n",
    "an unusual name": "def getValue():\n    return 1\n",
    "an unused import": "import os\n",
    "an unused variable": "def f(x):\n    y = x\n    return x\n",
    "a loop over an index": "def f(x):\n    for i in range(len(x)):\n        print(x[i])\n",
    "a lambda with a name": "f = lambda x: x\n",
    "too much at once": "def f(x):\n" + "    x += 1\n" * 60 + "    return x\n",
}
HONEST = """
import asyncio
from collections import deque


class Walker:
    size = 3

    def __init__(self, items=(), *, limit=None):
        self._items = deque(items)
        self.limit = limit

    def first(self, wanted):
        while True:
            if not self._items:
                raise LookupError(wanted)
            item = self._items.popleft()
            if item == wanted or item is None:
                return item

    def numbers(self):
        count = 0
        while True:
            yield count
            count += 1

    def matching(self, command):
        match command:
            case "all":
                return list(self._items)
            case _:
                return [item for item in self._items if item == command]


def swapped(values):
    for place in range(len(values)):
        values[place] = -values[place]
    return values


def fibonacci(n):
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def read(path, default=None):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return default


def maybe(x):
    if x:
        return x
    return None


def printed(x):
    if not x:
        return
    print(x, asyncio.__name__, (lambda y: y)(x))
"""


@pytest.mark.parametrize("rule", FLOW)
def test_flow_is_broken_where_it_should(rule: str) -> None:
    source = FLOW[rule]
    assert [found.rule for found in broken_flow(source, ast.parse(source))] == [rule]


@pytest.mark.parametrize("rule", PRACTICES)
def test_a_practice_is_broken_where_it_should(rule: str) -> None:
    found = broken_practices(ast.parse(PRACTICES[rule]))
    expected = {rule, "a bare except"} if rule == "a bare except" else {rule}
    assert {item.rule for item in found} == expected
    assert all(item.line > 0 for item in found)


def test_every_rule_is_tried_here() -> None:
    assert FLOW.keys() == FLOW_SENTENCES.keys()
    assert PRACTICES.keys() == PRACTICE_SENTENCES.keys()


def test_honest_code_breaks_nothing() -> None:
    tree = ast.parse(HONEST)
    assert broken_flow(HONEST, tree) == []
    assert broken_practices(tree) == []


@pytest.mark.parametrize("task", OWN, ids=[task.id for task in OWN])
def test_the_solutions_of_our_tasks_score_full(task: Task) -> None:
    scores = scores_of_code(task, task.middle, task.program(task.middle))
    assert (scores.syntax, scores.constructs, scores.flow) == (1.0, 1.0, 1.0), scores.broken
    assert scores.practices == 1.0, scores.broken


def test_what_a_task_gives_is_neither_for_nor_against_the_answer() -> None:
    task = replace(OWN[0], prefix="import os\ndef f(list):\n", constructs=("Import", "Return"))
    scores = scores_of_code(task, "    x = 1\n", task.program("    x = 1\n"))
    assert scores.broken == ("constructs: no Return", "practices: an unused variable, line 3")
    assert (scores.constructs, scores.practices) == (0.0, 0.8)


@pytest.mark.parametrize("written", ["", "\n   \n", "    return (", "x" + "(" * 5000, "    return \0"])
def test_nothing_and_what_is_no_python_scores_nothing(written: str) -> None:
    scores = scores_of_code(OWN[0], written, OWN[0].program(written))
    assert {scores.syntax, scores.constructs, scores.flow, scores.practices} == {0.0}
    assert all(word.startswith("syntax: ") for word in scores.broken)


def test_wrong_code_gets_nothing_for_being_well_written() -> None:
    full = dict.fromkeys(("syntax", "constructs", "flow", "practices"), 1.0)
    assert quality_of({**full, "passed": 1.0}, WITH_TESTS) == pytest.approx(100)
    assert quality_of({**full, "passed": 0.0}, WITH_TESTS) == pytest.approx(20)
    assert quality_of({**full, "passed": 1.0, "constructs": None}, WITH_TESTS) == pytest.approx(100)
    assert quality_of({"syntax": 1.0, "constructs": None, "passed": 0.0}, WITH_TESTS) == pytest.approx(12.5)


def test_infilling_is_compared_with_what_stood_there() -> None:
    task = Task("a.py:2", "single-line", "", "def f(x):\n    ", "\n", "return x + 1", "", "")
    same = scores_of_infilling(task, "return x + 1", is_python=True)
    assert (same.exact, same.similarity, same.syntax) == (1.0, 1.0, 1.0)
    near = scores_of_infilling(task, "return x + (", is_python=True)
    assert (near.exact, near.syntax) == (0.0, 0.0)
    assert 0.8 < (near.similarity or 0) < 1
    assert scores_of_infilling(task, "return x", is_python=False).syntax is None
    torn = replace(task, prefix="def f(:\n    ")
    assert scores_of_infilling(torn, "return x", is_python=True).syntax is None, "it was torn before"
    assert quality_of(vars(same), WITHOUT_TESTS) == pytest.approx(100)
