"""Catalogue and sales on disk: JSON for the catalogue, a line a sale in a CSV file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from catalogue import Article, Catalogue
from money import Money

FIELDS = ("when", "article_number", "count", "cents")


@dataclass(frozen=True)
class Sale:
    """One line of a receipt, as it is kept."""

    when: datetime
    article_number: int
    count: int
    price: Money


def read_catalogue(path: Path) -> Catalogue:
    """Reads what write_catalogue wrote."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Catalogue()
    articles = []
    for entry in content:
        price = Money.parse(entry["price"])
        articles.append(Article(entry["number"], entry["name"], price, entry["tax_percent"]))
    return Catalogue(articles)


def write_catalogue(catalogue: Catalogue, path: Path) -> None:
    """Whole or not at all: a new file takes the place of the old one."""
    content = [asdict(article) | {"price": str(article.price)} for article in catalogue]
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(content, indent=2), encoding="utf-8")
    partial.replace(path)


def append_sales(sales: list[Sale], path: Path) -> None:
    """Adds lines to the file of sales, with a header where it is new."""
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(FIELDS)
        for sale in sales:
            writer.writerow([sale.when.isoformat(), sale.article_number, sale.count, sale.price.cents])


def read_sales(path: Path) -> Iterator[Sale]:
    """One sale after the other; the file may be larger than memory."""
    with path.open(newline="", encoding="utf-8") as file:
        for entry in csv.DictReader(file):
            yield Sale(
                datetime.fromisoformat(entry["when"]),
                int(entry["article_number"]),
                int(entry["count"]),
                Money(int(entry["cents"])),
            )
