"""Tasks: ours are right and find out what is wrong; files of strangers are read, or refused in words."""

import ast
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from core.spec.errors import DataError
from trainer.bench import records
from trainer.bench.constructs import missing_constructs
from trainer.bench.tasks import Task, own_suite, read_suite
from trainer.sandbox.limits import Limits
from trainer.sandbox.sandbox import Sandbox

OWN = own_suite().tasks
NAMES = [task.id for task in OWN]
CLASSES = [task.id for task in OWN if task.category == "data structures" or task.entry_point == "Contacts"]


def test_there_are_five_of_each_category() -> None:
    categories = [task.category for task in OWN]
    assert categories == ["algorithms"] * 5 + ["data structures"] * 5 + ["practical"] * 5
    assert all(task.instruction and task.prefix and task.constructs for task in OWN)


@pytest.mark.parametrize("task", OWN, ids=NAMES)
def test_the_solution_of_a_task_passes(sandbox: Sandbox, quick: Limits, task: Task) -> None:
    verdict = sandbox.run(task.program(task.middle), task.tests, entry_point=task.entry_point, limits=quick)
    assert verdict.passed, verdict
    assert missing_constructs(ast.parse(task.program(task.middle)), task.constructs) == []


@pytest.mark.parametrize("task", OWN, ids=NAMES)
def test_wrong_solutions_of_a_task_fail(sandbox: Sandbox, quick: Limits, task: Task) -> None:
    """For what is wrong with them: they are Python, and do not hang."""
    assert len(task.wrong) >= 2
    for wrong in task.wrong:
        verdict = sandbox.run(task.program(wrong), task.tests, entry_point=task.entry_point, limits=quick)
        assert verdict.outcome in ("failed", "error"), (wrong, verdict)
        assert "line" in verdict.message, verdict


@pytest.mark.parametrize("task", OWN, ids=NAMES)
def test_what_is_asked_for_names_what_is_tested(task: Task) -> None:
    """By the instruction alone a model can know every name and every error that the tests use."""
    assert task.entry_point in task.instruction
    assert task.entry_point in task.prefix
    for node in ast.walk(ast.parse(task.tests)):
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Name):
            assert node.type.id in task.instruction or node.type.id == "ValueError", node.type.id
    compile(task.program("    pass\n"), task.id, "exec")


HUMAN_EVAL: dict[str, Any] = {
    "task_id": "Ours/0",
    "prompt": "import math\nfrom typing import List\n\n\ndef area(r: float) -> float:\n"
    '    """ given """\n    return math.pi * r * r\n\n\ndef radius(a: float) -> float:\n'
    '    """ The radius of a circle of that area.\n    >>> radius(0)\n    0.0\n    """\n',
    "entry_point": "radius",
    "canonical_solution": "    return math.sqrt(a / math.pi)\n",
    "test": "METADATA = {}\n\n\ndef check(candidate):\n    assert candidate(0) == 0.0\n"
    "    assert math.isclose(area(candidate(7)), 7)\n",
}
INFILLING: dict[str, Any] = {
    "task_id": "SingleLineInfilling/Ours/0/L1",
    "prompt": "def span(numbers):\n    low = min(numbers)\n",
    "suffix": "    return high - low\n",
    "entry_point": "span",
    "canonical_solution": "    high = max(numbers)\n",
    "test": "def check(candidate):\n    assert candidate([3, 1, 7]) == 6\n",
}
MBPP: dict[str, Any] = {
    "task_id": 601,
    "text": "Write a function to add the weights of boxes.",
    "code": "class Box:\r\n  def __init__(self, weight):\r\n    self.weight = weight\r\n"
    "def Total(boxes):\r\n  return sum(box.weight for box in boxes)",
    "test_setup_code": "",
    "test_list": ["assert Total([Box(1), Box(2)]) == 3", "assert Total([]) == 0,0"],
    "challenge_test_list": ["assert Total([Box(-1)]) == -1"],
}
SANITIZED = {
    "source_file": "x",
    "task_id": 2,
    "prompt": "Write a function to halve.",
    "code": "def halve(x):\n    return x / 2",
    "test_imports": ["import math"],
    "test_list": ["assert math.isclose(halve(3), 1.5)"],
}


def written(path: Path, *records: object) -> Path:
    lines = "".join(json.dumps(record) + "\n" for record in records)
    path.write_bytes(gzip.compress(lines.encode()) if path.suffix == ".gz" else lines.encode())
    return path


@pytest.mark.parametrize("name", ["suite.jsonl", "suite.jsonl.gz"])
def test_published_formats_are_read_and_their_solutions_pass(
    sandbox: Sandbox, quick: Limits, tmp_path: Path, name: str
) -> None:
    suite = read_suite(written(tmp_path / name, HUMAN_EVAL, INFILLING, MBPP, SANITIZED))
    assert (suite.name, suite.skipped) == ("suite", ())
    assert [(task.id, task.category, task.entry_point) for task in suite.tasks] == [
        ("Ours/0", "functions", "radius"),
        ("SingleLineInfilling/Ours/0/L1", "infilling", "span"),
        ("MBPP/601", "functions", "Box"),
        ("MBPP/2", "functions", "halve"),
    ]
    for task in suite.tasks:
        verdict = sandbox.run(
            task.program(task.middle), task.tests, entry_point=task.entry_point, limits=quick
        )
        assert verdict.passed, verdict
    infilled = suite.tasks[1]
    assert infilled.program("X") == infilled.prefix + "X" + "    return high - low\n"
    wrong = infilled.program("    high = 0\n")
    assert sandbox.run(wrong, infilled.tests, entry_point="span", limits=quick).outcome == "failed"


