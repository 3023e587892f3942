"""Tasks: what a model is asked to write, and the tests that decide. Ours, and files in published formats.

Ours are data: one TOML file a task in resources/bench/tasks. Files of strangers (HumanEval, MBPP and
HumanEval Infilling, as .jsonl, .json, or either with .gz) are told apart by the names of their fields; a task
in them that cannot be used is skipped and named. Nothing here runs any of their code.
"""

import ast
import contextlib
import gzip
import json
import tomllib
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from core.spec.errors import DataError

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "bench" / "tasks"
_MAX_FILE_BYTES = 256 << 20
_MAX_LINES = 250_000
_MAX_LINE_BYTES = 4 << 20
_PART_BYTES = 1 << 20

Record = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A program is `prefix`, what the model writes, and `suffix`; `middle` is what stood there, and is right.

    `instruction` says the same in words. Of `constructs` each names a kind of syntax node, or several with |
    of which one will do; Recursion is one more. `wrong` holds other middles, which tests have to find out.
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
    return Suite("smallcoder", tuple(sorted(tasks, key=lambda task: order.get(task.category, len(order)))))


def read_suite(path: Path) -> Suite:
    tasks: dict[str, Task] = {}
    skipped = []
    try:
        for place, record in _records(path):
            try:
                task = _task(record)
                if task.id in tasks:
                    raise _Unusable("has the name of one before it")
                tasks[task.id] = task
            except (_Unusable, RecursionError) as error:
                skipped.append(f"{_named(record, place)} {error}.")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); check the file.") from None
    if not tasks:
        found = f"; {skipped[0]}" if skipped else ""
        raise DataError(f"{path} holds no tasks in the format of HumanEval, MBPP or infilling{found}")
    return Suite(path.name.split(".")[0], tuple(tasks.values()), tuple(skipped))


def _named(record: object, place: str) -> str:
    name = record.get("task_id") if isinstance(record, dict) else None
    return f"{place} ({str(name)[:60]})" if name is not None else place


def _records(path: Path) -> Iterator[tuple[str, object]]:
    """One a line, or all in one list. What is packed is not let grow without end."""
    name = path.name.removesuffix(".gz")
    is_packed = path.suffix == ".gz"
    with contextlib.closing(cast(IO[bytes], gzip.open(path) if is_packed else path.open("rb"))) as file:
        if name.endswith(".json"):
            yield from ((f"Task {place}", item) for place, item in enumerate(_list(file, path), 1))
        elif name.endswith(".jsonl"):
            yield from ((f"Line {place}", _json(line)) for place, line in _lines(file, path))
        else:
            raise DataError(f"{path} should end in .jsonl, .json, or either with .gz.")


def _list(file: IO[bytes], path: Path) -> list[object]:
    data = b"".join(_parts(file, path))
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list):
        raise DataError(f"{path} is not a JSON list of tasks.")
    return found


def _lines(file: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    place, rest = 0, b""
    for part in _parts(file, path):
        *lines, rest = (rest + part).split(b"\n")
        if len(rest) > _MAX_LINE_BYTES or place + len(lines) > _MAX_LINES:
            raise DataError(f"{path} has a longer line, or more lines, than a suite of tasks has.")
        for line in lines:
            place += 1
            if line.strip():
                yield place, line
    if rest.strip():
        yield place + 1, rest


def _parts(file: IO[bytes], path: Path) -> Iterator[bytes]:
    total = 0
    while part := file.read(_PART_BYTES):
        total += len(part)
        if total > _MAX_FILE_BYTES:
            raise DataError(
                f"{path} holds more than {_MAX_FILE_BYTES >> 20} MB; a suite of tasks is smaller."
            )
        yield part


def _json(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


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
    return Task(
        id=_text(record, "task_id"),
        category="infilling" if "suffix" in record else "functions",
        instruction=f"Complete the function {entry_point}.",
        prefix=prefix,
        suffix=suffix,
        middle=middle,
        entry_point=entry_point,
        tests=tests,
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
