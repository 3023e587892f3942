"""Sizes and places of files, and how many of something, as a person reads them.

Memory is counted by 1024, see core/spec/budget.
"""

from pathlib import Path


def size_text(count: int) -> str:
    """Of bytes on a disk or on their way: by thousands, as shops and file managers count."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.{0 if count >= 1e7 else 1}f} MB"


def place_text(path: str | Path) -> str:
    """As short as it can be said."""
    try:
        return str(Path("~") / Path(path).relative_to(Path.home()))
    except ValueError:
        return str(path)


def counted(count: int, one: str, many: str = "") -> str:
    """`many`: where it is not the one with an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
