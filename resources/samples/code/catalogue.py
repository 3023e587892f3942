"""The catalogue: what the shop sells and for how much."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from money import Money


@dataclass(frozen=True)
class Article:
    """Something that is sold by the piece."""

    number: int
    name: str
    price: Money
    tax_percent: int = 20

    def price_of(self, count: int) -> Money:
        """What so many of it cost, without any discount."""
        return self.price * count


class UnknownArticle(LookupError):
    """There is no article with that number or name."""


class Catalogue:
    """Articles by number; names are unique as well."""

    def __init__(self, articles: Iterable[Article] = ()) -> None:
        self._by_number: dict[int, Article] = {}
        self._by_name: dict[str, Article] = {}
        for article in articles:
            self.add(article)

    def __len__(self) -> int:
        return len(self._by_number)

    def __iter__(self) -> Iterator[Article]:
        return iter(sorted(self._by_number.values(), key=lambda article: article.number))

    def __contains__(self, number: int) -> bool:
        return number in self._by_number

    def add(self, article: Article) -> None:
        """Adds an article; its number and its name must both be new."""
        if article.number in self._by_number:
            raise ValueError(f"the number {article.number} is taken already")
        if article.name in self._by_name:
            raise ValueError(f"the name {article.name!r} is taken already")
        self._by_number[article.number] = article
        self._by_name[article.name] = article

    def remove(self, number: int) -> Article:
        """Takes an article out of the catalogue and returns it."""
        article = self.article(number)
        del self._by_number[article.number]
        del self._by_name[article.name]
        return article

    def article(self, number: int) -> Article:
        """The article with this number."""
        try:
            return self._by_number[number]
        except KeyError:
            raise UnknownArticle(f"there is no article {number}") from None

    def named(self, name: str) -> Article:
        """The article with this name."""
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownArticle(f"there is no article called {name!r}") from None

    def search(self, words: str) -> list[Article]:
        """Articles whose names hold all of these words, in any order."""
        wanted = words.lower().split()
        return [article for article in self if all(word in article.name.lower() for word in wanted)]

    def cheapest(self, count: int = 1) -> list[Article]:
        """So many of the cheapest articles, the cheapest first."""
        return sorted(self, key=lambda article: (article.price, article.number))[:count]
