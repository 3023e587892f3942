"""What a folder says of its tokenizer, in old and new shapes, right and wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.spec.errors import SmallCoderError, TokenizerError
from core.text.vocabulary_folder import open_folder, open_tokenizer
from tests.core.vocabularies import byte_level, json_file, pieces, train_pieces


def folder_with(folder: Path, **files: Any) -> Path:
    json_file(folder)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_marks_come_from_the_configuration_in_either_shape(tmp_path: Path) -> None:
    config = {"bos_token": {"content": "<|endoftext|>"}, "eos_token": "<|fim_pad|>", "add_bos_token": True}
    tokenizer = open_folder(folder_with(tmp_path, tokenizer_config=config))
    assert tokenizer.bos_id == tokenizer.token_id("<|endoftext|>")
    assert tokenizer.eos_id == tokenizer.token_id("<|fim_pad|>")
    assert tokenizer.add_bos


def test_marks_come_from_the_map_where_the_configuration_has_none(tmp_path: Path) -> None:
    tokenizer = open_folder(folder_with(tmp_path, special_tokens_map={"eos_token": "<|endoftext|>"}))
    assert tokenizer.eos_id == tokenizer.token_id("<|endoftext|>")
    assert not tokenizer.add_bos


def test_every_end_that_generation_names_is_an_end(tmp_path: Path) -> None:
    tokenizer = open_folder(folder_with(tmp_path, generation_config={"eos_token_id": [7, 9, 10**6]}))
    assert {7, 9, tokenizer.token_id("<|endoftext|>")} == tokenizer.end_ids
    assert tokenizer.eos_id == 7


def test_a_mark_that_only_the_configuration_calls_special_is_hidden(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, tokenizer_config={"eos_token": "</s>"})
    state = json.loads((folder / "tokenizer.json").read_text())
    state["model"]["vocab"]["</s>"] = len(state["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(state))
    tokenizer = open_folder(folder)
    assert tokenizer.eos_id in tokenizer.special_ids
    assert tokenizer.decode(tokenizer.encode("a</s>b")) == "a</s>b"


def test_an_ordinary_word_named_as_the_end_stays_a_word(tmp_path: Path) -> None:
    word = open_folder(folder_with(tmp_path)).encode("return")[0]
    spelling = open_folder(tmp_path).spelling(word)
    tokenizer = open_folder(folder_with(tmp_path, tokenizer_config={"eos_token": spelling}))
    assert word in tokenizer.end_ids
    assert tokenizer.decode(tokenizer.encode("return")) == "return"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ plain }}", "{{ plain }}"),
        ([{"name": "tool", "template": "t"}, {"name": "default", "template": "d"}], "d"),
        ([{"name": "tool", "template": "t"}], None),
        (None, None),
    ],
)
def test_the_chat_template_is_the_default_one(tmp_path: Path, template: Any, expected: str | None) -> None:
    folder = folder_with(tmp_path, tokenizer_config={"chat_template": template})
    assert open_folder(folder).chat_template == expected


def test_a_template_file_overrules_the_configuration(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, tokenizer_config={"chat_template": "old"})
    (folder / "chat_template.jinja").write_text("new")
    assert open_folder(folder).chat_template == "new"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer_config", []),
        ("tokenizer_config", {"eos_token": 5}),
        ("tokenizer_config", {"bos_token": {"content": ["x"]}}),
        ("tokenizer_config", {"add_bos_token": "yes"}),
        ("tokenizer_config", {"chat_template": 7}),
        ("generation_config", {"eos_token_id": "2"}),
        ("generation_config", {"eos_token_id": [1, -2]}),
        ("special_tokens_map", "x"),
        ("tokenizer_config", {"eos_token": "\ud800"}),
    ],
)
def test_a_wrong_value_is_named_in_a_sentence(tmp_path: Path, name: str, content: Any) -> None:
    with pytest.raises(SmallCoderError, match=r"\.$"):
        open_folder(folder_with(tmp_path, **{name: content}))


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b""])
def test_a_broken_file_beside_the_vocabulary_is_a_sentence(tmp_path: Path, content: bytes) -> None:
    (folder_with(tmp_path) / "tokenizer_config.json").write_bytes(content)
    with pytest.raises(SmallCoderError, match=r"\.$"):
        open_folder(tmp_path)


def test_a_folder_without_a_vocabulary_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"tokenizer\.json nor tokenizer\.model"):
        open_tokenizer(tmp_path)


def test_tokens_numbered_after_those_of_a_model_file_belong_to_it(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(train_pieces())
    size = open_folder(tmp_path).vocab_size
    added = {
        str(size + 1): {"content": "<|im_end|>", "special": True},
        str(size): {"content": "<own>", "special": False},
        "0": {"content": "<unk>", "special": True},
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))
    tokenizer = open_folder(tmp_path)
    assert tokenizer.vocab_size == size + 2
    assert size in tokenizer.encode("a<own>b")
    assert size + 1 not in tokenizer.encode("<|im_end|>")
    assert size + 1 in tokenizer.end_ids


@pytest.mark.parametrize("content", ["", "a\0b", 5, None, "<unk>", "x" * 10**6])
def test_an_added_token_that_cannot_be_one_is_refused(tmp_path: Path, content: Any) -> None:
    (tmp_path / "tokenizer.model").write_bytes(train_pieces())
    added = {str(open_folder(tmp_path).vocab_size): {"content": content}}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"added_tokens_decoder": added}))
    with pytest.raises(TokenizerError, match=r"\.$"):
        open_folder(tmp_path)


def test_a_lone_model_file_opens_with_the_marks_it_names(tmp_path: Path) -> None:
    path = tmp_path / "own.model"
    path.write_bytes(train_pieces())
    tokenizer = open_tokenizer(path)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.add_bos) == (1, 2, True)


@pytest.mark.parametrize("make", [byte_level, pieces])
def test_a_saved_folder_opens_as_what_was_saved(tmp_path: Path, make: Any) -> None:
    make().save(tmp_path)
    again = open_folder(tmp_path)
    for name in ("vocab_size", "bos_id", "eos_id", "end_ids", "add_bos", "special_ids", "chat_template"):
        assert getattr(again, name) == getattr(make(), name), name
    assert again.encode("a ▁ b\r\n  c") == make().encode("a ▁ b\r\n  c")
