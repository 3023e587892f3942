"""What a person can set about training data: which files of a folder are read, and what becomes of them."""

from dataclasses import dataclass
from typing import Literal

from core.spec.fields import setting

Pairs = Literal["no", "also", "only"]


@dataclass(frozen=True)
class ScanSpec:
    """Files that hold secrets by their name are never read, whatever is set here."""

    include: tuple[str, ...] = setting((), "Read this file or folder although a rule is against it")
    exclude: tuple[str, ...] = setting((), "Leave out what matches this pattern, written as in .gitignore")
    max_file_kb: int = setting(1024, "Leave out files larger than this many KB", low=1, high=64 * 1024)


@dataclass(frozen=True)
class PrepareSpec:
    context: int = setting(512, "Tokens a training row holds", low=16, high=1 << 20)
    fim_rate: float = setting(0.5, "Share of texts that teach filling in the middle", low=0, high=1)
    validation_share: float = setting(0.05, "Share of files held out to validate with", low=0, high=0.5)
    pairs: Pairs = setting("no", "Make questions and answers of documented Python functions")
    seed: int = setting(42, "Decides where middles are cut", low=0, high=2**53)
