"""Fill in the middle: which tokens of a vocabulary mark it, and a prompt made of them.

The marks are found in the vocabulary, never told from a model's name, and so are those between files. How
much of a file goes in is decided in window.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.spec.fim_spellings import (
    FILE_MARKS,
    FILE_STARTS,
    FIM_FAMILIES,
    FIM_PADS,
    FIM_SPELLINGS,
    PROJECT_STARTS,
)
from core.text.tokenizer import Tokenizer

__all__ = ["FIM_SPELLINGS", "FileMarks", "FimMarks", "build", "find_file_marks", "find_marks"]


@dataclass(frozen=True)
class FimMarks:
    """`ends`: tokens that a model writes when the middle is done; they are never part of it.

    `suffix_first`: the suffix stands before the prefix, so that what a person types comes last in the prompt.
    """

    prefix: int
    suffix: int
    middle: int | None
    pad: int | None
    ends: frozenset[int]
    suffix_first: bool = False

    @property
    def count(self) -> int:
        return 2 if self.middle is None else 3

    @property
    def ends_with_prefix(self) -> bool:
        return self.suffix_first or self.middle is None


def find_marks(tokenizer: Tokenizer) -> FimMarks | None:
    marks = _named_marks(tokenizer) or _spelled_marks(tokenizer)
    if marks is None:
        return None
    prefix, suffix, middle = marks
    pad = tokenizer.fim_ids.get("pad", _first(tokenizer, FIM_PADS))
    ends = {_first(tokenizer, (spelling,)) for spelling in FILE_MARKS} | {pad, prefix, suffix, middle}
    return FimMarks(
        *marks,
        pad,
        tokenizer.end_ids | {end for end in ends if end is not None},
        suffix_first=_knows_suffix_first(tokenizer.spelling(prefix)),
    )


@dataclass(frozen=True)
class FileMarks:
    """Tokens that a model was taught to see before each file, and before the first one of a project."""

    file: int
    project: int | None = None


def find_file_marks(tokenizer: Tokenizer) -> FileMarks | None:
    file = _first(tokenizer, FILE_STARTS)
    return None if file is None else FileMarks(file, _first(tokenizer, PROJECT_STARTS))


def build(marks: FimMarks, prefix: Sequence[int], suffix: Sequence[int]) -> list[int]:
    if marks.middle is None:
        return [marks.suffix, *suffix, marks.prefix, *prefix]
    if marks.suffix_first:
        return [marks.prefix, marks.suffix, *suffix, marks.middle, *prefix]
    return [marks.prefix, *prefix, marks.suffix, *suffix, marks.middle]


def _named_marks(tokenizer: Tokenizer) -> tuple[int, int, int | None] | None:
    named = tokenizer.fim_ids
    if "prefix" in named and "suffix" in named and "middle" in named:
        return named["prefix"], named["suffix"], named["middle"]
    return None


def _spelled_marks(tokenizer: Tokenizer) -> tuple[int, int, int | None] | None:
    for family in FIM_FAMILIES:
        prefix, suffix = _special(tokenizer, family.prefix), _special(tokenizer, family.suffix)
        middle = None if family.middle is None else _special(tokenizer, family.middle)
        if prefix is not None and suffix is not None and (middle is not None or family.middle is None):
            return prefix, suffix, middle
    return None


def _knows_suffix_first(spelling: str | None) -> bool:
    return any(family.prefix == spelling and family.suffix_first for family in FIM_FAMILIES)


def _first(tokenizer: Tokenizer, spellings: Sequence[str]) -> int | None:
    found = (_special(tokenizer, spelling) for spelling in spellings)
    return next((token for token in found if token is not None), None)


def _special(tokenizer: Tokenizer, spelling: str) -> int | None:
    token = tokenizer.token_id(spelling)
    return token if token in tokenizer.special_ids else None
