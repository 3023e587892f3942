"""Good practice in a program, by rules on its syntax tree that most reviewers of Python share.

Style that a formatter mends, such as blanks and line lengths, is not among them.
"""

import ast
import builtins
import re
from collections.abc import Callable, Iterator

from trainer.bench.constructs import Function
from trainer.bench.flow import Finding, own_blocks

_SNAKE = re.compile(r"_*[a-z0-9][a-z0-9_]*|_+|__[a-z0-9_]+__")
_CAP_WORDS = re.compile(r"_*[A-Z][A-Za-z0-9]*")
_MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
_MAKERS = ("list", "dict", "set", "defaultdict")
_MAX_LINES, _MAX_PARAMETERS, _MAX_DEPTH = 50, 7, 5
_DEEPER = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
_SHADOWED = frozenset(name for name in dir(builtins) if name.islower() and not name.startswith("_"))
_FREE_TO_SHADOW = frozenset({"copyright", "credits", "license", "exit", "quit", "help"})


def broken_practices(tree: ast.Module) -> list[Finding]:
    return [Finding(rule, line) for rule, (_, find) in PRACTICE_RULES.items() for line in find(tree)]


def _bare_except(tree: ast.Module) -> Iterator[int]:
    return (node.lineno for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and not node.type)


def _swallowed(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and all(isinstance(item, ast.Pass) for item in node.body):
            caught = node.type
            if caught is None or (
                isinstance(caught, ast.Name) and caught.id in ("Exception", "BaseException")
            ):
                yield node.lineno


def _mutable_default(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.Lambda):
            for value in (*node.args.defaults, *node.args.kw_defaults):
                if isinstance(value, _MUTABLE) or (value is not None and _called_name(value) in _MAKERS):
                    yield value.lineno


def _compared_badly(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = (node.left, *node.comparators)
            is_equality = any(isinstance(item, ast.Eq | ast.NotEq) for item in node.ops)
            is_identity = any(isinstance(item, ast.Is | ast.IsNot) for item in node.ops)
            by_value = is_equality and any(_is_one_of(side, (None, True, False)) for side in sides)
            if by_value or (is_identity and any(map(_is_number_or_text, sides))):
                yield node.lineno


def _compared_types(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        is_equality = isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq)
        if is_equality and isinstance(node, ast.Compare):
            yield from (
                node.lineno for side in (node.left, *node.comparators) if _called_name(side) == "type"
            )


def _shadows(tree: ast.Module) -> Iterator[int]:
    """Attributes and methods of these names hide nothing."""
    for node in ast.walk(tree):
        name = node.arg if isinstance(node, ast.arg) else ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        if isinstance(node, ast.arg | ast.Name) and _is_shadow(name):
            yield node.lineno
    for statement in tree.body:
        if isinstance(statement, Function) and _is_shadow(statement.name):
            yield statement.lineno


def _stars(tree: ast.Module) -> Iterator[int]:
    return (
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"
    )


def _global(tree: ast.Module) -> Iterator[int]:
    return (node.lineno for node in ast.walk(tree) if isinstance(node, ast.Global))


def _evaluates(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called_name(node) in ("eval", "exec"):
            yield node.lineno


def _left_open(tree: ast.Module) -> Iterator[int]:
    kept = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.With | ast.AsyncWith)
        for item in node.items
        for inner in ast.walk(item.context_expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _called_name(node) == "open" and id(node) not in kept:
            yield node.lineno


def _named_badly(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            usual = _CAP_WORDS if isinstance(node, ast.ClassDef) else _SNAKE
            if not usual.fullmatch(node.name):
                yield node.lineno


def _unused_import(tree: ast.Module) -> Iterator[int]:
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [item.asname or item.name.partition(".")[0] for item in node.names]
            is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if not is_future and any(name != "*" and name not in read for name in names):
                yield node.lineno


def _unused_variable(tree: ast.Module) -> Iterator[int]:
    for function in (node for node in ast.walk(tree) if isinstance(node, Function)):
        inside = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        read = {node.id for node in inside if not isinstance(node.ctx, ast.Store)}
        outer = {
            name
            for node in ast.walk(function)
            if isinstance(node, ast.Global | ast.Nonlocal)
            for name in node.names
        }
        for node in ast.walk(function):
            targets = node.targets if isinstance(node, ast.Assign) else []
            for target in targets:
                is_plain = isinstance(target, ast.Name) and not target.id.startswith("_")
                if is_plain and isinstance(target, ast.Name) and target.id not in read | outer:
                    yield target.lineno


def _index_loop(tree: ast.Module) -> Iterator[int]:
    """for i in range(len(x)), where i is only used to read x[i]."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.For) and isinstance(node.target, ast.Name)):
            continue
        walked = _measured_by_range(node.iter)
        if walked is None:
            continue
        inside = [item for statement in node.body for item in ast.walk(statement)]
        uses = [item for item in inside if isinstance(item, ast.Name) and item.id == node.target.id]
        reads = [item for item in inside if _reads_at(item, walked, node.target.id)]
        if uses and len(uses) == len(reads):
            yield node.lineno


def _named_lambda(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        is_lambda = isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)
        if is_lambda and isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.lineno


def _too_much(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            given = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > _MAX_LINES or len(given) > _MAX_PARAMETERS or _depth(node) > _MAX_DEPTH:
                yield node.end_lineno or node.lineno


def _depth(node: ast.stmt) -> int:
    """An elif is an if in the else of another, and no deeper than it."""
    deepest = 0
    for block in own_blocks(node):
        for child in block:
            is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and node.orelse == [child]
            deepest = max(deepest, _depth(child) + (isinstance(child, _DEEPER) and not is_elif))
    return deepest


def _measured_by_range(value: ast.expr) -> str | None:
    if isinstance(value, ast.Call) and _called_name(value) == "range" and len(value.args) == 1:
        inner = value.args[0]
        if isinstance(inner, ast.Call) and _called_name(inner) == "len" and len(inner.args) == 1:
            return ast.unparse(inner.args[0])
    return None


def _reads_at(node: ast.AST, walked: str, index: str) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.ctx, ast.Load)
        and isinstance(node.slice, ast.Name)
        and node.slice.id == index
        and ast.unparse(node.value) == walked
    )


def _called_name(node: ast.expr) -> str:
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def _is_one_of(node: ast.expr, values: tuple[object, ...]) -> bool:
    return isinstance(node, ast.Constant) and any(node.value is value for value in values)


def _is_number_or_text(node: ast.expr) -> bool:
    is_plain = isinstance(node, ast.Constant) and isinstance(node.value, int | float | str | bytes)
    return is_plain and not _is_one_of(node, (True, False))


def _is_shadow(name: str) -> bool:
    return name in _SHADOWED - _FREE_TO_SHADOW


PRACTICE_RULES: dict[str, tuple[str, Callable[[ast.Module], Iterator[int]]]] = {
    "a bare except": ("except names what it catches.", _bare_except),
    "a swallowed exception": ("No exception of any kind is passed over in silence.", _swallowed),
    "a mutable default": ("No default value of a parameter can change.", _mutable_default),
    "a careless comparison": (
        "None, True and False are not compared with ==, numbers and texts not with is.",
        _compared_badly,
    ),
    "compared types": ("Types are asked for with isinstance, not compared.", _compared_types),
    "a hidden builtin": ("No variable or function hides one of Python's own.", _shadows),
    "an import of everything": ("No import brings everything with a star.", _stars),
    "a changed global": ("No function changes a global name.", _global),
    "evaluated text": ("No text is run with eval or exec.", _evaluates),
    "a file left open": ("Files are opened in a with statement.", _left_open),
    "an unusual name": ("Functions are named like_this, classes LikeThis.", _named_badly),
    "an unused import": ("What is imported is used.", _unused_import),
    "an unused variable": ("What a function assigns is used.", _unused_variable),
    "a loop over an index": (
        "A list that is only read is walked through itself, not by range(len()).",
        _index_loop,
    ),
    "a lambda with a name": ("A function with a name is made with def.", _named_lambda),
    "too much at once": (
        f"A function has at most {_MAX_LINES} lines, {_MAX_PARAMETERS} parameters and {_MAX_DEPTH} levels.",
        _too_much,
    ),
}
PRACTICE_SENTENCES = {rule: sentence for rule, (sentence, _) in PRACTICE_RULES.items()}
