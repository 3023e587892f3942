"""Vocabularies inside GGUF: read with exactly llama.cpp's ids, and written so that they read back."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from core.spec.errors import TokenizerError
from core.spec.gguf_header import read_gguf_header
from core.text.fim import find_marks
from core.text.gguf_vocabulary import from_gguf, to_gguf
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_folder
from tests.core.vocabularies import CORPUS, MARKS, byte_level, gguf_byte_level, gguf_pieces, json_file, pieces
from tests.fuzz.builders import assert_is_a_sentence

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "tokenizers"
FILES = sorted(SHARED.glob("*.gguf"))
any_text = st.lists(st.one_of(st.sampled_from(["\r\n", " " * 40, *CORPUS]), st.text(max_size=8))).map("".join)


@pytest.mark.skipif(not FILES, reason="the vocabularies with known ids lie outside the repository")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_known_texts_have_the_known_ids(path: Path) -> None:
    tokenizer = from_gguf(read_gguf_header(path).metadata, source=str(path))
    texts = path.with_name(path.name + ".inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    known = path.with_name(path.name + ".out").read_text().split("\n")
    assert len(texts) == len(known)
    assert [tokenizer.encode(text) for text in texts] == [
        [int(word) for word in line.split()] for line in known
    ]


@pytest.mark.parametrize("fields", [gguf_byte_level(), gguf_pieces(), gguf_pieces(adds_space=False)])
@settings(max_examples=40, deadline=None)
@given(text=any_text)
def test_what_is_written_reads_back_with_the_same_ids(fields: dict[str, Any], text: str) -> None:
    tokenizer = from_gguf(fields, source="x")
    again = from_gguf(exported(tokenizer), source="y")
    assert again.encode(text) == tokenizer.encode(text)


def exported(tokenizer: Tokenizer) -> dict[str, Any]:
    return to_gguf(tokenizer, vocab_size=tokenizer.vocab_size + 64)


def test_what_the_file_says_of_its_marks_survives_the_way_there_and_back() -> None:
    tokenizer = from_gguf(
        gguf_byte_level(bos_token_id=5, add_bos_token=True) | {"tokenizer.chat_template": "{{ messages }}"},
        source="x",
    )
    again = from_gguf(exported(tokenizer), source="y")
    for name in ("bos_id", "eos_id", "pad_id", "end_ids", "add_bos", "chat_template"):
        assert getattr(again, name) == getattr(tokenizer, name), name
    assert find_marks(again) == find_marks(tokenizer) is not None
    assert again.vocab_size == tokenizer.vocab_size + 64


def test_filling_tokens_are_never_written_and_add_nothing() -> None:
    tokenizer = from_gguf(exported(byte_level()), source="x")
    last = tokenizer.vocab_size - 1
    assert tokenizer.token_bytes(last) == b""
    assert tokenizer.encode(f"[PAD{last}]") != [last]


def test_filling_a_vocabulary_up_takes_time_in_proportion() -> None:
    started = time.process_time()
    to_gguf(byte_level(), vocab_size=40_000)
    assert time.process_time() - started < 10  # a hundred times that where each token is added by itself


def test_a_vocabulary_larger_than_its_model_is_refused() -> None:
    with pytest.raises(TokenizerError, match="do not match"):
        to_gguf(byte_level(), vocab_size=byte_level().vocab_size - 1)


def test_a_tokenizer_json_becomes_gguf(tmp_path: Path) -> None:
    json_file(tmp_path)
    tokenizer = open_folder(tmp_path)
    again = from_gguf(exported(tokenizer), source="x")
    for text in CORPUS:
        assert again.encode(text) == tokenizer.encode(text)


@pytest.mark.parametrize("adds_space", [True, False])
def test_pieces_in_a_tokenizer_json_become_gguf_with_scores(tmp_path: Path, adds_space: bool) -> None:
    pieces(adds_space=adds_space).save(tmp_path)
    (tmp_path / "tokenizer.model").unlink()
    tokenizer = open_folder(tmp_path)
    fields = exported(tokenizer)
    assert fields["tokenizer.ggml.model"] == "llama"
    again = from_gguf(fields, source="x")
    for text in CORPUS:
        assert again.encode(text) == tokenizer.encode(text) == pieces(adds_space=adds_space).encode(text)


@pytest.mark.parametrize("make", [byte_level, pieces, lambda: pieces(adds_space=False)])
@settings(max_examples=40, deadline=None)
@given(text=any_text.filter(lambda text: "▁" not in text))
def test_a_saved_folder_gives_transformers_the_same_ids(
    tmp_path_factory: pytest.TempPathFactory, make: Any, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"saved-{id(make)}"
    if not folder.exists():
        folder.mkdir()
        make().save(folder)
    reference = AutoTokenizer.from_pretrained(folder)
    assert reference.encode(text, add_special_tokens=False, split_special_tokens=True) == make().encode(text)
    if text:
        wanted = [make().bos_id] * make().add_bos + make().encode(text)
        assert reference(text, split_special_tokens=True).input_ids == wanted


def test_own_tokens_are_found_before_words_are_cut_and_marks_are_not() -> None:
    tokenizer = from_gguf(gguf_byte_level(own=("  ab", "ï\n")), source="x")
    own = tokenizer.token_id("  ab")
    assert own in tokenizer.encode("x  aby")
    assert tokenizer.token_id("ï\n") in tokenizer.encode("naï\n\n")
    for mark in MARKS:
        assert tokenizer.token_id(mark) not in tokenizer.encode(f"a{mark}b")


def test_own_pieces_are_found_spaces_and_all() -> None:
    tokenizer = from_gguf(gguf_pieces(adds_space=False, own=("<own word>",)), source="x")
    own = tokenizer.token_id("<own▁word>")
    assert own in tokenizer.encode("a<own word>b")
    assert tokenizer.decode(tokenizer.encode("a<own word>b")) == "a<own word>b"


def test_an_older_file_that_calls_its_marks_normal_still_hides_them() -> None:
    fields = gguf_byte_level()
    fields["tokenizer.ggml.token_type"] = [1] * len(fields["tokenizer.ggml.tokens"])
    tokenizer = from_gguf(fields, source="x")
    assert {tokenizer.token_id(mark) for mark in MARKS} <= tokenizer.special_ids
    assert tokenizer.eos_id in tokenizer.end_ids


@pytest.mark.parametrize(
    ("pre", "add_bos", "expected"),
    [("llama-bpe", None, True), ("qwen2", None, False), ("llama-bpe", False, False), ("qwen2", True, True)],
)
def test_a_beginning_mark_is_expected_where_the_family_or_the_file_says(
    pre: str, add_bos: bool | None, expected: bool
) -> None:
    fields = gguf_byte_level(pre=pre, bos_token_id=5)
    if add_bos is not None:
        fields["tokenizer.ggml.add_bos_token"] = add_bos
    assert from_gguf(fields, source="x").add_bos is expected


@pytest.mark.parametrize("make", [gguf_byte_level, gguf_pieces])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_hostile_metadata_is_used_or_refused_in_a_sentence(make: Any, data: st.DataObject) -> None:
    fields = dict(make())
    key = data.draw(st.sampled_from(sorted(fields)))
    odd = [None, -1, 2**63, 0.5, float("nan"), "", "x", [], [""], [None], [0], ["a", "a"], ["a\0"], True, {}]
    value = data.draw(st.sampled_from(odd))
    if isinstance(fields[key], list) and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(fields[key]) - 1))
        value = [*fields[key][:place], value, *fields[key][place + 1 :]]
    fields[key] = value
    try:
        tokenizer = from_gguf(fields, source="model.gguf")
    except TokenizerError as error:
        assert_is_a_sentence(error, "model.gguf")
    else:
        json.dumps(tokenizer.encode("def add(first):\n"))


@pytest.mark.parametrize("kind", ["bert", "t5", "rwkv", ""])
def test_a_kind_that_is_not_known_is_named(kind: str) -> None:
    with pytest.raises(TokenizerError, match=f"{kind!r}.*llama.*gpt2"):
        from_gguf(gguf_byte_level(model=kind), source="x.gguf")
