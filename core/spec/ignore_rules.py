"""The rules of one .gitignore file, as git reads them, in time that grows with the pattern times the name.

Which of these files hold in a folder is in ignore_files.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_MANY = "**"
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9a-fA-F",
    "cntrl": r"\x00-\x1f\x7f",
    "print": " -~",
    "graph": "!-~",
}
_NEVER = "(?!)"


@dataclass(frozen=True)
class _Rule:
    """`segments`: a pattern for each name in a path, or _MANY for any number of names."""

    ignores: bool
    only_folders: bool
    only_name: bool
    segments: tuple[re.Pattern[str] | str, ...]

    def matches(self, names: Sequence[str]) -> bool:
        return _match(self.segments, names[-1:] if self.only_name else names)


class IgnoreRules:
    def __init__(self, text: str) -> None:
        lines = text.removeprefix("\ufeff").split("\n")
        self._newest_first = [rule for line in reversed(lines) if (rule := _parsed(line)) is not None]

    def verdict(self, names: Sequence[str], *, is_folder: bool) -> bool | None:
        """Whether a path is ignored, its names counted from the file's own folder; None: no rule is about
        it. The last rule that fits decides."""
        for rule in self._newest_first:
            if (is_folder or not rule.only_folders) and rule.matches(names):
                return rule.ignores
        return None


def _parsed(line: str) -> _Rule | None:
    line = _without_trailing_spaces(line.removesuffix("\r"))
    if not line or line.startswith("#"):
        return None
    is_exception = line.startswith("!")
    pattern = line[is_exception:]
    only_folders = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    only_name = "/" not in pattern
    if not pattern:
        return None
    segments = [pattern] if only_name else pattern.removeprefix("/").replace("\\/", "/").split("/")
    compiled = (
        _MANY if len(segment) > 1 and not segment.strip("*") and not only_name else _compiled(segment)
        for segment in segments
    )
    return _Rule(not is_exception, only_folders, only_name, tuple(compiled))


def _without_trailing_spaces(line: str) -> str:
    kept = line.rstrip(" ")
    escapes = len(kept) - len(kept.rstrip("\\"))
    return kept + " " if escapes % 2 and len(kept) < len(line) else kept


def _match(segments: Sequence[re.Pattern[str] | str], names: Sequence[str]) -> bool:
    """The last _MANY that was passed takes in one name more, until the rest fits."""
    place = at = 0
    retry_place, retry_at = -1, 0
    while at < len(names):
        segment = segments[place] if place < len(segments) else None
        if segment == _MANY:
            if place + 1 == len(segments):
                return True
            retry_place, retry_at = place, at
            place += 1
        elif isinstance(segment, re.Pattern) and segment.match(names[at]):
            place, at = place + 1, at + 1
        elif retry_place >= 0:
            retry_at += 1
            place, at = retry_place + 1, retry_at
        else:
            return False
    return place == len(segments)


def _compiled(segment: str) -> re.Pattern[str]:
    """Each stretch between stars is taken where it fits first, and never tried again further on: what comes
    behind it can only have more room that way."""
    stretches: list[str] = [""]
    for part in _parts(segment):
        if part == "*":
            stretches.append("")
        else:
            stretches[-1] += part
    first, *later = stretches
    middle = "".join(f"(?>.*?{stretch})" for stretch in later[:-1])
    last = f".*{later[-1]}" if later else ""
    return re.compile(f"{first}{middle}{last}\\Z", re.DOTALL)


def _parts(segment: str) -> Iterator[str]:
    place = 0
    while place < len(segment):
        sign = segment[place]
        place += 1
        if sign == "*":
            place += len(segment[place:]) - len(segment[place:].lstrip("*"))
            yield "*"
        elif sign == "?":
            yield "."
        elif sign == "[":
            part, place = _bracket(segment, place)
            yield part
        elif sign == "\\":
            yield re.escape(segment[place]) if place < len(segment) else _NEVER
            place += 1
        else:
            yield re.escape(sign)


def _bracket(segment: str, place: int) -> tuple[str, int]:
    """A set of signs from behind its [ on, and the place behind its ]; unclosed, nothing fits it."""
    negation = "^" if segment[place : place + 1] in ("!", "^") else ""
    place += len(negation)
    parts: list[str] = []
    is_first = True
    while place < len(segment):
        if segment[place] == "]" and not is_first:
            return (f"[{negation}{''.join(parts)}]" if parts else _NEVER), place + 1
        is_first = False
        named = re.compile(r"\[:(\w*):\]").match(segment, place)
        if named:
            if named[1] not in _CLASSES:
                return _NEVER, len(segment)
            parts.append(_CLASSES[named[1]])
            place = named.end()
            continue
        low, place = _sign(segment, place)
        parts.append(re.escape(low))
        if segment[place : place + 1] == "-" and segment[place + 1 : place + 2] not in ("]", ""):
            high, place = _sign(segment, place + 1)
            if low <= high:
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
    return _NEVER, len(segment)


def _sign(segment: str, place: int) -> tuple[str, int]:
    if segment[place] == "\\" and place + 1 < len(segment):
        place += 1
    return segment[place], place + 1
