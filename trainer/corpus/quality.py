"""How good a Python file is to learn from, told from its text alone: documented, typed, in short functions.

These are signs of care and not of truth. The weights are a judgement, made once by reading what they sort.
"""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_LONG_FUNCTION_LINES = 60
_LONG_LINE = 100
_TABLE_LINES = 8
_MOST_TABLE_SHARE = 0.5
_LEAST_ASCII_SHARE = 0.9
_LEAST_NEW_LINES_SHARE = 0.4
_JUDGED_LINES = 40
_WHOLE_COMMENT_SHARE = 0.08
_MOST_DOC_SHARE = 0.5
_SMALL_BYTES = 1500
_TEST = re.compile(r"(tests?|testing|conftest.*|test_.*|.*_tests?)(\.py)?")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Quality:
    """Each from 0 to 1."""

    documented: float
    commented: float
    hinted: float
    short: float
    fresh: float
    is_code: float

    @property
    def score(self) -> float:
        weighted = 3 * self.documented + self.commented + 2 * self.hinted + 2 * self.short + self.fresh
        return self.is_code * weighted / 9


def parsed(text: str) -> ast.Module | None:
    """None of what is not Python 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # strangers' escapes
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def is_test(name: str) -> bool:
    return any(_TEST.fullmatch(part) for part in PurePosixPath(name).parts)


def is_poor(tree: ast.Module, text: str) -> bool:
    """Tables, other scripts than ASCII, and the same lines over and over."""
    lines = text.splitlines()
    if not text.isascii() and sum(letter < "\x80" for letter in text) < _LEAST_ASCII_SHARE * len(text):
        return True
    if len(lines) < _JUDGED_LINES:
        return False
    return _fresh(lines) < _LEAST_NEW_LINES_SHARE or _table_lines(tree) > _MOST_TABLE_SHARE * len(lines)


def quality(tree: ast.Module, text: str) -> Quality:
    lines = text.splitlines() or [""]
    definitions = [node for node in ast.walk(tree) if isinstance(node, Documented)]
    public = [node for node in definitions if not node.name.startswith("_")]
    functions = [node for node in definitions if isinstance(node, Function)]
    docstrings = [doc for node in (tree, *definitions) if (doc := ast.get_docstring(node, clean=False))]
    doc_share = sum(map(len, docstrings)) / max(len(text), 1)
    comments = sum(line.lstrip().startswith("#") for line in lines)
    wide = sum(len(line) > _LONG_LINE for line in lines)
    is_code = min(1.0, len(text) / _SMALL_BYTES) * (1 - wide / len(lines))
    return Quality(
        documented=_share(sum(ast.get_docstring(node) is not None for node in public), len(public)),
        commented=min(1.0, comments / len(lines) / _WHOLE_COMMENT_SHARE),
        hinted=_hinted(functions),
        short=_short(functions),
        fresh=_fresh(lines),
        is_code=is_code * min(1.0, 2 - doc_share / _MOST_DOC_SHARE),
    )


def _hinted(functions: Sequence[Function]) -> float:
    places = hints = 0
    for node in functions:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        named = [argument for argument in arguments if argument.arg not in ("self", "cls")]
        places += len(named) + 1
        hints += sum(argument.annotation is not None for argument in named) + (node.returns is not None)
    return _share(hints, places)


def _short(functions: Sequence[Function]) -> float:
    lengths = [_length(node) for node in functions]
    return _share(sum(length for length in lengths if length <= _LONG_FUNCTION_LINES), sum(lengths))


def _fresh(lines: Sequence[str]) -> float:
    written = [stripped for line in lines if len(stripped := line.strip()) > 3]
    return _share(len(set(written)), len(written))


def _table_lines(tree: ast.Module) -> int:
    """Of long literals, but not of docstrings."""
    return sum(_length(node) for node in _tables(tree))


def _tables(tree: ast.AST) -> Iterator[ast.expr]:
    waiting = [tree]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Dict | ast.List | ast.Tuple | ast.Set) and _length(node) >= _TABLE_LINES:
                yield node
            elif not isinstance(node, ast.expr | ast.Expr) or isinstance(node, ast.Call):
                waiting.append(node)


def _length(node: ast.stmt | ast.expr) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
