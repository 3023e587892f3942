"""What a scan of folders comes to: counts, sizes, licences and secrets, in memory that does not grow."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from trainer.data.collect import File
from trainer.data.reasons import WHY, Reason

BYTES_A_TOKEN = 3.5  # of code, about, for vocabularies of 16k to 50k tokens
_MOST_KEYS = 100
_LONGEST_SUFFIX = 16
OTHERS = "others"


@dataclass
class Tally:
    """`tokens` is 0 where nobody counted them."""

    accepted: int = 0
    accepted_bytes: int = 0
    tokens: int = 0
    secrets: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    suffixes: Counter[str] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)

    def add(self, file: File, tokens: int = 0) -> None:
        if file.licence is not None:
            _count(self.licences, file.licence)
        if file.reason is not None:
            self.reasons[file.reason] += 1
            self.secrets += len(file.secrets)
            return
        self.accepted += 1
        self.accepted_bytes += file.size_bytes
        self.tokens += tokens
        _count(self.suffixes, PurePath(file.name).suffix[:_LONGEST_SUFFIX].lower() or "none")

    def facts(self) -> dict[str, Any]:
        return {
            "accepted": self.accepted,
            "left_out": self.reasons.total(),
            "bytes": self.accepted_bytes,
            "tokens": self.tokens or round(self.accepted_bytes / BYTES_A_TOKEN),
            "tokens_are_estimated": not self.tokens,
            "reasons": dict(self.reasons.most_common()),
            "suffixes": dict(self.suffixes.most_common()),
            "licences": dict(self.licences.most_common()),
            "secrets": self.secrets,
        }


def file_facts(file: File, tokens: int = 0) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": str(file.path), "accepted": file.reason is None}
    if file.reason is None:
        facts |= {"size_bytes": file.size_bytes} | ({"tokens": tokens} if tokens else {})
    else:
        facts |= {"reason": file.reason, "why": WHY[file.reason], "is_folder": file.is_folder}
    if file.licence is not None:
        facts["licence"] = file.licence
    if file.like:
        facts["like"] = file.like
    if file.secrets:
        facts["secrets"] = [secret._asdict() for secret in file.secrets]
    return facts


def _count(counter: Counter[str], key: str) -> None:
    counter[key if key in counter or len(counter) < _MOST_KEYS else OTHERS] += 1
