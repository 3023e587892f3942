"""Keys and passwords in a text: where they stand and what kind they are, and never what they say.

Known kinds have a pattern each; of the others, what is assigned to a name like `api_key` counts where it
looks as if dice had written it, and so does a long text in quotes that looks so by itself.
"""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import log2
from typing import NamedTuple

MOST_A_TEXT = 20
_LEAST_BITS_QUOTED = 2.7
_LEAST_BITS_BARE = 3.3
_LEAST_BITS_ALONE = 4.3


class Secret(NamedTuple):
    line: int
    kind: str


class _Kind(NamedTuple):
    """`hints`: one of these stands in every such secret, and is found many times faster than the pattern."""

    name: str
    hints: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


def _kind(name: str, hints: str, pattern: str) -> _Kind:
    return _Kind(name, tuple(hints.encode().split(b"|")), re.compile(pattern.encode()))


_KINDS = (
    _kind(
        "private key",
        "PRIVATE KEY",
        r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\n){1,8}[\w+/=:., -]{24}",
    ),
    _kind(
        "AWS access key",
        "AKIA|ASIA",
        r"\b(?:AKIA|ASIA)[A-Z2-7]{16}(?<!EXAMPLE)\b",
    ),
    _kind(
        "GitHub token",
        "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{36,255})",
    ),
    _kind("GitLab token", "glpat-", r"\bglpat-[\w-]{20,64}"),
    _kind("JSON web token", "eyJ", r"\beyJ[\w-]{10,4096}\.eyJ[\w-]{10,4096}\.[\w-]{10,4096}"),
    _kind("Slack token", "xox", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,255}"),
    _kind("Slack webhook", "hooks.slack", r"hooks\.slack\.com/services/T\w{6,20}/B\w{6,20}/\w{20,40}"),
    _kind("Google API key", "AIza", r"\bAIza[\w-]{35}"),
    _kind("Stripe key", "k_live_", r"\b[rs]k_live_[A-Za-z0-9]{16,255}"),
    _kind(
        "OpenAI key", "sk-", r"\bsk-(?:proj-|svcacct-|ant-\w{1,8}-)?(?=[\w-]{0,64}\d)[A-Za-z0-9_-]{32,255}"
    ),
    _kind("Hugging Face token", "hf_", r"\bhf_[A-Za-z]{30,64}\b"),
    _kind("npm token", "npm_", r"\bnpm_[A-Za-z0-9]{36}\b"),
    _kind("PyPI token", "pypi-", r"\bpypi-[\w-]{50,512}"),
    _kind("SendGrid key", "SG.", r"\bSG\.[\w-]{16,32}\.[\w-]{32,64}"),
    _kind("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{60,100}="),
)
_PASSWORD_IN_ADDRESS = re.compile(rb"://[^\s:/@'\"<>{}$%()]{1,64}:([^\s:/@'\"<>{}$%()]{6,128})@[\w.-]{3,255}")
_ASSIGNED = re.compile(
    rb"""[:=](?!=)>?\s{0,8}+(?:[bru]?["']([^"'\s]{8,256}+)["']"""
    rb"""|([\w+/=.~!@#%^&*-]{16,256}+)[ \t]{0,8}+(?:\n|\Z))"""
)
_SPEAKING_NAME = re.compile(
    rb"(?:secret|token|passw(?:or)?d|pwd|credential|(?:api|auth|access|private|encryption|signing|account)[_-]?key)"
    rb"""\w{0,24}["']?\]?\s{0,8}:?\Z"""
)
_LONGEST_NAME = 64
_QUOTED = re.compile(rb"""["']([A-Za-z0-9+/_=-]{32,200})["']""")
_HOLDS_PLACEHOLDER = re.compile(
    rb"example|sample|dummy|fake|test|change|your|placeholder|default|passw|secret|token|redacted|xxx|\*\*\*|\.\.\.|[${}<>()\[\]\\]"
    rb"|null|abcd|1234|0000|foobar|insert|replace|todo|localhost|http|sha\d",
    re.IGNORECASE,
)
# the words of a name change less often between capitals, small letters and digits
_LEAST_CHANGES = 0.4
_CLASSES = bytes(chr(byte).isupper() + 2 * chr(byte).islower() if byte < 0x80 else 3 for byte in range(256))
_WORD_BREAK = re.compile(rb"[-_/=+.]")


def find_secrets(text: bytes) -> tuple[Secret, ...]:
    """The first few, in the order of their lines."""
    places = sorted(set(_places(text)))[:MOST_A_TEXT]
    return tuple(Secret(text.count(b"\n", 0, place) + 1, kind) for place, kind in places)


def _places(text: bytes) -> Iterator[tuple[int, str]]:
    for name, hints, pattern in _KINDS:
        if any(hint in text for hint in hints):
            yield from ((found.start(), name) for found in pattern.finditer(text))
    if b"://" in text:
        for found in _PASSWORD_IN_ADDRESS.finditer(text):
            if not _HOLDS_PLACEHOLDER.search(found[1]):
                yield found.start(), "password in an address"
    for found in _ASSIGNED.finditer(text):
        before = text[max(found.start() - _LONGEST_NAME, 0) : found.start()].lower()
        if _SPEAKING_NAME.search(before) and _is_assigned_secret(found[1], found[2]):
            yield found.start(), "assigned secret"
    for found in _QUOTED.finditer(text):
        if _looks_drawn(found[1]):
            yield found.start(), "text of high entropy"


def _is_assigned_secret(quoted: bytes | None, bare: bytes) -> bool:
    """Without quotes it is perhaps a name or a sum, and must look more as if drawn."""
    if quoted is not None:
        return (_digits(quoted) >= 2 or _changes_often(quoted)) and _looks_secret(quoted, _LEAST_BITS_QUOTED)
    return b"." not in bare and _digits(bare) >= 2 and _looks_secret(bare, _LEAST_BITS_BARE)


def _looks_drawn(value: bytes) -> bool:
    """No hash in hexadecimal, no alphabet, no path, no name made of words."""
    has_all_kinds = _digits(value) >= 3 and value.lower() != value and value.upper() != value
    steps = sum(second - first == 1 for first, second in pairwise(value))
    return (
        has_all_kinds
        and steps < len(value) // 6
        and max(map(len, _WORD_BREAK.split(value))) >= 16
        and _looks_secret(value, _LEAST_BITS_ALONE)
    )


def _looks_secret(value: bytes, least_bits: float) -> bool:
    return (
        any(chr(byte).isalpha() for byte in value)
        and not _HOLDS_PLACEHOLDER.search(value)
        and _bits_a_sign(value) >= least_bits
    )


def _digits(value: bytes) -> int:
    return sum(48 <= byte <= 57 for byte in value)


def _changes_often(value: bytes) -> bool:
    changes = sum(first != second for first, second in pairwise(value.translate(_CLASSES)))
    return changes >= _LEAST_CHANGES * (len(value) - 1)


def _bits_a_sign(value: bytes) -> float:
    counts = Counter(value).values()
    return -sum(count / len(value) * log2(count / len(value)) for count in counts)
