"""Tasks: what a model is asked to write, and the tests that decide. Ours, and files in published formats.

Ours are data: one TOML file a task in resources/bench/tasks. Files of strangers (HumanEval, MBPP and
HumanEval Infilling, as .jsonl, .json, or either with .gz) are told apart by the names of their fields; a task
in them that cannot be used is skipped and named. Nothing here runs any of their code.
"""

import ast
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.spec.editing import Extent
from core.spec.errors import DataError, UsageError
from core.spec.fields import suggestion
from trainer.bench.records import Record, named, records

OWN_NAME = "smallcoder"
FOLDER = Path(__file__).resolve().parents[2] / "resources" / "bench" / "tasks"


@dataclass(frozen=True)
class Task:
    """A program is `prefix`, what the model writes, and `suffix`; `middle` is what stood there, and is right.

    `instruction` says the same in words. Of `constructs` each names a kind of syntax node, or several with |
    of which one will do; Recursion is one more. `wrong` holds other middles, which tests have to find out.
    `extent` is how much an editor would take of what the model writes; None takes all of it. Without tests,
    being the same as `middle` is what counts.
    """

    id: str
    category: str
    instruction: str
    prefix: str
    suffix: str
    middle: str
    entry_point: str
    tests: str
    constructs: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    extent: Extent | None = None

    def program(self, written: str) -> str:
        return self.prefix + written + self.suffix


@dataclass(frozen=True)
class Suite:
    """`skipped`: a sentence for each task that cannot be used."""

    name: str
    tasks: tuple[Task, ...]
    skipped: tuple[str, ...] = ()


class _Unusable(Exception):
    """Why one task cannot be used, as the end of a sentence."""


def own_suite(folder: Path = FOLDER) -> Suite:
    """In the order of their categories; a damaged file is an error, for they come with the program."""
    tasks = []
    for file in sorted(folder.glob("*.toml")):
        try:
            record = tomllib.loads(file.read_text(encoding="utf-8"))
            tasks.append(_own(record, file.stem))
        except (OSError, ValueError, _Unusable) as error:
            raise DataError(f"{file} is damaged ({error}); install the program again.") from None
    if not tasks:
        raise DataError(f"{folder} holds no tasks; install the program again.")
    order = {"algorithms": 0, "data structures": 1, "practical": 2}
    return Suite(OWN_NAME, tuple(sorted(tasks, key=lambda task: order.get(task.category, len(order)))))


def find_suite(name: str) -> Suite:
    """Ours, one category of it (data-structures), or a file."""
    own = own_suite()
    parts = {task.category.replace(" ", "-"): task.category for task in own.tasks}
    if name == OWN_NAME:
        return own
    if name in parts:
        return Suite(name, tuple(task for task in own.tasks if task.category == parts[name]))
    path = Path(name)
    if path.name == name and not path.suffix and not path.exists():
        known = (OWN_NAME, *parts)
        raise UsageError(
            f"There is no suite {name!r}{suggestion(name, known)}; give a file, or one of {', '.join(known)}."
        )
    return read_suite(path)


def read_suite(path: Path) -> Suite:
    tasks: dict[str, Task] = {}
    skipped = []
    for place, record in records(path, "a suite of tasks"):
        try:
            task = _task(record)
            if task.id in tasks:
                raise _Unusable("has the name of one before it")
            tasks[task.id] = task
        except (_Unusable, RecursionError) as error:
            skipped.append(f"{named(record, place)} {error}.")
    if not tasks:
        found = f"; {skipped[0]}" if skipped else ""
        raise DataError(f"{path} holds no tasks in the format of HumanEval, MBPP or infilling{found}")
    return Suite(path.name.split(".")[0], tuple(tasks.values()), tuple(skipped))


def _task(record: object) -> Task:
    if not isinstance(record, dict):
        raise _Unusable("is no JSON object")
    for fields, read in _FORMATS:
        if fields <= record.keys():
            return read(record)
    raise _Unusable("has the fields of no format that is known")


def _human_eval(record: Record) -> Task:
    entry_point = _text(record, "entry_point")
    prefix, middle = _text(record, "prompt"), _text(record, "canonical_solution")
    suffix = _text(record, "suffix", "")
    if not entry_point.isidentifier():
        raise _Unusable("has an entry point that is no name")
    tree = _parsed(prefix + middle + suffix, "its solution")
    tests = f"{_before(tree, prefix, entry_point)}\n\n{_text(record, 'test')}\n\ncheck({entry_point})\n"
    _parsed(tests, "its tests")
    name = _text(record, "task_id")
    return Task(
        id=name,
        category="infilling" if "suffix" in record else "functions",
        instruction=f"Complete the function {entry_point}.",
        prefix=prefix,
        suffix=suffix,
        middle=middle,
        entry_point=entry_point,
        tests=tests,
        extent="line" if name.startswith("SingleLine") else None,
    )


def _before(tree: ast.Module, prefix: str, entry_point: str) -> str:
    """What the prompt itself defines and imports before the function: tests use it as it was given."""
    lines = prefix.splitlines()
    given = []
    for node in tree.body:
        is_definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if is_definition and getattr(node, "name", "") == entry_point:
            break
        if (node.end_lineno or 0) < len(lines):
            given.append(ast.unparse(node))
    return "\n".join(given)


def _mbpp(record: Record) -> Task:
    code, words = _text(record, "code"), _text(record, "text" if "text" in record else "prompt")
    asserts = _texts(record, "test_list")
    before = [_text(record, "test_setup_code", ""), *_texts(record, "test_imports", [])]
    tests = "\n".join([*before, *asserts]) + "\n"  # as it is scored everywhere, without the challenges
    entry_point = _tested_name(_parsed(code, "its solution"), _parsed(tests, "its tests"))
    return Task(
        id=f"MBPP/{record['task_id']}"[:200],
        category="functions",
        instruction="\n".join([words, "Your code should pass these tests:", *asserts]),
        prefix="",
        suffix="",
        middle=code,
        entry_point=entry_point,
        tests=tests,
    )


def _tested_name(solution: ast.Module, tests: ast.Module) -> str:
    used = {node.id for node in ast.walk(tests) if isinstance(node, ast.Name)}
    for node in solution.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in used:
            return node.name
    raise _Unusable("has tests that use nothing of its solution")


def _own(record: Record, name: str) -> Task:
    wrong = record["wrong"]
    if not isinstance(wrong, list):
        raise _Unusable("has no list of wrong solutions")
    return Task(
        id=name,
        category=_text(record, "category"),
        instruction=_text(record, "instruction").strip(),
        prefix=_text(record, "stub"),
        suffix="",
        middle=_text(record, "solution"),
        entry_point=_text(record, "entry_point"),
        tests=_text(record, "tests"),
        constructs=tuple(_texts(record, "constructs")),
        wrong=tuple(_text(item, "solution") for item in wrong),
    )


def _parsed(source: str, what: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a stranger's backslashes
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _Unusable(f"cannot be used, for {what} cannot be read as Python") from None


def _text(record: Record, field: str, default: str | None = None) -> str:
    value = record.get(field, default)
    if not isinstance(value, str):
        raise _Unusable(f"has no text in its field {field}")
    return value


def _texts(record: Record, field: str, default: list[str] | None = None) -> list[str]:
    value = record.get(field, default)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _Unusable(f"has no list of texts in its field {field}")
    return value


_FORMATS: tuple[tuple[set[str], Callable[[Record], Task]], ...] = (
    ({"task_id", "prompt", "entry_point", "canonical_solution", "test"}, _human_eval),
    ({"task_id", "code", "test_list"}, _mbpp),
)
