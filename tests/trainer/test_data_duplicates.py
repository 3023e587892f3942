"""Texts seen before are known again, nearly equal ones too, and memory has a limit."""

import random
import tracemalloc

import pytest

from trainer.data.duplicates import Duplicates


def text_of(words: list[str]) -> bytes:
    return " ".join(words).encode()


def some_words(seed: int, count: int = 400) -> list[str]:
    dice = random.Random(seed)
    return [f"word{dice.randrange(5000)}" for _ in range(count)]


def changed(words: list[str], changes: int, seed: int = 0) -> list[str]:
    dice = random.Random(seed)
    result = list(words)
    for place in dice.sample(range(len(words)), changes):
        result[place] = f"other{dice.randrange(10**6)}"
    return result


def kind(duplicates: Duplicates, text: bytes, name: str = "x") -> str | None:
    match = duplicates.find(name, text)
    return match and match.kind


def test_the_same_text_is_known_however_short() -> None:
    duplicates = Duplicates()
    for text in (b"x = 1\n", b"", text_of(some_words(1))):
        assert kind(duplicates, text) is None
        assert kind(duplicates, text) == "duplicate"


def test_a_few_changed_words_make_no_new_text() -> None:
    missed = 0
    for seed in range(60):
        duplicates, words = Duplicates(16), some_words(seed)
        duplicates.find("first", text_of(words))
        missed += kind(duplicates, text_of(changed(words, 2, seed))) != "near_duplicate"
    assert missed <= 3


def test_half_the_words_changed_make_a_new_one() -> None:
    for seed in range(60):
        duplicates, words = Duplicates(16), some_words(seed)
        duplicates.find("first", text_of(words))
        assert kind(duplicates, text_of(changed(words, 60, seed))) is None


def test_a_comment_at_the_head_makes_no_texts_alike() -> None:
    head = "".join(f"# {' '.join(some_words(99, 30))}\n" for _ in range(10)).encode()
    duplicates = Duplicates()
    assert [kind(duplicates, head + text_of(some_words(seed, 40))) for seed in range(20)] == [None] * 20


def test_short_texts_are_only_compared_whole() -> None:
    duplicates = Duplicates()
    assert [kind(duplicates, f"from package import module_{n}\n".encode()) for n in range(50)] == [None] * 50


def test_it_says_where_the_text_was() -> None:
    duplicates = Duplicates()
    words = some_words(5)
    duplicates.find("a.py", text_of(words))
    for text, expected in ((words, "duplicate"), (changed(words, 1), "near_duplicate")):
        match = duplicates.find("b.py", text_of(text))
        assert match == (expected, "a.py")


@pytest.mark.parametrize("count", [100, 3000])
def test_all_that_fit_are_remembered(count: int) -> None:
    duplicates = Duplicates(most_texts=count)
    texts = [text_of(some_words(seed, 60)) for seed in range(count)]
    assert [kind(duplicates, text) for text in texts] == [None] * count
    found = [kind(duplicates, text) for text in texts]
    assert found.count("duplicate") >= 0.99 * count


def test_more_than_fit_cost_no_memory() -> None:
    duplicates = Duplicates(most_texts=1000)
    tracemalloc.start()
    try:
        for number in range(2000):
            duplicates.find(str(number), f"text {number}".encode())
        before = tracemalloc.get_traced_memory()[0]
        for number in range(2000, 12000):
            duplicates.find(str(number), f"text {number}".encode())
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()
    assert kind(duplicates, b"text 11990") == "duplicate"
    assert kind(duplicates, b"text 3") is None


def test_a_text_costs_144_bytes() -> None:
    tracemalloc.start()
    try:
        duplicates = Duplicates(most_texts=1 << 14)
        for number in range(1 << 14):
            duplicates.find("", f"text {number}".encode())
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    names = 1 << 21  # these are kept for few, and not counted in
    assert used < (144 + 1) * (1 << 14) + names


def test_the_order_of_python_s_hashes_does_not_matter() -> None:
    """What is a near duplicate must not change from one process to the next."""
    import subprocess
    import sys

    code = (
        "from trainer.data.duplicates import _keys; import sys;"
        "sys.stdout.write(_keys(b'one two three four five six ' * 20).tobytes().hex())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1
