"""What the readers of model files share: TensorInfo, opening a file and parsing JSON that may be hostile.

Each format's header has a module beside this one; the tensors themselves are read in core/checkpoint/tensors.
Pickles are recognised in order to be refused, and are never opened as such.
"""

import json
import reprlib
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.spec.errors import ModelFormatError

MAX_TENSORS = 65_536
MAX_ELEMENTS = 2**62
_MAX_JSON_BYTES = 16 * 2**20
_MAX_JSON_CONTAINERS = 4 * MAX_TENSORS
_LFS_POINTER = b"version https://git-lfs"
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")


@dataclass(frozen=True)
class TensorInfo:
    """`type` is the format's own name for it; `offset` counts from the first byte of the file."""

    name: str
    type: str
    shape: tuple[int, ...]
    offset: int
    size_bytes: int

    @property
    def elements(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count


def open_model_file(path: Path) -> BinaryIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # reading from a pipe or a device might never end
            raise ModelFormatError(f"{path} is not a file; choose a model's file.")
        return path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or "its name is not allowed"
        raise ModelFormatError(
            f"{path} cannot be read ({reason}); check the name and your access."
        ) from error


def read_json(path: Path) -> Any:
    with open_model_file(path) as file:
        data = file.read(_MAX_JSON_BYTES + 1)
    if len(data) > _MAX_JSON_BYTES:
        raise ModelFormatError(f"{path} is too large for a JSON file of a model; download it again.")
    return parse_json(data, str(path))


def parse_json(data: bytes, where: str) -> Any:
    """Objects and lists are counted first: parsed, each is many times larger than its text."""
    if data.count(b"{") + data.count(b"[") > _MAX_JSON_CONTAINERS:
        raise ModelFormatError(f"{where} holds more JSON objects than a model can have; download it again.")
    try:
        parsed = json.loads(data.decode(), object_pairs_hook=_object_without_repeats)
        if b"\\ud" in data.lower():  # half a character, which no other program reads and nothing can print
            json.dumps(parsed, ensure_ascii=False).encode()
    except RecursionError:
        raise ModelFormatError(f"{where} holds JSON that is nested too deeply; download it again.") from None
    except ValueError as error:
        raise ModelFormatError(f"{where} is not valid JSON ({error}); download it again.") from error
    return parsed


def refuse_if_not_weights(path: Path, head: bytes) -> None:
    """The usual things that bear a model's name and are none."""
    if not head:
        raise ModelFormatError(f"{path} is empty; download it again.")
    if head.startswith(_LFS_POINTER):
        raise ModelFormatError(
            f"{path} is a Git LFS pointer and not the model itself; run 'git lfs pull' or download it again."
        )
    if head.lstrip()[:1] == b"<":
        raise ModelFormatError(f"{path} is a web page and not a model; download it again while signed in.")
    if _is_pickle(path, head):
        raise _pickle_refusal(path)


def refuse_pickle(path: Path) -> None:
    """Says why a pickled checkpoint, or a folder that holds nothing but such, is not read."""
    if path.is_dir():
        pickles = sorted(item for item in path.iterdir() if item.suffix in _PICKLE_SUFFIXES)
        if pickles and not any(path.glob("*.safetensors")):
            raise _pickle_refusal(pickles[0])
        return
    with open_model_file(path) as file:
        head = file.read(4)
    if _is_pickle(path, head) or path.suffix.lower() in _PICKLE_SUFFIXES:
        raise _pickle_refusal(path)


def check_layout(path: Path, tensors: Iterable[TensorInfo], file_size_bytes: int) -> None:
    end = 0
    for tensor in sorted(tensors, key=lambda item: (item.offset, item.size_bytes)):
        if tensor.offset < end:
            raise ModelFormatError(
                f"Tensor {shown(tensor.name)} in {path} overlaps another one; download the file again."
            )
        end = tensor.offset + tensor.size_bytes
        if end > file_size_bytes:
            raise ModelFormatError(
                f"{path} ends before its tensor {shown(tensor.name)} does; download the file again."
            )


def shown(value: object) -> str:
    """For an error message: on one line, short and not nested, whatever a file may hold."""
    shortened = reprlib.Repr()
    shortened.maxstring = 80
    return shortened.repr(value)


def _is_pickle(path: Path, head: bytes) -> bool:
    is_zip = head.startswith(b"PK\x03\x04")  # what torch.save writes since 2020
    is_bare = head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    return is_zip or (is_bare and path.suffix.lower() in _PICKLE_SUFFIXES)


def _pickle_refusal(path: Path) -> ModelFormatError:
    return ModelFormatError(
        f"{path} is a Python pickle, which can run any code when it is opened and so is never read; "
        "get the model as safetensors or GGUF, or let huggingface.co/spaces/safetensors/convert convert it."
    )


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in made if names.count(name) > 1)
        raise ValueError(f"the name {shown(repeated)} occurs twice")
    return made
