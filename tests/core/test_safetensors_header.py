"""The safetensors header reader against the library, and against files that are wrong in one place each."""

import json
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from core.spec.errors import ModelFormatError
from core.spec.safetensors_header import (
    read_safetensors_folder,
    read_safetensors_header,
    read_safetensors_index,
)
from tests.fuzz.builders import assert_is_a_sentence, safetensors_bytes, write

HUGE = 2**64 - 1


def test_a_safetensors_header_says_what_the_library_says(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    tensors = {
        "a": torch.zeros(3, 4),
        "b": torch.zeros(2, dtype=torch.bfloat16),
        "c": torch.zeros(0, 2),
        "d": torch.tensor(1),
    }
    save_file(tensors, path, metadata={"format": "pt"})
    header = read_safetensors_header(path)
    assert header.metadata == {"format": "pt"}
    with safe_open(path, "pt") as file:
        assert set(header.tensors) == set(file.keys())
        for name, info in header.tensors.items():
            assert list(info.shape) == file.get_slice(name).get_shape()
            assert info.type == file.get_slice(name).get_dtype()


def entry(**changes: object) -> dict[str, object]:
    return {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} | changes


BAD_SAFETENSORS = {
    "empty": (b"", "is empty"),
    "shorter than its length field": (b"\x10\0\0", "cut off"),
    "LFS pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS pointer"),
    "web page": (b"<!DOCTYPE html><title>Sign in</title>", "web page"),
    "torch archive": (b"PK\x03\x04" + bytes(100), "pickle"),
    "header longer than the file": (struct.pack("<Q", 1000) + b"{}", "cut off"),
    "header of absurd length": (struct.pack("<Q", HUGE) + b"{}", "cut off"),
    "not JSON": (safetensors_bytes(b"{nope}"), "not valid JSON"),
    "not UTF-8": (safetensors_bytes(b'{"\xff": 1}'), "not valid JSON"),
    "half a character": (safetensors_bytes(rb'{"\ud800": 1}'), "not valid JSON"),
    "not an object": (safetensors_bytes([1]), "not a JSON object"),
    "nested too deeply": (safetensors_bytes(b"[" * 100_000), "nested too deeply"),
    "millions of objects": (safetensors_bytes(b"[" + b"{}," * 2**20 + b"{}]"), "more JSON objects"),
    "number of many digits": (safetensors_bytes(b'{"a": ' + b"9" * 10_000 + b"}"), "not valid JSON"),
    "tensor twice": (
        safetensors_bytes(b'{"a": %s, "a": %s}' % ((json.dumps(entry()).encode(),) * 2), bytes(8)),
        "'a' occurs twice",
    ),
    "metadata not text": (safetensors_bytes({"__metadata__": {"a": 1}}), "__metadata__"),
    "metadata a list": (safetensors_bytes({"__metadata__": []}), "__metadata__"),
    "tensor a number": (safetensors_bytes({"a": 1}), "not described as the format demands"),
    "no shape": (safetensors_bytes({"a": {"dtype": "F32", "data_offsets": [0, 8]}}), "not described"),
    "unknown type": (safetensors_bytes({"a": entry(dtype="Q9")}, bytes(8)), "unknown type 'Q9'"),
    "type a list": (safetensors_bytes({"a": entry(dtype=["F32"])}, bytes(8)), "unknown type"),
    "negative length": (safetensors_bytes({"a": entry(shape=[-2])}, bytes(8)), "impossible shape"),
    "length with a fraction": (safetensors_bytes({"a": entry(shape=[2.0])}, bytes(8)), "impossible shape"),
    "length true": (safetensors_bytes({"a": entry(shape=[2, True])}, bytes(8)), "impossible shape"),
    "nine dimensions": (safetensors_bytes({"a": entry(shape=[2] + [1] * 8)}, bytes(8)), "impossible shape"),
    "overflowing elements": (safetensors_bytes({"a": entry(shape=[2**62, 2**62])}, bytes(8)), "place"),
    "offsets of three": (safetensors_bytes({"a": entry(data_offsets=[0, 8, 8])}, bytes(8)), "place"),
    "offsets backwards": (safetensors_bytes({"a": entry(data_offsets=[8, 0])}, bytes(8)), "has -8 bytes"),
    "size against shape": (safetensors_bytes({"a": entry(data_offsets=[0, 4])}, bytes(4)), "4 bytes.*shape"),
    "past the end": (safetensors_bytes({"a": entry()}, bytes(7)), "ends before its tensor 'a'"),
    "bytes after the end": (safetensors_bytes({"a": entry()}, bytes(9)), "belong to none"),
    "overlap": (safetensors_bytes({"a": entry(), "b": entry(data_offsets=[4, 12])}, bytes(16)), "overlaps"),
    "gap": (safetensors_bytes({"a": entry(), "b": entry(data_offsets=[12, 20])}, bytes(20)), "to none"),
    "name of control characters": (safetensors_bytes({"a\n\x1b[31m" * 99: 1}), "not described"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SAFETENSORS)
def test_a_bad_safetensors_gets_one_sentence(tmp_path: Path, name: str) -> None:
    content, expected = BAD_SAFETENSORS[name]
    with pytest.raises(ModelFormatError, match=expected) as error:
        read_safetensors_header(write(tmp_path / "m.safetensors", content))
    assert_is_a_sentence(error.value, "m.safetensors")


def test_a_safetensors_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = safetensors_bytes({"a": entry()}, bytes(8))
    read_safetensors_header(write(tmp_path / "whole.safetensors", whole))
    for length in range(len(whole)):
        with pytest.raises(ModelFormatError):
            read_safetensors_header(write(tmp_path / "m.safetensors", whole[:length]))


def sharded(folder: Path, weight_map: object) -> Path:
    save_file({"a": torch.zeros(2), "unused": torch.zeros(2)}, folder / "one.safetensors")
    save_file({"b": torch.zeros(2)}, folder / "two.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    return folder


def test_an_index_says_which_file_each_tensor_is_read_from(tmp_path: Path) -> None:
    sharded(tmp_path, {"a": "one.safetensors", "b": "two.safetensors"})
    files = read_safetensors_index(tmp_path)
    assert {path.name: list(tensors) for path, tensors in files.items()} == {
        "one.safetensors": ["a"],
        "two.safetensors": ["b"],
    }
    assert read_safetensors_folder(tmp_path) == files


@pytest.mark.parametrize(
    "escape",
    [
        *("../one.safetensors", "/etc/one.safetensors", "sub/one.safetensors", "./one.safetensors"),
        *("..\\one.safetensors", "C:one.safetensors", "C:\\one.safetensors", "one\0.safetensors"),
        *("one.bin", "..", "", 7, None, ["one.safetensors"]),
    ],
)
def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path, escape: object) -> None:
    model = tmp_path / "model"
    model.mkdir()
    save_file({"a": torch.zeros(2)}, tmp_path / "one.safetensors")
    with pytest.raises(ModelFormatError, match="no file of its folder"):
        read_safetensors_index(sharded(model, {"a": escape}))


@pytest.mark.parametrize(
    ("weight_map", "expected"),
    [
        ({"a": "three.safetensors"}, r"three\.safetensors cannot be read \(No such file"),
        ({"b": "one.safetensors"}, r"one\.safetensors lacks the tensor 'b'"),
        ({}, "no 'weight_map'"),
        (["one.safetensors"], "no 'weight_map'"),
        ({f"t{number}": f"{number}.safetensors" for number in range(2000)}, "2,000 files"),
    ],
)
def test_an_index_that_promises_too_much_gets_one_sentence(
    tmp_path: Path, weight_map: object, expected: str
) -> None:
    with pytest.raises(ModelFormatError, match=expected):
        read_safetensors_index(sharded(tmp_path, weight_map))


def test_a_folder_without_weights_is_told_from_one_with_pickles(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"neither model\.safetensors nor"):
        read_safetensors_folder(tmp_path)
    write(tmp_path / "pytorch_model.bin", b"PK\x03\x04")
    with pytest.raises(ModelFormatError, match=r"pytorch_model\.bin is a Python pickle.*safetensors"):
        read_safetensors_folder(tmp_path)
