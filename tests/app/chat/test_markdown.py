"""Splitting Markdown: a text that grows is split as the whole of it, and nothing unseen is shown."""

from hypothesis import example, given
from hypothesis import strategies as st

from app.chat.markdown import Block, GrowingText, presentable, split

PARTS = [
    "# A title\n",
    "some *text*\nin two lines\n",
    "\n",
    "- one\n- two\n",
    "1. first\n\n   more of it\n",
    "```python\nx = 1\n```\n",
    "```\nopen and `ticked`",
    "~~~js\nlet x\n~~~\n",
    "````md\n```\ninner\n```\n````\n",
    "    indented\n",
    "> said\n> again\n",
    "| a | b |\n|---|---|\n| 1 | 2 |\n",
    "[a]: http://example.org\n",
    "<b>bold</b>\n",
    "---\n",
    "`",
    "``` \n",
]
texts = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)


def seen(found: list[Block]) -> list[tuple[str, str, str]]:
    return [(block.kind, block.text.strip("\n"), block.language) for block in found if block.text.strip()]


@given(text=texts, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
@example(text="1. first\n\n   more of it\n\n1. second\n", sizes=[1])
def test_a_text_that_comes_in_pieces_is_split_as_the_whole_of_it(text: str, sizes: list[int]) -> None:
    growing, place, found, number = GrowingText(), 0, [Block("prose", "")], 0
    while place < len(text):
        size = sizes[number % len(sizes)]
        found = growing.add(text[place : place + size])
        place, number = place + size, number + 1
    assert seen(found) == seen(split(text)[0])


def test_only_the_last_block_of_a_growing_text_is_new() -> None:
    growing = GrowingText()
    first = growing.add("A sentence.\n\n```python\nx = 1\n")
    later = growing.add("y = 2\n")
    assert first[0] is later[0]
    assert later[1] == Block("code", "x = 1\ny = 2", "python")
    assert [block.kind for block in growing.add("```\nand so on")] == ["prose", "code", "prose"]


def test_control_characters_and_marks_that_turn_text_around_are_seen() -> None:
    assert presentable("a\x1b[31mb\x00c\r\nd\te\u2028f") == "a\u241b[31mb\u2400c\nd\te\nf"
    assert presentable("if access\u202e // admin\u2066") == "if access\ufffd // admin\ufffd"
    assert presentable("half \ud83d") == "half \ufffd"
