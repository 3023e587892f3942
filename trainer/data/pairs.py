"""Questions and answers made of Python code: a documented function becomes the wish for it and its source.

The wish is in one of the ways in which people ask: with the name and all that is said of the function, or
with what it does, where its first sentence says that with a verb that we know.
"""

import ast
import re
import textwrap
import warnings
import zlib
from collections.abc import Iterator

from trainer.data.samples import Lesson, lesson

_FEWEST_LETTERS_SAID = 24
_FEWEST_LINES, _MOST_LINES = 2, 120
_MOST_LETTERS_DONE = 160
_KNOWN = """
    add adjust append apply assert assign attach build calculate call cast change check clean clear clone
    close collect combine compare compile compute concatenate configure connect construct convert copy count
    create decode define delete detect determine disable display divide download draw drop dump emit enable
    encode ensure escape estimate evaluate execute expand export extend extract fetch fill filter find flatten
    flush format generate get give handle hash import increment infer insert inspect invoke iterate join
    launch limit list load locate log look make map mark match merge modify move multiply normalize open order
    pack pad parse perform pick plot pop prepare print process produce pull push put raise read rebuild
    receive record reduce refresh register reload remove rename render repeat replace report request reset
    resize resolve restore retrieve return reverse rotate round run sample save scale scan search select send
    serialize set shift show shuffle simplify sort split start stop store strip submit subtract sum swap test
    tokenize transform translate trim try truncate turn unpack update upload use validate verify visit wait
    walk warn wrap write yield
"""
_VERBS = frozenset(_KNOWN.split())
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
    wish = _wish(node.name, owner, said)
    answer = textwrap.dedent("\n".join(kept)).strip("\n") + "\n"
    yield lesson(({"role": "user", "content": wish},), f"```python\n{answer}```")


def _wish(name: str, owner: str, said: str) -> str:
    """Which way of asking is told from the words alone, so that it is the same each time."""
    what = f"method `{name}` of the class `{owner}`" if owner else f"function `{name}`"
    ways = [f"Write the Python {what}.\n\n{said}"]
    if (deed := _deed(said)) is not None:
        kind, (does, do) = "method" if owner else "function", deed
        ways += [f"Write a {kind} that {does}.", f"Write a Python {kind} that {does}."]
        ways += [f"write a {kind} to {do}"]
    return ways[zlib.crc32(said.encode()) % len(ways)]


def _deed(said: str) -> tuple[str, str] | None:
    """What the first sentence says that it does: "returns the sum", "return the sum"."""
    sentence = re.split(r"\.(?:\s|$)|\n\s*\n|:$", said, maxsplit=1)[0]
    word, _, rest = " ".join(sentence.split()).partition(" ")
    verb = _verb(word.lower())
    if verb is None or not rest or len(rest) > _MOST_LETTERS_DONE:
        return None
    return f"{_of_one(verb)} {rest}", f"{verb} {rest}"


def _verb(word: str) -> str | None:
    """As it is, or without the ending of "returns", "pushes" and "applies"."""
    forms = (word, word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word))
    return next((form for form in forms if form in _VERBS), None)


def _of_one(verb: str) -> str:
    if re.search("(s|x|z|ch|sh)$", verb):
        return f"{verb}es"
    return re.sub("(?<=[^aeiou])y$", "ie", verb) + "s"


def _does_something(body: list[ast.stmt]) -> bool:
    """Not only a place to be filled in by somebody else."""
    if len(body) != 1:
        return bool(body)
    is_ellipsis = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    return not (is_ellipsis or isinstance(body[0], ast.Pass | ast.Raise))
