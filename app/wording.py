"""What many parts of the window say, worded in one: where a file lies, and how many there are of a thing."""

from pathlib import Path


def place_text(path: str | Path) -> str:
    """As short as it can be said."""
    try:
        return str(Path("~") / Path(path).relative_to(Path.home()))
    except ValueError:
        return str(path)


def counted(count: int, one: str, many: str = "") -> str:
    """As 1 file, 3 files; `many` where it is not told by an s."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
