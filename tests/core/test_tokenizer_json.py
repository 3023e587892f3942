"""tokenizer.json: the same tokens as transformers, and a sentence for what cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers
from tokenizers import Tokenizer as Library
from transformers import AutoTokenizer

from core.spec.errors import TokenizerError
from core.text.tokenizer_json import TokenizerJson
from core.text.vocabulary_folder import open_folder
from tests.core.vocabularies import CORPUS, MARKS, json_file
from tests.fuzz.builders import assert_is_a_sentence

CUTS = {
    "gpt-2": None,
    "digits": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    "qwen": pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(
                Regex(
                    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
                    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
                ),
                "isolated",
            ),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    ),
}
any_text = st.lists(st.one_of(st.sampled_from([*MARKS, "\r\n", "    ", *CORPUS]), st.text(max_size=8))).map(
    "".join
)


def changed(path: Path, **changes: Any) -> Path:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return path


@pytest.mark.parametrize("cut", CUTS)
@settings(max_examples=40, deadline=None)
@given(text=any_text)
def test_tokens_are_those_of_transformers(
    cut: str, tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"json-{cut}"
    if not folder.exists():
        folder.mkdir()
        json_file(folder, cut=CUTS[cut])
        (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    reference = AutoTokenizer.from_pretrained(folder)
    wanted = reference.encode(text, add_special_tokens=False, split_special_tokens=True)
    assert open_folder(folder).encode(text) == wanted


def test_marks_that_the_file_calls_ordinary_are_special_all_the_same(tmp_path: Path) -> None:
    path = json_file(tmp_path)
    state = json.loads(path.read_text())
    for token in state["added_tokens"]:
        token["special"] = False
    state["added_tokens"].append({**state["added_tokens"][0], "id": 700, "content": "<tool_call>"})
    vocabulary = TokenizerJson.read(changed(path, **state), ())
    tokens = vocabulary.encode("<|fim_prefix|><tool_call>", continues=False)
    assert vocabulary.token_id("<|fim_prefix|>") not in tokens
    assert tokens[-1] == vocabulary.token_id("<tool_call>")
    assert vocabulary.token_bytes(tokens[-1]) == b"<tool_call>"


def test_nothing_is_cut_off_or_filled_up(tmp_path: Path) -> None:
    path = json_file(tmp_path)
    library = Library.from_file(str(path))
    library.enable_truncation(4)
    library.enable_padding(length=64)
    library.save(str(path))
    vocabulary = TokenizerJson.read(path, ())
    tokens = vocabulary.encode(CORPUS[1], continues=False)
    assert b"".join(map(vocabulary.token_bytes, tokens)) == CORPUS[1].encode()


def test_a_vocabulary_that_puts_a_space_first_can_leave_it_out(tmp_path: Path) -> None:
    path = json_file(tmp_path, cut=pre_tokenizers.ByteLevel(add_prefix_space=True))
    vocabulary = TokenizerJson.read(path, ())
    assert vocabulary.adds_space
    for continues, wanted in ((False, b" return"), (True, b"return")):
        tokens = vocabulary.encode("return", continues=continues)
        assert b"".join(map(vocabulary.token_bytes, tokens)) == wanted


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"version":"1.0","model":{"type":"BPE","vocab":{"a":0},"merges":[["a","b"]]}}',
        b'{"version":"1.0","model":{"type":"BPE","vocab":{"a":4000000000},"merges":[]}}',
        b'{"version":"1.0","model":{"type":"BPE","vocab":{},"merges":[]},"decoder":{"type":"ByteFallback"}}',
    ],
)
def test_a_broken_file_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json.*\.$"):
        TokenizerJson.read(path, ())


def test_a_vocabulary_whose_tokens_are_words_is_refused(tmp_path: Path) -> None:
    library = Library(models.WordPiece({"[UNK]": 0, "word": 1}, unk_token="[UNK]"))  # noqa: S106
    library.decoder = decoders.WordPiece()
    library.save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(TokenizerError, match="WordPiece"):
        TokenizerJson.read(tmp_path / "tokenizer.json", ())


@pytest.mark.parametrize("key", ["continuing_subword_prefix", "end_of_word_suffix"])
def test_what_would_end_the_process_is_refused(tmp_path: Path, key: str) -> None:
    path = json_file(tmp_path)
    model = json.loads(path.read_text())["model"] | {key: "x"}
    with pytest.raises(TokenizerError, match=key):
        TokenizerJson.read(changed(path, model=model), ())


def test_a_file_beyond_all_measure_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(TokenizerError, match="larger"):
        TokenizerJson.read(path, ())


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_file_with_a_value_exchanged_is_used_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("exchanged")
    state = json.loads(json_file(folder, size=270).read_text())
    part = data.draw(st.sampled_from([state, state["model"], state["added_tokens"][0], state["decoder"]]))
    key = data.draw(st.sampled_from(sorted(part)))
    part[key] = data.draw(st.sampled_from([None, -1, 2**40, 0.5, "", "x", [], {}, [[]], {"type": "x"}, True]))
    try:
        vocabulary = TokenizerJson.read(changed(folder / "tokenizer.json", **state), ())
    except TokenizerError as error:
        assert_is_a_sentence(error, "tokenizer.json")
    else:
        vocabulary.encode("def add(first):\n", continues=False)


def test_what_gguf_cannot_say_is_not_exported(tmp_path: Path) -> None:
    path = json_file(tmp_path)
    library = Library.from_file(str(path))
    library.normalizer = normalizers.NFKC()
    library.save(str(path))
    with pytest.raises(TokenizerError, match="GGUF"):
        TokenizerJson.read(path, ()).gguf_fields()
    path = json_file(
        tmp_path,
        cut=pre_tokenizers.Sequence(
            [pre_tokenizers.Split("e", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        ),
    )
    with pytest.raises(TokenizerError, match="GGUF"):
        TokenizerJson.read(path, ()).gguf_fields()


@pytest.mark.parametrize(
    "changes",
    [
        {"normalizer": normalizers.Lowercase()},
        {"normalizer": normalizers.Strip()},
        {"pre_tokenizer": pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel()])},
    ],
)
def test_a_vocabulary_that_changes_code_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    path = json_file(tmp_path)
    library = Library.from_file(str(path))
    for name, part in changes.items():
        setattr(library, name, part)
    library.save(str(path))
    with pytest.raises(TokenizerError, match="changes code that goes through it"):
        TokenizerJson.read(path, ())


def test_dropout_is_for_training_alone(tmp_path: Path) -> None:
    path = json_file(tmp_path)
    library = Library.from_file(str(path))
    library.model.dropout = 0.9
    library.save(str(path))
    vocabulary = TokenizerJson.read(path, ())
    once = vocabulary.encode("def add(first, second)", continues=False)
    assert all(vocabulary.encode("def add(first, second)", continues=False) == once for _ in range(20))


def test_a_file_of_nothing_but_brackets_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("[" + "[]," * 2_000_001 + "[]]")
    with pytest.raises(TokenizerError, match="more JSON objects than a vocabulary can have"):
        TokenizerJson.read(tmp_path / "tokenizer.json", ())
