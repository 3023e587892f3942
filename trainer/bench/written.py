"""What of a model's words is the answer: text in, text out. All rules for where an answer ends are here.

A completion of code that ends inside a function or class ends where a line begins at the margin, for there
something else begins. One that is written from nothing ends where tests, a demonstration or prose begin. Of
an answer in words, the code block counts that defines what is asked for.
"""

import ast
import re

from trainer.bench.tasks import Task

_MARGIN = re.compile(r"\n(?=[^\s)\]}])")
_AFTERWARDS = re.compile(r"\n(?=assert |print\(|if __name__|```|\"\"\"|'''|# ?(?:Test|Example)|>>> )")
_FENCED = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n(.*?)(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)


def prompt_of(task: Task) -> str:
    """What a model goes on from: the given code, or what is asked for as a comment before the code."""
    return task.prefix or f'"""\n{task.instruction.strip()}\n"""\n'


def question_of(task: Task) -> str:
    given = f"\n\n```python\n{task.prefix.rstrip()}\n```" if task.prefix else ""
    return (
        f"{task.instruction.strip()}{given}\n\nAnswer with the whole Python code in one code block, without "
        "tests and examples."
    )


def end_of_answer(task: Task, text: str) -> int | None:
    """Where the answer has ended in what was written so far; None while it goes on."""
    if task.suffix or not task.tests:
        return None
    found = (_MARGIN if task.prefix else _AFTERWARDS).search(text)
    return found.start() + 1 if found else None


def program_of_reply(task: Task, reply: str) -> tuple[str, str]:
    """The code in an answer in words, and the program that it makes: by itself where it defines what is asked
    for, behind what the task gives before that; else as what goes on from the task."""
    blocks = [found[2] for found in _FENCED.finditer(reply)] or [reply]
    defining = [block for block in blocks if _defines(block, task.entry_point)]
    code = (defining or blocks)[-1 if defining else 0]
    if not defining:
        return code, task.program(code)
    header = re.split(
        rf"^(?=(?:async )?(?:def|class) {re.escape(task.entry_point)}\b)", task.prefix, flags=re.M
    )[0]
    return code, f"{header}\n{code}" if header.strip() else code


def _defines(code: str, name: str) -> bool:
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return any(isinstance(node, kinds) and node.name == name for node in tree.body)
