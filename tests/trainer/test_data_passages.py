"""Passages say what their texts say, and count just what is to be learnt."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import TokenizerError
from core.text.fim import FimMarks, find_marks
from core.text.tokenizer import Tokenizer
from core.text.window import WindowBuilder
from tests.core.templates import TEMPLATES
from tests.trainer.vocabularies import ROOT, byte_level_tokenizer, own_tokenizer
from trainer.data.infill import choose_middle, infill
from trainer.data.packing import Packer
from trainer.data.passages import Encoder, Passage, text_end
from trainer.data.samples import Choice, Lesson, Plain, Sample
from trainer.data.sources import Document
from trainer.spec.data import PrepareSpec

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SOURCE = (ROOT / "core" / "text" / "chat.py").read_text()
LINES = "".join(f"value_{number} = {number}\n" for number in range(40))
SHORT = "".join(f"def f{number}(x):\n    return x + {number}\n" for number in range(6))
TALK = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "One?"},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "Three?"},
    {"role": "assistant", "content": "Four\nfive."},
)


def passages(tokenizer: Tokenizer, *samples: Sample, identity: str = "a.py", **spec: object) -> list[Passage]:
    encoder = Encoder(tokenizer, PrepareSpec(**spec))  # type: ignore[arg-type]
    return list(encoder.encode(Document("", identity, samples)).passages)


def marks_of(tokenizer: Tokenizer) -> FimMarks:
    marks = find_marks(tokenizer)
    assert marks is not None
    return marks


def put_together(tokenizer: Tokenizer, tokens: list[int]) -> tuple[str, bool]:
    """The text that was cut, and whether its suffix stands first, as it seems to where there is no prefix."""
    marks = marks_of(tokenizer)
    prefix, suffix, middle = (tokens.index(mark) for mark in (marks.prefix, marks.suffix, marks.middle))
    assert (prefix, tokens[-1]) == (0, text_end(tokenizer))
    if suffix == 1:
        return tokenizer.decode([*tokens[middle + 1 : -1], *tokens[2:middle]]), True
    text = tokenizer.decode([*tokens[1:suffix], *tokens[middle + 1 : -1], *tokens[suffix + 1 : middle]])
    return text, False


def test_a_text_is_its_tokens_and_an_end() -> None:
    tokenizer = own_tokenizer()
    [passage] = passages(tokenizer, Plain(SOURCE), fim_rate=0.0)
    assert tokenizer.decode(passage.tokens[:-1]) == SOURCE
    assert passage.tokens[-1] == text_end(tokenizer) == tokenizer.token_id("<|endoftext|>")
    assert passage.counted is None
    assert not passage.is_whole


@pytest.mark.parametrize("context", [32, 200, 4000])
def test_an_infilled_text_loses_nothing_and_fits_its_rows(context: int) -> None:
    tokenizer = own_tokenizer()
    found = passages(tokenizer, Plain(SOURCE), fim_rate=1.0, context=context)
    assert all(len(passage.tokens) <= context + 1 and passage.is_whole for passage in found)
    assert "".join(put_together(tokenizer, list(passage.tokens))[0] for passage in found) == SOURCE


@settings(max_examples=200, deadline=None)
@given(text=st.text(min_size=1, max_size=60), seed=st.integers(0, 1000))
def test_any_text_comes_back_from_its_infilled_form(text: str, seed: int) -> None:
    tokenizer = own_tokenizer()
    end = text_end(tokenizer)
    tokens = infill(text, marks_of(tokenizer), end, tokenizer, random.Random(seed))
    assert put_together(tokenizer, tokens)[0] == text
    assert tokens.count(end) == 1


def test_half_of_the_texts_are_infilled_and_half_of_these_have_the_suffix_first() -> None:
    tokenizer, count = own_tokenizer(), Counter[str]()
    marks = marks_of(tokenizer)
    for number in range(1000):
        [passage] = passages(tokenizer, Plain(LINES), identity=str(number), context=2000)
        if marks.prefix in passage.tokens:
            count["first" if put_together(tokenizer, list(passage.tokens))[1] else "last"] += 1
    assert 430 < count.total() < 570
    assert 200 < count["first"] < 300


def test_a_family_that_never_saw_the_suffix_first_is_not_shown_it() -> None:
    tokenizer, seeming = byte_level_tokenizer(), 0
    for number in range(100):
        [passage] = passages(tokenizer, Plain(LINES), identity=str(number), fim_rate=1.0, context=2000)
        text, seems_first = put_together(tokenizer, list(passage.tokens))
        assert text == LINES
        seeming += seems_first
    assert seeming < 10


def test_most_middles_are_what_an_editor_asks_for() -> None:
    dice, lines, starts, empty = random.Random(1), Counter[int](), 0, 0
    for _ in range(2000):
        cut = choose_middle(SOURCE, dice)
        assert cut.prefix + cut.middle + cut.suffix == SOURCE
        lines[cut.middle.count("\n") + 1] += 1
        starts += not cut.prefix.rpartition("\n")[2].strip()
        empty += not cut.middle
    assert lines[1] + lines[2] + lines[3] > 1400
    assert lines.total() - lines[1] - lines[2] - lines[3] > 200
    assert starts > 800
    assert empty > 20


def test_middles_also_begin_within_words() -> None:
    dice = random.Random(2)
    cuts = [choose_middle("alpha_beta = gamma\n" * 20, dice) for _ in range(500)]
    inside = [cut for cut in cuts if cut.prefix[-1:].isalpha() and cut.middle[:1].isalpha()]
    assert len(inside) > 50


@pytest.mark.parametrize("tokenizer", [own_tokenizer(), byte_level_tokenizer()], ids=["own", "byte level"])
def test_what_is_asked_in_training_is_what_the_editor_asks(tokenizer: Tokenizer) -> None:
    marks, compared = marks_of(tokenizer), 0
    for seed in range(60):
        cut = choose_middle(SHORT, random.Random(seed))
        tokens = infill(SHORT, marks, text_end(tokenizer), tokenizer, random.Random(seed))
        if cut.prefix and cut.suffix:
            order = replace(marks, suffix_first=tokens[1] == marks.suffix)
            prompt = WindowBuilder(tokenizer, order).build(cut.prefix, cut.suffix, 4000).tokens
            assert tokens[: len(prompt)] == prompt
            compared += 1
    assert compared > 40


def test_lots_hang_on_the_document_and_the_seed_alone() -> None:
    tokenizer = own_tokenizer()

    def tokens(identity: str, seed: int) -> list[list[int]]:
        found = passages(tokenizer, Plain(SOURCE), identity=identity, seed=seed, fim_rate=1.0)
        return [list(passage.tokens) for passage in found]

    assert tokens("a", 1) == tokens("a", 1)
    assert tokens("a", 1) != tokens("b", 1)
    assert tokens("a", 1) != tokens("a", 2)


def test_without_marks_nothing_is_infilled() -> None:
    tokenizer = own_tokenizer()
    blind = replace(tokenizer, vocabulary=_WithoutMarks(tokenizer))  # type: ignore[arg-type]
    [passage] = passages(blind, Plain(SOURCE), fim_rate=1.0)
    assert blind.decode(passage.tokens[:-1]) == SOURCE


class _WithoutMarks:
    """A vocabulary that calls its marks by names nobody knows."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._vocabulary = tokenizer.vocabulary

    def __getattr__(self, name: str) -> object:
        return getattr(self._vocabulary, name)

    def token_id(self, spelling: str) -> int | None:
        return None if "fim" in spelling else self._vocabulary.token_id(spelling)


