"""What a model reads around the cursor: it fits, it stands still while one types, nothing is lost unsaid."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from core.model.cache import shared_length
from core.spec.editing import ContextFile, Editing
from core.spec.errors import DoesNotFit
from core.text.fim import FimMarks, find_marks
from core.text.gguf_vocabulary import from_gguf
from core.text.tokenizer import Tokenizer
from core.text.tokenizer_json import TokenizerJson
from core.text.window import STEP_TOKENS, WindowBuilder, any_start
from tests.core.vocabularies import byte_level, gguf_byte_level, gguf_pieces, pieces

CODE = "".join(path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("test_*.py")))


@cache
def code_llama_like() -> Tokenizer:
    return from_gguf(gguf_pieces(own=("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>")), source="x")


@cache
def star_coder_like() -> Tokenizer:
    own = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>")
    fields = gguf_byte_level(own=own)
    fields["tokenizer.ggml.tokens"] = [
        text for text in fields["tokenizer.ggml.tokens"] if not text.startswith("<|fim")
    ]
    fields["tokenizer.ggml.token_type"] = [
        3 if text in own or text == "<|endoftext|>" else 1 for text in fields["tokenizer.ggml.tokens"]
    ]
    return from_gguf(fields, source="x")


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "suffix last": byte_level,
    "suffix first": star_coder_like,
    "pieces, suffix first": code_llama_like,
    "no marks": pieces,
}
every_kind = pytest.mark.parametrize("kind", KINDS)
lines = st.sampled_from(
    [
        "\n",
        "\r\n",
        "    if x:\n",
        "def f():\n",
        "\t\treturn 1\n",
        "x" * 700,
        " " * 90,
        "中文\n",
        "🦙" * 40,
        "<fim_middle>",
    ]
)
any_code = st.lists(lines, max_size=60).map("".join)


def builder(kind: str) -> WindowBuilder:
    return WindowBuilder(KINDS[kind](), find_marks(KINDS[kind]()))


def read_back(tokenizer: Tokenizer, tokens: list[int], marks: FimMarks | None) -> tuple[str, str]:
    """The prefix and the suffix that a prompt holds."""

    def text(part: list[int]) -> str:
        return b"".join(map(tokenizer.token_bytes, part)).decode()

    if marks is None or marks.suffix not in tokens:
        return text(tokens), ""
    assert marks.middle is not None
    middle, suffix = tokens.index(marks.middle), tokens.index(marks.suffix)
    if marks.suffix_first:
        return text(tokens[middle:]), text(tokens[suffix:middle])
    return text(tokens[:suffix]), text(tokens[suffix:middle])


@every_kind
@settings(max_examples=60, deadline=None)
@given(prefix=any_code, suffix=any_code, room=st.integers(16, 900))
def test_it_holds_what_is_next_to_the_cursor_and_says_what_it_left_out(
    kind: str, prefix: str, suffix: str, room: int
) -> None:
    tokenizer = KINDS[kind]()
    marks = find_marks(tokenizer)
    window = builder(kind).build(prefix, suffix, room)
    assert 0 < len(window.tokens) <= room
    before, after = read_back(tokenizer, window.tokens, marks)
    before = before.removeprefix(" ") if tokenizer.vocabulary.adds_space else before
    assert prefix[window.prefix_left_out_letters :] == before
    assert suffix[: len(suffix) - window.suffix_left_out_letters] == after
    assert (window.left_out_tokens > 0) == (before != prefix or after != suffix)


@cache
def taught_on_code() -> Tokenizer:
    """A vocabulary that needs as few tokens for code as a model's does."""
    library = Library(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    marks = ["<fim_prefix>", "<fim_suffix>", "<fim_middle>"]
    library.train_from_iterator(
        [CODE],
        trainers.BpeTrainer(
            vocab_size=6000, special_tokens=marks, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return Tokenizer(TokenizerJson(library, source="a test"))


@every_kind
@settings(max_examples=15, deadline=None)
@given(
    prefix=st.integers(0, 6000).map(lambda end: CODE[:end]),
    typed=st.integers(0, 3000).map(lambda start: CODE[start : start + 150]),
    room=st.integers(200, 2000),
)
def test_typing_changes_the_end_alone_as_long_as_the_window_stays(
    kind: str, prefix: str, typed: str, room: int
) -> None:
    """With the suffix last the end begins where the suffix does."""
    made = builder(kind)
    marks = find_marks(KINDS[kind]())
    suffix = "\n    return other\n" * 40
    old = made.build(prefix, suffix, room)
    read_again = 0
    for letter in typed:
        prefix += letter
        new = made.build(prefix, suffix, room)
        end = len(old.tokens)
        if marks is not None and not marks.suffix_first:
            end = old.tokens.index(marks.suffix)
        if new.prefix_left_out_letters == old.prefix_left_out_letters:
            read_again += shared_length(old.tokens, new.tokens) < end - 24
        assert new.suffix_left_out_letters == old.suffix_left_out_letters
        old = new
    # where a block is done, some of it may be cut in another way
    assert read_again <= 1 + len(typed) // (4 * min(STEP_TOKENS, room // 2 // 12))


@pytest.mark.parametrize("room", [300, 1000, 4000])
def test_the_window_moves_in_steps_and_never_back(room: int) -> None:
    made = WindowBuilder(taught_on_code(), find_marks(taught_on_code()))
    lengths = range(len(CODE) // 2, len(CODE) // 2 + 2500)
    edges = [made.build(CODE[:length], CODE[-5000:], room).prefix_left_out_letters for length in lengths]
    assert edges == sorted(edges)
    steps = len(set(edges)) - 1
    assert 1 <= steps <= 1 + len(lengths) / (4 * min(STEP_TOKENS, room // 2 // 12))


@every_kind
def test_the_window_begins_and_ends_at_lines(kind: str) -> None:
    tokenizer = KINDS[kind]()
    window = builder(kind).build(CODE[:20_000], CODE[20_000:40_000], 1000)
    start = window.prefix_left_out_letters
    assert start > 0
    assert CODE[start - 1] == "\n"
    if find_marks(tokenizer):
        assert CODE[40_000 - window.suffix_left_out_letters - 1] == "\n"


@every_kind
def test_the_tokens_are_those_of_the_text_as_a_whole_where_lines_begin_unindented(kind: str) -> None:
    """Blocks are encoded one by one; a model should not notice."""
    tokenizer = KINDS[kind]()
    text = re.sub(r"^[ \t]+", "", CODE[:8000], flags=re.MULTILINE)
    window = WindowBuilder(tokenizer, None).build(text, "", 100_000)
    start = [tokenizer.bos_id] if tokenizer.add_bos else []
    assert window.tokens == start + tokenizer.encode(text)


@every_kind
@settings(max_examples=50, deadline=None)
@given(prefix=any_code, suffix=any_code)
def test_marks_that_the_text_spells_stay_text(kind: str, prefix: str, suffix: str) -> None:
    tokenizer = KINDS[kind]()
    made = builder(kind)
    spelled = "".join(tokenizer.spelling(token) or "" for token in tokenizer.special_ids)
    marked = made.build(prefix + spelled + "x", spelled + suffix, 1000).tokens
    plain = made.build("x", "x", 1000).tokens
    special = tokenizer.special_ids
    assert [token for token in marked if token in special] == [token for token in plain if token in special]


def test_prompts_have_the_form_that_each_family_was_taught() -> None:
    star_coder, code_llama, qwen = star_coder_like(), code_llama_like(), byte_level()

    def spelled(tokenizer: Tokenizer) -> str:
        tokens = WindowBuilder(tokenizer, find_marks(tokenizer)).build("add", "return", 100).tokens
        return "".join(tokenizer.spelling(token) or "" for token in tokens)

    assert spelled(star_coder) == "<fim_prefix><fim_suffix>return<fim_middle>add"
    assert spelled(code_llama) == "<s>▁<PRE>▁<SUF>return▁<MID>▁add"
    assert spelled(qwen) == "<|fim_prefix|>add<|fim_suffix|>return<|fim_middle|>"


def test_the_order_can_be_chosen() -> None:
    marks = find_marks(byte_level())
    assert marks is not None
    tokens = WindowBuilder(byte_level(), replace(marks, suffix_first=True)).build("a", "b", 100).tokens
    assert [byte_level().spelling(token) for token in tokens][:2] == ["<|fim_prefix|>", "<|fim_suffix|>"]


@every_kind
def test_an_empty_file_gives_a_token_to_begin_with(kind: str) -> None:
    tokenizer = KINDS[kind]()
    assert builder(kind).build("", "", 100).tokens == [any_start(tokenizer)]


def test_without_marks_of_its_own_a_vocabulary_begins_with_a_line_end() -> None:
    bare = replace(byte_level(), bos_id=None, eos_id=None)
    assert bare.decode(builder_of(bare).build("", "", 100).tokens) == "\n"
    assert builder_of(replace(bare, eos_id=7)).build("", "", 100).tokens == [7]


def builder_of(tokenizer: Tokenizer) -> WindowBuilder:
    return WindowBuilder(tokenizer, None)


@pytest.mark.parametrize("room", [-5, 0, 15])
def test_too_little_room_is_said_in_a_sentence(room: int) -> None:
    with pytest.raises(DoesNotFit, match=r"There is room for \d+ tokens .* ask for a shorter answer"):
        builder("suffix last").build("a", "b", room)


@every_kind
@pytest.mark.parametrize("text", ["x" * 2_000_000, "🦙" * 500_000, " " * 2_000_000, "\n" * 2_000_000])
def test_a_line_without_end_is_cut_too(kind: str, text: str) -> None:
    window = builder(kind).build(text, text, 2000)
    assert 500 < len(window.tokens) <= 2000


def test_a_key_in_a_large_file_costs_milliseconds() -> None:
    text = (CODE * (2_000_000 // len(CODE) + 1))[:2_000_000]
    made = builder("suffix first")
    prefix, suffix = text[:1_000_000], text[1_000_000:]
    made.build(prefix, suffix, 4096)
    times = []
    for letter in "    return self.value + other.value\n" * 3:
        prefix += letter
        started = time.thread_time()
        made.build(prefix, suffix, 4096)
        times.append(time.thread_time() - started)
    assert sorted(times)[len(times) // 2] < 0.005


def test_other_files_stand_between_the_marks_that_a_vocabulary_has_for_it() -> None:
    tokenizer = star_coder_like()
    editing = Editing("src/b.py", "Python", "tool", (ContextFile("a.py", "x = 1"),))
    tokens = WindowBuilder(tokenizer, find_marks(tokenizer)).build("add", "return", 400, editing).tokens
    assert spelled_out(tokenizer, tokens) == (
        "<file_sep>a.py\nx = 1\n<file_sep>src/b.py\n<fim_prefix><fim_suffix>return<fim_middle>add"
    )


def test_a_project_is_named_where_there_is_a_mark_for_it() -> None:
    tokenizer = from_gguf(gguf_byte_level(own=("<|file_sep|>", "<|repo_name|>")), source="x")
    editing = Editing("b.py", "Python", "tool", (ContextFile("a.py", "x = 1\n"),))
    tokens = WindowBuilder(tokenizer, find_marks(tokenizer)).build("add", "return", 400, editing).tokens
    assert spelled_out(tokenizer, tokens) == (
        "<|repo_name|>tool\n<|file_sep|>a.py\nx = 1\n<|file_sep|>b.py\n"
        "<|fim_prefix|>add<|fim_suffix|>return<|fim_middle|>"
    )


@pytest.mark.parametrize(
    ("language", "comment"), [("Python", "# {}"), ("Go", "// {}"), ("HTML", "<!-- {} -->")]
)
def test_without_such_marks_comments_name_the_files_within_the_prefix(language: str, comment: str) -> None:
    tokenizer = byte_level()
    editing = Editing("b", language, None, (ContextFile("near", "x\n"), ContextFile("far", "y\n")))
    tokens = WindowBuilder(tokenizer, find_marks(tokenizer)).build("add", "return", 1000, editing).tokens
    far, near, own = (comment.format(name) for name in ("far", "near", "b"))
    assert spelled_out(tokenizer, tokens) == (
        f"<|fim_prefix|>{far}\ny\n{near}\nx\n\n{own}\nadd<|fim_suffix|>return<|fim_middle|>"
    )


def spelled_out(tokenizer: Tokenizer, tokens: list[int]) -> str:
    return "".join(tokenizer.spelling(token) or "" for token in tokens).replace("Ġ", " ").replace("Ċ", "\n")


@every_kind
@settings(max_examples=40, deadline=None)
@given(prefix=any_code, files=st.lists(st.tuples(any_code, any_code), max_size=4), room=st.integers(24, 1500))
def test_other_files_leave_room_for_this_one_and_are_cut_at_lines(
    kind: str, prefix: str, files: list[tuple[str, str]], room: int
) -> None:
    tokenizer, editing = KINDS[kind](), Editing("own.py", context=tuple(ContextFile(*file) for file in files))
    window = builder(kind).build(prefix, "\n", room, editing)
    assert 0 < len(window.tokens) <= room
    alone = builder(kind).build(prefix, "\n", room - room // 4)
    kept, kept_alone = (len(prefix) - found.prefix_left_out_letters for found in (window, alone))
    if len(tokenizer.encode(prefix)) <= len(prefix):  # else a block of few letters may be too long
        assert kept >= kept_alone // 2
    special = {tokenizer.spelling(token) for token in window.tokens if token in tokenizer.special_ids}
    assert len([name for name in special if name and "fim_middle" in name]) <= 1


@every_kind
def test_an_end_of_line_at_the_cursor_never_empties_the_window(kind: str) -> None:
    made = builder(kind)
    for count in range(1, 120):
        assert made.build("x" * 700 + "🦙" * count + "\n", "\n", 160).prefix_end > 0


@every_kind
def test_typing_leaves_other_files_where_they_are(kind: str) -> None:
    made, room = builder(kind), 1200
    editing = Editing(
        "own.py", "Python", "tool", (ContextFile("a.py", CODE[:5000]), ContextFile("b.py", CODE[:20_000]))
    )
    old = made.build("x", "\nreturn\n", room, editing).tokens
    for length in range(1, 60):
        new = made.build("x" + CODE[:length], "\nreturn\n", room, editing).tokens
        assert shared_length(old, new) >= room // 4 - 80
        old = new
    assert made.build("x", "", room, replace(editing, context=())).tokens == made.build("x", "", room).tokens


def written(tokenizer: Tokenizer, tokens: list[int]) -> str:
    return b"".join(map(tokenizer.token_bytes, tokens)).decode()


@every_kind
@settings(max_examples=20, deadline=None)
@given(any_code, any_code)
def test_what_is_left_out_can_be_looked_through(kind: str, prefix: str, suffix: str) -> None:
    windows, tokenizer = builder(kind), KINDS[kind]()
    window = windows.build(prefix, suffix, 40)
    behind, before = (written(tokenizer, part.tolist()) for part in windows.left_out(prefix, suffix, window))
    assert before == prefix[: window.prefix_left_out_letters]
    assert behind == suffix[len(suffix) - window.suffix_left_out_letters :]


def test_of_a_long_text_what_is_near_can_be_looked_through_and_is_encoded_once() -> None:
    windows, tokenizer = builder("suffix first"), KINDS["suffix first"]()
    text = "\n".join(f"value_{number} = {number}" for number in range(20_000))
    prefix, suffix = text[:200_000], text[200_000:]
    window = windows.build(prefix, suffix, 500)
    behind, before = (written(tokenizer, part.tolist()) for part in windows.left_out(prefix, suffix, window))
    left_out = prefix[: window.prefix_left_out_letters]
    assert left_out.endswith(before)
    assert 2**16 <= len(before) <= 2**16 + 4 * STEP_TOKENS * 3 // 2
    assert suffix[len(suffix) - window.suffix_left_out_letters :].startswith(behind)
    assert len(behind) == 2**14
    encoded = windows._ids.cache_info().misses
    typed = windows.build(prefix + "x", suffix, 500)
    windows.left_out(prefix + "x", suffix, typed)
    assert windows._ids.cache_info().misses <= encoded + 1


@pytest.mark.parametrize(
    ("suffix", "line"),
    [
        (")\n\n    return x\n", " return x"),
        ("\nreturn x", "return x"),
        (")", ""),
        ("\n\n  \n", ""),
        ("", ""),
    ],
)
def test_the_line_below_the_cursor_is_the_next_that_is_not_blank(suffix: str, line: str) -> None:
    tokenizer = KINDS["suffix first"]()
    assert written(tokenizer, [*builder("suffix first").line_below(suffix)]) == line
