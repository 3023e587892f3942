"""Fill in the middle: which tokens of a vocabulary mark it, and a prompt made of them.

The marks are found in the vocabulary, never told from a model's name. How much of a file goes in is not
decided here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from core.text.tokenizer import Tokenizer

# (prefix, suffix, middle), each family's own; without a middle the text is continued where the prefix ends.
_FAMILIES: tuple[tuple[str, str, str | None], ...] = (
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001 (the bars are wide)
    ("▁<PRE>", "▁<SUF>", "▁<MID>"),
    ("<PRE>", "<SUF>", "<MID>"),
    ("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
    ("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    ("<|prefix|>", "<|suffix|>", "<|middle|>"),
    ("[PREFIX]", "[SUFFIX]", None),
)
_PADS = ("<fim_pad>", "<|fim_pad|>", "<fim-pad>", "<[fim-pad]>", "<PAD>")
_FILE_MARKS = (
    *("<file_sep>", "<|file_sep|>", "<|file_separator|>", "<repo_name>", "<|repo_name|>", "<reponame>"),
    *("<filename>", "<|cursor|>"),
)

FIM_SPELLINGS = frozenset(
    {mark for family in _FAMILIES for mark in family if mark is not None} | {*_PADS, *_FILE_MARKS}
)


@dataclass(frozen=True)
class FimMarks:
    """`ends`: tokens that a model writes when the middle is done; they are never part of it."""

    prefix: int
    suffix: int
    middle: int | None
    pad: int | None
    ends: frozenset[int]


def find_marks(tokenizer: Tokenizer) -> FimMarks | None:
    marks = _named_marks(tokenizer) or _spelled_marks(tokenizer)
    if marks is None:
        return None
    prefix, suffix, middle = marks
    pad = tokenizer.fim_ids.get("pad", _first(tokenizer, _PADS))
    ends = {_first(tokenizer, (spelling,)) for spelling in _FILE_MARKS} | {pad, prefix, suffix, middle}
    return FimMarks(prefix, suffix, middle, pad, tokenizer.end_ids | {end for end in ends if end is not None})


def build(
    marks: FimMarks, prefix: Sequence[int], suffix: Sequence[int], *, suffix_first: bool = False
) -> list[int]:
    """Prefix, suffix, middle; or with the suffix before the prefix, for models that were taught so."""
    if marks.middle is None:
        return [marks.suffix, *suffix, marks.prefix, *prefix]
    if suffix_first:
        return [marks.prefix, marks.suffix, *suffix, marks.middle, *prefix]
    return [marks.prefix, *prefix, marks.suffix, *suffix, marks.middle]


def _named_marks(tokenizer: Tokenizer) -> tuple[int, int, int | None] | None:
    named = tokenizer.fim_ids
    if "prefix" in named and "suffix" in named and "middle" in named:
        return named["prefix"], named["suffix"], named["middle"]
    return None


def _spelled_marks(tokenizer: Tokenizer) -> tuple[int, int, int | None] | None:
    for family in _FAMILIES:
        prefix, suffix, middle = (_special(tokenizer, mark) for mark in family)
        if prefix is not None and suffix is not None and (middle is not None or family[2] is None):
            return prefix, suffix, middle
    return None


def _first(tokenizer: Tokenizer, spellings: Sequence[str]) -> int | None:
    found = (_special(tokenizer, spelling) for spelling in spellings)
    return next((token for token in found if token is not None), None)


def _special(tokenizer: Tokenizer, spelling: str | None) -> int | None:
    token = None if spelling is None else tokenizer.token_id(spelling)
    return token if token in tokenizer.special_ids else None
