"""What is not a model's file at all: pickles under any name, pipes, folders."""

import os
import pickle
import sys
from pathlib import Path

import pytest
import torch

from core.spec.errors import ModelFormatError
from core.spec.gguf_header import read_gguf_header
from core.spec.headers import refuse_pickle
from core.spec.safetensors_header import read_safetensors_header
from tests.fuzz.builders import Gguf, safetensors_bytes, write


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("name", ["m.bin", "m.pt", "m.pth", "m.ckpt", "M.BIN"])
@pytest.mark.parametrize("writer", ["torch", "old torch", "pickle"])
def test_a_pickle_is_refused_and_not_run(tmp_path: Path, name: str, writer: str) -> None:
    path, sprung = tmp_path / name, tmp_path / "sprung"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(Trap(sprung)))
    else:
        torch.save({"a": Trap(sprung)}, path, _use_new_zipfile_serialization=writer == "torch")
    with pytest.raises(ModelFormatError, match=r"never read; get the model as safetensors or GGUF"):
        refuse_pickle(path)
    assert not sprung.exists()


def test_a_pickle_under_another_name_is_refused_as_one(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    torch.save({"a": torch.zeros(2)}, path)
    for read in (read_safetensors_header, read_gguf_header, refuse_pickle):
        with pytest.raises(ModelFormatError, match="is a Python pickle"):
            read(path)


def test_what_is_no_pickle_is_not_refused_as_one(tmp_path: Path) -> None:
    refuse_pickle(write(tmp_path / "m.gguf", Gguf().to_bytes()))
    refuse_pickle(write(tmp_path / "m.safetensors", safetensors_bytes({})))
    refuse_pickle(tmp_path)


@pytest.mark.parametrize("read", [read_gguf_header, read_safetensors_header])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, read) -> None:
    with pytest.raises(ModelFormatError, match="is not a file"):
        read(tmp_path)
    with pytest.raises(ModelFormatError, match="No such file"):
        read(tmp_path / "absent")
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ModelFormatError, match="is not a file"):
            read(tmp_path / "pipe")
