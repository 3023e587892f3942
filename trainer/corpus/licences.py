"""Whether a package may be learnt from, told from its own metadata and licence files.

These must say what the list says, and nothing against it. Where they say nothing, that is a no.
"""

import re
from collections.abc import Iterator, Sequence
from email.message import Message

from trainer.data.texts import licence_of
from trainer.spec.packages import ALLOWED_LICENCES

# may stand beside an allowed one, as of parts that wheels bring along
_HARMLESS = frozenset(
    {
        *("0BSD", "CC0-1.0", "ISC", "Zlib", "Unlicense", "BSL-1.0", "HPND", "MIT-0", "Python-2.0"),
        "Apache-2.0 WITH LLVM-exception",
    }
)
_SPOKEN = (
    (re.compile(r"\b(a|l)?gpl|general public license|copyleft"), "GPL"),
    (re.compile(r"\bmpl|mozilla public"), "MPL"),
    (re.compile(r"proprietary|commercial"), "proprietary"),
    (re.compile(r"\bapache\b"), "Apache-2.0"),
    (re.compile(r"\bmit\b(?!-)|\bexpat\b"), "MIT"),
    (re.compile(r"\bbsd\b"), "BSD"),
    (re.compile(r"\bpsf\b|python software foundation|\bpsf-2\.0"), "PSF-2.0"),
)
_COPYLEFT = re.compile(r"(A|L)?GPL|MPL|EPL|proprietary")
_LONGEST_NAME = 80


def against_licence(wanted: str, metadata: Message, texts: Sequence[str]) -> str:
    """What speaks against it, for a sentence; empty if nothing does."""
    expression = str(metadata.get("License-Expression") or "").strip()
    if expression:
        return _against_expression(wanted, expression)
    found = {*_declared(metadata)} | {licence_of(text) for text in texts}
    copyleft = sorted(name for name in found if _COPYLEFT.match(name))
    if copyleft:
        return f"its metadata names {copyleft[0]}"
    if _family(wanted) in map(_family, found):
        return ""
    return f"the list says {wanted}, but its metadata says {', '.join(sorted(found)) or 'nothing'}"


def against_file(licence: str | None, head: str) -> bool:
    """Whether a file in a package is under another licence than those allowed, by its own words."""
    if licence is not None and not _is_allowed(licence):
        return True
    return bool(_COPYLEFT.match(licence_of(head)))


def _against_expression(wanted: str, expression: str) -> str:
    for terms in _choices(expression):
        if _family(wanted) in map(_family, terms) and all(map(_is_allowed, terms)):
            return ""
    return f"the list says {wanted}, but its metadata says {expression[:_LONGEST_NAME]}"


def _choices(expression: str) -> list[list[str]]:
    """Of `A AND B OR C` the lists A, B and C. Parentheses are read where they change nothing."""
    plain = re.sub(r"\(([^()]*)\)", lambda group: "?" if " OR " in group[1] else group[1], expression)
    return [[term.strip() for term in choice.split(" AND ")] for choice in plain.split(" OR ")]


def _is_allowed(expression: str) -> bool:
    choices = _choices(expression)
    return any(all(term in ALLOWED_LICENCES | _HARMLESS for term in terms) for terms in choices)


def _declared(metadata: Message) -> Iterator[str]:
    spoken = [str(metadata.get("License") or "").partition("\n")[0][:_LONGEST_NAME]]
    classifiers = map(str, metadata.get_all("Classifier", []))
    spoken += [line.rpartition("::")[2] for line in classifiers if line.startswith("License ::")]
    for words in spoken:
        yield from (name for pattern, name in _SPOKEN if pattern.search(words.lower()))


def _family(licence: str) -> str:
    return "BSD" if licence.startswith("BSD") else licence
