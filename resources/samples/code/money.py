"""Amounts of money: whole cents, so that nothing is lost to rounding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Money:
    """An amount in cents. Negative amounts are refunds."""

    cents: int = 0

    @classmethod
    def parse(cls, text: str) -> Money:
        """Reads "12", "12.5" and "12.50"."""
        sign = -1 if text.startswith("-") else 1
        whole, _, part = text.lstrip("-").partition(".")
        if not whole.isdigit() or not (part == "" or part.isdigit()) or len(part) > 2:
            raise ValueError(f"{text!r} is not an amount of money")
        return cls(sign * (int(whole) * 100 + int(part.ljust(2, "0"))))

    def __add__(self, other: Money) -> Money:
        return Money(self.cents + other.cents)

    def __sub__(self, other: Money) -> Money:
        return Money(self.cents - other.cents)

    def __mul__(self, count: int) -> Money:
        return Money(self.cents * count)

    def __neg__(self) -> Money:
        return Money(-self.cents)

    def __bool__(self) -> bool:
        return self.cents != 0

    def __str__(self) -> str:
        sign = "-" if self.cents < 0 else ""
        whole, part = divmod(abs(self.cents), 100)
        return f"{sign}{whole}.{part:02}"

    def percent(self, percent: int) -> Money:
        """A share of the amount, rounded to the nearest cent, halves away from zero."""
        share, rest = divmod(abs(self.cents) * percent, 100)
        share += rest >= 50
        return Money(share if self.cents >= 0 else -share)

    def split(self, count: int) -> list[Money]:
        """Parts that differ by one cent at most and add up to the whole."""
        if count < 1:
            raise ValueError("an amount is split into one part at least")
        part, rest = divmod(self.cents, count)
        return [Money(part + (number < rest)) for number in range(count)]


def total(amounts: list[Money]) -> Money:
    """The sum of all amounts."""
    result = Money()
    for amount in amounts:
        result = result + amount
    return result
