"""The till: ties catalogue, basket, stock and storage together for one customer after the other."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from basket import Basket, Discount
from catalogue import Catalogue, UnknownArticle
from money import Money
from receipt import receipt
from stock import NotEnough, Stock
from storage import Sale, append_sales


class Till:
    """Sells; what goes wrong is said to the customer and changes nothing."""

    def __init__(self, catalogue: Catalogue, stock: Stock, sales_file: Path) -> None:
        self._catalogue, self._stock, self._sales_file = catalogue, stock, sales_file
        self._discounts: list[Discount] = []
        self.basket = Basket(catalogue)

    def offer(self, discount: Discount) -> None:
        self._discounts.append(discount)

    def scan(self, number: int, count: int = 1) -> str:
        """Puts an article into the basket, and says what the display shows."""
        try:
            self.basket.put(number, count)
        except UnknownArticle as error:
            return str(error)
        article = self._catalogue.article(number)
        return f"{article.name}: {article.price_of(count)}"

    def missing(self) -> list[str]:
        """Names of the articles of which the stock holds less than the basket."""
        return [
            line.article.name for line in self.basket if self._stock.count(line.article.number) < line.count
        ]

    def pay(self, given: Money, when: datetime) -> str:
        """Sells what is in the basket and returns the receipt."""
        missing = self.missing()
        if missing:
            raise NotEnough(f"there is not enough of {', '.join(missing)}")
        printed = receipt(self.basket, self._discounts, given, when)
        sales = []
        for line in self.basket:
            self._stock.sell(line.article.number, line.count, when)
            sales.append(Sale(when, line.article.number, line.count, line.price))
        append_sales(sales, self._sales_file)
        self.basket.clear()
        return printed

    def cancel(self) -> int:
        """Empties the basket; returns how many pieces were in it."""
        count = len(self.basket)
        self.basket.clear()
        return count