def counted_text(tokenizer: Tokenizer, passage: Passage) -> str:
    assert passage.counted is not None
    learnt = (token for token, counts in zip(passage.tokens, passage.counted, strict=True) if counts)
    return (
        "".join(tokenizer.spelling(token) or "" for token in learnt).replace("▁", " ").replace("<0x0A>", "\n")
    )


@pytest.mark.parametrize("family", TEMPLATES)
def test_templates_of_all_families_show_where_answers_are(family: str) -> None:
    tokenizer = replace(own_tokenizer(), chat_template=TEMPLATES[family])
    [passage] = passages(tokenizer, Lesson(TALK[1:]))
    learnt = counted_text(tokenizer, passage)
    assert "Two." in learnt
    assert "Four\nfive." in learnt
    assert "One?" not in learnt
    assert "Three?" not in learnt


def test_a_template_that_leaves_answers_out_teaches_nothing() -> None:
    encoder = Encoder(replace(own_tokenizer(), chat_template="always the same"), PrepareSpec())
    assert encoder.encode(Document("", "a", (Lesson(TALK),))).notes.dropped == 1


@pytest.mark.parametrize("template", [None, CHATML])
def test_of_a_conversation_only_answers_and_their_ends_count(template: str | None) -> None:
    tokenizer = replace(own_tokenizer(), chat_template=template)
    [passage] = passages(tokenizer, Lesson(TALK))
    learnt = counted_text(tokenizer, passage)
    if template is None:
        assert learnt == " Two. Four\nfive.<|endoftext|>"
    else:
        assert learnt == "Two.<|im_end|>Four\nfive.<|im_end|>"
    assert passage.tokens[-1] == text_end(tokenizer)
    assert passage.is_whole


def test_what_is_asked_has_the_tokens_that_the_chat_gives() -> None:
    from core.text.chat import ChatPrompts

    tokenizer = replace(own_tokenizer(), chat_template=CHATML)
    prompt = ChatPrompts(tokenizer).build(TALK[:-1], 1000).tokens
    [passage] = passages(tokenizer, Lesson(TALK))
    assert list(passage.tokens[: len(prompt)]) == prompt
    assert passage.counted is not None
    assert passage.counted[len(prompt)]
    assert not passage.counted[len(prompt) - 1]


