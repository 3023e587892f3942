"""What the engine gets to read: right at the cursor, still at its far edge, never a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication

from app.suggestions.surroundings import OpenText, around, excerpts, line_around, open_text, place_of

FILE = "".join(f"value_{number} = call({number})  # größe 🦙\n" for number in range(5000))


def cursor_in(text: str, letters: int) -> QTextCursor:
    document = QTextDocument()
    document.setPlainText(text)
    cursor = QTextCursor(document)
    cursor.setPosition(len(text[:letters].encode("utf-16-le")) // 2)
    cursor.document_kept = document  # type: ignore[attr-defined]
    return cursor


@pytest.mark.parametrize("letters", [0, 1, 6, 7, 20])
def test_around_a_cursor_stands_what_is_there(qapp: QApplication, letters: int) -> None:
    text = "ab🦙c\nd\u00a0e\n\nfgh 🦙"
    letters = min(letters, len(text))
    cursor = cursor_in(text, letters)
    assert around(cursor) == (text[:letters], text[letters:])
    left, right = line_around(cursor)
    assert left == text[:letters].rpartition("\n")[2]
    assert right == text[letters:].partition("\n")[0]
    place = place_of(cursor)
    assert (place.before, place.after) == (text[:letters], text[letters:])


def test_the_far_edge_of_a_large_file_stands_still_and_at_a_line(qapp: QApplication) -> None:
    cursor = cursor_in(FILE, 100_000)
    prefix, suffix = around(cursor)
    assert FILE[:100_000].endswith(prefix)
    assert FILE[100_000:].startswith(suffix)
    assert prefix.startswith("value_")
    assert 2**15 // 2 < len(prefix) < 2**17
    for _ in range(200):
        cursor.insertText("x")
        assert around(cursor)[0][:50] == prefix[:50]


def test_a_line_without_end_is_cut_too(qapp: QApplication) -> None:
    prefix, suffix = around(cursor_in("x" * 1_000_000, 500_000))
    assert 2**15 <= len(prefix) <= 2**17
    assert len(suffix) <= 2**14


@given(
    texts=st.lists(
        st.tuples(
            st.sampled_from(["a.py", "b.py", ".env", "k.pem", "own.py"]),
            st.text("ab \n", max_size=3000),
            st.integers(0, 3000),
        ),
        max_size=20,
    ),
    most=st.integers(0, 8000),
)
def test_other_files_are_bounded_whole_lines_and_never_secret(
    texts: list[tuple[str, str, int]], most: int
) -> None:
    others = [OpenText(path, text, min(cursor, len(text))) for path, text, cursor in texts]
    found = excerpts(others, most, "own.py")
    assert sum(len(file.text) for file in found) <= most
    assert {file.path for file in found} <= {"a.py", "b.py"}
    for file in found:
        assert any(file.path == other.path and file.text in other.text for other in others)


def test_of_another_open_text_whole_lines_are_taken_and_no_more_than_is_used(qapp: QApplication) -> None:
    cursor = cursor_in(FILE, 150_000)
    found = open_text("a.py", cursor)
    assert found.text in FILE
    assert found.text.startswith("value_")
    assert len(found.text) < 5000
    line = FILE[:150_000].rpartition("\n")[2]
    assert found.text[: found.cursor].endswith(line)


def test_of_a_long_file_the_lines_around_the_place_last_visited_are_taken() -> None:
    lines = [f"line {number:04}\n" for number in range(2000)]
    text = "".join(lines)
    [file] = excerpts([OpenText("a.py", text, text.index("line 1000"))], 6000, None)
    assert "line 1000\n" in file.text
    assert file.text.endswith("\n")
    assert file.text.startswith("line ")
    assert len(file.text) <= 1500
