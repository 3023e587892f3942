"""The basket: what a customer wants to buy, and what it costs after discounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from catalogue import Article, Catalogue
from money import Money, total


@dataclass(frozen=True)
class Line:
    """So many of an article."""

    article: Article
    count: int

    @property
    def price(self) -> Money:
        return self.article.price_of(self.count)

    @property
    def tax(self) -> Money:
        """The tax that is contained in the price."""
        rate = self.article.tax_percent
        return Money(round(self.price.cents * rate / (100 + rate)))


@dataclass(frozen=True)
class Discount:
    """A share off all articles, from a certain amount on."""

    name: str
    percent: int
    from_amount: Money = field(default_factory=Money)

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise ValueError("a discount takes between 1 and 100 percent off")

    def of(self, amount: Money) -> Money:
        """What is taken off this amount."""
        if amount < self.from_amount:
            return Money()
        return amount.percent(self.percent)


class Basket:
    """Counts of articles by number, in the order in which they were put in."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._counts: dict[int, int] = {}

    def __iter__(self) -> Iterator[Line]:
        for number, count in self._counts.items():
            yield Line(self._catalogue.article(number), count)

    def __len__(self) -> int:
        return sum(self._counts.values())

    def put(self, number: int, count: int = 1) -> None:
        """Puts more of an article in."""
        if count < 1:
            raise ValueError("at least one is put in")
        self._catalogue.article(number)
        self._counts[number] = self._counts.get(number, 0) + count

    def take(self, number: int, count: int = 1) -> None:
        """Takes some of an article out again."""
        held = self._counts.get(number, 0)
        if not 1 <= count <= held:
            raise ValueError(f"there are only {held} of article {number} in the basket")
        if held == count:
            del self._counts[number]
        else:
            self._counts[number] = held - count

    def clear(self) -> None:
        self._counts.clear()

    def price(self) -> Money:
        return total([line.price for line in self])

    def tax(self) -> Money:
        return total([line.tax for line in self])

    def discount(self, discounts: list[Discount]) -> Money:
        """The best discount there is; they do not add up."""
        price = self.price()
        return max((discount.of(price) for discount in discounts), default=Money())

    def to_pay(self, discounts: list[Discount] | None = None) -> Money:
        """The price less the best discount."""
        return self.price() - self.discount(discounts or [])
