"""Which rules of a lexer look at text far behind the token they find, told from their regular expressions.

`/*` is a comment only if `*/` follows, be it a thousand lines on: what a rule finds at one place can change
by an edit at another. A regular expression does not say how far it looked, so this is read from its parsed
form: up to its first part that may run through any text, across lines, it is an opener; where that matches
and the whole does not, the answer hangs on everything that follows. Here is no text and no state.
"""

# Python's own parser and compiler of regular expressions: nothing public tells how a pattern is built.
import re._compiler as compiler  # type: ignore[import-not-found]
import re._constants as constants  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from re import DOTALL, Match, Pattern
from typing import Any

Matcher = Callable[[str, int], Match[str] | None]
Part = tuple[Any, Any]

_UNBOUNDED = 100  # as good as without end
# what code is made of; a repetition that no such character and no line end stops runs through everything
_ANYWHERE = ";({=x\n"
_EVERYWHERE = _ANYWHERE + "\"'`*/<>]})[$\\-#& 0é"
_REPEATS = (constants.MAX_REPEAT, constants.MIN_REPEAT, constants.POSSESSIVE_REPEAT)
_ASSERTIONS = (constants.ASSERT, constants.ASSERT_NOT)
_CATEGORIES: dict[Any, Callable[[str], bool]] = {
    constants.CATEGORY_DIGIT: str.isdigit,
    constants.CATEGORY_SPACE: str.isspace,
    constants.CATEGORY_WORD: lambda character: character.isalnum() or character == "_",
    constants.CATEGORY_NOT_DIGIT: lambda character: not character.isdigit(),
    constants.CATEGORY_NOT_SPACE: lambda character: not character.isspace(),
    constants.CATEGORY_NOT_WORD: lambda character: not (character.isalnum() or character == "_"),
}


@dataclass(frozen=True)
class Reach:
    """`opener` matches where the rule's answer may hang on text far behind.

    Where the rule does match, that settles it, unless `is_open_when_found`.
    """

    opener: Matcher
    is_open_when_found: bool


@lru_cache(maxsize=4096)
def reach_of(pattern: Pattern[str]) -> Reach | None:
    """None where the answer hangs on the lines that the token touches, and little more."""
    parsed = parser.parse(pattern.pattern, pattern.flags)
    opening = _opening(parsed, bool(pattern.flags & DOTALL))
    if opening is None:
        return None
    opener = compiler.compile(parser.SubPattern(parsed.state, opening), 0)
    return Reach(opener.match, _is_open_when_found(list(parsed), bool(pattern.flags & DOTALL)))


def _opening(parts: Sequence[Part], dotall: bool) -> list[Part] | None:
    """The parts before the first that runs far, and one turn of that where it must have one."""
    before: list[Part] = []
    for kind, value in parts:
        inner = _opening_of(kind, value, dotall)
        if inner is not None:
            return before + inner
        before.append((kind, value))
    return None


def _opening_of(kind: Any, value: Any, dotall: bool) -> list[Part] | None:
    if kind in _REPEATS:
        low, high, item = value
        if high >= _UNBOUNDED and _begins_with_all(item, _ANYWHERE, dotall):
            return [(constants.MAX_REPEAT, (1, 1, item))] if low else []
        inner = _opening(item, dotall)
        return None if inner is None else (inner if low else [])
    if kind in (constants.SUBPATTERN, constants.ATOMIC_GROUP):
        return _opening(*next(_sequences_in(kind, value, dotall)))
    if kind is constants.BRANCH:
        found = [_opening(branch, dotall) for branch in value[1]]
        far = [_sub_pattern(value, opening) for opening in found if opening is not None]
        return [(constants.BRANCH, (None, far))] if far else None
    if kind in _ASSERTIONS:
        return None if _opening(value[1], dotall) is None else []
    return None


def _sub_pattern(value: Any, opening: list[Part]) -> Any:
    return parser.SubPattern(value[1][0].state, opening)


def _is_open_when_found(parts: Sequence[Part], dotall: bool) -> bool:
    """It looked behind what it took: by an assertion, or by taking everything first and giving back."""
    for place, (kind, value) in enumerate(parts):
        is_last = place == len(parts) - 1
        if kind in _ASSERTIONS and _opening(value[1], dotall) is not None:
            return True
        takes_without_end = kind is constants.MAX_REPEAT and value[1] >= _UNBOUNDED and not is_last
        if takes_without_end and _is_everything(value[2], dotall):
            return True
        for inner, inner_dotall in _sequences_in(kind, value, dotall):
            if _is_open_when_found(inner, inner_dotall):
                return True
    return False


def _is_everything(item: Sequence[Part], dotall: bool) -> bool:
    """Any one character, by itself: what looks around itself before each step knows where to stop."""
    if len(item) != 1 or item[0][0] in _REPEATS:
        return False
    kind, value = item[0]
    inner = list(_sequences_in(kind, value, dotall))
    if kind is constants.SUBPATTERN:
        return _is_everything(*inner[0])
    return all(len(branch) == 1 for branch, _ in inner) and _begins_with_all(item, _EVERYWHERE, dotall)


def _sequences_in(kind: Any, value: Any, dotall: bool) -> Iterator[tuple[Sequence[Part], bool]]:
    if kind in _REPEATS:
        yield value[2], dotall
    elif kind is constants.SUBPATTERN:
        yield value[3], _dotall_in(value, dotall)
    elif kind is constants.ATOMIC_GROUP:
        yield value, dotall
    elif kind is constants.BRANCH:
        yield from ((branch, dotall) for branch in value[1])


def _dotall_in(subpattern: Any, dotall: bool) -> bool:
    _, added, removed, _ = subpattern
    return (dotall or bool(added & DOTALL)) and not removed & DOTALL


def _begins_with_all(parts: Sequence[Part], characters: str, dotall: bool) -> bool:
    return all(_can_begin(parts, character, dotall) for character in characters)


def _can_begin(parts: Sequence[Part], character: str, dotall: bool) -> bool:
    for kind, value in parts:
        if kind in _ASSERTIONS or kind is constants.AT:
            continue
        if _takes(kind, value, character, dotall):
            return True
        if not (kind in _REPEATS and value[0] == 0):
            return False
    return False


def _takes(kind: Any, value: Any, character: str, dotall: bool) -> bool:
    if kind is constants.LITERAL:
        return bool(value == ord(character))
    if kind is constants.NOT_LITERAL:
        return bool(value != ord(character))
    if kind is constants.ANY:
        return dotall or character != "\n"
    if kind is constants.IN:
        return _is_in(value, character)
    return any(
        _can_begin(inner, character, inner_dotall)
        for inner, inner_dotall in _sequences_in(kind, value, dotall)
    )


def _is_in(members: Sequence[Part], character: str) -> bool:
    is_negated = found = False
    for kind, value in members:
        if kind is constants.NEGATE:
            is_negated = True
        elif kind is constants.LITERAL:
            found |= value == ord(character)
        elif kind is constants.RANGE:
            found |= value[0] <= ord(character) <= value[1]
        elif kind is constants.CATEGORY:
            found |= _CATEGORIES[value](character)
    return found != is_negated
