"""What a prompt becomes, by what it looks like and what the model was taught; and the code in an answer."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.languages import PYTHON, language_named
from app.prompt.asking import Manner, as_comment, asked, begins_code, manner_for, sentence
from app.prompt.code_in_answer import Code, code_in, visible
from app.prompt.sampling_form import escaped, unescaped
from core.spec.editing import Editing
from core.spec.messages import Chat, Complete, Turn
from core.spec.sampling import Sampling
from tests.app.desk import FACTS

CHATS = replace(FACTS, has_chat=True)


@pytest.mark.parametrize(
    "prompt",
    [
        "def quicksort(items):",
        "\n\nclass Stack:",
        "import json",
        "from pathlib import Path",
        "# Reads a file",
        '"""What a shop has in store."""',
        "@dataclass",
        "total = 0",
        "items[0].price += 1",
        "print(1)",
        "for item in items:",
        "async def main():",
        "function add(a, b) {",
        "#include <stdio.h>",
        "rows.sort(key=len)",
    ],
)
def test_the_beginning_of_code_is_known(prompt: str) -> None:
    assert begins_code(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "a function that counts the words of a text file",
        "Write quicksort",
        "for each file in a folder, print its size",
        "import a CSV file and return its rows",
        "class for a stack with push and pop",
        "return the largest number of a list",
        "with a cache, please",
        "",
        "   ",
    ],
)
def test_plain_words_are_not_taken_for_code(prompt: str) -> None:
    assert not begins_code(prompt)


@pytest.mark.parametrize(
    ("wanted", "facts", "prompt", "manner"),
    [
        ("auto", CHATS, "def f():", "chat"),
        ("auto", FACTS, "def f():", "code"),
        ("auto", FACTS, "a stack", "comment"),
        ("chat", FACTS, "a stack", "comment"),
        ("code", CHATS, "a stack", "code"),
        ("comment", FACTS, "def f():", "comment"),
    ],
)
def test_a_model_is_asked_as_it_can_be(wanted: Manner, facts: object, prompt: str, manner: Manner) -> None:
    assert manner_for(prompt, wanted, facts) == manner  # type: ignore[arg-type]
    assert FACTS.name in sentence(manner, FACTS)


def test_a_chat_is_asked_with_the_words_as_they_are_and_code_is_continued() -> None:
    sampling = Sampling(seed=7)
    chat = asked(1, "a stack", "chat", CHATS, sampling)
    assert chat.question == Chat(1, (Turn("user", "a stack"),), sampling)
    assert chat.lead == ""
    code = asked(2, "def f():", "code", FACTS, sampling)
    assert code.question == Complete(2, "def f():", editing=Editing(extent="all"), sampling=sampling)
    comment = asked(3, "a stack\n\nof items", "comment", FACTS, sampling)
    assert comment.lead == "# a stack\n#\n# of items\n"
    assert comment.question == Complete(3, comment.lead, editing=Editing(extent="all"), sampling=sampling)
    assert as_comment("a stack", language_named("go")) == "// a stack\n"


ANSWER = """Sure! Here it is:

```python
def double(number):
    return 2 * number
```

It is used so:

```sh
python double.py
```
"""


def test_the_code_is_taken_from_between_the_fences() -> None:
    assert code_in(ANSWER) == Code("def double(number):\n    return 2 * number", PYTHON, is_fenced=True)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("def f():\n    pass\n", Code("def f():\n    pass")),
        ("```\nx = 1\n```", Code("x = 1", None, is_fenced=True)),
        ("~~~~py\n```\nx\n~~~~\nrest", Code("```\nx", PYTHON, is_fenced=True)),
        ("```bash\npip install x\n```\n```py\nx = 1\n```", Code("x = 1", PYTHON, is_fenced=True)),
        ("```py\nx = 1\n    ```\ny", Code("x = 1", PYTHON, is_fenced=True)),
        ("Take `x` and ```y``` instead.", Code("Take `x` and ```y``` instead.")),
    ],
)
def test_odd_answers(answer: str, code: Code) -> None:
    assert code_in(answer) == code


def test_code_is_there_while_the_answer_is_still_being_written() -> None:
    shown = [code_in(ANSWER[:length]) for length in range(ANSWER.index("def"), ANSWER.index("\n```\n"))]
    assert all(code.is_fenced for code in shown)
    assert all(shown[-1].text.startswith(code.text) for code in shown)


@given(st.text(alphabet="`~ \nab", max_size=40))
def test_no_answer_is_too_odd(answer: str) -> None:
    code = code_in(answer)
    assert all(line in answer for line in code.text.split("\n"))


def test_what_nobody_could_see_is_left_out() -> None:
    assert visible("a\x1b[31mb\u202ec\td\r\n\x00e") == "a[31mbc\td\ne"


@given(st.text(alphabet="\\n\n\tab", max_size=12))
def test_a_stop_text_of_any_kind_can_be_written_in_one_line(text: str) -> None:
    assert "\n" not in escaped(text)
    assert unescaped(escaped(text)) == text


def test_other_backslashes_stand_for_themselves() -> None:
    assert unescaped(r"\d\n\\n" + "\\") == "\\d\n\\n\\"
