"""The stock: how many of each article lie on the shelves, and how that came about."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Kind = Literal["delivery", "sale", "loss", "count"]


@dataclass(frozen=True)
class Movement:
    """Something that changed the stock."""

    when: datetime
    article_number: int
    change: int
    kind: Kind


class NotEnough(ValueError):
    """More is wanted than there is."""


class Stock:
    """Counts by article number; each change is kept as a movement."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = defaultdict(int)
        self._movements: list[Movement] = []

    @property
    def movements(self) -> tuple[Movement, ...]:
        return tuple(self._movements)

    def count(self, number: int) -> int:
        return self._counts.get(number, 0)

    def deliver(self, number: int, count: int, when: datetime) -> None:
        """New pieces come in."""
        if count < 1:
            raise ValueError("a delivery holds one piece at least")
        self._move(Movement(when, number, count, "delivery"))

    def sell(self, number: int, count: int, when: datetime) -> None:
        """Pieces go out; there must be so many."""
        held = self.count(number)
        if count > held:
            raise NotEnough(f"of article {number} there are {held}, not {count}")
        self._move(Movement(when, number, -count, "sale"))

    def lose(self, number: int, count: int, when: datetime) -> None:
        """Pieces that broke or were stolen."""
        self._move(Movement(when, number, -min(count, self.count(number)), "loss"))

    def correct(self, number: int, counted: int, when: datetime) -> int:
        """After somebody counted: the difference to what was expected."""
        difference = counted - self.count(number)
        if difference:
            self._move(Movement(when, number, difference, "count"))
        return difference

    def below(self, least: int) -> list[int]:
        """Numbers of the articles of which there are fewer than that."""
        return sorted(number for number, count in self._counts.items() if count < least)

    def sold_between(self, start: datetime, end: datetime) -> dict[int, int]:
        """How many of each article were sold from start until before end."""
        sold: dict[int, int] = defaultdict(int)
        for movement in self._movements:
            if movement.kind == "sale" and start <= movement.when < end:
                sold[movement.article_number] -= movement.change
        return dict(sold)

    def _move(self, movement: Movement) -> None:
        self._counts[movement.article_number] += movement.change
        self._movements.append(movement)
