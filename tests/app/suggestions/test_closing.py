"""What closes behind the cursor stands there once, whether the suggestion closes it or not."""

import pytest

from app.suggestions.closing import swallowed


@pytest.mark.parametrize(
    ("left", "text", "right", "count"),
    [
        ("for i in range(", "1, 2):", ")", 1),
        ("def __init__(self,", " **kwargs: Any) -> None:", ")", 1),
        ("range(", "1, 2", ")", 0),
        ("f(g(", "x)", ")", 0),  # the one that stands there is f's
        ("f(g(", "x)", "))", 1),
        ("f(g(", "x))", "))", 2),
        ("f(g(", "x)) + h(1)", ")):", 2),
        ("f([", "1])", "])", 2),
        ("f(", "g(x), 2)", ")", 1),
        ("f(", "')'", ")", 0),
        ("f(", "')')", ")", 1),
        ('print("', 'a")', '")', 2),
        ('print("(', ')")', '")', 2),
        ('x = "', 'a\\"b', '"', 0),
        ('x = """', 'a"""', '"""', 3),
        ("a, b", ")", ")", 0),  # an earlier line has opened it
        ("f(", "x)\n    g('", ")", 1),
        ("", "print(1)", "", 0),
    ],
)
def test_a_line_has_no_closing_one_too_many(left: str, text: str, right: str, count: int) -> None:
    assert swallowed(left, text, right) == count
