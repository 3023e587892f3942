"""Model files that are nearly right, for hypothesis: valid ones made wrong, and ones of odd parts."""

import json
import math
import struct
from collections.abc import Callable

from hypothesis import strategies as st

from core.spec.gguf_header import TENSOR_TYPES
from tests.fuzz.builders import (
    Gguf,
    list_pair,
    number_pair,
    random_blocks,
    safetensors_bytes,
    tensor_entry,
    text_pair,
    texts_pair,
)

Mutation = Callable[[bytes], bytes]

_NUMBERS = (0, 1, 2, 4, 5, 9, 31, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63, 2**64 - 1)
_TEXTS = (
    *(b"-1", b"0", b"1e9", b"99999999999999999999", b"true", b"null", b"[]", b"{}", b'""', b"NaN"),
    *(b"[[[[[[[[", b"[" * 3000, b'"\\ud800"', b'"../x"', b"\xff", b"9" * 5000, b'"__metadata__"', b'"BF16"'),
)
_WIDTHS = {"F32": 4, "F16": 2, "BF16": 2, "I8": 1, "I64": 8, "BOOL": 1, "F8_E4M3": 1}
_ARCHITECTURE = text_pair("general.architecture", "llama")
_VALID_GGUF_TENSORS = {
    "F32": 0,
    "F16": 1,
    "BF16": 30,
    "Q8_0": 8,
    "Q4_0": 2,
    "Q4_K": 12,
    "Q6_K": 14,
    "IQ2_XXS": 16,
}
# A place is a fraction of the file's length, so that shrinking it makes sense for every file.
_PLACES = st.integers(0, 2**16 - 1)


def valid_gguf() -> bytes:
    pairs = (
        _ARCHITECTURE,
        number_pair("general.alignment", 32),
        number_pair("llama.context_length", 4096),
        texts_pair("tokenizer.ggml.tokens", ["<s>", "a", "▁b", "<fim_prefix>"]),
        list_pair("tokenizer.ggml.scores", 6, 4, bytes(16)),
        list_pair("tokenizer.ggml.token_type", 5, 4, bytes(16)),
        text_pair("tokenizer.chat_template", "{{ messages }}"),
    )
    entries, data = [], b""
    for name, kind in _VALID_GGUF_TENSORS.items():
        is_plain = name in ("F32", "F16", "BF16")
        entries.append(tensor_entry(f"blk.0.{name}", [4, 2] if is_plain else [256], kind, len(data)))
        stored = (
            bytes(range(32 if name == "F32" else 16)) if is_plain else random_blocks(name, (256,)).tobytes()
        )
        data += stored + bytes(-len(stored) % 32)
    return Gguf(pairs=pairs, entries=tuple(entries), data=data).to_bytes()


def valid_safetensors() -> bytes:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, width in _WIDTHS.items():
        header[f"layer.{name}"] = {"dtype": name, "shape": [4, 2], "data_offsets": [end, end + 8 * width]}
        end += 8 * width
    return safetensors_bytes(header, bytes(index % 251 for index in range(end)))


def _at(data: bytes, place: int) -> int:
    return place * len(data) >> 16


def _flip(place: int, bit: int) -> Mutation:
    def mutate(data: bytes) -> bytes:
        at = _at(data, place)
        return data[:at] + bytes(byte ^ 1 << bit for byte in data[at : at + 1]) + data[at + 1 :]

    return mutate


def _truncate(place: int) -> Mutation:
    return lambda data: data[: _at(data, place)]


def _overwrite(place: int, number: int, width: int) -> Mutation:
    def mutate(data: bytes) -> bytes:
        at, written = _at(data, place), struct.pack("<Q", number)[:width]
        return data[:at] + written + data[at + width :]

    return mutate


def _overwrite_number(which: int, number: int) -> Mutation:
    """Replaces a field of eight bytes that looks like a count, a length or an offset."""

    def mutate(data: bytes) -> bytes:
        fields = [at for at in range(len(data) - 8) if data[at] and data[at + 2 : at + 8] == bytes(6)]
        if not fields:
            return data
        at = fields[which % len(fields)]
        return data[:at] + struct.pack("<Q", number) + data[at + 8 :]

    return mutate


def _splice(source: int, length: int, target: int, replaced: int) -> Mutation:
    """Copies a piece of the file over another, longer or shorter: fields repeat, vanish and move."""

    def mutate(data: bytes) -> bytes:
        start, at = _at(data, source), _at(data, target)
        return data[:at] + data[start : start + length] + data[at + replaced :]

    return mutate


def _replace_word(which: int, text: bytes) -> Mutation:
    """Puts another JSON value in the place of one, keeping the length of the header true."""

    def mutate(data: bytes) -> bytes:
        length = int.from_bytes(data[:8], "little")
        header, rest = data[8 : 8 + length], data[8 + length :]
        for mark in (b",", b":", b"[", b"]"):
            header = header.replace(mark, b" " + mark + b" ")
        words = header.split()
        if words:
            words[which % len(words)] = text
        changed = b" ".join(words)
        return struct.pack("<Q", len(changed)) + changed + rest

    return mutate


