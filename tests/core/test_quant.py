"""Quantised layers against the plain ones, the packed file against what was packed."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.checkpoint import packed
from core.checkpoint.load import open_model
from core.checkpoint.packing import load_quantised
from core.model import kernels
from core.model.cache import KVCache
from core.model.cache_rows import CacheRows
from core.model.kernels import Kernels
from core.model.quant import (
    Linear4,
    Linear8,
    Quantised,
    TorchPacking,
    choose_kernels,
    with_quantised_layers,
)
from core.model.transformer import Transformer, on_meta
from tests.tiny import tiny_folder, tiny_tokenizer

IDS = torch.randint(0, 500, (1, 120), generator=torch.Generator().manual_seed(1))
STEPS = {"int8": 127, "int4": 7.5}


@pytest.fixture(autouse=True)
def same_weights() -> None:
    torch.manual_seed(0)


def ignore(_: str) -> None: ...


def filled(kind: type[Linear8] | type[Linear4], weight: Tensor) -> Linear8 | Linear4:
    layer = kind(weight.shape[0], weight.shape[1], has_bias=False)
    for name, tensor in layer.packed(weight).items():
        setattr(layer, name, tensor)
    return layer


def error(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("rows", [1, 2, 7, 8, 9, 40])
@pytest.mark.parametrize(
    ("outputs", "inputs"), [(96, 64), (48, 96), (33, 40), (16, 32), (33, 7), (1040, 288)]
)
@pytest.mark.parametrize("chosen", [Kernels(8, torch.bfloat16), Kernels(0, torch.float32)])
def test_int8_errs_by_its_rounding_alone(rows: int, outputs: int, inputs: int, chosen: Kernels) -> None:
    weight, x = torch.randn(outputs, inputs), torch.randn(rows, inputs)
    layer = filled(Linear8, weight)
    assert isinstance(layer, Linear8)
    layer.kernels = chosen
    assert error(layer(x), x @ weight.T) < 0.012


@pytest.mark.parametrize("rows", [1, 3, 17])
@pytest.mark.parametrize(("outputs", "inputs"), [(96, 64), (48, 96), (16, 32), (1040, 288)])
def test_int4_errs_by_its_rounding_alone(rows: int, outputs: int, inputs: int) -> None:
    weight, x = torch.randn(outputs, inputs), torch.randn(rows, inputs)
    assert error(filled(Linear4, weight)(x), x @ weight.T) < 0.12


@pytest.mark.parametrize("kind", [Linear8, Linear4])
def test_a_channel_far_above_the_others_does_not_drown_them(kind: type[Linear8] | type[Linear4]) -> None:
    """What one scale for all activations would do: everything but the outlier becomes zero."""
    layer, x = filled(kind, torch.randn(64, 128)), torch.randn(4, 128)
    held = layer(torch.eye(128)).T  # the weights as they are after rounding
    quiet, loud = x.clone(), torch.zeros_like(x)
    loud[:, 5], quiet[:, 5] = x[:, 5] * 1000, 0
    assert error(layer(quiet + loud) - loud @ held.T, quiet @ held.T) < 0.5
    assert error(layer(quiet), quiet @ held.T) < 0.01


@pytest.mark.parametrize("kind", [Linear8, Linear4])
def test_a_row_of_zeros_stays_zero(kind: type[Linear8] | type[Linear4]) -> None:
    assert filled(kind, torch.zeros(16, 32))(torch.randn(2, 32)).abs().max() == 0


def test_misaligned_rows_do_not_reach_the_operation_that_crashes_on_them() -> None:
    layer = with_quantised_layers(on_meta_of_odd_width(), "int8", torch.float32)
    assert all(module.weight.shape[1] % 32 for module in layer.modules() if isinstance(module, Linear8))


def on_meta_of_odd_width() -> Transformer:
    from dataclasses import replace

    from tests.tiny import TINY

    return on_meta(replace(TINY, dim=40, ffn_dim=72, n_heads=3, n_kv_heads=1, head_dim=24))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path))


@torch.inference_mode()
def divergence(found: Tensor, expected: Tensor) -> float:
    return float(
        F.kl_div(found.log_softmax(-1), expected.log_softmax(-1), log_target=True, reduction="batchmean")
    )


@pytest.mark.parametrize(("precision", "bound"), [("int8", 1e-3), ("int4", 0.05)])
@torch.inference_mode()
def test_predictions_stay_close(stored: Path, tmp_path: Path, precision: Quantised, bound: float) -> None:
    source = open_model(stored)
    model = load_quantised(source, precision, TorchPacking(), tmp_path / "packed", ignore)
    choose_kernels(model)
    expected = source.load(torch.float32)(IDS)[0]
    cache = KVCache(model.config.max_context, CacheRows(model.config, torch.bfloat16))
    rows = [model.read([token], cache, last=1) for token in IDS[0].tolist()]
    token_by_token = torch.from_numpy(np.concatenate(rows))
    assert divergence(model(IDS)[0], expected) < bound
    assert divergence(token_by_token, expected) < bound


@pytest.mark.parametrize("precision", ["int8", "int4"])
@pytest.mark.parametrize("tied", [True, False])
@torch.inference_mode()
def test_a_second_start_reads_what_the_first_one_packed(
    tmp_path: Path, precision: Quantised, tied: bool
) -> None:
    folder = tiny_folder(tmp_path / "model", tiny_tokenizer(tmp_path), tie_embeddings=tied, bias="all")
    source, said, later = open_model(folder), [], []
    first = load_quantised(source, precision, TorchPacking(), tmp_path / "packed", said.append)
    second = load_quantised(source, precision, TorchPacking(), tmp_path / "packed", later.append)
    begun, *shares = said
    assert not any(begun in step for step in later)
    assert begun == f"packing the weights as {precision}, once"
    percents = [
        int(share.removeprefix(f"{begun}: ").removesuffix(" %"))
        for share in shares
        if share.startswith(begun)
    ]
    assert percents == sorted({*percents})  # each once
    assert percents
    assert torch.equal(first(IDS), second(IDS))
    in_memory = load_quantised(source, precision, TorchPacking(), Path("/proc/none"), said.append)
    assert "cannot be kept" in said[-1]
    assert torch.equal(in_memory(IDS), second(IDS))
    embed, head = second.get_submodule("embed"), second.get_submodule("head")
    assert (embed.weight.data_ptr() == head.weight.data_ptr()) is tied
    assert len(list((tmp_path / "packed").iterdir())) == 1


@torch.inference_mode()
def test_packed_weights_are_the_same_in_large_pages_and_in_the_mapped_file(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_model(stored)
    load_quantised(source, "int8", TorchPacking(), tmp_path / "packed", ignore)
    with monkeypatch.context() as patch:
        patch.setattr(packed, "in_large_pages", lambda size_bytes: None)  # as where the system has none
        mapped = load_quantised(source, "int8", TorchPacking(), tmp_path / "packed", ignore)
    asked: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(packed, "in_large_pages", lambda size: asked.append(size) or np.empty(size, np.uint8))
        held = load_quantised(source, "int8", TorchPacking(), tmp_path / "packed", ignore)
    place = next((tmp_path / "packed").iterdir())
    assert len(asked) == 1
    assert asked[0] <= place.stat().st_size
    expected = mapped(IDS)
    os.truncate(place, 0)  # what is held has nothing to do with the file any more
    assert torch.equal(held(IDS), expected)


def test_changed_weights_are_packed_anew(stored: Path, tmp_path: Path) -> None:
    said: list[str] = []
    load_quantised(open_model(stored), "int8", TorchPacking(), tmp_path / "packed", said.append)
    data = (stored / "model.safetensors").read_bytes()
    (stored / "model.safetensors").write_bytes(data)
    load_quantised(open_model(stored), "int8", TorchPacking(), tmp_path / "packed", said.append)
    assert said.count("packing the weights as int8, once") == 2


@torch.inference_mode()
def test_a_damaged_packed_file_is_made_again(stored: Path, tmp_path: Path) -> None:
    source, said = open_model(stored), []
    expected = load_quantised(source, "int8", TorchPacking(), tmp_path / "packed", ignore)(IDS)
    place = next((tmp_path / "packed").iterdir())
    place.write_bytes(place.read_bytes()[:2000])
    again = load_quantised(source, "int8", TorchPacking(), tmp_path / "packed", said.append)
    assert said[0] == "the packed weights on disk are damaged, so they are made again"
    assert torch.equal(again(IDS), expected)


def test_kernels_are_measured_and_named() -> None:
    chosen = kernels.for_device(torch.device("cpu"))
    assert chosen.wide in (torch.bfloat16, torch.float32)
    assert str(chosen.wide).removeprefix("torch.") in chosen.name


def test_every_linear_layer_is_quantised(stored: Path, tmp_path: Path) -> None:
    model = load_quantised(open_model(stored), "int4", TorchPacking(), tmp_path / "packed", ignore)
    assert not [module for module in model.modules() if isinstance(module, nn.Linear | nn.Embedding)]
