"""The process that runs the tests of one sample, and says how they went.

The sample is in another process. There each name is looked for that the tests use and neither define nor
import: the task's entry point, but no other name that Python has itself, or that is a module's. So a sample
cannot give the tests another `abs` to count with. `check(candidate)`, as HumanEval has it, is called where
the tests define it and do not call it.
"""

import ast
import builtins
import importlib
import random
import symtable
import sys
import traceback
from typing import Any

from trainer.sandbox.link import TESTS_FILE as FILE
from trainer.sandbox.link import Link, SampleGone, TestsError
from trainer.sandbox.protocol import Frame
from trainer.sandbox.remote import Remote, as_maker

_MAX_MESSAGE = 500
_MAX_SHOWN = 80


def judge(tests: str, entry_point: str | None, link: Link) -> Frame:
    """The verdict, as the fields `outcome` and `message`."""
    try:
        tree = ast.parse(tests, FILE)
        wanted = _names_wanted(tests)
    except (SyntaxError, ValueError, RecursionError) as error:
        outcome, message = "tests", f"The tests cannot be read: {_described(error)}."
    else:
        names, outcome, message = _loaded(wanted, entry_point, link)
        if not outcome:
            outcome, message = _tested(tree, tests, names, entry_point, link)
    if link.gone:
        outcome, message = "killed", f"The sample went wrong: {link.gone}."
    return {"outcome": outcome, "message": message[:_MAX_MESSAGE]}


def _loaded(wanted: set[str], entry_point: str | None, link: Link) -> tuple[dict[str, Any], str, str]:
    """The names for the tests; an outcome only where there is nothing to test."""
    try:
        link.wait_until_loaded()
        names = _namespace(wanted, entry_point, link)
    except MemoryError:
        return {}, "memory", "The sample takes more memory than it may have while it is loaded."
    except BaseException as error:  # noqa: BLE001 - whatever a sample raises is its failure
        return {}, "error", f"The sample cannot be loaded: {_described(error)}."
    if entry_point and entry_point not in names:
        return {}, "error", f"The sample defines no {entry_point}."
    return names, "", ""


def _tested(
    tree: ast.Module, tests: str, names: dict[str, Any], entry_point: str | None, link: Link
) -> tuple[str, str]:
    try:
        _run(tree, names, entry_point)
    except BaseException as error:  # noqa: BLE001 - however tests end early, they have not passed
        return _failure(error, _place(error, tests, tree), link)
    if not link.asked:
        return "tests", "The tests never used the sample."
    return "passed", "All tests passed."


def _names_wanted(tests: str) -> set[str]:
    """Global names that the tests read and do not bind themselves."""
    top = symtable.symtable(tests, FILE, "exec")
    bound = {item.get_name() for item in top.get_symbols() if item.is_assigned() or item.is_imported()}
    tables, read = [top], set()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for item in table.get_symbols():
            if item.is_referenced() and (table is top or item.is_global()):
                read.add(item.get_name())
    return read - bound


def _namespace(wanted: set[str], entry_point: str | None, link: Link) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "tests", "__builtins__": builtins}
    for name in sorted(wanted - {entry_point, "candidate"}):
        if name in sys.stdlib_module_names:
            names[name] = importlib.import_module(name)
        elif not hasattr(builtins, name):
            _bring(name, names, link)
    if entry_point:
        _bring(entry_point, names, link)
        if entry_point in names:
            names["candidate"] = names[entry_point]
    return names


def _bring(name: str, names: dict[str, Any], link: Link) -> None:
    try:
        thing = link.ask("name", name)
    except KeyError:
        return
    is_class_name = name.lstrip("_")[:1].isupper()
    names[name] = as_maker(thing) if is_class_name and isinstance(thing, Remote) else thing


def _run(tree: ast.Module, names: dict[str, Any], entry_point: str | None) -> None:
    random.seed(0)
    exec(compile(tree, FILE, "exec", dont_inherit=True), names)  # noqa: S102 - this process is for that
    has_check = any(isinstance(node, ast.FunctionDef) and node.name == "check" for node in tree.body)
    if entry_point and has_check and not any(_calls_check(node) for node in tree.body):
        names["check"](names["candidate"])


def _calls_check(node: ast.stmt) -> bool:
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "check"


def _failure(error: BaseException, where: str, link: Link) -> tuple[str, str]:
    if isinstance(error, TestsError):
        return "tests", f"The tests cannot be run this way{where}: {error}."
    if isinstance(error, SampleGone):
        return "killed", link.gone
    if isinstance(error, MemoryError):
        return "memory", f"The sample takes more memory than it may have{where}."
    if error is link.raised:
        return "error", f"The sample raised {_described(error)}{where}."
    if isinstance(error, AssertionError):
        said = f" ({_shortened(str(error))})" if str(error) else ""
        return "failed", f"This does not hold{where}{said}; the last answer was {_shown(link)}."
    return "failed", f"The answer does not fit the tests{where}: {_described(error)}."


def _place(error: BaseException, tests: str, tree: ast.Module) -> str:
    """Where in the tests it happened, with the innermost statement there."""
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if _is_tests(frame)]
    if not lines:
        return ""
    statements = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and _holds(node, lines[-1])]
    innermost = min(statements, key=lambda node: (node.end_lineno or 0) - node.lineno, default=None)
    shown = innermost.test if isinstance(innermost, ast.Assert) else innermost
    text = ast.get_source_segment(tests, shown) if shown else None
    return f" in line {lines[-1]}: {_shortened(' '.join((text or '').split()))}"


def _is_tests(frame: Any) -> bool:
    return bool(frame.f_code.co_filename == FILE)


def _holds(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _shown(link: Link) -> str:
    try:
        return "an object" if isinstance(link.last_answer, Remote) else _shortened(repr(link.last_answer))
    except BaseException:  # noqa: BLE001 - it may hold objects of the sample's, which are asked
        return "not one that can be shown"


def _described(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - an exception of the tests' own making
        text = ""
    return f"{type(error).__name__}: {_shortened(text)}" if text else type(error).__name__


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."
