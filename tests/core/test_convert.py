"""Every format out is read back by ours, and by the reference where there is one."""

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.checkpoint.convert import Conversion, Format, Precision
from core.checkpoint.convert import convert as convert_network
from core.checkpoint.load import open_model
from core.checkpoint.onnx import OnnxModel
from core.checkpoint.staging import new_path
from core.checkpoint.stored import StoredModel
from core.spec.config import RopeScaling
from core.spec.errors import DoesNotFit, ModelFormatError, UsageError
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer

IDS = torch.randint(0, 512, (1, 200), generator=torch.Generator().manual_seed(1))


def convert(stored: StoredModel, destination: Path, to: Format, precision: Precision) -> Conversion:
    return convert_network(stored.load(torch.float32), stored.tokenizer(), destination, to, precision)


SAMPLE = "def greet(name):\n\treturn 'Grüße 🚀'  # 123\r\n"


@pytest.fixture(scope="module", params=["json", "pieces"])
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return tiny_folder(folder / "model", tiny_tokenizer(folder, request.param))


@pytest.mark.parametrize(
    ("to", "precision", "loss"),
    [
        ("native", "fp32", 0),
        ("native", "fp16", 1e-5),
        ("native", "bf16", 1e-3),
        ("hf", "fp32", 0),
        ("hf", "bf16", 1e-3),
        ("gguf", "fp32", 0),
        ("gguf", "fp16", 1e-5),
        ("gguf", "bf16", 1e-3),
        ("gguf", "int8", 1e-2),
        ("gguf", "int4", 0.5),
    ],
)
def test_what_is_written_reads_back_with_the_same_logits_and_tokens(
    source: Path, tmp_path: Path, to: Format, precision: Precision, loss: float
) -> None:
    original = open_model(source)
    done = convert(original, tmp_path / "made.gguf", to, precision)
    assert done.difference < 1e-6
    assert done.divergence <= loss
    again = open_model(done.path)
    assert again.config == original.config
    assert again.tokenizer().encode(SAMPLE) == original.tokenizer().encode(SAMPLE)
    assert [path.name for path in tmp_path.iterdir()] == ["made.gguf"]


@torch.inference_mode()
def test_a_hugging_face_folder_loads_in_transformers(source: Path, tmp_path: Path) -> None:
    original = open_model(source)
    convert(original, tmp_path / "hf", "hf", "fp32")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    torch.testing.assert_close(theirs(IDS).logits, original.load()(IDS), rtol=1e-5, atol=1e-5)
    tokens = AutoTokenizer.from_pretrained(tmp_path / "hf").encode(SAMPLE, add_special_tokens=False)
    assert tokens == original.tokenizer().encode(SAMPLE)


@torch.inference_mode()
def test_onnx_with_its_cache_equals_the_network(source: Path, tmp_path: Path) -> None:
    original = open_model(source)
    model = original.load()
    assert convert(original, tmp_path / "onnx", "onnx", "fp32").difference < 1e-5
    session = OnnxModel(tmp_path / "onnx" / "model.onnx", model)
    parts = [
        session.logits(IDS[0, start:end].tolist()) for start, end in ((0, 1), (1, 2), (2, 90), (90, 200))
    ]
    torch.testing.assert_close(torch.cat(parts), model(IDS)[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("to", "precision"), [("onnx", "fp16"), ("native", "int8"), ("hf", "int4")])
def test_what_a_format_cannot_hold_is_refused(
    source: Path, tmp_path: Path, to: Format, precision: Precision
) -> None:
    with pytest.raises(UsageError, match=precision):
        convert(open_model(source), tmp_path / "made", to, precision)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(source: Path, tmp_path: Path) -> None:
    (tmp_path / "made").write_text("precious")
    with pytest.raises(UsageError, match="exists already"):
        convert(open_model(source), tmp_path / "made", "native", "fp32")
    assert (tmp_path / "made").read_text() == "precious"


def test_weights_beyond_fp16_are_not_called_converted(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer(tmp_path)
    folder = tiny_folder(tmp_path / "model", tokenizer)
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["layers.0.mlp.up.weight"][3, 3] = 1e6
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(ModelFormatError, match="was not made"):
        convert(open_model(folder), tmp_path / "made", "hf", "fp16")
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        Exception("No space left on device (os error 28)"),  # as the libraries in Rust say it
    ],
)
def test_a_full_disk_gets_a_sentence_and_leaves_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr("safetensors.torch.save_file", lambda *_, **__: fail())
    with pytest.raises(DoesNotFit, match="The disk is full"):
        convert(open_model(source), tmp_path / "made", "native", "fp32")
    assert list(tmp_path.iterdir()) == []


