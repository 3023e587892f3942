"""Where an answer ends in what a model writes, and which code of a reply in words counts."""

import pytest

from trainer.bench.tasks import Task, own_suite
from trainer.bench.written import end_of_answer, program_of_reply, prompt_of, question_of

FUNCTION = Task(
    "t", "functions", "Double x.", "import math\n\ndef double(x):\n", "", "", "double", "assert True"
)
ANYTHING = Task("m", "functions", "Write double(x).", "", "", "", "double", "assert double(1) == 2")

ENDS = {
    "    return 2 * x\n": None,
    "    return 2 * x\n\n\ndef other():\n    pass\n": "    return 2 * x\n\n\n",
    "    return (\n        x\n    )\n# done\n": "    return (\n        x\n    )\n",
    "    return sum([\n        x,\n])\n": None,
    "    if x:\n        return 1\n\nprint(double(1))": "    if x:\n        return 1\n\n",
    "    return 2 * x\n```\nThis doubles x.": "    return 2 * x\n",
    "def double(x):\n    return x": None,
}


@pytest.mark.parametrize("text", ENDS)
def test_a_completion_ends_at_the_margin(text: str) -> None:
    end = end_of_answer(FUNCTION, text)
    assert (None if end is None else text[:end]) == ENDS[text]


def test_what_is_written_from_nothing_ends_where_tests_begin() -> None:
    code = "import math\n\n\ndef helper(x):\n    return x\n\n\ndef double(x):\n    return helper(x) * 2\n"
    for after in ("assert double(1) == 2", "print(double(2))", "if __name__ == '__main__':", "```", "# Test"):
        end = end_of_answer(ANYTHING, f"{code}\n{after}\n")
        assert f"{code}\n{after}\n"[:end].strip() == code.strip()
    assert end_of_answer(ANYTHING, code) is None


def test_infilling_ends_where_the_model_ends() -> None:
    task = Task("t", "infilling", "", "def f():\n", "    return y\n", "", "f", "assert True")
    assert end_of_answer(task, "    x = 1\ny = 2\n") is None


BEFORE = "import math\n\n\n"
REPLIES = {
    "A:\n```py\ndef double(x):\n    return 2 * x\n```\nIt doubles.": "def double(x):\n    return 2 * x\n",
    "```\nprint(1)\n```\nor\n```py\ndef double(x):\n    return x\n```": "def double(x):\n    return x\n",
    "```python\ndef double(x):\n    return 3": "def double(x):\n    return 3",
    "    return 2 * x\n": "    return 2 * x\n",
    "I cannot do that.": "I cannot do that.",
    "": "",
}


@pytest.mark.parametrize("reply", REPLIES)
def test_the_code_of_a_reply_is_the_block_that_defines_what_is_asked_for(reply: str) -> None:
    code = REPLIES[reply]
    before = BEFORE if code.startswith("def ") else FUNCTION.prefix
    assert program_of_reply(FUNCTION, reply) == (code, before + code)


def test_prompts_say_what_is_wanted() -> None:
    assert prompt_of(FUNCTION) == FUNCTION.prefix
    assert prompt_of(ANYTHING) == '"""\nWrite double(x).\n"""\n'
    for task in own_suite().tasks:
        assert task.instruction.strip() in question_of(task)
        assert task.prefix.strip() in question_of(task)
