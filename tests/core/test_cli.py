"""The commands as a person or a script runs them: real processes, exit codes, one sentence for a mistake."""

import json
import os
import re
import select
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from core.spec.budget import PRECISIONS
from core.spec.folders import embedded_model
from core.spec.presets import PRESETS
from core.spec.sizes import in_gb
from tests.tiny import tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    return tiny_folder(folder / "model", tiny_tokenizer(folder))


def run(*words: object, text: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "main.py", *map(str, words)],
        cwd=ROOT,
        input=text,
        capture_output=True,
        check=False,
        env={**os.environ, **environment},
    )


def refused(done: subprocess.CompletedProcess[bytes]) -> str:
    sentence = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b""), sentence
    assert sentence.startswith("smallcoder: ")
    assert len(sentence.splitlines()) == 1
    return sentence


def test_presets_are_a_list_of_objects_for_programs() -> None:
    rows = json.loads(run("models", "presets", "--json").stdout)
    assert [row["name"] for row in rows] == list(PRESETS)
    medium = next(row for row in rows if row["name"] == "smallcoder-medium")
    shape = {"layers": 18, "hidden": 1152, "heads": 16, "kv_heads": 4, "head_dim": 72, "ffn": 3328}
    assert medium == {
        "name": "smallcoder-medium",
        "parameters": 303_654_528,
        **shape,
        "vocab": 32_000,
        "context": 4096,
        "bytes": medium["bytes"],
    }
    assert list(medium["bytes"]) == list(PRECISIONS)
    assert medium["bytes"]["fp16"] == 2 * 303_654_528


def test_tokenize_gives_the_bytes_back_whatever_the_locale(model: Path) -> None:
    text = "  Grüße 🚀\r\n\tx  \n\n".encode()
    ids = run("tokenize", "--model", model, text=text).stdout
    assert ids.count(b"\n") == 1
    back = run("tokenize", "--decode", "--model", model, text=ids, PYTHONIOENCODING="cp1252")
    assert back.stdout == text
    assert run("tokenize", "--model", model).stdout == b"\n"


def test_tokenize_speaks_to_programs_too(model: Path) -> None:
    text = "Grüße \n"
    ids = json.loads(run("tokenize", "--model", model, "--json", text=text.encode()).stdout)["ids"]
    shown = run("tokenize", "--model", model, text=text.encode()).stdout
    assert shown.split() == [str(token).encode() for token in ids]
    back = run("tokenize", "--model", model, "--decode", "--json", text=shown)
    assert json.loads(back.stdout) == {"text": text}


@pytest.mark.parametrize("text", [b"-1", b"500", b"1 x", b"1e3", "\u0664".encode()])
def test_what_is_no_token_id_is_named(model: Path, text: bytes) -> None:
    assert "is no token id" in refused(run("tokenize", "--decode", "--model", model, text=text))


def test_bytes_that_are_no_text_are_refused(model: Path) -> None:
    assert "byte 3 is not" in refused(run("tokenize", "--model", model, text=b"ab\xff"))


def test_complete_fills_in_at_a_place_in_a_file(model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("def f(x):\r\n    r\u00e9turn x\r\n\r\nf(1)".encode())
    place = ("--file", tmp_path / "a.py", "--line", 2, "--column", 6)
    answer = json.loads(run("complete", "--model", model, *place, "--max-tokens", 4, "--json").stdout)
    assert answer["new_tokens"] <= 4
    whole = len(tiny_tokenizer_ids(tmp_path / "a.py", model))
    assert whole <= answer["prompt_tokens"] <= whole + 6


def tiny_tokenizer_ids(path: Path, model: Path) -> list[int]:
    from core.text.vocabulary_folder import open_tokenizer

    return open_tokenizer(model).encode(path.read_bytes().decode())


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (("--line", 0), "has lines 1 to 2; there is no line 0"),
        (("--line", 3), "has lines 1 to 2; there is no line 3"),
        (("--line", 1, "--column", 4), "has columns 1 to 3; there is no column 4"),
    ],
)
def test_a_place_that_is_not_in_the_file_is_named(
    model: Path, tmp_path: Path, place: tuple[object, ...], sentence: str
) -> None:
    (tmp_path / "a.py").write_text("ab\nc")
    assert sentence in refused(run("complete", "--model", model, "--file", tmp_path / "a.py", *place))


