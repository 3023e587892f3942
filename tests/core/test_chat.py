"""Conversations as tokens: as in transformers, with no mark but the template's, and never cut unsaid."""

import json
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import DoesNotFit, UsageError
from core.text.chat import ChatPrompts
from core.text.marked_text import unused_sign
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_folder
from tests.core.templates import MARKS, TEMPLATES
from tests.core.vocabularies import byte_level, json_file, pieces

families = pytest.mark.parametrize("family", TEMPLATES)
TALKS: dict[str, list[tuple[str, str]]] = {
    "a question": [("user", "hello")],
    "with a system": [("system", "Be kind."), ("user", "  hello\n")],
    "several turns": [
        ("user", "a"),
        ("assistant", " b "),
        ("user", "c\n\n"),
        ("assistant", ""),
        ("user", "é🦙"),
    ],
}


def talk(*said: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in said]


def write_folder(folder: Path, family: str) -> Path:
    marks = MARKS[family]
    json_file(folder, specials=marks)
    ends = {"bos_token": marks[0], "eos_token": marks[1 if family == "mistral" else -1]}
    config = ends | {"chat_template": TEMPLATES[family], "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@cache
def tokenizer_of(family: str) -> Tokenizer:
    with TemporaryDirectory() as folder:
        return open_folder(write_folder(Path(folder), family))


@families
@pytest.mark.parametrize("said", TALKS.values(), ids=TALKS)
def test_tokens_are_those_of_transformers(family: str, said: list[tuple[str, str]], tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(write_folder(tmp_path, family))
    expected = theirs.apply_chat_template(talk(*said), add_generation_prompt=True)["input_ids"]
    assert ChatPrompts(open_folder(tmp_path)).build(talk(*said), 1000).tokens == expected


def test_pieces_after_a_mark_begin_as_in_transformers(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    template = (
        "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}{% endfor %}"
    )
    ours = replace(pieces(adds_space=True), chat_template=template)
    ours.save(tmp_path)
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    said = talk(("user", "def add"), ("assistant", "return first"), ("user", "x"))
    expected = theirs.apply_chat_template(said, add_generation_prompt=True)["input_ids"]
    assert ChatPrompts(ours).build(said, 1000).tokens == expected


def marks_of(family: str) -> st.SearchStrategy[str]:
    whole = [*MARKS[family], "<|endoftext|>"]
    parts = [mark[start:end] for mark in whole for start in (0, 1, 3) for end in (2, -1, None)]
    return st.lists(st.sampled_from([*whole, *parts, " ", "\n", "x", "\ue000", "\ue001"]), max_size=6).map(
        "".join
    )


@families
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_mark_comes_from_what_was_written(family: str, data: st.DataObject) -> None:
    tokenizer = tokenizer_of(family)
    prompts = ChatPrompts(tokenizer)
    roles = ["system", "user", "assistant", "user"]
    contents = [data.draw(marks_of(family)) for _ in roles]

    def marks(contents: list[str]) -> list[int]:
        tokens = prompts.build(talk(*zip(roles, contents, strict=True)), 10_000).tokens
        return [token for token in tokens if token in tokenizer.special_ids]

    assert marks(contents) == marks(["x"] * len(roles))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_mark_is_made_by_template_and_content_together(data: st.DataObject) -> None:
    template = (
        "{% for m in messages %}<|im_end{{ m.content }}|im_start|>x{{ m.content | trim }}|>{% endfor %}"
    )
    prompts = ChatPrompts(replace(tokenizer_of("chatml"), chat_template=template))
    tokens = prompts.build(talk(("user", data.draw(marks_of("chatml")))), 10_000).tokens
    assert tokenizer_of("chatml").special_ids.isdisjoint(tokens)


@settings(max_examples=100, deadline=None)
@given(content=st.one_of(marks_of("chatml"), st.text(max_size=20)))
def test_what_was_written_is_there_to_the_letter(content: str) -> None:
    tokenizer = tokenizer_of("chatml")
    read = tokenizer.decode(ChatPrompts(tokenizer).build(talk(("user", content)), 10_000).tokens)
    assert read == "system\nYou help.\n" + f"user\n{content}\n" + "assistant\n"


def test_a_model_without_template_gets_a_plain_form() -> None:
    prompts = ChatPrompts(byte_level())
    assert prompts.is_plain
    said = talk(("system", "Be kind."), ("user", "a"), ("assistant", "b"), ("user", "c"))
    read = byte_level().decode(prompts.build(said, 1000).tokens)
    assert read == "System: Be kind.\n\nUser: a\n\nAssistant: b\n\nUser: c\n\nAssistant:"
    assert not ChatPrompts(tokenizer_of("chatml")).is_plain


def test_the_plain_form_begins_with_a_mark_where_the_vocabulary_does() -> None:
    said = talk(("user", "a"))
    with_mark, without = pieces(), replace(pieces(), add_bos=False)
    assert ChatPrompts(with_mark).build(said, 1000).tokens[0] == with_mark.bos_id
    assert without.bos_id not in ChatPrompts(without).build(said, 1000).tokens


def long_talk(turns: int) -> list[dict[str, str]]:
    said = [("system", "Be kind.")]
    for number in range(turns):
        said += [("user", f"question {number} {'why ' * 20}"), ("assistant", f"answer {number} {'so ' * 20}")]
    return talk(*said, ("user", "the last question"))


@families
@settings(max_examples=30, deadline=None)
@given(turns=st.integers(0, 40), room=st.integers(60, 3000))
def test_the_oldest_turns_go_first_and_are_counted(family: str, turns: int, room: int) -> None:
    tokenizer, said = tokenizer_of(family), long_talk(turns)
    prompts = ChatPrompts(tokenizer)
    prompt = prompts.build(said, room)
    assert len(prompt.tokens) <= room
    read = tokenizer.decode(prompt.tokens)
    assert "Be kind." in read
    assert "the last question" in read
    kept = [number for number in range(turns) if f"question {number} " in read]
    assert kept == list(range(turns - len(kept), turns))
    assert prompt.dropped_messages == 2 * (turns - len(kept))
    assert (prompt.dropped_tokens > 0) == (prompt.dropped_messages > 0)
    if prompt.dropped_messages:
        longer = [said[0], *said[prompt.dropped_messages - 1 :]]
        assert prompts.build(longer, room).dropped_messages == 2


@families
def test_of_one_message_that_is_too_long_the_end_stays(family: str) -> None:
    tokenizer = tokenizer_of(family)
    prompts = ChatPrompts(tokenizer)
    said = talk(
        ("system", "Be kind."), ("user", "".join(f"line {number}\n" for number in range(5000)) + "END")
    )
    prompt = prompts.build(said, 300)
    read = tokenizer.decode(prompt.tokens)
    assert 290 <= len(prompt.tokens) <= 300
    assert "Be kind." in read
    assert "END" in read
    assert "line 0\n" not in read
    assert prompt.dropped_messages == 0
    assert 20_000 < prompt.dropped_tokens < 100_000


def test_of_a_turn_of_several_messages_the_oldest_is_cut() -> None:
    said = talk(("user", "a" * 3000), ("assistant", "b" * 50), ("tool", "c" * 50))
    tokenizer = tokenizer_of("chatml")
    read = tokenizer.decode(ChatPrompts(tokenizer).build(said, 300).tokens)
    assert "b" * 50 in read
    assert "c" * 50 in read
    assert 0 < read.count("a" * 10) < 300


@families
def test_a_system_text_without_room_is_said_in_a_sentence(family: str) -> None:
    prompts = ChatPrompts(tokenizer_of(family))
    with pytest.raises(DoesNotFit, match="shorten the system text"):
        prompts.build(talk(("system", "x y " * 200_000), ("user", "a")), 300)
    with pytest.raises(DoesNotFit, match="within 2 tokens"):
        prompts.build(talk(("user", "a")), 2)


def test_a_long_history_does_not_hold_up_the_answer() -> None:
    said = talk(
        *[(role, "word " * 2000) for _ in range(300) for role in ("user", "assistant")], ("user", "x")
    )
    prompt = ChatPrompts(tokenizer_of("chatml")).build(said, 4000)
    assert prompt.dropped_messages >= 590


def test_very_many_messages_do_not_hold_up_the_answer() -> None:
    started = time.thread_time()
    prompts = ChatPrompts(byte_level())
    turns = talk(*[("user", "a"), ("assistant", "b")] * 50_000, ("user", "x"))
    assert prompts.build(turns, 4000).dropped_messages > 90_000
    one_turn = talk(("user", "a"), *[("assistant", "b")] * 20_000)
    with pytest.raises(DoesNotFit):
        prompts.build(one_turn, 4000)
    assert time.thread_time() - started < 10


def test_a_text_of_all_kinds_of_signs_does_not_hold_up_the_answer() -> None:
    signs = "".join(map(chr, range(0xE000, 0xE000 + 300_000)))
    started = time.thread_time()
    assert unused_sign([signs, "x"]) not in signs
    assert time.thread_time() - started < 2


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"role": "root", "content": "a"}, "has the role 'root'; it can be system, user, assistant, tool"),
        ({"content": "a"}, "has the role None"),
        ({"role": ["user"], "content": "a"}, r"has the role \['user'\]"),
        ({"role": "user", "content": None}, "Message 2 of the chat has no text"),
        ({"role": "user"}, "Message 2 of the chat has no text"),
        ({"role": "user", "content": [{"type": "text"}]}, "has no text"),
    ],
)
def test_a_message_that_is_none_is_refused(message: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        ChatPrompts(byte_level()).build([*talk(("user", "a")), message], 100)


def test_no_message_is_refused() -> None:
    with pytest.raises(UsageError, match="write a message first"):
        ChatPrompts(byte_level()).build([], 100)


def test_what_a_template_objects_to_is_passed_on() -> None:
    with pytest.raises(
        UsageError, match=r"refuses this conversation \('Turns must alternate, and not at 2'\)"
    ):
        ChatPrompts(tokenizer_of("mistral")).build(talk(("user", "a"), ("user", "b")), 1000)


@pytest.mark.parametrize(
    ("family", "end"),
    [
        ("chatml", "<|im_end|>"),
        ("llama 3", "<|eot_id|>"),
        ("granite", "<|end_of_text|>"),
        ("mistral", "</s>"),
    ],
)
def test_the_mark_behind_an_answer_ends_it(family: str, end: str) -> None:
    tokenizer = replace(tokenizer_of(family), end_ids=frozenset())
    ends = ChatPrompts(tokenizer).turn_ends()
    assert ends.ids == {tokenizer.token_id(end)}
    assert ends.texts == ()


def test_a_text_behind_an_answer_ends_it_where_marks_are_text() -> None:
    assert ChatPrompts(byte_level()).turn_ends().texts == ("\nUser:",)
    textual = replace(byte_level(), chat_template=TEMPLATES["chatml"])
    assert ChatPrompts(textual).turn_ends().texts == ("<|im_end|>",)
    fussy = replace(byte_level(), chat_template="{{ raise_exception('no') }}")
    assert ChatPrompts(fussy).turn_ends().texts == ()
