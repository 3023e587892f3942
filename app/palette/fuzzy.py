"""How well a few typed letters fit a title: in order, best where words begin and side by side."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

_WORD_START = 8
_ADJOINING = 5
_EXACT = 30
_GAP = -0.2
_FEW, _MAX_SCORED = 500, 400


def ranked(query: str, titles: Iterable[str], limit: int = 200) -> list[tuple[int, tuple[int, ...]]]:
    """Of the titles that fit, best first: their places, and the places of the letters in each."""
    letters = "".join(query.lower().split())
    if not letters:
        return [(place, ()) for place, _ in zip(range(limit), titles, strict=False)]
    found = []
    for place, title in _candidates(letters, [*titles]):
        score, letters_at = _score(letters, title)
        found.append((-score, len(title), place, letters_at))
    found.sort(key=lambda entry: entry[:3])
    return [(place, letters_at) for _, _, place, letters_at in found[:limit]]


def _candidates(letters: str, titles: list[str]) -> list[tuple[int, str]]:
    """Scoring takes time: of very many titles, those that begin with the letters, then those that have them
    side by side; the others only where these are few."""
    fits = _pattern(letters).search
    whole = "\n" + "\n".join(titles).lower() if len(titles) > _FEW else ""
    if whole.count("\n") != len(titles):  # few, or one of several lines
        return [(place, title) for place, title in enumerate(titles) if fits(title)]
    places = dict.fromkeys([*_places(whole, "\n" + letters), *_places(whole, letters)])
    if len(places) < _MAX_SCORED:
        fitting = (place for place, title in enumerate(titles) if fits(title))
        places |= dict.fromkeys(place for _, place in zip(range(_MAX_SCORED), fitting, strict=False))
    return [(place, titles[place]) for place in [*places][:_MAX_SCORED] if fits(titles[place])]


def _places(whole: str, letters: str) -> Iterator[int]:
    """Of the lines that have the letters, the first ones: their numbers."""
    line, counted = -1, 0
    at = whole.find(letters)
    for _ in range(_MAX_SCORED):
        if at < 0:
            return
        line += whole.count("\n", counted, at + 1)
        counted = at + 1
        yield line
        end = whole.find("\n", at + 1)
        at = whole.find(letters, end) if end >= 0 else -1


@lru_cache(maxsize=64)
def _pattern(letters: str) -> re.Pattern[str]:
    return re.compile(".*?".join(map(re.escape, letters)), re.IGNORECASE | re.DOTALL)


def _score(letters: str, title: str) -> tuple[float, tuple[int, ...]]:
    """The best of the ways that begin at each place of the first letter, each going on as well as it can."""
    lower = title.lower()
    if len(lower) != len(title):  # a letter that has two in lower case
        lower = title
    best: tuple[float, tuple[int, ...]] = (float("-inf"), ())
    start = lower.find(letters[0])
    while start >= 0:
        for goes_on_beside in (True, False):
            way = _way(letters, title, lower, start, goes_on_beside)
            if way:
                is_exact = lower[way[0] : way[-1] + 1].replace(" ", "") == letters
                score = _score_of(way, title) + _EXACT * is_exact
                best = (score, way) if score > best[0] else best
        start = lower.find(letters[0], start + 1)
    return best


def _way(letters: str, title: str, lower: str, start: int, goes_on_beside: bool) -> tuple[int, ...]:
    """Places of the letters: beside the last where wished and possible, else where a word begins, else the
    next. Empty where there is no way from `start`."""
    way = [start]
    for number, letter in enumerate(letters[1:], start=1):
        after = way[-1] + 1
        if goes_on_beside and lower[after : after + 1] == letter:
            way.append(after)
            continue
        rest = letters[number + 1 :]
        places = [at for at in range(after, len(lower)) if lower[at] == letter]
        places = [at for at in places if not rest or _pattern(rest).search(lower, at + 1)]
        if not places:
            return ()
        way.append(next((at for at in places if _worth(title, at) > 0), places[0]))
    return tuple(way)


def _score_of(way: tuple[int, ...], title: str) -> float:
    beside = sum(after - before == 1 for before, after in pairwise(way))
    return sum(_worth(title, at) for at in way) + _ADJOINING * beside + _GAP * (way[-1] - way[0])


def _worth(title: str, at: int) -> int:
    before = title[at - 1] if at else " "
    begins = not before.isalnum() or (before.islower() and title[at].isupper())
    return _WORD_START if begins else 0
