"""Weights against the gguf package, the safetensors library, and block definitions written out by hand."""

import json
import tracemalloc
import warnings
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import dequantize, quantize
from safetensors.torch import load_file, save_file

from core.checkpoint.weights import Weights, open_gguf, open_safetensors
from core.spec.errors import ModelFormatError
from core.spec.gguf_header import read_gguf_header
from tests.fuzz.builders import Gguf, random_blocks, safetensors_bytes, tensor_entry, write

WRITTEN_BY_THE_PACKAGE = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")
READ_BY_THE_PACKAGE = (
    *("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"),
    *("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS"),
    *("TQ1_0", "TQ2_0", "MXFP4", "NVFP4"),
)


def write_gguf(path: Path, tensors: dict[str, tuple[np.ndarray, str]]) -> Path:
    writer = gguf.GGUFWriter(path, "llama")
    for name, (data, type_name) in tensors.items():
        writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType[type_name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def opened(path: Path) -> Weights:
    return open_gguf(path, read_gguf_header(path))


@pytest.mark.parametrize("type_name", WRITTEN_BY_THE_PACKAGE)
def test_what_was_quantised_reads_back_as_the_package_reads_it(tmp_path: Path, type_name: str) -> None:
    values = np.random.default_rng(1).normal(size=(48, 96)).astype(np.float32)
    stored = quantize(values, gguf.GGMLQuantizationType[type_name])
    path = write_gguf(tmp_path / "m.gguf", {"w": (stored, type_name)})
    with opened(path) as weights:
        read = weights.read("w", torch.float32)
        assert weights.info("w").type == type_name
    expected = dequantize(stored, gguf.GGMLQuantizationType[type_name])
    assert read.dtype == torch.float32
    assert torch.equal(read, torch.from_numpy(np.array(expected)))
    assert np.abs(read.numpy() - values).max() < np.abs(values).max() / 7


@pytest.mark.parametrize("type_name", READ_BY_THE_PACKAGE)
def test_every_block_format_equals_the_package_across_slices(tmp_path: Path, type_name: str) -> None:
    shape = (3, 352, 512)  # more than two slices, and not a whole number of them
    stored = random_blocks(type_name, shape)
    path = write_gguf(tmp_path / "m.gguf", {"w": (stored, type_name)})
    with opened(path) as weights:
        assert weights.info("w").shape == shape
        read = weights.read("w")
    with np.errstate(all="ignore"):
        expected = dequantize(stored, gguf.GGMLQuantizationType[type_name])
    np.testing.assert_array_equal(read.numpy(), expected)


def test_nothing_that_the_package_dequantises_is_missing() -> None:
    readable = []
    for quant_type in gguf.GGMLQuantizationType:
        weights, size_bytes = gguf.GGML_QUANT_SIZES[quant_type]
        if weights > 1:
            try:
                dequantize(np.zeros((1, size_bytes), dtype=np.uint8), quant_type)
            except NotImplementedError:
                continue
            readable.append(quant_type.name)
    assert sorted(readable) == sorted(READ_BY_THE_PACKAGE)


def half(block: bytes, place: int) -> float:
    return float(np.frombuffer(block, dtype="<f2", count=1, offset=place)[0])


def scalar_q4_0(block: bytes) -> list[float]:
    nibbles = [byte & 15 for byte in block[2:]] + [byte >> 4 for byte in block[2:]]
    return [half(block, 0) * (nibble - 8) for nibble in nibbles]


def scalar_q8_0(block: bytes) -> list[float]:
    return [half(block, 0) * (byte - 256 if byte > 127 else byte) for byte in block[2:]]


def scalar_q4_k(block: bytes) -> list[float]:
    packed, values = block[4:16], []
    for group in range(8):
        if group < 4:
            scale, low = packed[group] & 63, packed[group + 4] & 63
        else:
            scale = packed[group + 4] & 15 | packed[group - 4] >> 6 << 4
            low = packed[group + 4] >> 4 | packed[group] >> 6 << 4
        for place in range(32):
            byte = block[16 + group // 2 * 32 + place]
            nibble = byte >> 4 if group % 2 else byte & 15
            values.append(half(block, 0) * scale * nibble - half(block, 2) * low)
    return values


def scalar_q6_k(block: bytes) -> list[float]:
    values = []
    for place in range(256):
        side, quarter, column = place // 128, place % 128 // 32, place % 32
        low = block[side * 64 + quarter % 2 * 32 + column] >> (4 if quarter > 1 else 0) & 15
        high = block[128 + side * 32 + column] >> 2 * quarter & 3
        scale = block[192 + place // 16]
        scale = scale - 256 if scale > 127 else scale
        values.append(half(block, 208) * scale * ((low | high << 4) - 32))
    return values


@pytest.mark.parametrize(
    ("type_name", "scalar"),
    [("Q4_0", scalar_q4_0), ("Q8_0", scalar_q8_0), ("Q4_K", scalar_q4_k), ("Q6_K", scalar_q6_k)],
)
def test_blocks_mean_what_their_definition_says(tmp_path: Path, type_name: str, scalar) -> None:
    stored = random_blocks(type_name, (4, 512), seed=7)
    path = write_gguf(tmp_path / "m.gguf", {"w": (stored, type_name)})
    _, block_bytes = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[type_name]]
    data = stored.tobytes()
    expected = [
        value for at in range(0, len(data), block_bytes) for value in scalar(data[at : at + block_bytes])
    ]
    with opened(path) as weights:
        np.testing.assert_allclose(weights.read("w").numpy().ravel(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_a_quantised_tensor_is_rounded_once_into_the_wanted_type(tmp_path: Path, dtype: torch.dtype) -> None:
    path = write_gguf(tmp_path / "m.gguf", {"w": (random_blocks("Q5_K", (40, 512)), "Q5_K")})
    with opened(path) as weights:
        assert torch.equal(weights.read("w", dtype), weights.read("w").to(dtype))


def test_a_damaged_scale_gives_infinities_and_no_warning(tmp_path: Path) -> None:
    stored = random_blocks("Q8_0", (2, 64))
    stored[:, 0:2] = np.array([np.inf], dtype=np.float16).view(np.uint8)
    path = write_gguf(tmp_path / "m.gguf", {"w": (stored, "Q8_0")})
    with warnings.catch_warnings(), opened(path) as weights:
        warnings.simplefilter("error")
        assert not weights.read("w", torch.float16).isfinite().all()


def test_a_type_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    data = Gguf(entries=(tensor_entry("odd", [256], 15, 0),), data=bytes(292)).to_bytes()
    with (
        opened(write(tmp_path / "m.gguf", data)) as weights,
        pytest.raises(ModelFormatError, match=r"'odd'.*Q8_K"),
    ):
        weights.read("odd")


def test_a_tensor_that_is_not_there_is_named(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    with (
        open_safetensors(tmp_path) as weights,
        pytest.raises(ModelFormatError, match=r"model\.safetensors lacks.*'b'"),
    ):
        weights.read("b")


STORED_TYPES = (
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8),
    *(torch.float8_e4m3fn, torch.float8_e5m2),
)


def test_safetensors_equal_the_library_in_every_type(tmp_path: Path) -> None:
    tensors = {f"{dtype}": torch.randn(3, 5).mul(9).to(dtype) for dtype in STORED_TYPES}
    tensors |= {"scalar": torch.tensor(2.5), "empty": torch.zeros(0, 4)}
    path = tmp_path / "model.safetensors"
    save_file(tensors, path)
    expected = load_file(path)
    with open_safetensors(path) as weights:
        assert set(weights.names) == set(expected)
        for name in weights.names:
            read = weights.read(name)
            assert (read.dtype, read.shape) == (expected[name].dtype, expected[name].shape)
            assert torch.equal(read.view(torch.uint8) if read.dim() else read, _bits(expected[name]))
            assert torch.equal(weights.read(name, torch.float32), expected[name].float())


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.view(torch.uint8) if tensor.dim() else tensor


def test_a_model_in_several_files_reads_as_one(tmp_path: Path) -> None:
    save_file({"a": torch.arange(4.0)}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b": torch.arange(6.0)}, tmp_path / "model-00002-of-00002.safetensors")
    places = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with open_safetensors(tmp_path) as weights:
        assert sorted(weights.names) == ["a", "b"]
        assert torch.equal(weights.read("a"), torch.arange(4.0))
        assert torch.equal(weights.read("b", torch.float16), torch.arange(6.0).half())


def one_tensor_file(folder: Path, format_name: str) -> Path:
    values = np.arange(64, dtype=np.float32)
    if format_name == "gguf":
        return write_gguf(folder / "m.gguf", {"w": (values, "F32")})
    save_file({"w": torch.from_numpy(values)}, folder / "m.safetensors")
    return folder / "m.safetensors"


def opened_any(path: Path) -> Weights:
    return opened(path) if path.suffix == ".gguf" else open_safetensors(path)


@pytest.mark.parametrize("format_name", ["gguf", "safetensors"])
def test_an_unconverted_tensor_is_the_file_itself(tmp_path: Path, format_name: str) -> None:
    path = one_tensor_file(tmp_path, format_name)
    with opened_any(path) as weights:
        read, offset = weights.read("w"), weights.info("w").offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(np.float32(123.0).tobytes())
    assert read[0] == 123.0


@pytest.mark.parametrize("format_name", ["gguf", "safetensors"])
def test_writing_to_a_tensor_leaves_the_file_alone(tmp_path: Path, format_name: str) -> None:
    path = one_tensor_file(tmp_path, format_name)
    before = path.read_bytes()
    with opened_any(path) as weights:
        weights.read("w").zero_()
    assert path.read_bytes() == before


@pytest.mark.parametrize("format_name", ["gguf", "safetensors"])
@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_a_file_that_shrinks_is_not_read_past_its_end(
    tmp_path: Path, format_name: str, dtype: torch.dtype | None
) -> None:
    path = one_tensor_file(tmp_path, format_name)
    with opened_any(path) as weights:
        with path.open("r+b") as file:
            file.truncate(path.stat().st_size - 8)
        with pytest.raises(ModelFormatError, match="became shorter"):
            weights.read("w", dtype)


def test_tensors_outlive_the_file_they_came_from(tmp_path: Path) -> None:
    path = one_tensor_file(tmp_path, "safetensors")
    with open_safetensors(path) as weights:
        read = weights.read("w")
    path.unlink()
    assert read.sum() == sum(range(64))


def test_misaligned_tensors_are_read_all_the_same(tmp_path: Path) -> None:
    header = {"w": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}
    text = str(header).replace("'", '"').encode()
    text += b" " * (-len(text) % 8 + 3)
    path = write(tmp_path / "m.safetensors", safetensors_bytes(text, np.array([1, 2, 3], "<f4").tobytes()))
    with open_safetensors(path) as weights:
        assert weights.info("w").offset % 4 == 3
        assert weights.read("w").tolist() == [1, 2, 3]


def test_dequantising_needs_little_memory_beside_the_result(tmp_path: Path) -> None:
    stored = np.zeros((2048, 4096 // 32 * 34), dtype=np.uint8)
    path = write_gguf(tmp_path / "m.gguf", {"w": (stored, "Q8_0")})
    with opened(path) as weights:
        weights.read("w", torch.bfloat16)  # what the package keeps for good is not counted
        tracemalloc.start()  # counts Python's and numpy's memory; the result is torch's
        weights.read("w", torch.bfloat16)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 2048 * 4096


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00."])
def test_files_opened_before_a_broken_shard_are_closed(tmp_path: Path, content: bytes) -> None:
    save_file({"a": torch.arange(4.0)}, tmp_path / "one.safetensors")
    write(tmp_path / "two.safetensors", content)
    places = {"a": "one.safetensors", "b": "two.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ModelFormatError, match=r"two\.safetensors"):
        open_safetensors(tmp_path)