@pytest.mark.parametrize(
    "words",
    [
        ("complete", "--model", "no/such", "--prompt", "x"),
        ("complete", "--model", "{model}", "--prompt", "x", "--line", "3"),
        ("complete", "--model", "{model}", "--prompt", "x", "--temperature", "9"),
        ("complete", "--model", "{model}", "--prompt", "x", "--stop", ""),
        ("complete", "--model", "{model}", "--file", "/no/such.py"),
        ("complete", "--model", "{model}", "--file", "/"),
        ("complete", "--model", "{model}", "--prompt", "x", "--max-tokens", "4000"),
        ("complete", "--mod", "{model}"),
        ("models", "show", "x" * 300),
        ("models", "convert", "{model}", "y" * 300, "--to", "native"),
        ("models", "convert", "{model}", "/proc/none/x", "--to", "native"),
        ("tokenize", "--model", "{model}/config.json"),
        ("chat", "--model", "smallcoder-tiny", "--once", "x"),
        ("nonsense",),
    ],
)
def test_a_mistake_gets_one_sentence_and_exit_code_2(model: Path, words: tuple[str, ...]) -> None:
    refused(run(*(word.replace("{model}", str(model)) for word in words)))


def test_nobody_reading_the_output_is_no_mistake(model: Path) -> None:
    command = [sys.executable, "main.py", "complete", "--model", str(model), "--prompt", "x"]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.close()
    assert child.stderr is not None
    errors = child.stderr.read()
    child.stderr.close()
    assert (child.wait(), errors) == (0, b"")


def test_a_full_output_is_said(model: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "main.py", "tokenize", "--model", str(model)],
            cwd=ROOT,
            input=b"x",
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 2
    assert b"The output cannot be used (No space left on device)" in done.stderr


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="has no files without end")
def test_a_text_without_end_is_refused(model: Path) -> None:
    assert "holds more than" in refused(run("complete", "--model", model, "--file", "/dev/zero"))


@pytest.mark.skipif(sys.platform == "win32", reason="closed by the shell")
@pytest.mark.parametrize("command", ["complete", "chat", "serve", "tokenize"])
def test_a_closed_input_is_said(model: Path, command: str) -> None:
    words = [] if command == "serve" else ["--model", model]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "main.py", command, *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    assert b"put is closed; " in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("options", [("--context", -5), ("--context", 0), ("--ram-mb", -1)])
def test_fit_for_less_than_nothing_is_refused(options: tuple[object, ...]) -> None:
    refused(run("models", "fit", "smallcoder-nano", *options))


def test_fit_shows_the_arithmetic_and_large_presets_do_not_fit() -> None:
    rows = json.loads(run("models", "fit", "small-llm-7b", "--ram-mb", 8192, "--json").stdout)
    assert [row["fits"] for row in rows][:3] == [False, False, False]
    for row in rows:
        parts = ("runtime_bytes", "weights_bytes", "cache_bytes", "working_bytes")
        assert row["bytes"] == sum(row[part] for part in parts)
    assert b"MB weights + " in run("models", "fit", "smallcoder-nano").stdout


def test_the_name_in_the_list_is_the_model_that_comes_along() -> None:
    shown = json.loads(run("models", "show", "smallcoder-nano", "--json").stdout)
    assert shown["path"] == str(embedded_model())
    written = run("complete", "--model", "smallcoder-nano", "--prompt", "def add(", "--max-tokens", 4)
    assert written.returncode == 0, written.stderr
    options = ("--recipe", "lora", "--model", "smallcoder-nano", "--measure-seconds", 0)
    assert run("train", "estimate", *options).returncode == 0


