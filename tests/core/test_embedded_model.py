"""The model that comes along: small, opened as any other, the default, and the same text in every format."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import main
from core import load
from core.checkpoint.convert import convert
from core.checkpoint.load import open_model
from core.spec.editing import Editing
from core.spec.folders import embedded_model
from core.spec.library import describe_model
from core.spec.presets import PRESETS
from core.spec.sampling import Sampling

ROOT = Path(__file__).parents[2]
PROMPTS = (
    "def add(a, b):\n    return ",
    "import os\n\n\nclass Stack:\n    def __init__(self):\n",
)
TOKENS = 12


def run(*words: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    argv = [sys.executable, "main.py", *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, check=False, env=environment)


def test_it_is_a_whole_model_of_ours_and_no_larger_than_promised() -> None:
    folder = embedded_model()
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) <= 40e6
    found = describe_model(folder)
    assert found is not None
    assert (found.kind, found.problem, found.has_fim) == ("native", None, True)
    stored = open_model(folder)
    assert stored.config == PRESETS["smallcoder-nano"]
    assert stored.about.languages == ("Python",)
    assert stored.tokenizer().vocab_size == stored.config.vocab_size


def test_it_completes_where_no_model_is_named() -> None:
    done = run("complete", "--prompt", PROMPTS[0], "--max-tokens", 4, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["new_tokens"] > 0
    named = run("complete", "--model", embedded_model(), "--prompt", PROMPTS[0], "--max-tokens", 4, "--json")
    assert json.loads(named.stdout)["text"] == answer["text"]


def test_a_text_that_somebody_typed_is_gone_on_with_as_in_the_editor_or_exactly() -> None:
    engine, text = load(embedded_model(), precision="fp32", threads=1), "try:\n    run()\nexcept "
    for words, extent in (((), "all"), (("--exact",), None)):
        place = ("--precision", "fp32", "--threads", 1, "--max-tokens", 6)
        said = run("complete", "--prompt", text, *place, *words, "--json")
        sampling, editing = Sampling(max_tokens=6), Editing(extent=extent)
        expected = engine.complete_answer(text, "", sampling, editing=editing).text()
        assert json.loads(said.stdout)["text"] == expected


def test_asked_in_a_chat_it_says_what_it_is_for() -> None:
    done = run("chat", "--once", "hello", "--max-tokens", 2)
    assert done.returncode == 0, done.stderr
    assert done.stderr.decode().count("completes code and is not made to chat") == 1
    assert "models download Qwen/Qwen2.5-Coder-0.5B-Instruct" in done.stderr.decode()


@pytest.fixture(scope="module")
def written() -> list[str]:
    return texts_of(embedded_model())


def texts_of(path: Path) -> list[str]:
    engine = load(path, precision="fp32", threads=1)
    return [engine.complete(prompt, sampling=Sampling(max_tokens=TOKENS)) for prompt in PROMPTS]


def test_the_exported_file_writes_the_same_text(tmp_path: Path, written: list[str]) -> None:
    stored = open_model(embedded_model())
    convert(stored.load(torch.float32), stored.tokenizer(), tmp_path / "nano.gguf", "gguf", "fp16")
    assert texts_of(tmp_path / "nano.gguf") == written


def test_the_exported_folder_writes_the_same_text_here_and_in_transformers(
    tmp_path: Path, written: list[str]
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    stored = open_model(embedded_model())
    convert(stored.load(torch.float32), stored.tokenizer(), tmp_path / "nano", "hf", "fp16")
    assert texts_of(tmp_path / "nano") == written
    tokenizer: Any = AutoTokenizer.from_pretrained(tmp_path / "nano")
    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "nano", dtype=torch.float32)
    for prompt, expected in zip(PROMPTS, written, strict=True):
        ids = tokenizer(prompt, return_tensors="pt", add_special_tokens=False).input_ids
        found = model.generate(ids, max_new_tokens=TOKENS, do_sample=False)[0, ids.shape[1] :]
        assert tokenizer.decode(found, skip_special_tokens=True) == expected


def test_a_conversion_to_our_own_format_still_says_what_it_was_taught(tmp_path: Path) -> None:
    argv = ["models", "convert", str(embedded_model()), str(tmp_path / "copy"), "--to", "native"]
    assert main.run([*argv, "--precision", "fp16"], sets_itself_up=False) == 0
    assert open_model(tmp_path / "copy").about == open_model(embedded_model()).about
    argv[3] = str(tmp_path / "other")
    assert main.run([*argv, "--language", "Python", "--language", "Cython"], sets_itself_up=False) == 0
    assert open_model(tmp_path / "other").about.languages == ("Python", "Cython")
