"""The GGUF header reader against the gguf package, and against files that are wrong in one place each."""

import struct
import tracemalloc
from pathlib import Path

import gguf
import numpy as np
import pytest

from core.spec.errors import ModelFormatError
from core.spec.gguf_header import TENSOR_TYPES, read_gguf_header
from tests.fuzz.builders import (
    TEXT,
    UINT32,
    Gguf,
    assert_is_a_sentence,
    list_pair,
    number_pair,
    string,
    tensor_entry,
    text_pair,
    texts_pair,
    write,
)

ARCHITECTURE = text_pair("general.architecture", "llama")
F32, F16, Q8_0, Q4_K = 0, 1, 8, 12


def with_pairs(*pairs: bytes) -> Gguf:
    return Gguf(pairs=(ARCHITECTURE, *pairs))


def with_tensors(*entries: bytes, data: bytes = bytes(256)) -> Gguf:
    return Gguf(entries=entries, data=data)


def test_a_gguf_header_says_what_the_gguf_package_wrote(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    writer = gguf.GGUFWriter(path, "qwen2")
    numbers = {
        "uint8": 255, "int8": -128, "uint16": 65535, "int16": -32768, "uint32": 2**32 - 1,
        "int32": -(2**31), "uint64": 2**64 - 1, "int64": -(2**63), "float32": 0.5, "float64": 0.1,
    }  # fmt: skip
    for kind, value in numbers.items():
        getattr(writer, f"add_{kind}")(f"a.{kind}", value)
    values = {
        "a.bool": True,
        "a.text": "naïve\n日本",
        "a.texts": ["", "a", "日本"],
        "a.ints": [1, -2],
        "a.flags": [True, False],
    }
    writer.add_bool("a.bool", True)
    writer.add_string("a.text", values["a.text"])
    for key in ("a.texts", "a.ints", "a.flags"):
        writer.add_array(key, values[key])
    writer.add_tensor("x", np.zeros((3, 5, 7), dtype=np.float32))
    writer.add_tensor(
        "y", np.zeros((2, 64 // 32 * 34), dtype=np.uint8), raw_dtype=gguf.GGMLQuantizationType.Q8_0
    )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    header = read_gguf_header(path)
    assert (header.version, header.architecture) == (3, "qwen2")
    expected = {f"a.{kind}": value for kind, value in numbers.items()} | values
    assert {key: header.metadata[key] for key in expected} == expected
    assert len(header.metadata) == len(expected) + 1
    for tensor in gguf.GGUFReader(path).tensors:
        info = header.tensors[tensor.name]
        assert (info.type, info.offset, info.size_bytes) == (
            tensor.tensor_type.name, tensor.data_offset, tensor.n_bytes,
        )  # fmt: skip
    assert header.tensors["x"].shape == (3, 5, 7)
    assert header.tensors["y"].shape == (2, 64)


def test_block_sizes_are_those_of_the_gguf_package() -> None:
    expected = {kind.value: (kind.name, *sizes) for kind, sizes in gguf.GGML_QUANT_SIZES.items()}
    assert expected == TENSOR_TYPES


def test_version_2_is_read_like_version_3(tmp_path: Path) -> None:
    assert read_gguf_header(write(tmp_path / "m.gguf", Gguf(version=2).to_bytes())).version == 2


@pytest.mark.parametrize("alignment", [8, 64, 4096])
def test_tensors_lie_where_the_files_alignment_puts_them(tmp_path: Path, alignment: int) -> None:
    pairs = (ARCHITECTURE, number_pair("general.alignment", alignment))
    entries = (tensor_entry("w", [2], F32, 0), tensor_entry("v", [2], F32, alignment))
    data = np.array([1, 2], "<f4").tobytes().ljust(alignment, b"\0") + bytes(8)
    content = Gguf(pairs=pairs, entries=entries, data=data, alignment=alignment).to_bytes()
    header = read_gguf_header(write(tmp_path / "m.gguf", content))
    assert header.tensors["w"].offset % alignment == 0
    assert header.tensors["v"].offset == header.tensors["w"].offset + alignment
    assert content[header.tensors["w"].offset :][:8] == data[:8]


def test_lists_are_not_decoded_before_they_are_asked_for(tmp_path: Path) -> None:
    content = with_pairs(texts_pair("tokens", [b"ok", b"\xff"]), number_pair("after", 7)).to_bytes()
    header = read_gguf_header(write(tmp_path / "m.gguf", content))
    assert header.metadata["after"] == 7
    with pytest.raises(ModelFormatError, match=r"m\.gguf holds a text of 'tokens' that is not UTF-8"):
        header.metadata["tokens"]


def test_a_list_is_searched_without_being_decoded(tmp_path: Path) -> None:
    content = with_pairs(texts_pair("tokens", [b"a<mid>b", b"<mid>", b"\xff"])).to_bytes()
    metadata = read_gguf_header(write(tmp_path / "m.gguf", content)).metadata
    assert metadata.list_contains("tokens", "<mid>")
    assert not metadata.list_contains("tokens", "a<mid>")
    assert not metadata.list_contains("general.architecture", "llama")
    assert not metadata.list_contains("absent", "llama")


def test_a_decoded_list_is_searched_too(tmp_path: Path) -> None:
    metadata = read_gguf_header(
        write(tmp_path / "m.gguf", with_pairs(texts_pair("t", ["a"])).to_bytes())
    ).metadata
    assert metadata["t"] == ["a"]
    assert metadata["t"] is metadata["t"]
    assert metadata.list_contains("t", "a")
    assert not metadata.list_contains("t", "b")


def test_a_header_larger_than_the_first_read_is_read_whole(tmp_path: Path) -> None:
    texts = [str(number) * (number % 40) for number in range(40_000)]
    content = with_pairs(texts_pair("tokens", texts), number_pair("after", 7)).to_bytes()
    metadata = read_gguf_header(write(tmp_path / "m.gguf", content)).metadata
    assert metadata["tokens"] == texts
    assert metadata["after"] == 7


HUGE = 2**64 - 1
BAD_GGUF = {
    "empty": (b"", "too short"),
    "other file": (b"MZ" + bytes(100), "not a GGUF file"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "web page": (b"<!DOCTYPE html><title>Sign in</title>" + bytes(64), "web page"),
    "torch archive": (b"PK\x03\x04" + bytes(100), "pickle"),
    "version 1": (Gguf(version=1), "version 1 of the GGUF format.*convert"),
    "version 4": (Gguf(version=4), "version 4"),
    "big-endian": (Gguf(version=0x03000000), "big-endian"),
    "tensors beyond the file": (Gguf(tensor_count=10**6), "cannot hold the 1,000,000 tensors"),
    "keys beyond any file": (Gguf(pair_count=HUGE), "cannot hold"),
    "one key too many": (Gguf(pair_count=2), "key without a name"),
    "huge key": (Gguf(pairs=(struct.pack("<Q", HUGE) + bytes(64),)), "a key of"),
    "key not UTF-8": (with_pairs(text_pair("k", "v").replace(b"k", b"\xff")), "key that is not UTF-8"),
    "key twice": (with_pairs(ARCHITECTURE), "'general.architecture' twice"),
    "value not UTF-8": (with_pairs(text_pair("k", b"\xc3")), "value of 'k' that is not UTF-8"),
    "huge text": (with_pairs(string("k") + struct.pack("<IQ", TEXT, HUGE)), "value of 'k' of"),
    "text past the end": (with_pairs(string("k") + struct.pack("<IQ", TEXT, 999)), "middle of its header"),
    "unknown value type": (with_pairs(string("k") + struct.pack("<I", 13)), "unknown value type 13"),
    "unknown list type": (with_pairs(list_pair("k", 99, 0, b"")), "unknown value type 99"),
    "list of lists": (with_pairs(list_pair("k", 9, 1, b"")), "list of lists"),
    "huge number list": (with_pairs(list_pair("k", UINT32, HUGE, b"")), "values of 'k'"),
    "huge text list": (with_pairs(list_pair("k", TEXT, 2**60, b"")), "values of 'k'"),
    "text list past the end": (
        with_pairs(list_pair("k", TEXT, 2, struct.pack("<QQ", HUGE, 0))),
        "middle of its header",
    ),
    "no architecture": (Gguf(pairs=()), "which architecture"),
    "architecture a number": (Gguf(pairs=(number_pair("general.architecture", 1),)), "which architecture"),
    "one part of several": (with_pairs(number_pair("split.count", 3)), "one of 3 parts; join"),
    "alignment 0": (with_pairs(number_pair("general.alignment", 0)), "general.alignment"),
    "alignment 48": (with_pairs(number_pair("general.alignment", 48)), "power of two"),
    "alignment a text": (with_pairs(text_pair("general.alignment", "32")), "general.alignment"),
    "alignment a list": (with_pairs(list_pair("general.alignment", 0, 1, b"\x20")), "general.alignment"),
    "five dimensions": (with_tensors(tensor_entry("w", [1] * 5, F32, 0)), "5 dimensions"),
    "no elements": (with_tensors(tensor_entry("w", [4, 0], F32, 0)), r"shape \(0, 4\)"),
    "overflowing elements": (with_tensors(tensor_entry("w", [2**33, 2**33], F32, 0)), "shape"),
    "wrapping elements": (with_tensors(tensor_entry("w", [2**63, 2], F32, 0)), "shape"),
    "row of half a block": (with_tensors(tensor_entry("w", [48, 2], Q8_0, 0)), "impossible for Q8_0"),
    "withdrawn type": (with_tensors(tensor_entry("w", [32], 4, 0)), "withdrawn type 4"),
    "unknown type": (with_tensors(tensor_entry("w", [32], 2**31, 0)), "type 2147483648"),
    "crooked offset": (with_tensors(tensor_entry("w", [4], F32, 4)), "impossible place"),
    "huge offset": (with_tensors(tensor_entry("w", [4], F32, 2**63)), "impossible place"),
    "tensor past the end": (with_tensors(tensor_entry("w", [256], Q4_K, 128)), "ends before its tensor 'w'"),
    "tensor twice": (with_tensors(*[tensor_entry("w", [4], F32, 0)] * 2), "tensor 'w' twice"),
    "tensors overlap": (
        with_tensors(tensor_entry("w", [16], F32, 0), tensor_entry("v", [4], F16, 32)),
        "'v'.*overlaps",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_GGUF)
def test_a_bad_gguf_gets_one_sentence(tmp_path: Path, name: str) -> None:
    content, expected = BAD_GGUF[name]
    with pytest.raises(ModelFormatError, match=expected) as error:
        read_gguf_header(
            write(tmp_path / "m.gguf", content if isinstance(content, bytes) else content.to_bytes())
        )
    assert_is_a_sentence(error.value, "m.gguf")


def test_a_gguf_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = Gguf(
        pairs=(ARCHITECTURE, texts_pair("t", ["a", "bc"]), number_pair("n", 1)),
        entries=(tensor_entry("w", [64], Q8_0, 0),),
        data=bytes(68),
    ).to_bytes()
    read_gguf_header(write(tmp_path / "whole.gguf", whole))
    for length in range(len(whole)):
        with pytest.raises(ModelFormatError):
            read_gguf_header(write(tmp_path / "m.gguf", whole[:length]))


def test_a_sparse_file_that_claims_a_giant_header_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    content = with_pairs(list_pair("k", TEXT, 2**20, struct.pack("<Q", 2**33))).to_bytes()
    with path.open("wb") as file:
        file.write(content)
        file.truncate(2**34)
    tracemalloc.start()
    with pytest.raises(ModelFormatError, match="larger than a model's can be"):
        read_gguf_header(path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2**22


def test_a_list_longer_than_any_vocabulary_is_not_decoded_into_memory(tmp_path: Path) -> None:
    content = with_pairs(list_pair("k", 0, 2**23, bytes(2**23))).to_bytes()
    with pytest.raises(ModelFormatError, match="cannot hold the 8,388,608 values of 'k'"):
        read_gguf_header(write(tmp_path / "m.gguf", content))
