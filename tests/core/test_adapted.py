"""A model read with an adapter in its weights: the numbers that it has with it attached, in every format."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from core.checkpoint.adapted import with_adapter
from core.checkpoint.adapter import write_adapter
from core.checkpoint.convert import convert
from core.checkpoint.huggingface import write_huggingface
from core.checkpoint.load import open_model
from core.checkpoint.packing import load_quantised
from core.engine import load
from core.model.lora import merge, set_strength
from core.model.quant import TorchPacking
from core.spec.errors import ModelFormatError, UsageError
from tests.core.test_lora import FAMILIES, close, learnt, logits
from tests.tiny import tiny_folder, tiny_model, tiny_tokenizer


def with_learnt(folder: Path, strength: float, layers: tuple[str, ...], **changes: object) -> Tensor:
    """Writes an adapter into `folder`, and gives the logits of the model with that much of it merged."""
    model = tiny_model(**changes)
    learnt(model, layers=layers)
    write_adapter(model, "mine", folder, "base")
    set_strength(model, "mine", strength)
    merge(model, "mine")
    return logits(model)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_computes_what_it_computes_with_the_adapter_merged(family: str, tmp_path: Path) -> None:
    changes = FAMILIES[family]
    tokenizer = tiny_tokenizer(tmp_path)
    layers = ("q", "v", "down")  # of what some files keep in one matrix, a part alone
    wanted = with_learnt(tmp_path / "adapter", 0.5, layers, **changes)
    write_huggingface(tiny_model(**changes), tokenizer, tmp_path / "model", torch.float32)
    merged = with_adapter(open_model(tmp_path / "model"), tmp_path / "adapter", 0.5)
    close(logits(merged.load(torch.float32)), wanted)


def test_a_gguf_file_takes_it_too(tmp_path: Path) -> None:
    wanted = with_learnt(tmp_path / "adapter", 1.0, ("q", "k", "gate"))
    convert(tiny_model(), tiny_tokenizer(tmp_path), tmp_path / "model.gguf", "gguf", "fp16")
    merged = with_adapter(open_model(tmp_path / "model.gguf"), tmp_path / "adapter")
    torch.testing.assert_close(logits(merged.load(torch.float32)), wanted, rtol=2e-2, atol=2e-2)


def test_packed_weights_of_a_strength_are_not_taken_for_those_of_another(tmp_path: Path) -> None:
    stored = open_model(tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path)))
    with_learnt(tmp_path / "adapter", 1.0, ("q", "o", "down"))

    def packed(strength: float) -> Tensor:
        variant = with_adapter(stored, tmp_path / "adapter", strength)
        kept = tmp_path / "packed"
        return logits(load_quantised(variant, "int8", TorchPacking(), kept, lambda _: None))

    plain = logits(load_quantised(stored, "int8", TorchPacking(), tmp_path / "packed", lambda _: None))
    torch.testing.assert_close(packed(0.0), plain, rtol=0, atol=0)
    assert not torch.allclose(packed(1.0), plain, atol=1e-2)
    # one at a time is kept beside the model's own
    assert len(list((tmp_path / "packed").iterdir())) == 2


def test_an_engine_says_which_adapter_runs(tmp_path: Path) -> None:
    model = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path))
    with_learnt(tmp_path / "mine", 1.0, ("q",))
    engine = load(model, adapter=str(tmp_path / "mine"), precision="fp32", device="cpu", threads=1)
    assert engine.facts()["name"] == "model + mine"
    engine.close()


def test_what_is_no_adapter_or_another_models_is_refused(tmp_path: Path) -> None:
    stored = open_model(tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path)))
    with pytest.raises(UsageError, match="There is no adapter in"):
        with_adapter(stored, tmp_path)
    with_learnt(tmp_path / "other", 1.0, ("q",), dim=96)
    with pytest.raises(ModelFormatError, match="does not belong to this model"):
        with_adapter(stored, tmp_path / "other")