def _mutated(valid: bytes, mutations: list[Mutation]) -> bytes:
    for mutate in mutations:
        valid = mutate(valid)
    return valid


_BINARY = st.one_of(
    st.builds(_flip, _PLACES, st.integers(0, 7)),
    st.builds(_truncate, _PLACES),
    st.builds(_overwrite, _PLACES, st.sampled_from(_NUMBERS), st.sampled_from((1, 2, 4, 8))),
    st.builds(_overwrite_number, st.integers(0, 200), st.sampled_from(_NUMBERS)),
    st.builds(_splice, _PLACES, st.integers(0, 64), _PLACES, st.integers(0, 64)),
)
_JSON = st.builds(_replace_word, st.integers(0, 200), st.sampled_from(_TEXTS))
_mutated_gguf = st.builds(_mutated, st.just(valid_gguf()), st.lists(_BINARY, min_size=1, max_size=3))
_mutated_safetensors = st.builds(
    _mutated, st.just(valid_safetensors()), st.lists(st.one_of(_BINARY, _JSON, _JSON), min_size=1, max_size=2)
)

_number = st.one_of(st.integers(0, 9), st.sampled_from(_NUMBERS))
_key = st.sampled_from(("a", "b", "general.alignment", "split.count", "tokenizer.ggml.tokens", ""))
_odd_text = st.one_of(st.text(max_size=4).map(str.encode), st.binary(max_size=4))
_odd_pair = st.one_of(
    st.builds(text_pair, _key, _odd_text),
    st.builds(number_pair, _key, _number.map(lambda number: number % 2**32)),
    st.builds(texts_pair, _key, st.lists(_odd_text, max_size=3)),
    st.builds(list_pair, _key, st.integers(0, 14), _number, st.binary(max_size=40)),
)


@st.composite
def _odd_gguf(draw: st.DrawFn) -> bytes:
    """Tensors that lie side by side, but for one number here and there."""

    def true_or_odd(true: int) -> int:
        return true if draw(st.integers(0, 9)) else draw(_number)

    entries: list[bytes] = []
    end = 0
    for name in draw(st.lists(st.sampled_from(("u", "v", "w", "é", "")), unique=True, max_size=3)):
        kind = draw(st.sampled_from(list(TENSOR_TYPES)))
        _, block, block_bytes = TENSOR_TYPES[kind]
        shape = [true_or_odd(block * draw(st.integers(1, 3))), *draw(st.lists(st.integers(1, 3), max_size=3))]
        entries.append(tensor_entry(name, shape, true_or_odd(kind) % 2**32, true_or_odd(end)))
        size_bytes = math.prod(shape) // block * block_bytes
        end = min(end + size_bytes + -size_bytes % 32, 2**14)
    pairs = (_ARCHITECTURE, *draw(st.lists(_odd_pair, max_size=2)))
    return Gguf(
        pairs=pairs,
        entries=tuple(entries),
        data=draw(st.binary(max_size=64)).ljust(end, b"\x2a"),
        version=draw(st.sampled_from((2, 3))),
        tensor_count=true_or_odd(len(entries)),
        pair_count=true_or_odd(len(pairs)),
    ).to_bytes()


@st.composite
def _odd_safetensors(draw: st.DrawFn) -> bytes:
    """Entries that agree with one another, but for one number here and there."""
    header: dict[str, object] = {}
    end = 0
    any_length = st.one_of(*[st.integers(0, 4)] * 9, st.sampled_from((2**63, 2**31, -1, 1.5, None)))
    names = st.sampled_from(("a", "b", "c", "d", "", "é\n", "\ud800", "__metadata__"))
    for name in draw(st.lists(names, unique=True, max_size=3)):
        kind = draw(
            st.one_of(
                st.sampled_from(list(_WIDTHS)), st.sampled_from(("F32", "F4", "C64", "X", None, ["F32"]))
            )
        )
        shape = draw(st.lists(any_length, max_size=3))
        start = end
        if all(type(length) is int for length in shape):
            size = _WIDTHS.get(kind, 1) if isinstance(kind, str) else 1
            for length in shape:
                size *= length
            end = start + size
        offsets = [start, end] if draw(st.integers(0, 9)) else draw(st.lists(_number, max_size=3))
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": offsets}
    content = bytes(min(max(end, 0), 2**12) + draw(st.sampled_from((0, 0, 0, 0, 0, 1))))
    return safetensors_bytes(json.dumps(header).encode() + b" " * draw(st.integers(0, 8)), content)


gguf_files = st.one_of(_mutated_gguf, _odd_gguf())
safetensors_files = st.one_of(_mutated_safetensors, _odd_safetensors())
