"""Logic flow of a program, by rules on its syntax tree: each is kept or broken, wherever that is.

They find what is wrong whatever the task: code that is never reached, loops and recursion without an end,
a function that forgets to return on some paths, names that nothing defines.
"""

import ast
import builtins
import symtable
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from trainer.bench.constructs import Function

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_BRANCHES = (
    *(ast.If, ast.IfExp, ast.While, ast.For, ast.AsyncFor, ast.Try, ast.Match, ast.BoolOp),
    *(ast.comprehension, ast.With),
)
_OF_MODULES = frozenset({"__name__", "__file__", "__doc__", "__builtins__", "__spec__", "__annotations__"})


class Finding(NamedTuple):
    rule: str
    line: int


def broken_flow(source: str, tree: ast.Module) -> list[Finding]:
    """`tree` is the source's, which Python accepts."""
    found = [Finding(rule, line) for rule, (_, find) in FLOW_RULES.items() for line in find(tree)]
    return [*found, *(Finding(UNDEFINED, line) for line in _undefined(source, tree))]


def _never_reached(tree: ast.AST) -> Iterator[int]:
    for block in _blocks(tree):
        for statement, following in pairwise(block):
            if isinstance(statement, _LEAVES):
                yield following.lineno
                break


def _never_ends(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.While) and _is_true(node.test) and not _has_way_out(node.body):
            yield node.lineno


def _has_way_out(body: list[ast.stmt], *, is_inner_loop: bool = False) -> bool:
    """A break of a loop inside leads out of that one only."""
    for statement in body:
        if isinstance(statement, ast.Return | ast.Raise) or _yields(statement):
            return True
        if isinstance(statement, ast.Break) and not is_inner_loop:
            return True
        inner = is_inner_loop or isinstance(statement, ast.While | ast.For | ast.AsyncFor)
        if isinstance(statement, Function | ast.ClassDef):
            continue
        if any(_has_way_out(block, is_inner_loop=inner) for block in own_blocks(statement)):
            return True
    return False


def _yields(statement: ast.stmt) -> bool:
    """Whoever reads a generator can leave it."""
    is_plain = isinstance(statement, ast.Expr | ast.Assign)
    return is_plain and any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(statement))


def _forgets_to_return(tree: ast.AST) -> Iterator[int]:
    for function in _functions(tree):
        own = list(_own_nodes(function))
        returns = [node for node in own if isinstance(node, ast.Return) and node.value is not None]
        is_generator = any(isinstance(node, ast.Yield | ast.YieldFrom) for node in own)
        with_something = [node for node in returns if not _is_none(node.value)]
        if with_something and not is_generator and len(with_something) == len(returns):
            is_bare = any(isinstance(node, ast.Return) and node.value is None for node in own)
            if is_bare or _reaches_end(function.body):
                yield function.end_lineno or function.lineno


def _recurs_without_end(tree: ast.AST) -> Iterator[int]:
    for function in _functions(tree):
        nodes = list(_own_nodes(function))
        if not any(isinstance(node, _BRANCHES) for node in nodes):
            calls = (node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
            yield from (call.lineno for call in calls if ast.unparse(call.func) == function.name)


def _reaches_end(body: list[ast.stmt]) -> bool:
    """Whether what follows the block can be reached; where it cannot be told, no."""
    return all(_goes_on(statement) for statement in body)


def _goes_on(statement: ast.stmt) -> bool:
    if isinstance(statement, _LEAVES):
        return False
    if isinstance(statement, ast.While):
        return not _is_true(statement.test) or _has_break(statement.body)
    if isinstance(statement, ast.If):
        return _reaches_end(statement.body) or _reaches_end(statement.orelse)
    if isinstance(statement, ast.With | ast.AsyncWith):
        return _reaches_end(statement.body)
    return _goes_on_from_cases(statement)


def _goes_on_from_cases(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Try):
        tried = [statement.body + statement.orelse, *(item.body for item in statement.handlers)]
        return any(map(_reaches_end, tried)) and _reaches_end(statement.finalbody)
    if isinstance(statement, ast.Match):
        is_complete = any(case.guard is None and _matches_all(case.pattern) for case in statement.cases)
        return not is_complete or any(_reaches_end(case.body) for case in statement.cases)
    return True


def _has_break(body: list[ast.stmt]) -> bool:
    for statement in body:
        if isinstance(statement, ast.Break):
            return True
        is_closed = isinstance(statement, ast.While | ast.For | ast.AsyncFor | Function | ast.ClassDef)
        if not is_closed and any(_has_break(block) for block in own_blocks(statement)):
            return True
    return False


def _matches_all(pattern: ast.pattern) -> bool:
    return isinstance(pattern, ast.MatchAs) and pattern.pattern is None


def _undefined(source: str, tree: ast.Module) -> Iterator[int]:
    """Names that are read and that nothing in the program, nor Python, binds."""
    if any(isinstance(node, ast.ImportFrom) and node.names[0].name == "*" for node in ast.walk(tree)):
        return
    tables, bound, read = [symtable.symtable(source, "<program>", "exec")], set(dir(builtins)), set()
    bound |= _OF_MODULES
    top = tables[0]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for item in table.get_symbols():
            is_outer = table is top or item.is_declared_global()
            if is_outer and (item.is_assigned() or item.is_imported()):
                bound.add(item.get_name())
            if item.is_referenced() and (table is top or item.is_global()):
                read.add(item.get_name())
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in read - bound:
            yield node.lineno


def _functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def _own_nodes(function: Function) -> Iterator[ast.AST]:
    """Of the function itself, not of those inside it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        yield from own_blocks(node)


def own_blocks(node: ast.AST) -> Iterator[list[ast.stmt]]:
    """The blocks of statements that a statement holds."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, None)
        if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
            yield block
    for inner in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
        yield inner.body


def _is_true(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and bool(test.value)


def _is_none(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


UNDEFINED = "a name that nothing defines"
FLOW_RULES: dict[str, tuple[str, Callable[[ast.AST], Iterator[int]]]] = {
    "code that is never reached": ("No statement stands behind one that leaves its block.", _never_reached),
    "a loop without an end": ("A loop that is always true has a way out.", _never_ends),
    "a path that returns nothing": (
        "A function that returns a value does so on every path.",
        _forgets_to_return,
    ),
    "recursion without an end": (
        "A function that calls itself has a branch that does not.",
        _recurs_without_end,
    ),
}
FLOW_SENTENCES = {
    **{rule: sentence for rule, (sentence, _) in FLOW_RULES.items()},
    UNDEFINED: "Every name that is read is defined in the program or by Python.",
}
