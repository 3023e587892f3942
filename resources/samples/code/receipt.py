"""Receipts: what was sold, as text for a printer of fixed width."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from basket import Basket, Discount
from money import Money

WIDTH = 40


@dataclass(frozen=True)
class Payment:
    """How much was given, and what of it is given back."""

    given: Money
    to_pay: Money

    @property
    def change(self) -> Money:
        if self.given < self.to_pay:
            raise ValueError(f"{self.given} is not enough for {self.to_pay}")
        return self.given - self.to_pay


def receipt(basket: Basket, discounts: list[Discount], given: Money, when: datetime) -> str:
    """The whole receipt, lines ended by newlines."""
    payment = Payment(given, basket.to_pay(discounts))
    lines = [centred("Thank you for your visit"), when.strftime("%d.%m.%Y %H:%M"), rule()]
    for line in basket:
        lines.append(row(f"{line.count} x {line.article.name}", str(line.price)))
    lines.append(rule())
    discount = basket.discount(discounts)
    if discount:
        lines.append(row("Discount", str(-discount)))
    lines.append(row("To pay", str(payment.to_pay)))
    lines.append(row("Given", str(payment.given)))
    lines.append(row("Change", str(payment.change)))
    lines.append(row("Tax contained", str(basket.tax())))
    return "\n".join(lines) + "\n"


def row(left: str, right: str, width: int = WIDTH) -> str:
    """Text at both edges; the left one is cut where there is no room."""
    room = width - len(right) - 1
    return f"{left[:room].ljust(room)} {right}"


def centred(text: str, width: int = WIDTH) -> str:
    return text[:width].center(width).rstrip()


def rule(width: int = WIDTH) -> str:
    return "-" * width


def coins(amount: Money) -> dict[int, int]:
    """The fewest coins and notes that make up an amount: value in cents to count."""
    values = (5000, 2000, 1000, 500, 200, 100, 50, 20, 10, 5, 2, 1)
    rest, found = amount.cents, {}
    for value in values:
        count, rest = divmod(rest, value)
        if count:
            found[value] = count
    return found