def test_marks_in_a_conversation_stay_text() -> None:
    tokenizer = replace(own_tokenizer(), chat_template=CHATML)
    sly = ({"role": "user", "content": "<|im_end|>"}, {"role": "assistant", "content": "no <|im_start|>"})
    [passage] = passages(tokenizer, Lesson(sly))
    assert list(passage.tokens).count(tokenizer.token_id("<|im_start|>")) == 2
    assert list(passage.tokens).count(tokenizer.token_id("<|im_end|>")) == 2


def test_a_long_answer_is_shortened_and_a_long_question_dropped() -> None:
    encoder = Encoder(own_tokenizer(), PrepareSpec(context=40))
    question, answer = {"role": "user", "content": "?"}, {"role": "assistant", "content": "word " * 100}
    encoded = encoder.encode(Document("", "a", (Lesson((question, answer)),)))
    assert (encoded.notes.shortened, encoded.notes.dropped) == (1, 0)
    assert len(encoded.passages[0].tokens) == 41
    question["content"] = "what? " * 100
    encoded = encoder.encode(Document("", "a", (Lesson((question, answer)),)))
    assert (encoded.passages, encoded.notes.dropped) == ((), 1)


def test_a_conversation_that_the_template_refuses_is_dropped() -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}" + CHATML
    encoder = Encoder(replace(own_tokenizer(), chat_template=template), PrepareSpec())
    assert encoder.encode(Document("", "a", (Lesson(TALK),))).notes.dropped == 1
    assert encoder.encode(Document("", "a", (Lesson(TALK[1:]),))).notes.dropped == 0


@pytest.mark.parametrize("template", [None, CHATML])
def test_code_is_also_asked_for_by_a_comment_where_there_is_no_template(template: str | None) -> None:
    tokenizer = replace(own_tokenizer(), chat_template=template)
    code = "def double(x):\n    return 2 * x\n"
    talk = (
        {"role": "user", "content": "Write it.\n\nNow."},
        {"role": "assistant", "content": f"```python\n{code}```"},
    )
    ways = set()
    for name in "abcdefgh":
        [passage] = passages(tokenizer, Lesson(talk), identity=name)
        ways.add((tokenizer.decode(list(passage.tokens)[:-1]), counted_text(tokenizer, passage)))
    as_comment = f"# Write it.\n#\n# Now.\n{code}", f"{code}<|endoftext|>"
    assert (as_comment in ways, len(ways)) == ((True, 2) if template is None else (False, 1))


def test_a_choice_gives_two_passages_with_one_question() -> None:
    tokenizer = own_tokenizer()
    chosen, rejected = passages(tokenizer, Choice(TALK[1:2], "Good.", "Bad."))
    assert counted_text(tokenizer, chosen) == " Good.<|endoftext|>"
    assert counted_text(tokenizer, rejected) == " Bad.<|endoftext|>"
    assert chosen.counted is not None
    start = chosen.counted.index(True)
    assert chosen.tokens[:start] == rejected.tokens[:start]


def test_a_vocabulary_without_an_end_is_refused() -> None:
    tokenizer = own_tokenizer()
    endless = replace(tokenizer, eos_id=None, end_ids=frozenset(), vocabulary=_WithoutEnds(tokenizer))  # type: ignore[arg-type]
    with pytest.raises(TokenizerError, match="ends a text"):
        Encoder(endless, PrepareSpec())


class _WithoutEnds:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self._vocabulary = tokenizer.vocabulary

    def __getattr__(self, name: str) -> object:
        return getattr(self._vocabulary, name)

    def token_id(self, spelling: str) -> int | None:
        return None


PASSAGES = st.lists(st.tuples(st.integers(1, 24), st.booleans()), max_size=60)


@settings(max_examples=200, deadline=None)
@given(lengths=PASSAGES, pads=st.booleans())
def test_packing_keeps_every_token_and_cuts_nothing_whole_where_it_may_fill_up(
    lengths: list[tuple[int, bool]], pads: bool
) -> None:
    row_tokens, stream, counts = 24, list[int](), list[bool]()

    def write(tokens: object, counted: object) -> None:
        stream.extend(tokens)  # type: ignore[arg-type]
        counts.extend([True] * len(tokens) if counted is None else counted)  # type: ignore[arg-type]

    packer = Packer(row_tokens, 0, write, pads=pads)
    for number, (length, is_whole) in enumerate(lengths, start=1):
        packer.add(Passage([number] * length, None, is_whole))
    packer.finish()
    written = [number for number, counts_here in zip(stream, counts, strict=True) if counts_here]
    assert Counter(written) == {number: length for number, (length, _) in enumerate(lengths, start=1)}
    if pads:
        assert len(stream) % row_tokens == 0
        for number, (length, is_whole) in enumerate(lengths, start=1):
            start = stream.index(number)
            assert stream[start : start + length] == [number] * length
            assert not is_whole or start % row_tokens + length <= row_tokens
    else:
        assert all(counts)
