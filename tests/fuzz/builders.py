"""Small model files, made byte by byte so that a test can make them wrong in one place."""

import json
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.spec.errors import ModelFormatError

TEXT, LIST, UINT32 = 8, 9, 4


def string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def text_pair(key: str, value: str | bytes) -> bytes:
    return string(key) + struct.pack("<I", TEXT) + string(value)


def number_pair(key: str, value: int) -> bytes:
    return string(key) + struct.pack("<II", UINT32, value)


def list_pair(key: str, kind: int, count: int, data: bytes) -> bytes:
    return string(key) + struct.pack("<IIQ", LIST, kind, count) + data


def texts_pair(key: str, texts: list[str] | list[bytes]) -> bytes:
    return list_pair(key, TEXT, len(texts), b"".join(map(string, texts)))


def tensor_entry(name: str, dimensions: list[int], kind: int, offset: int) -> bytes:
    """Dimensions in the file's order, the innermost first."""
    shape = struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
    return string(name) + shape + struct.pack("<IQ", kind, offset)


@dataclass(frozen=True)
class Gguf:
    """A valid file unless told otherwise."""

    pairs: tuple[bytes, ...] = (text_pair("general.architecture", "llama"),)
    entries: tuple[bytes, ...] = ()
    data: bytes = b""
    magic: bytes = b"GGUF"
    version: int = 3
    tensor_count: int | None = None
    pair_count: int | None = None
    alignment: int = 32

    def to_bytes(self) -> bytes:
        tensor_count = len(self.entries) if self.tensor_count is None else self.tensor_count
        pair_count = len(self.pairs) if self.pair_count is None else self.pair_count
        head = self.magic + struct.pack("<IQQ", self.version, tensor_count, pair_count)
        head += b"".join(self.pairs) + b"".join(self.entries)
        return head + bytes(-len(head) % self.alignment) + self.data


def safetensors_bytes(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def random_blocks(type_name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Any bits are a valid block but for the scales, which are kept finite and small."""
    import gguf

    quant_type = gguf.GGMLQuantizationType[type_name]
    weights, size_bytes = gguf.GGML_QUANT_SIZES[quant_type]
    count = int(np.prod(shape)) // weights
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, size=(count, size_bytes), dtype=np.uint8)
    for place in _HALF_SCALES.get(type_name, ()):
        scales = random.uniform(-0.01, 0.01, size=(count, 1)).astype(np.float16)
        blocks[:, place : place + 2] = scales.view(np.uint8)
    return blocks.reshape(*shape[:-1], shape[-1] // weights * size_bytes)


def assert_is_a_sentence(error: ModelFormatError, file_name: str) -> None:
    text = str(error)
    assert file_name in text
    assert text.isprintable()
    assert text.endswith(".")
    assert len(text) < 600


# where in a block its 16-bit scales stand
_HALF_SCALES = {
    "Q4_0": (0,),
    "Q4_1": (0, 2),
    "Q5_0": (0,),
    "Q5_1": (0, 2),
    "Q8_0": (0,),
    "Q2_K": (80, 82),
    "Q3_K": (108,),
    "Q4_K": (0, 2),
    "Q5_K": (0, 2),
    "Q6_K": (208,),
    "TQ1_0": (52,),
    "TQ2_0": (64,),
    "IQ2_XXS": (0,),
    "IQ2_XS": (0,),
    "IQ2_S": (0,),
    "IQ3_XXS": (0,),
    "IQ3_S": (0,),
    "IQ1_S": (0,),
    "IQ4_NL": (0,),
    "IQ4_XS": (0,),
}
