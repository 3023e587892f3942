"""How vocabularies spell the marks of fill-in-the-middle, family by family."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FimFamily:
    """Without a `middle` mark the text is continued where the prefix ends. `suffix_first`: the family is
    known to have been taught prompts that begin with the suffix too."""

    prefix: str
    suffix: str
    middle: str | None
    suffix_first: bool = False


FIM_FAMILIES = (
    # StarCoder, Granite Code and our own models: half of their lessons had the suffix first
    FimFamily("<fim_prefix>", "<fim_suffix>", "<fim_middle>", suffix_first=True),
    FimFamily("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    FimFamily("<fim-prefix>", "<fim-suffix>", "<fim-middle>", suffix_first=True),
    FimFamily("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),  # noqa: RUF001 (the bars are wide)
    FimFamily("▁<PRE>", "▁<SUF>", "▁<MID>", suffix_first=True),
    FimFamily("<PRE>", "<SUF>", "<MID>", suffix_first=True),
    FimFamily("<[fim-prefix]>", "<[fim-suffix]>", "<[fim-middle]>"),
    FimFamily("<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"),
    FimFamily("<|prefix|>", "<|suffix|>", "<|middle|>"),
    FimFamily("[PREFIX]", "[SUFFIX]", None, suffix_first=True),
)
FIM_PADS = ("<fim_pad>", "<|fim_pad|>", "<fim-pad>", "<[fim-pad]>", "<PAD>")
FILE_STARTS = ("<file_sep>", "<|file_sep|>", "<|file_separator|>", "<filename>")
PROJECT_STARTS = ("<repo_name>", "<|repo_name|>", "<reponame>")
FILE_MARKS = (*FILE_STARTS, *PROJECT_STARTS, "<|cursor|>")
FIM_SPELLINGS = frozenset(
    {family.prefix for family in FIM_FAMILIES}
    | {family.suffix for family in FIM_FAMILIES}
    | {family.middle for family in FIM_FAMILIES if family.middle is not None}
    | {*FIM_PADS, *FILE_MARKS}
)
