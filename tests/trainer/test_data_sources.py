"""Records of every shape are read as streams, and what is broken is counted and named, never fatal."""

import gzip
import json
import random
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import DataError, UsageError
from trainer.data.pairs import pairs
from trainer.data.samples import Choice, Lesson, Plain, Sample, sample_of
from trainer.data.sources import MAX_LINE_BYTES, Document, Rejections, Sources
from trainer.spec.data import ScanSpec


def read(*paths: Path, **settings: Any) -> tuple[list[Document], Rejections]:
    rejections, sources = Rejections(), Sources(paths, ScanSpec(), **settings)
    return [*sources.documents(sources.kind(), rejections)], rejections


def samples(*paths: Path, **settings: Any) -> list[Sample]:
    return [sample for document in read(*paths, **settings)[0] for sample in document.samples]


def lines(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def said(*turns: str) -> tuple[dict[str, str], ...]:
    roles = ("user", "assistant")
    return tuple({"role": roles[place % 2], "content": text} for place, text in enumerate(turns))


SHAPES: list[tuple[dict[str, Any], Sample]] = [
    ({"text": "once"}, Plain("once")),
    ({"prompt": "q", "completion": "a"}, Lesson(said("q", "a"))),
    ({"messages": [*said("q", "a", "r", "b")]}, Lesson(said("q", "a", "r", "b"))),
    ({"instruction": "sort", "input": "3 1", "output": "1 3"}, Lesson(said("sort\n\n3 1", "1 3"))),
    ({"instruction": "sort", "input": "", "output": "1"}, Lesson(said("sort", "1"))),
    ({"instruction": "sort", "output": "1", "text": "all of it once more"}, Lesson(said("sort", "1"))),
    ({"prompt": "q", "chosen": "good", "rejected": "bad"}, Choice(said("q"), "good", "bad")),
    (
        {"prompt": [*said("q")], "chosen": [*said("q", "good")], "rejected": [*said("q", "bad")]},
        Choice(said("q"), "good", "bad"),
    ),
    ({"text": "once", "id": 7, "meta": {"a": None}}, Plain("once")),
]


@pytest.mark.parametrize(("record", "sample"), SHAPES)
def test_each_shape_is_known(record: dict[str, Any], sample: Sample) -> None:
    assert sample_of(record) == sample


@pytest.mark.parametrize(
    "record",
    [
        [],
        "text",
        None,
        {},
        {"text": 7},
        {"text": "  "},
        {"prompt": "q"},
        {"prompt": "q", "completion": ""},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "user", "content": "q"}]},
        {"messages": [{"role": "assistant", "content": "first"}]},
        {"messages": [{"role": "king", "content": "q"}, *said("q", "a")]},
        {"messages": [{"role": "user"}, {"role": "assistant", "content": None}]},
        {"instruction": ["a"], "output": "b"},
        {"prompt": "q", "chosen": [], "rejected": "b"},
    ],
)
def test_what_has_no_known_shape_is_refused(record: object) -> None:
    with pytest.raises(DataError):
        sample_of(record)


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["text", "messages", "prompt", "completion", "role", "content", "output"]),
                inner,
            )
        ),
        max_leaves=8,
    )
)
def test_no_record_breaks_the_reader(record: object) -> None:
    with suppress(DataError):
        sample_of(record)


def test_broken_lines_are_named_and_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    good = json.dumps({"text": "fine"}).encode()
    content = [good, b"{", b"\xff\xfe", b"", b"[1]", good, b'{"text": "cut', b"[" * 100_000, good]
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"\n".join(content))
    documents, rejections = read(path)
    assert len(documents) == 3
    assert rejections.broken == 5
    assert [problem.place for problem in rejections.problems] == [2, 3, 5, 7, 8]
    assert all(problem.path == str(path) for problem in rejections.problems)


def test_of_many_broken_lines_only_the_first_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'{"text": "x"}\n' + b"{\n" * 5000)
    _, rejections = read(path)
    assert rejections.broken == 5000
    assert len(rejections.problems) == 20


