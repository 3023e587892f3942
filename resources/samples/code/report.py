"""Reports: what was sold when, and what should be ordered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta

from catalogue import Catalogue
from money import Money
from stock import Stock
from storage import Sale


def by_day(sales: Iterable[Sale]) -> dict[date, Money]:
    """What each day brought, the earliest day first."""
    found: dict[date, Money] = defaultdict(Money)
    for sale in sales:
        found[sale.when.date()] += sale.price
    return dict(sorted(found.items()))


def by_weekday(sales: Iterable[Sale]) -> list[Money]:
    """What each day of the week brought; Monday is the first."""
    found = [Money() for _ in range(7)]
    for sale in sales:
        found[sale.when.weekday()] += sale.price
    return found


def best_sellers(sales: Iterable[Sale], catalogue: Catalogue, count: int = 10) -> list[tuple[str, int]]:
    """Names of the articles that were sold most often, and how often."""
    sold: dict[int, int] = defaultdict(int)
    for sale in sales:
        sold[sale.article_number] += sale.count
    ranked = sorted(sold.items(), key=lambda item: (-item[1], item[0]))
    return [(catalogue.article(number).name, pieces) for number, pieces in ranked[:count]]


def moving_average(values: list[float], width: int) -> list[float]:
    """The mean of each value and those before it, `width` of them at most."""
    if width < 1:
        raise ValueError("an average needs one value at least")
    result: list[float] = []
    window = 0.0
    for index, value in enumerate(values):
        window += value
        if index >= width:
            window -= values[index - width]
        result.append(window / min(index + 1, width))
    return result


def to_order(stock: Stock, catalogue: Catalogue, least: int, full: int) -> dict[str, int]:
    """How many of each article bring the shelf back to full, where there are fewer than `least`."""
    if least > full:
        raise ValueError("a full shelf holds at least what is the least")
    return {
        catalogue.article(number).name: full - stock.count(number)
        for number in stock.below(least)
        if number in catalogue
    }


def days_without_sales(days: dict[date, Money], start: date, end: date) -> list[date]:
    """Days from start to before end on which nothing was sold."""
    missing = []
    day = start
    while day < end:
        if day not in days:
            missing.append(day)
        day += timedelta(days=1)
    return missing
