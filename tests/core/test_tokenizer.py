"""What holds for every vocabulary: text comes back, special tokens never appear, no character is halved."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.text.tokenizer import StreamDecoder, Tokenizer
from tests.core.vocabularies import MARKS, byte_level, pieces

SNIPPETS = [
    "\r\n",
    "\t",
    " " * 1000,
    "\0",
    "▁",
    "\ufffd",
    "🙂👩‍💻",
    "é",
    "e\u0301",
    "中文",
    "<s>",
    "<0x41>",
    *MARKS,
]
any_text = st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=8)), max_size=12).map("".join)
KINDS: dict[str, Callable[[], Tokenizer]] = {
    "bytes": byte_level,
    "pieces": lambda: pieces(adds_space=False),
    "pieces after a space": lambda: pieces(adds_space=True),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
@settings(max_examples=150, deadline=None)
@example(text=" ")
@example(text=" leading and trailing ")
@example(text="▁▁ ▁")
@given(text=any_text)
def test_text_comes_back(kind: str, text: str) -> None:
    tokenizer = KINDS[kind]()
    assert tokenizer.decode(tokenizer.encode(text)) == text


@every_kind
@settings(max_examples=50, deadline=None)
@given(text=any_text)
def test_a_continuation_is_its_bytes_and_nothing_before_them(kind: str, text: str) -> None:
    tokenizer = KINDS[kind]()
    tokens = tokenizer.encode(text, continues=True)
    assert b"".join(map(tokenizer.token_bytes, tokens)) == text.encode()


@every_kind
@settings(max_examples=50, deadline=None)
@given(text=any_text)
def test_plain_text_never_becomes_a_special_token(kind: str, text: str) -> None:
    tokenizer = KINDS[kind]()
    assert tokenizer.special_ids.isdisjoint(tokenizer.encode(text))


@every_kind
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_stream_in_any_portions_is_the_whole_text(kind: str, data: st.DataObject) -> None:
    tokenizer = KINDS[kind]()
    numbers = st.integers(-2, tokenizer.vocab_size + 2)
    tokens = data.draw(
        st.lists(st.one_of(numbers, st.sampled_from(tokenizer.encode("🙂中é\u0301"))), max_size=40)
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(tokens)), max_size=6)))
    decoder = StreamDecoder(tokenizer)
    portions = zip([0, *cuts], [*cuts, len(tokens)], strict=True)
    streamed = "".join(decoder.feed(tokens[start:end]) for start, end in portions) + decoder.finish()
    whole = b"".join(map(tokenizer.token_bytes, tokens)).decode("utf-8", "replace")
    assert streamed == whole


@every_kind
def test_a_character_of_many_tokens_arrives_whole(kind: str) -> None:
    tokenizer = KINDS[kind]()
    decoder = StreamDecoder(tokenizer)
    tokens = tokenizer.encode("🦙", continues=True)
    assert len(tokens) > 1
    assert [decoder.feed([token]) for token in tokens] == [""] * (len(tokens) - 1) + ["🦙"]
    assert decoder.finish() == ""


def test_half_a_character_at_the_end_is_shown_as_lost() -> None:
    decoder = StreamDecoder(byte_level())
    assert decoder.feed(byte_level().encode("ok🦙")[:-1]) == "ok"
    assert decoder.finish() == "\ufffd"


@every_kind
def test_special_tokens_add_nothing(kind: str) -> None:
    tokenizer = KINDS[kind]()
    assert tokenizer.special_ids
    assert tokenizer.decode(sorted(tokenizer.special_ids)) == ""


@every_kind
def test_a_lone_surrogate_becomes_the_replacement_character(kind: str) -> None:
    tokenizer = KINDS[kind]()
    assert tokenizer.decode(tokenizer.encode("a\ud800b")) == "a\ufffdb"


@every_kind
def test_spellings_and_ids_belong_together(kind: str) -> None:
    tokenizer = KINDS[kind]()
    for token in range(tokenizer.vocab_size):
        spelling = tokenizer.spelling(token)
        assert spelling is not None
        assert tokenizer.token_id(spelling) == token
    assert tokenizer.spelling(tokenizer.vocab_size) is None
    assert tokenizer.spelling(-1) is None
    assert tokenizer.token_id("no such token") is None
