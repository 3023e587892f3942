"""Why a file is not learnt from: a word for programs, a sentence for people."""

from collections.abc import Mapping
from typing import Literal

Reason = Literal[
    "excluded",
    "ignored",
    "hidden",
    "vendored",
    "generated",
    "lock",
    "minified",
    "data",
    "licence",
    "empty",
    "large",
    "binary",
    "encoding",
    "link",
    "special",
    "unreadable",
    "secret_name",
    "secret",
    "duplicate",
    "near_duplicate",
]

WHY: Mapping[Reason, str] = {
    "excluded": "you excluded it",
    "ignored": "a .gitignore names it",
    "hidden": "its name begins with a dot",
    "vendored": "it is other people's code, brought along",
    "generated": "a program wrote it",
    "lock": "it only pins versions of packages",
    "minified": "its lines are longer than a person writes",
    "data": "it holds data and not code or text",
    "licence": "it is the text of a licence",
    "empty": "nothing is in it",
    "large": "it is larger than the limit",
    "binary": "it is not text",
    "encoding": "it is not UTF-8",
    "link": "it is a link; what it points to is read where it lies",
    "special": "it is not an ordinary file",
    "unreadable": "it cannot be read",
    "secret_name": "files of this name hold secrets",
    "secret": "something in it looks like a secret",
    "duplicate": "the same text stands in another file",
    "near_duplicate": "nearly the same text stands in another file",
}
# what --include overrules; the others say that a file cannot or must never be learnt from
MATTERS_OF_TASTE: frozenset[Reason] = frozenset(
    {"excluded", "ignored", "hidden", "vendored", "generated", "lock", "minified", "data", "licence"}
)