def test_what_a_prompt_gives_is_the_tests_own(sandbox: Sandbox, quick: Limits, tmp_path: Path) -> None:
    """A model that writes the given helper anew does not change what its answer is measured by."""
    [task] = read_suite(written(tmp_path / "suite.jsonl", HUMAN_EVAL)).tasks
    cheat = task.program("    return 0.0\n\ndef area(r):\n    return 7\n")
    assert sandbox.run(cheat, task.tests, entry_point="radius", limits=quick).outcome == "failed"


def test_one_list_of_tasks_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sanitized-mbpp.json"
    path.write_text(json.dumps([SANITIZED, {**SANITIZED, "task_id": 3}]))
    suite = read_suite(path)
    assert [task.id for task in suite.tasks] == ["MBPP/2", "MBPP/3"]
    assert suite.tasks[0].instruction.startswith("Write a function to halve.\nYour code should pass")


BROKEN: dict[str, tuple[object, str]] = {
    "no object": (["x"], "is no JSON object"),
    "a number for a text": ({**HUMAN_EVAL, "prompt": 5}, "no text in its field prompt"),
    "nothing of a format": ({"task_id": "x", "question": "y"}, "fields of no format"),
    "a solution that is no Python": ({**HUMAN_EVAL, "canonical_solution": "    return ("}, "its solution"),
    "tests that are no Python": ({**HUMAN_EVAL, "test": "def check("}, "its tests"),
    "an entry point that is no name": ({**HUMAN_EVAL, "entry_point": "f()"}, "no name"),
    "a list for a text": ({**MBPP, "test_list": "assert True"}, "no list of texts in its field test_list"),
    "tests of something else": ({**MBPP, "test_list": ["assert f(1)"]}, "use nothing of its solution"),
    "a null byte": ({**MBPP, "code": "def f(): return '\0'"}, "its solution"),
    "half a letter": ({**MBPP, "code": "def f(): return '\ud800'"}, "its solution"),
    "depth": ({**MBPP, "code": "x = " + "-" * 100_000 + "1"}, ""),
    "a long sum": ({**HUMAN_EVAL, "prompt": "x = " + "1+" * 50_000 + "1\n" + HUMAN_EVAL["prompt"]}, ""),
    "the same name": (INFILLING, "has the name of one before it"),
}


@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_a_broken_task_is_skipped_and_named(tmp_path: Path, case: tuple[object, str]) -> None:
    record, why = case
    suite = read_suite(written(tmp_path / "suite.jsonl", INFILLING, record, SANITIZED))
    assert [task.entry_point for task in suite.tasks] == ["span", "halve"]
    [sentence] = suite.skipped
    assert sentence.startswith("Line 2")
    assert why in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_lines_that_are_no_json_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "suite.jsonl"
    good = json.dumps(SANITIZED).encode()
    path.write_bytes(b'\xff\xfe\n{"task_id":\n\n' + b"[" * 100_000 + b"\r\n" + good)
    suite = read_suite(path)
    assert len(suite.tasks) == 1
    assert [line.split(" is ")[0] for line in suite.skipped] == ["Line 1", "Line 2", "Line 4"]


def test_a_file_that_is_no_suite_is_refused(tmp_path: Path) -> None:
    files = {
        "missing.jsonl": (None, "cannot be read"),
        "empty.jsonl": (b"", "holds no tasks"),
        "suite.txt": (b"{}", "should end in .jsonl"),
        "other.jsonl": (b'{"a": 1}\n', "holds no tasks.*fields of no format"),
        "torn.jsonl.gz": (gzip.compress(b'{"a": 1}\n' * 1000)[:40], "cannot be read"),
        "not.jsonl.gz": (b"plain text", "cannot be read"),
        "object.json": (b"{}", "not a JSON list"),
        "torn.json": (b"[{", "not a JSON list"),
        "long.jsonl": (b"x" * (6 << 20), "a longer line"),
        "bomb.jsonl.gz": (gzip.compress(b" " * (6 << 20)), "a longer line"),
    }
    for name, (content, why) in files.items():
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=why):
            read_suite(tmp_path / name)


def test_what_is_packed_may_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = tmp_path / "many.jsonl.gz"
    many.write_bytes(gzip.compress(b"\n" * (30 << 20)))
    with pytest.raises(DataError, match="more lines"):
        read_suite(many)
    monkeypatch.setattr(records, "_MAX_FILE_BYTES", 2 << 20)
    large = written(tmp_path / "large.jsonl.gz", *[SANITIZED | {"code": "#" * 500_000}] * 6)
    with pytest.raises(DataError, match="more than 2 MB"):
        read_suite(large)


def test_a_damaged_task_of_ours_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("category = ")
    with pytest.raises(DataError, match="damaged"):
        own_suite(tmp_path)
    with pytest.raises(DataError, match="holds no tasks"):
        own_suite(tmp_path / "nowhere")