def test_a_line_longer_than_memory_should_hold_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "a"}\n{"text": "')
        for _ in range(3 * MAX_LINE_BYTES // (1 << 20)):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n{"text": "b"}\n')
    tracemalloc.start()
    try:
        documents, rejections = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [document.samples for document in documents] == [(Plain("a"),), (Plain("b"),)]
    assert [problem.place for problem in rejections.problems] == [2]
    assert peak < 4 * MAX_LINE_BYTES


def test_compressed_lines_are_read_and_half_a_file_is_said(tmp_path: Path) -> None:
    dice = random.Random(1)
    records = [{"text": f"text {dice.random()}"} for _ in range(2000)]
    written = gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode())
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(written)
    assert len(samples(path)) == 2000
    for damaged in (written[: len(written) // 2], written[:2000] + b"\0" * 50 + written[2050:]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="damaged behind line"):
            read(path)


def test_records_with_secrets_are_left_out(tmp_path: Path) -> None:
    secret = "ghp" + "_" + "Ab1" * 12
    path = lines(
        tmp_path / "data.jsonl", {"text": "fine"}, {"prompt": "key?", "completion": secret}, {"text": secret}
    )
    documents, rejections = read(path)
    assert len(documents) == 1
    assert rejections.broken == 2
    assert not any(secret in problem.why for problem in rejections.problems)


def test_kinds_do_not_mix_unseen(tmp_path: Path) -> None:
    text = lines(tmp_path / "text.jsonl", {"text": "a"}, {"prompt": "q", "completion": "a"})
    lesson = lines(tmp_path / "lesson.jsonl", {"prompt": "q", "completion": "a"}, {"text": "b"})
    choice = lines(tmp_path / "choice.jsonl", {"prompt": "q", "chosen": "a", "rejected": "b"}, {"text": "b"})
    assert [sample.kind for sample in samples(text)] == ["text"]
    assert read(text)[1].broken == 1
    assert [sample.kind for sample in samples(text, lesson)] == ["text", "lesson", "lesson", "text"]
    assert [sample.kind for sample in samples(choice)] == ["choice"]
    with pytest.raises(UsageError, match="apart"):
        samples(text, choice)


def test_a_text_file_is_one_text_and_marks_divide_it(tmp_path: Path) -> None:
    whole, divided = tmp_path / "a.txt", tmp_path / "b.txt"
    whole.write_text("One.\n\nTwo.\n")
    divided.write_bytes("One day.\r\n<|endoftext|>\nÉlan.\n<|endoftext|>\n\n".encode())
    assert samples(whole) == [Plain("One.\n\nTwo.\n")]
    assert samples(divided) == [Plain("One day.\n"), Plain("Élan.\n")]


@pytest.mark.parametrize("line", ["word " * 30 + "\n", "no line ends 🙂 ", "🙂"])
def test_a_large_text_is_cut_into_blocks_and_loses_nothing(tmp_path: Path, line: str) -> None:
    text = line * (3_000_000 // len(line.encode()))
    path = tmp_path / "large.txt"
    path.write_text(text, encoding="utf-8")
    documents, rejections = read(path)
    assert len(documents) > 15
    assert rejections.broken == 0
    texts = [
        sample.text for document in documents for sample in document.samples if isinstance(sample, Plain)
    ]
    assert "".join(texts) == text


def test_a_block_that_is_no_text_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mixed.txt"
    path.write_bytes(
        b"plain words\n" * 50_000 + "caf\xe9\n".encode("latin-1") * 1000 + b"plain words\n" * 50_000
    )
    documents, rejections = read(path)
    assert rejections.broken >= 1
    assert sum(len(document.samples[0].text) for document in documents) > 1_000_000  # type: ignore[union-attr]


def test_a_folder_gives_code_and_pairs_when_asked(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(
        'def double(number):\n    """Twice as much as the number given."""\n'
        "    result = 2 * number\n    return result\n"
    )
    assert [sample.kind for sample in samples(tmp_path)] == ["text"]
    assert [sample.kind for sample in samples(tmp_path, pairs="also")] == ["text", "lesson"]
    [lesson] = samples(tmp_path, pairs="only")
    assert isinstance(lesson, Lesson)
    question, answer = (message["content"] for message in lesson.messages)
    assert question == "Write the Python function `double`.\n\nTwice as much as the number given."
    assert answer == "```python\ndef double(number):\n    result = 2 * number\n    return result\n```"


PAIRED = '''
class Stack:
    @property
    def top(self):
        """What was put there last, and stays there.

        More words.
        """
        last = self.items[-1]
        return last

    def push(self, item): """Puts the item on top of the others."""; self.items.append(item)

    def later(self):
        """Is to be written by those who come after us."""
        raise NotImplementedError


def short(x):
    """Short."""
    y = x
    return y


async def fetch(
    url: str,
) -> str:
    """Gets what is at the address and returns its text."""
    async with open(url) as page:
        return await page.text()
'''


def code_of(lesson: Lesson) -> str:
    return lesson.messages[-1]["content"].removeprefix("```python\n").removesuffix("```")


def test_pairs_are_whole_functions_worth_learning() -> None:
    found = [(lesson.messages[0]["content"], code_of(lesson)) for lesson in pairs(PAIRED)]
    assert [question.split("\n")[0] for question, _ in found] == [
        "Write the Python method `top` of the class `Stack`.",
        "Write a Python function that gets what is at the address and returns its text.",
    ]
    assert found[0][1] == "@property\ndef top(self):\n    last = self.items[-1]\n    return last\n"
    for _, answer in found:
        compile(answer, "answer", "exec")


@pytest.mark.parametrize(
    ("said", "does", "do"),
    [
        ("Return the sum of two numbers.", "returns the sum of two numbers", "return the sum of two numbers"),
        ("Applies a change\n    to each row.", "applies a change to each row", "apply a change to each row"),
        ("Push what is given\n\n    :param x: it", "pushes what is given", "push what is given"),
    ],
)
def test_people_ask_for_what_a_function_does(said: str, does: str, do: str) -> None:
    asked = set()
    for number in range(40):  # other words behind the first sentence draw another way of asking
        source = f'def f(x):\n    """{said}\n\n    {number}"""\n    y = x\n    return y\n'
        [lesson] = pairs(source)
        asked.add(lesson.messages[0]["content"].split("\n")[0])
    ways = {f"Write a function that {does}.", f"Write a Python function that {does}."}
    assert asked == ways | {f"write a function to {do}", "Write the Python function `f`."}


@pytest.mark.parametrize(
    "source", ["def f(:\n", "x = 1\0", "(" * 5000, "x = '\\d'\n", "", "-" * 200_000 + "1"]
)
def test_code_that_does_not_parse_has_no_pairs(source: str) -> None:
    assert [*pairs(source)] == []


def test_this_project_gives_pairs_that_parse() -> None:
    root = Path(__file__).parents[2]
    found = [lesson for path in (root / "core").rglob("*.py") for lesson in pairs(path.read_text())]
    assert len(found) > 100
    for lesson in found:
        compile(code_of(lesson), "answer", "exec")


@pytest.mark.parametrize("name", ["missing.jsonl", "data.json", "data.csv", "archive.zip"])
def test_what_cannot_be_a_source_is_said(tmp_path: Path, name: str) -> None:
    if name != "missing.jsonl":
        (tmp_path / name).write_text("[]")
    with pytest.raises(UsageError):
        read(tmp_path / name)


def test_the_same_files_give_the_same_documents(tmp_path: Path) -> None:
    root = Path(__file__).parents[2] / "core" / "text"
    first, second = (read(root, pairs="also")[0] for _ in range(2))
    assert first == second
    assert len(first) > 10
