"""TextForm: how the text of a file lies in its bytes, and the way there and back.

What is read gives the same bytes when it is written unchanged: each guess at an encoding is checked by
encoding it again. Where the bytes come from and go to is not here: see text_file.
"""

import codecs
import difflib
import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from core.spec.errors import SmallCoderError

_BINARY_LOOK = 8000  # as far as git looks for a zero byte
_BOMS = (  # the longer first: one of UTF-32 begins with one of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Qt's documents drop or change these, and bytes that are no text: private characters stand in for them
_BYTE_STAND_INS = 0x10EE00
_QT_CHANGES = {"\u2029": "\U0010ed01", "\ufdd0": "\U0010ed02", "\ufdd1": "\U0010ed03", "\ufeff": "\U0010ed04"}
_TO_STAND_INS = str.maketrans(
    _QT_CHANGES | {chr(0xDC00 + byte): chr(_BYTE_STAND_INS + byte) for byte in range(0x80, 0x100)}
)
_FROM_STAND_INS = {ord(value): key for key, value in _TO_STAND_INS.items()}
# ranges, because a list of characters takes fifty times as long
_NEEDS_STAND_IN = re.compile("[\u2029\ufdd0\ufdd1\ufeff\udc80-\udcff]")
_IS_STAND_IN = re.compile("[\U0010ed01-\U0010ed04\U0010ee80-\U0010eeff]")
_ASCII = "".join(map(chr, range(0x20, 0x7F)))
_NOT_FOR_FILES = frozenset({"unicode-escape", "raw-unicode-escape"})  # they take backslashes for their own
_LINE = re.compile(r"([^\r\n]*)(\r\n|\r|\n|\Z)")
_MAX_ALIGNED = 4_000_000  # pairs of lines that are worth comparing to find out which line is which
LINE_END_NAMES = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}


class NotText(SmallCoderError):
    """Bytes that an editor would only damage."""


class CannotEncode(SmallCoderError):
    """A character that the file's encoding does not have; another encoding is the way out, unless the text
    itself says which it is (`is_declared`)."""

    def __init__(self, message: str, *, is_declared: bool = False) -> None:
        super().__init__(message)
        self.is_declared = is_declared


@dataclass(frozen=True)
class TextForm:
    """`is_declared`: the text itself names its encoding, as Python's does. `has_stray_bytes`: some bytes are
    not of the encoding, and are kept. `mixed`: where line ends differ, each line and its end."""

    encoding: str = "utf-8"
    bom: bytes = b""
    line_end: str = "\n"
    is_declared: bool = False
    has_stray_bytes: bool = False
    mixed: tuple[tuple[str, str], ...] = ()

    @property
    def encoding_name(self) -> str:
        return self.encoding.upper() + (" with BOM" if self.bom else "")

    @property
    def line_end_name(self) -> str:
        return "mixed" if self.mixed else LINE_END_NAMES[self.line_end]

    def notes(self) -> list[str]:
        """What is unusual, for the person to see: one sentence each."""
        found = []
        if self.has_stray_bytes:
            found.append("Some bytes are not UTF-8: they are shown as boxes and saved as they were.")
        elif not (self.encoding.startswith("utf-") or self.is_declared or self.encoding == "ascii"):
            found.append(f"This is not UTF-8: it was read, and will be saved, as {self.encoding}.")
        if self.mixed:
            ends = [end for _, end in self.mixed]
            counts = ", ".join(
                f"{ends.count(end)} {name}" for end, name in LINE_END_NAMES.items() if end in ends
            )
            found.append(f"Line ends are mixed ({counts}): each line keeps its own when saved.")
        return found


def decode(raw: bytes, *, is_python: bool = False, encoding: str = "") -> tuple[str, TextForm]:
    """Line ends become plain newlines. `encoding`: a person has said which it is."""
    if encoding:
        tried: Iterator[tuple[str, TextForm]] = _tried(raw, TextForm(encoding=encoding))
    else:
        tried = _candidates(raw, is_python=is_python)
    for text, form in tried:
        newline_text, with_ends = _without_line_ends(text, form)
        return _with_stand_ins(newline_text), with_ends
    if encoding:
        raise NotText(f"Its bytes are not {encoding}; choose another encoding.")
    raise NotText("It is a binary file, not text; open it with the program that made it.")


def encode(text: str, form: TextForm, *, is_python: bool = False) -> tuple[bytes, TextForm]:
    """The bytes, and the form that they have: a declaration in Python code may have changed it."""
    form = _as_declared(text, form) if is_python else form
    real = _without_stand_ins(text)
    if form.mixed:
        lines = _own_line_ends(real.split("\n"), form)
        real, form = "".join(body + end for body, end in lines), replace(form, mixed=tuple(lines))
    elif form.line_end != "\n":
        real = real.replace("\n", form.line_end)
    try:
        return form.bom + real.encode(form.encoding, "surrogateescape"), form
    except UnicodeEncodeError as error:
        line = real.count("\n", 0, error.start) + 1
        remedy = "declare utf-8 at the top of the file" if form.is_declared else "save the file as UTF-8"
        raise CannotEncode(
            f"Line {line} has {real[error.start]!a} ({real[error.start]}), which {form.encoding} "
            f"cannot write; {remedy}, or take the character out.",
            is_declared=form.is_declared,
        ) from None
    except LookupError:  # Python's own words for it would not help
        raise CannotEncode(f"There is no encoding {form.encoding!r}; save the file as UTF-8.") from None


