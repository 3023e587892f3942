"""Questions and answers made of Python code: a documented function becomes the wish for it and its source."""

import ast
import textwrap
import warnings
from collections.abc import Iterator

from trainer.data.samples import Lesson, lesson

_FEWEST_LETTERS_SAID = 24
_FEWEST_LINES, _MOST_LINES = 2, 120
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def pairs(source: str) -> Iterator[Lesson]:
    """In the order of the file; what does not parse has none."""
    try:
        with warnings.catch_warnings(action="ignore"):  # about escapes in strings, which are theirs
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = source.split("\n")
    for node in tree.body:
        if isinstance(node, _Function):
            yield from _pair(node, lines, "")
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, _Function):
                    yield from _pair(inner, lines, node.name)


def _pair(node: _Function, lines: list[str], owner: str) -> Iterator[Lesson]:
    said = ast.get_docstring(node) or ""
    body = node.body[1:]
    if len(said) < _FEWEST_LETTERS_SAID or not _does_something(body) or node.name.startswith("test"):
        return
    doc = node.body[0]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    if node.end_lineno is None or doc.end_lineno is None or body[0].lineno <= doc.end_lineno:
        return
    kept = [*lines[first - 1 : doc.lineno - 1], *lines[doc.end_lineno : node.end_lineno]]
    if doc.lineno == node.lineno or not _FEWEST_LINES <= len(kept) <= _MOST_LINES:
        return
    what = f"method `{node.name}` of the class `{owner}`" if owner else f"function `{node.name}`"
    wish = f"Write the Python {what}.\n\n{said}"
    answer = textwrap.dedent("\n".join(kept)).strip("\n") + "\n"
    yield lesson(({"role": "user", "content": wish},), answer)


def _does_something(body: list[ast.stmt]) -> bool:
    """Not only a place to be filled in by somebody else."""
    if len(body) != 1:
        return bool(body)
    is_ellipsis = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return not (is_ellipsis or isinstance(body[0], ast.Pass | ast.Raise))
