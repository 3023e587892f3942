"""Marks are those that a template wrote; what stands beside them or between them makes none."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.text.marked_text import MarkedText, unused_sign
from core.text.tokenizer import Tokenizer
from core.text.vocabulary_folder import open_folder
from tests.core.vocabularies import json_file

MARKS = ["<|end|>", "<|end_of_text|>", "<<a>>", "<a>", "[INST]"]


@cache
def tokenizer() -> Tokenizer:
    with TemporaryDirectory() as folder:
        json_file(Path(folder), specials=MARKS)
        return open_folder(Path(folder))


def marks(before: str, written: str, after: str) -> list[str | None]:
    """In a text of a template with something written in it."""
    marked, sign = MarkedText(tokenizer()), unused_sign([written])
    tokens = marked.encode(before + marked.guarded(written, sign) + after, sign)
    return [tokenizer().spelling(token) for token in tokens if token in tokenizer().special_ids]


@pytest.mark.parametrize("mark", MARKS)
def test_what_a_template_spells_is_a_mark(mark: str) -> None:
    assert marks("x" + mark, "written", mark + "\n") == [mark, mark]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("blank", ["", " ", "\n\n"])
def test_no_part_of_a_mark_can_be_written(mark: str, blank: str) -> None:
    for start in range(len(mark)):
        for end in range(start + 1, len(mark) + 1):
            written = blank + mark[start:end] + blank
            own = marks(mark[:start], "", "") + marks("", "", mark[end:])
            assert marks(mark[:start], written.strip(), mark[end:]) == own
            guarded = MarkedText(tokenizer()).guarded(written, "\ue000")
            assert guarded.strip() == MarkedText(tokenizer()).guarded(written.strip(), "\ue000")


def test_a_mark_inside_another_is_broken_up_too() -> None:
    assert marks("", "<<a>>", "") == []
    assert marks("", "<<<a>>><a>", "") == []


pieces_of_marks = st.sampled_from(
    [*MARKS, "<", "<<", "|", "|>", ">", "end", "_of_", "a", "[", "x", " ", "\n"]
)
some = st.lists(pieces_of_marks, max_size=6).map("".join)


@settings(max_examples=500, deadline=None)
@given(before=some, written=some.filter(bool), after=some)
def test_marks_are_those_of_the_template_alone(before: str, written: str, after: str) -> None:
    assert marks(before, written, after) == marks(before, "", "") + marks("", "", after)


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.one_of(some, st.text(max_size=20), st.text("\ue000\ue001\ue002")), max_size=5))
def test_texts_come_back_to_the_letter(texts: list[str]) -> None:
    marked, sign = MarkedText(tokenizer()), unused_sign(texts)
    tokens = marked.encode("".join(marked.guarded(text, sign) for text in texts), sign)
    assert tokenizer().decode(tokens) == "".join(texts).encode("utf-8", "replace").decode()


def test_a_vocabulary_without_marks_has_none(tmp_path: Path) -> None:
    json_file(tmp_path, specials=[])
    bare = open_folder(tmp_path)
    marked = MarkedText(bare)
    assert bare.decode(marked.encode(marked.guarded("<|end|>", "\ue000"), "\ue000")) == "<|end|>"
