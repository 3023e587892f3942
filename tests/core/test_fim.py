"""FIM marks are found in the vocabulary, whoever made it, and make the prompts of their family."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.spec.fim_spellings import FIM_FAMILIES, FIM_SPELLINGS
from core.text.fim import FimMarks, build, find_marks
from core.text.gguf_vocabulary import from_gguf
from core.text.vocabulary_folder import open_folder
from tests.core.vocabularies import gguf_byte_level, gguf_pieces, json_file

FAMILIES = [
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<fim_pad>"),
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>", "<fim-pad>"),
    ("<\uff5cfim\u2581begin\uff5c>", "<\uff5cfim\u2581hole\uff5c>", "<\uff5cfim\u2581end\uff5c>"),
    ("<PRE>", "<SUF>", "<MID>"),
    ("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
]


@pytest.mark.parametrize("marks", FAMILIES)
def test_each_family_s_marks_are_found_by_their_spelling(tmp_path: Path, marks: tuple[str, ...]) -> None:
    json_file(tmp_path, specials=["<|endoftext|>", *marks])
    found = find_marks(open_folder(tmp_path))
    assert found is not None
    assert (found.prefix, found.suffix, found.middle) == (1, 2, 3)
    assert found.pad == (4 if len(marks) == 4 else None)
    assert {0, 1, 2, 3} <= found.ends


def test_marks_of_pieces_with_a_space_are_found() -> None:
    fields = gguf_pieces(own=("own", "▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>"))
    tokenizer = from_gguf(fields, source="x")
    found = find_marks(tokenizer)
    size = tokenizer.vocab_size
    assert found is not None
    assert (found.prefix, found.suffix, found.middle) == (size - 4, size - 3, size - 2)
    assert size - 1 in found.ends
    assert tokenizer.special_ids.isdisjoint(tokenizer.encode("a <PRE> b"))


def test_ids_that_the_file_names_come_first() -> None:
    size = len(gguf_byte_level()["tokenizer.ggml.tokens"])
    named = {"fim_pre_token_id": size, "fim_suf_token_id": size + 1, "fim_mid_token_id": size + 2}
    tokenizer = from_gguf(gguf_byte_level(own=("<before>", "<after>", "<between>"), **named), source="x")
    found = find_marks(tokenizer)
    assert found is not None
    assert (found.prefix, found.suffix, found.middle) == (size, size + 1, size + 2)
    assert {size, size + 1, size + 2} <= tokenizer.special_ids


def test_a_vocabulary_without_all_three_has_none(tmp_path: Path) -> None:
    json_file(tmp_path, specials=["<fim_prefix>", "<fim_suffix>"])
    assert find_marks(open_folder(tmp_path)) is None


def test_an_ordinary_word_that_looks_like_a_mark_is_none(tmp_path: Path) -> None:
    json_file(tmp_path, specials=[])
    assert find_marks(open_folder(tmp_path)) is None


def test_prompts_put_the_suffix_where_the_family_wants_it() -> None:
    marks = FimMarks(prefix=1, suffix=2, middle=3, pad=None, ends=frozenset())
    assert build(marks, [10, 11], [20]) == [1, 10, 11, 2, 20, 3]
    assert build(replace(marks, suffix_first=True), [10, 11], [20]) == [1, 2, 20, 3, 10, 11]
    assert build(replace(marks, middle=None), [10, 11], [20]) == [2, 20, 1, 10, 11]


@pytest.mark.parametrize("marks", FAMILIES)
def test_only_families_that_were_taught_it_get_the_suffix_first(
    tmp_path: Path, marks: tuple[str, ...]
) -> None:
    json_file(tmp_path, specials=marks)
    found = find_marks(open_folder(tmp_path))
    assert found is not None
    assert found.suffix_first == (marks[0] in ("<fim_prefix>", "<fim-prefix>", "<PRE>"))


def test_every_family_s_marks_are_spellings_that_text_never_becomes() -> None:
    for family in FIM_FAMILIES:
        assert {family.prefix, family.suffix} <= FIM_SPELLINGS
    assert None not in FIM_SPELLINGS