def make_while_somebody_makes(place: Path, theirs: str) -> None:
    with new_path(place) as path:
        if place.suffix:
            path.write_text("ours")
        else:
            path.mkdir()
        if theirs == "folder":
            (place / "mine").mkdir(parents=True)
        elif theirs == "link":
            place.symlink_to("/nowhere")
        else:
            place.write_text("mine")


@pytest.mark.parametrize("name", ["made", "made.gguf"])
@pytest.mark.parametrize("theirs", ["folder", "link", "file"])
def test_what_came_to_exist_meanwhile_is_kept(tmp_path: Path, name: str, theirs: str) -> None:
    with pytest.raises(UsageError, match="come to exist meanwhile"):
        make_while_somebody_makes(tmp_path / name, theirs)
    assert [item.name for item in tmp_path.iterdir()] == [name]
    assert (
        (tmp_path / name).is_symlink()
        or (tmp_path / name).is_dir()
        or ((tmp_path / name).read_text() == "mine")
    )


def test_leftovers_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f".made.{dead.pid}.abc").mkdir()
    (tmp_path / f".made.{os.getpid()}.abc").mkdir()
    with new_path(tmp_path / "made") as path:
        path.mkdir()
    assert sorted(item.name for item in tmp_path.iterdir()) == [f".made.{os.getpid()}.abc", "made"]


@pytest.mark.parametrize(("to", "name"), [("native", "m"), ("hf", "m"), ("gguf", "m.gguf"), ("onnx", "m")])
def test_a_network_without_a_tokenizer_can_be_written(to: Format, name: str, tmp_path: Path) -> None:
    assert convert_network(tiny_model(), None, tmp_path / name, to, "fp32").difference < 1e-5


def test_a_gguf_must_be_named_so(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must end in \.gguf"):
        convert(open_model(source), tmp_path / "made", "gguf", "fp16")


FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"rope_scaling": RopeScaling("llama3", 8.0, 64), "head_dim": 16},
    "qwen2": {"bias": "qkv", "head_dim": 16},
    "qwen3": {"qk_norm": True},
    "granite": {
        "attention_multiplier": 0.25,
        "embedding_multiplier": 3.0,
        "residual_multiplier": 0.5,
        "logits_divisor": 2.0,
    },
    "starcoder2": {"norm": "layer", "mlp": "gelu_tanh", "bias": "all", "head_dim": 16},
    "gpt_bigcode": {
        "norm": "layer",
        "mlp": "gelu_tanh",
        "bias": "all",
        "head_dim": 16,
        "n_kv_heads": 1,
        "position": "learned",
    },
}


@torch.inference_mode()
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_goes_out_to_transformers_and_to_gguf_and_back(family: str, tmp_path: Path) -> None:
    original = open_model(tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path), **FAMILIES[family]))
    convert(original, tmp_path / "hf", "hf", "fp32")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
    assert theirs.config.model_type == family
    torch.testing.assert_close(theirs(IDS).logits, original.load()(IDS), rtol=1e-5, atol=1e-5)
    places: tuple[tuple[Path, Format], ...] = (
        (tmp_path / "made.gguf", "gguf"),
        (tmp_path / "again", "hf"),
        (tmp_path / "native", "native"),
    )
    previous = open_model(tmp_path / "hf")
    for path, to in places:
        convert(previous, path, to, "fp32")
        previous = open_model(path)
    if family != "llama":  # whose stretching comes back as the list of divisors that it is
        assert previous.config == original.config
    torch.testing.assert_close(previous.load()(IDS), original.load()(IDS), rtol=1e-6, atol=1e-6)
