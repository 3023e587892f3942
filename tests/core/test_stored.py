"""Damaged, contradictory and foreign models: one sentence, exit code 2, no traceback, bounded memory."""

import json
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.checkpoint.gguf import write_gguf
from core.checkpoint.load import open_model
from core.engine import load
from core.spec.errors import ModelFormatError
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path))


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    write_gguf(tiny_model(), tiny_tokenizer(tmp_path), tmp_path / "model.gguf", "Q8_0")
    return tmp_path / "model.gguf"


def edit_config(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        description = json.loads((folder / "config.json").read_text())
        description["network"] |= changes
        description["network"] = {key: value for key, value in description["network"].items() if value != "-"}
        (folder / "config.json").write_text(json.dumps(description))

    return edit


def edit_weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        weights = load_file(folder / "model.safetensors")
        change(weights)
        save_file(weights, folder / "model.safetensors")

    return edit


def cut(path: str, count: int) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        data = (folder / path).read_bytes()
        (folder / path).write_bytes(data[:count])

    return edit


def write(path: str, data: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / path).write_bytes(data) and None


def remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


HUGE_HEADER = struct.pack("<Q", 2**62) + b"{}"
DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "no config": (remove("config.json"), "has no config.json"),
    "config is not JSON": (write("config.json", b"{"), "config.json is not valid JSON"),
    "config is a list": (write("config.json", b"[]"), "must hold a JSON object"),
    "config of another kind": (write("config.json", b"{}"), "'model_type' in"),
    "format of the future": (write("config.json", b'{"format": 99}'), "newer than this program"),
    "unknown key": (edit_config(layers=3), "has an unknown key 'layers'"),
    "missing key": (edit_config(dim="-"), "lacks the key 'dim'"),
    "contradiction": (edit_config(n_kv_heads=3), "cannot share 3 key and value heads evenly"),
    "larger than its weights": (edit_config(n_layers=3), "lacks the tensor 'layers.2."),
    "smaller than its weights": (edit_config(n_layers=1), "'layers.1."),
    "absurdly wide": (edit_config(dim=65536, ffn_dim=262144, n_layers=1024), "calls for [512, 65536]"),
    "another width": (edit_config(ffn_dim=97), "has the shape [96, 64], but its configuration calls for"),
    "no weights": (remove("model.safetensors"), "holds neither model.safetensors nor"),
    "weights cut off": (cut("model.safetensors", 50_000), "model.safetensors"),
    "weights cut in the header": (cut("model.safetensors", 100), "is cut off or is not a safetensors file"),
    "empty weights": (write("model.safetensors", b""), "is empty"),
    "huge header": (write("model.safetensors", HUGE_HEADER), "is cut off or is not a safetensors file"),
    "a tensor too many": (edit_weights(lambda w: w.update(extra=torch.ones(1))), "tensor 'extra'"),
    "a tensor of another shape": (
        edit_weights(lambda w: w.update({"norm.weight": torch.ones(3)})),
        "has the shape [3], but its configuration calls for [64]",
    ),
    "no tokenizer": (remove("tokenizer.json"), "has neither tokenizer.json nor tokenizer.model"),
    "broken tokenizer": (write("tokenizer.json", b'{"a": '), "tokenizer.json"),
    "larger tokenizer": (
        edit_weights(lambda w: w.update({"embed.weight": w["embed.weight"][:300].clone()})),
        "has the shape [300, 64]",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_folder_gets_one_sentence(damage: str, model: Path) -> None:
    harm, sentence = DAMAGES[damage]
    assert load(model).complete("def")  # whole before it is harmed
    harm(model)
    with pytest.raises(Exception, match=r".") as caught:
        load(model)
    assert type(caught.value).__module__ == "core.spec.errors", repr(caught.value)
    message = str(caught.value)
    assert sentence in message
    assert "\n" not in message
    assert str(model) in message


def test_a_tokenizer_of_another_model_is_refused(model: Path) -> None:
    edit_config(vocab_size=300)(model)
    edit_weights(lambda w: w.update({"embed.weight": w["embed.weight"][:300].clone()}))(model)
    with pytest.raises(Exception, match="has 500 tokens but its weights only 300"):
        load(model)


def test_a_gguf_cut_off_anywhere_gets_a_sentence(gguf: Path) -> None:
    data = gguf.read_bytes()
    for length in (0, 3, 4, 20, 100, 5000, len(data) // 2, len(data) - 1):
        gguf.write_bytes(data[:length])
        with pytest.raises(ModelFormatError) as caught:
            load(gguf)
        assert str(gguf) in str(caught.value)


def test_a_gguf_with_another_width_than_its_tensors_gets_a_sentence(gguf: Path) -> None:
    data = gguf.read_bytes()
    key = b"llama.feed_forward_length" + struct.pack("<I", 4)
    assert data.count(key) == 1
    place = data.index(key) + len(key)
    gguf.write_bytes(data[:place] + struct.pack("<I", 97) + data[place + 4 :])
    with pytest.raises(ModelFormatError, match=r"has the shape \[96, 64\]"):
        load(gguf)


def in_child(*words: str) -> subprocess.CompletedProcess[str]:
    """The real command, with little more memory than torch itself takes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (4 * 2**30, 4 * 2**30))

    return subprocess.run(
        [sys.executable, "main.py", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        input="def f(",
        preexec_fn=limit,
    )


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("pickle.bin", b"\x80\x04K\x01.", "is a Python pickle"),
        ("torch.pt", b"PK\x03\x04rest", "is a Python pickle"),
        ("huge.gguf", b"GGUF" + struct.pack("<IQQ", 3, 2**60, 2**60), "huge.gguf"),
        ("page.gguf", b"<!doctype html>", "is a web page"),
        ("text.txt", b"hello", "neither a model's folder nor a .gguf file"),
    ],
)
def test_the_command_says_one_sentence_and_exits_with_2(
    name: str, data: bytes, sentence: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    done = in_child("complete", "--model", str(tmp_path / name), "-")
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_folder_of_pickles_says_how_to_convert_them(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(ModelFormatError, match="get the model as safetensors or GGUF"):
        open_model(tmp_path)


@pytest.mark.parametrize("name", ["smallcoder-tiny", "no/such/model"])
def test_presets_and_missing_paths_are_told_apart(name: str) -> None:
    done = in_child("complete", "--model", name, "-")
    assert done.returncode == 2
    assert ("is a preset" if name == "smallcoder-tiny" else "There is no model at") in done.stderr
