"""How near a text is to the one that stood there: the same, or how much of both is in both, in order."""


def is_same(written: str, expected: str) -> bool:
    """But for blanks around it, which no reader sees."""
    return written.strip() == expected.strip()


def edit_similarity(one: str, other: str) -> float:
    """1 is the same, 0 has nothing in common: twice the longest common subsequence over both lengths.

    That is what published benchmarks of code completion call so.
    """
    total = len(one) + len(other)
    return 2 * _common_length(one, other) / total if total else 1.0


def _common_length(one: str, other: str) -> int:
    """Of the longest common subsequence. A whole row of the table is one number, a bit a letter."""
    places: dict[str, int] = {}
    for place, letter in enumerate(one):
        places[letter] = places.get(letter, 0) | 1 << place
    full = (1 << len(one)) - 1
    row = full
    for letter in other:
        found = row & places.get(letter, 0)
        row = (row + found | row - found) & full
    return len(one) - row.bit_count()
