"""A vocabulary learnt from code gives every text back, and never writes its own marks."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.spec.errors import DataError, UsageError
from core.text.fim import find_marks
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_tokenizer
from tests.trainer.vocabularies import folder_texts
from trainer.data.tokenizer import CONTROL_MARKS, END_MARK, train_tokenizer

ROOT = Path(__file__).parents[2]
SNIPPETS = [
    "\r\n",
    "\t",
    "\n\n",
    " " * 1000,
    "\0",
    "▁",
    "🙂",
    "e\u0301",
    "1234567890",
    "<unk>",
    *CONTROL_MARKS,
]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path = tmp_path_factory.mktemp("own") / "own.model"
    path.write_bytes(train_tokenizer(folder_texts(ROOT / "core"), vocab_size=1500))
    return open_tokenizer(path)


@settings(max_examples=200, deadline=None)
@example(text=" a")
@example(text="\n")
@given(text=st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=8)), max_size=12).map("".join))
def test_every_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    tokens = tokenizer.encode(text)
    assert tokenizer.decode(tokens) == text
    assert tokenizer.special_ids.isdisjoint(tokens)


def test_it_has_the_size_asked_for_and_its_marks(tokenizer: Tokenizer) -> None:
    assert tokenizer.vocab_size == 1500
    assert tokenizer.spelling(tokenizer.eos_id or 0) == END_MARK
    assert tokenizer.bos_id is None
    assert not tokenizer.add_bos
    marks = find_marks(tokenizer)
    assert marks is not None
    assert tokenizer.spelling(marks.prefix) == "<fim_prefix>"
    assert {tokenizer.token_id("<|im_end|>"), tokenizer.eos_id} <= tokenizer.end_ids


def test_digits_stand_alone_and_runs_of_spaces_together(tokenizer: Tokenizer) -> None:
    assert len(tokenizer.encode("2026")) == 4
    assert len(tokenizer.encode(" " * 8)) == 1


def test_line_ends_join_what_stands_before_them(tokenizer: Tokenizer) -> None:
    assert b":\n" in map(tokenizer.token_bytes, tokenizer.encode("else:\n    pass\n"))


def test_no_token_joins_two_words(tokenizer: Tokenizer) -> None:
    for token in range(tokenizer.vocab_size):
        written = tokenizer.token_bytes(token)
        assert b" " not in written.lstrip(b" ").rstrip(b"\n") or not written.strip(), written


def test_the_same_text_gives_the_same_vocabulary() -> None:
    models = [train_tokenizer(folder_texts(ROOT / "core" / "text"), vocab_size=700) for _ in range(2)]
    assert models[0] == models[1]


def test_too_little_text_says_how_much_it_is_good_for() -> None:
    with pytest.raises(DataError, match=r"only \d+ tokens"):
        train_tokenizer(["def add(first, second):\n    return first + second\n"] * 9, vocab_size=5000)


@pytest.mark.parametrize("texts", [[], [""], ["\0"]])
def test_no_text_at_all_is_refused(texts: list[str]) -> None:
    with pytest.raises(DataError):
        train_tokenizer(texts, vocab_size=1000)


@pytest.mark.parametrize("size", [0, -5, 10**9])
def test_a_size_that_no_vocabulary_has_is_refused(size: int) -> None:
    with pytest.raises(UsageError):
        train_tokenizer(["x"], vocab_size=size)


def test_only_readable_text_of_a_folder_is_learnt_from(tmp_path: Path) -> None:
    (tmp_path / "b.py").write_text("b = 1\n")
    (tmp_path / "a.py").write_text("a = 1\n")
    (tmp_path / "binary").write_bytes(b"\0\1\2")
    (tmp_path / "latin").write_bytes("é".encode("latin-1"))
    (tmp_path / "empty.py").write_text("")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "c.py").write_text("c = 1\n")
    (tmp_path / "large.txt").write_text("x" * (2 << 20))
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    assert [*folder_texts(tmp_path)] == ["a = 1\n", "b = 1\n"]


def test_the_command_writes_a_vocabulary_and_says_what_it_is_worth(tmp_path: Path) -> None:
    out = tmp_path / "own.model"
    done = run("data", "tokenizer", str(ROOT / "core"), "--vocab-size", "1000", "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["vocab_size"] == open_tokenizer(out).vocab_size == 1000
    assert result["bytes_per_token"] > 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing", "--out", "own.model"], "missing cannot be read"),
        (["core", "--out", "own.txt"], ".model"),
        (["core", "--out", "missing/own.model", "--vocab-size", "600"], "cannot be written"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], said: str) -> None:
    done = run("data", "tokenizer", *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys, main; sys.exit(main.run(sys.argv[1:], sets_itself_up=False))"
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
