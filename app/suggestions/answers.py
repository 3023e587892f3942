"""Answers: what the engine has said lately, so that nobody asks twice for the same.

An answer is known again by the text around the place where it begins. Deleting back to such a place, or
typing what it says, finds it. Bounded; what has not been of use for longest goes first.
"""

from dataclasses import dataclass

from app.suggestions.suggestion import letters_in, units

_MOST = 128
TOLD_BEFORE, TOLD_AFTER = 240, 120  # letters around a place that tell it from others


@dataclass(frozen=True)
class Place:
    """Where a cursor stands: the units before it, and the text on both sides, as far as it is looked at."""

    position: int
    before: str
    after: str

    def moved_behind(self, text: str, swallowed: int = 0) -> "Place":
        """Where the cursor will stand when the text is put in here, in the place of what it swallows."""
        return Place(self.position + units(text), self.before + text, self.after[swallowed:])


@dataclass(frozen=True)
class Answer:
    """`chance`: that all of it is meant; None where nobody asked. `is_unsure`: it was cut for that."""

    place: Place
    text: str
    chance: float | None = None
    is_unsure: bool = False


class Answers:
    def __init__(self) -> None:
        self._kept: list[Answer] = []  # the last of use at the end

    def __len__(self) -> int:
        return len(self._kept)

    def remember(self, answer: Answer) -> None:
        place = answer.place
        told = Place(place.position, place.before[-TOLD_BEFORE:], place.after[:TOLD_AFTER])
        self._kept = [kept for kept in self._kept if kept.place != told][1 - _MOST :]
        self._kept.append(Answer(told, answer.text, answer.chance, answer.is_unsure))

    def at(self, place: Place) -> Answer | None:
        """What is left of the latest answer that begins here, or that has been typed up to here."""
        for number in range(len(self._kept) - 1, -1, -1):
            kept = self._kept[number]
            rest = _rest(kept, place)
            if rest is not None:
                self._kept.append(self._kept.pop(number))
                return Answer(place, rest, kept.chance, kept.is_unsure)
        return None

    def forget(self) -> None:
        self._kept.clear()


def _rest(kept: Answer, place: Place) -> str | None:
    typed_units = place.position - kept.place.position
    if not 0 <= typed_units <= 2 * len(kept.text):
        return None
    typed = place.before[len(place.before) - letters_in(place.before, typed_units) :]
    before = place.before[: len(place.before) - len(typed)]
    is_here = (
        kept.text.startswith(typed)
        and (before.endswith(kept.place.before) or kept.place.before.endswith(before))
        and place.after[:TOLD_AFTER] == kept.place.after
    )
    # all typed is no answer: what comes next has not been asked yet
    return kept.text[len(typed) :] if is_here and (len(typed) < len(kept.text) or not kept.text) else None
