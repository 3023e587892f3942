"""A second start reads what the first one packed: without torch, with the same text, or makes it again."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from core import load
from core.checkpoint.load import open_placed
from core.checkpoint.packed import DAMAGED
from core.model.crossover import rows_through_library
from core.model.device import Attempt
from core.model.network import Logits
from core.model.one_step import rows_question
from core.native import library
from core.placing.in_one_step import find_packed
from core.placing.place import check
from core.spec.budget import PREFILL_CHUNK
from core.spec.errors import ModelFormatError
from core.spec.folders import cache_folder
from core.spec.gguf_header import read_gguf_header
from core.spec.placement import Placement
from core.spec.removal import packed_folder
from tests.tiny import tiny_folder, tiny_tokenizer

ROOT = Path(__file__).parents[2]
CODE = "def add(first, second):\n    return first + second\n\n\n" * 12
INT8 = Attempt("cpu", "int8", 0)
NETWORKS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"bias": "qkv", "tie_embeddings": False},
    "all biases": {"bias": "all"},
    "qwen3": {"qk_norm": True},
    "granite": {"embedding_multiplier": 3.0, "residual_multiplier": 0.5, "logits_divisor": 2.0},
    "windowed": {"sliding_window": 20, "first_windowed_layer": 1},
}
SCRIPT = """
import sys
from core import load
model, prompt, draft = sys.argv[1:]
engine = load(model, device="cpu", draft_model=draft or None)
text = engine.complete(prompt)
assert "torch" not in sys.modules
assert engine.facts()["planned"].runtime_bytes < 128 * 2**20, "as measured with torch, or guessed"
print(text, end="")
"""


@dataclass(frozen=True)
class Start:
    text: str
    logits: Logits
    said: tuple[str, ...]
    kernel: str

    @property
    def needs_torch(self) -> bool:
        return "starting PyTorch" in self.said


@pytest.fixture(autouse=True)
def nothing_was_packed_or_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SMALLCODER_HOME", str(tmp_path / "home"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path))


def started(model: Path, precision: str = "int8") -> Start:
    said: list[str] = []
    engine = load(model, precision=precision, device="cpu", on_step=said.append)
    facts, text, logits = engine.facts(), engine.complete(CODE), engine.logits([1, 2, 3] * 100)
    engine.close()
    return Start(text, logits, tuple(said), facts["kernel"])


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_second_start_needs_no_torch_and_says_the_same(
    network: str, precision: str, tmp_path: Path
) -> None:
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path), **NETWORKS[network])
    first, second = started(model, precision), started(model, precision)
    assert (first.needs_torch, second.needs_torch) == (True, False)
    assert (first.text, first.kernel) == (second.text, second.kernel)
    assert np.array_equal(first.logits, second.logits)


@pytest.mark.parametrize("draft", [False, True])
def test_torch_is_not_even_there_and_not_planned_for(model: Path, draft: bool) -> None:
    text = started(model).text
    command = [sys.executable, "-c", SCRIPT, str(model), CODE, str(model) if draft else ""]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout == text


def test_where_torch_is_there_all_the_same_it_is_planned_for(model: Path) -> None:
    load(model, device="cpu")
    runtime_bytes = load(model, device="cpu").facts()["planned"].runtime_bytes
    assert runtime_bytes > 128 * 2**20


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_the_library_cannot_read_is_read_by_torch(model: Path, precision: str) -> None:
    assert [started(model, precision).needs_torch for _ in range(2)] == [True, True]


def test_a_network_of_other_parts_is_read_by_torch(tmp_path: Path) -> None:
    parts = {"norm": "layer", "mlp": "gelu_tanh", "bias": "all"}
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path), **parts)
    assert [started(model).needs_torch for _ in range(2)] == [True, True]


@pytest.mark.parametrize("packed_rows", [32, PREFILL_CHUNK])
def test_of_a_large_network_torch_is_asked_where_it_reads_long_texts_faster(
    model: Path, packed_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.model.one_step._LITTLE_WORK", 0)
    found = library.load()
    assert found is not None, library.why_not()
    cache_folder().mkdir(parents=True)
    answers = {rows_question(found, 8): str(packed_rows)}
    (cache_folder() / "kernels.json").write_text(json.dumps(answers))
    rows_through_library.cache_clear()
    starts = [started(model) for _ in range(2)]
    assert [start.needs_torch for start in starts] == [True, packed_rows < PREFILL_CHUNK]
    assert {start.kernel.endswith(" beyond 32 tokens") for start in starts} == {packed_rows == 32}
    assert starts[0].text == starts[1].text


def without(name: str) -> Callable[[Path], None]:
    """All tensors of that name are called otherwise."""

    def harm(place: Path) -> None:
        data, other = place.read_bytes(), name[:-1] + "?"
        assert data.count(name.encode()) >= 1
        place.write_bytes(data.replace(name.encode(), other.encode()))

    return harm


def with_another_shape(place: Path) -> None:
    """Half of a vector; behind a tensor's name stand the number of its dimensions and their lengths."""
    data = bytearray(place.read_bytes())
    at = data.index(b"layers.0.attn_norm.weight") + len(b"layers.0.attn_norm.weight")
    assert int.from_bytes(data[at : at + 4], "little") == 1
    length = int.from_bytes(data[at + 4 : at + 12], "little")
    data[at + 4 : at + 12] = (length // 2).to_bytes(8, "little")
    place.write_bytes(data)


def cut_short(place: Path) -> None:
    os.truncate(place, place.stat().st_size // 2)


HARMS = {
    "a matrix": without("layers.0.attn.qkv.packed"),
    "a norm of queries": without("attn.q_norm.weight"),
    "biases of one kind": without("attn.v.bias"),
    "biases behind the attention": without("attn.o.bias"),
    "a bias of the other half": without("layers.1.mlp.up.bias"),
    "half of a vector": with_another_shape,
    "the end": cut_short,
}


@pytest.mark.parametrize("lost", HARMS)
def test_what_is_damaged_is_made_again(tmp_path: Path, lost: str) -> None:
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path), bias="all", qk_norm=True)
    harm, text = HARMS[lost], started(model).text
    (place,) = packed_folder().iterdir()
    whole = place.read_bytes()
    harm(place)
    mended = started(model)
    assert mended.needs_torch
    assert mended.said.count(DAMAGED) == 1
    assert mended.text == text
    assert place.read_bytes() == whole
    assert not started(model).needs_torch


def test_what_was_packed_need_not_be_checked_again_and_what_changed_must_be(model: Path) -> None:
    """The engine asks before it lets go of the model that it has."""
    placement = Placement(device="cpu")
    check(open_placed(model, placement), placement)
    load(model, device="cpu")
    assert find_packed(open_placed(model, placement), INT8) is not None
    weights = load_file(model / "model.safetensors")
    weights["norm.weight"] = torch.ones(7)
    save_file(weights, model / "model.safetensors")
    assert find_packed(open_placed(model, placement), INT8) is None
    with pytest.raises(ModelFormatError, match=r"'norm.weight'.*has the shape \[7\]"):
        check(open_placed(model, placement), placement)
    with pytest.raises(ModelFormatError, match=r"'norm.weight'.*has the shape \[7\]"):
        load(model, device="cpu")


def test_each_tensor_lies_where_the_library_can_read_it(model: Path) -> None:
    load(model, device="cpu")
    (place,) = packed_folder().iterdir()
    assert {info.offset % 64 for info in read_gguf_header(place).tensors.values()} == {0}