def test_the_machines_memory_is_the_same_figure_in_every_command() -> None:
    whole = in_gb(psutil.virtual_memory().total)
    for words in (("models", "fit", "smallcoder-nano"), ("models", "catalogue"), ("diagnostics",)):
        assert whole in run(*words).stdout.decode(), words


def test_chat_answers_once_and_in_turns(model: Path) -> None:
    once = run("chat", "--model", model, "--once", "hello", "--max-tokens", 5)
    assert once.returncode == 0
    assert once.stdout.strip()
    turns = run("chat", "--model", model, "--max-tokens", 5, text=b"hello\nagain\n\nnever asked\n")
    assert turns.returncode == 0
    assert len(turns.stdout.splitlines()) >= 2


def test_a_question_that_is_no_text_is_refused(model: Path) -> None:
    done = run("chat", "--model", model, "--max-tokens", 2, text=b"a\xff\n", PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == 2
    assert b"is not UTF-8 text: byte 2" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="has no terminal of that kind")
def test_a_terminal_does_not_cut_a_long_question(model: Path) -> None:
    """By itself it keeps 4,095 letters of a line; those could not be more tokens than that."""
    ours, theirs = os.openpty()
    command = [sys.executable, "main.py", "chat", "--model", str(model), "--max-tokens", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE) as process:
        os.close(theirs)
        assert process.stderr is not None
        read_until(ours, b"> ")
        for _ in range(12):
            os.write(ours, b"word " * 199 + b"part ")
            read_until(ours, b"part")
        os.write(ours, b"\n")
        read_until(ours, b"\n> ")
        os.write(ours, b"\x04")
        said = process.stderr.read().decode()
    os.close(ours)
    left_out = re.search(r"about (\d+) tokens", said)
    assert left_out is not None, said
    assert int(left_out[1]) > 4096


def read_until(terminal: int, end: bytes) -> None:
    read = b""
    while end not in read:
        assert select.select([terminal], [], [], 60)[0], read
        read += os.read(terminal, 2**16)


def test_the_models_in_a_folder_are_listed_beside_the_one_that_comes_along(model: Path) -> None:
    rows = json.loads(run("models", "list", model.parent, "--json").stdout)
    others = [row for row in rows if row["path"] != str(embedded_model())]
    assert [(row["path"], row["kind"], row["has_fim"]) for row in others] == [(str(model), "native", True)]
    assert len(rows) == 2


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such terminals")
def test_who_types_a_text_is_told_that_it_is_waited_for(model: Path) -> None:
    mine, theirs = os.openpty()
    words = [sys.executable, "main.py", "tokenize", "--model", str(model)]
    with subprocess.Popen(
        words, cwd=ROOT, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as typed:
        os.close(theirs)
        assert typed.stderr is not None
        assert b"reading what you type, until Ctrl+D" in typed.stderr.readline()
        os.write(mine, b"x = 1\n\x04")
        ids, _ = typed.communicate()
    os.close(mine)
    assert ids == run("tokenize", "--model", model, text=b"x = 1\n").stdout


def test_a_conversion_that_loses_nothing_says_so_and_one_that_does_says_how_much(
    model: Path, tmp_path: Path
) -> None:
    exact = run("models", "convert", model, tmp_path / "exact", "--to", "native")
    assert b"Nothing is lost: " in exact.stdout
    rounded = run(
        "models", "convert", model, tmp_path / "rounded.gguf", "--to", "gguf", "--precision", "int4"
    )
    assert b"Nothing is lost" not in rounded.stdout
    assert b"int4 costs " in rounded.stdout
    assert b"0.0e+00" not in exact.stdout + rounded.stdout


def test_help_names_what_the_commands_do() -> None:
    said = run("--help").stdout.decode()
    models, bench = (
        re.search(rf"(?m)^ +{name} +(.*(?:\n {{20,}}.*)*)", said) for name in ("models", "bench")
    )
    assert models is not None
    assert bench is not None
    assert "download" in models[1]
    assert "delete" in models[1]
    assert "how good" in bench[1]