def with_line_end(form: TextForm, line_end: str) -> TextForm:
    """All line ends alike from now on."""
    return replace(form, line_end=line_end, mixed=())


def _with_stand_ins(text: str) -> str:
    return text if text.isascii() or not _NEEDS_STAND_IN.search(text) else text.translate(_TO_STAND_INS)


def _without_stand_ins(text: str) -> str:
    return text if text.isascii() or not _IS_STAND_IN.search(text) else text.translate(_FROM_STAND_INS)


def _candidates(raw: bytes, *, is_python: bool) -> Iterator[tuple[str, TextForm]]:
    for bom, encoding in _BOMS:
        if raw.startswith(bom):
            yield from _tried(raw, TextForm(encoding=encoding, bom=bom))
    if b"\0" in raw[:_BINARY_LOOK]:
        return
    declared = _declared(raw) if is_python else ""
    if declared:
        yield from _tried(raw, TextForm(encoding=declared, is_declared=True))
    yield from _tried(raw, TextForm())
    with_strays = raw.decode("utf-8", "surrogateescape")
    strays = len(with_strays) - len(raw.decode("utf-8", "ignore"))
    beyond_ascii = len(with_strays) - len(raw.decode("ascii", "ignore"))
    if 2 * strays <= beyond_ascii:  # UTF-8 with an accident; else it was never meant to be
        yield from _tried(raw, TextForm(has_stray_bytes=True))
    yield from _tried(raw, TextForm(encoding="cp1252"))
    yield from _tried(raw, TextForm(encoding="latin-1"))


def _tried(raw: bytes, form: TextForm) -> Iterator[tuple[str, TextForm]]:
    """Nothing, unless the text gives back the very same bytes."""
    body = raw[len(form.bom) :]
    try:
        text = body.decode(form.encoding, "surrogateescape" if form.has_stray_bytes else "strict")
        # a file may hold what stands in for others: then it would not come back as it was
        if _without_stand_ins(text).encode(form.encoding, "surrogateescape") == body:
            yield text, form
    except (UnicodeError, LookupError, ValueError):
        return


def _declared(raw: bytes) -> str:
    """What Python would read the file as; empty where nothing is said, or nothing sensible."""
    lines = b"\n".join(re.split(rb"\r\n|\r|\n", raw[:4096])[:2]) + b"\n"
    if b"coding" not in lines:
        return ""
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(lines).readline)
        if codecs.lookup(name).name.replace("_", "-") in _NOT_FOR_FILES:
            return ""
        # Python can only read a file whose first lines look like ASCII; others also take forever to decode
        return name if _ASCII.encode().decode(name) == _ASCII else ""
    except (SyntaxError, LookupError, UnicodeError):
        return ""


def _as_declared(text: str, form: TextForm) -> TextForm:
    """The person has written, changed or removed the declaration."""
    if form.bom:
        return form
    declared = _declared(text[:4096].encode("utf-8", "replace"))
    if declared and codecs.lookup(declared) == codecs.lookup(form.encoding):
        return replace(form, is_declared=True)
    if declared:
        return replace(form, encoding=declared, is_declared=True)
    return replace(form, encoding="utf-8", is_declared=False) if form.is_declared else form


def _without_line_ends(text: str, form: TextForm) -> tuple[str, TextForm]:
    both = text.count("\r\n")
    counts = {"\r\n": both, "\n": text.count("\n") - both, "\r": text.count("\r") - both}
    present = [end for end in counts if counts[end]]
    if not present:
        return text, form
    form = replace(form, line_end=max(present, key=counts.__getitem__))
    if len(present) > 1:
        form = replace(form, mixed=tuple(_lines(text)))
    return text.replace("\r\n", "\n").replace("\r", "\n"), form


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line and its end; the last has none, as in `"a\\n".split("\\n")`."""
    for match in _LINE.finditer(text):
        yield match[1], match[2]
        if not match[2]:
            return


def _own_line_ends(new: Sequence[str], form: TextForm) -> list[tuple[str, str]]:
    """Lines that were there keep their ends; a new one ends like the line before it."""
    bodies = [body for body, _ in form.mixed]
    kept = _old_places(bodies, new)
    lines: list[tuple[str, str]] = []
    end = form.line_end
    for place, body in enumerate(new):
        old = kept.get(place)
        end = (form.mixed[old][1] if old is not None else "") or end
        lines.append((body, end))
    return [*lines[:-1], (new[-1], "")]


def _old_places(old: Sequence[str], new: Sequence[str]) -> dict[int, int]:
    """For lines of the new text, which line of the old they were."""
    shorter = min(len(old), len(new))
    start = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    back = next(
        (place for place in range(shorter - start) if old[-1 - place] != new[-1 - place]), shorter - start
    )
    places = {place: place for place in range(start)}
    places |= {len(new) - 1 - place: len(old) - 1 - place for place in range(back)}
    old_middle, new_middle = old[start : len(old) - back], new[start : len(new) - back]
    if len(old_middle) == len(new_middle):  # lines were edited, none came or went
        places |= {start + place: start + place for place in range(len(new_middle))}
    elif len(old_middle) * len(new_middle) <= _MAX_ALIGNED:
        matcher = difflib.SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        for block in matcher.get_matching_blocks():
            places |= {start + block.b + place: start + block.a + place for place in range(block.size)}
    return places
