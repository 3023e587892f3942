"""Which of the constructs that a task expects are in a program."""

import ast
from collections.abc import Iterable, Iterator

RECURSION = "Recursion"
Function = ast.FunctionDef | ast.AsyncFunctionDef


def missing_constructs(tree: ast.AST, expected: Iterable[str]) -> list[str]:
    """Each names a kind of syntax node, or several with | of which one will do; Recursion is one more."""
    there = {type(node).__name__ for node in ast.walk(tree)}
    if any(calls_itself(node) for node in ast.walk(tree) if isinstance(node, Function)):
        there.add(RECURSION)
    return [names for names in expected if there.isdisjoint(names.split("|"))]


def calls_itself(function: Function) -> bool:
    return any(name == function.name for name in _called(function))


def _called(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute):
                yield node.func.attr
