"""Texts too long for the usual way: the window lives while they are opened, and nothing of them is lost."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.documents.document_tabs import DocumentPage
from app.documents.documents import Documents
from app.editor.code_editor import CodeEditor
from app.editor.long_text import LONGEST_ENDURED, LONGEST_TYPED, has_long_line, in_pieces
from app.questions import Questions

Run = Callable[[Coroutine[Any, Any, Any]], Any]
LONG = '{"values": [' + "1234567, " * 120_000 + "]}\n"


async def opened(
    qtbot: QtBot, path: Path, steps: Callable[[Documents, Any], Coroutine[Any, Any, None]]
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    documents = Documents(QPlainTextEdit, Questions(window), window)
    try:
        await steps(documents, await documents.open(path))
    finally:
        await documents.stop()


async def test_a_long_text_is_filled_in_while_others_have_their_turn(
    run: Run, qtbot: QtBot, tmp_path: Path
) -> None:
    text = "".join(f"number_{number} = {number}  # é😀\n" for number in range(40_000))
    (tmp_path / "long.py").write_text(text, encoding="utf-8", newline="")
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async def look(documents: Documents, document: Any) -> None:
        ticking.cancel()
        assert turns > len(text) / 60_000
        assert document.text() == text
        assert not document.is_modified
        assert document.place().position == 0
        assert not document.editor.isReadOnly()
        assert not document.editor.document().isUndoAvailable()
        document.editor.insertPlainText("x")
        document.editor.undo()
        assert document.text() == text

    ticking = asyncio.ensure_future(tick())
    await opened(qtbot, tmp_path / "long.py", look)


async def test_a_long_text_that_is_wanted_twice_is_opened_once(
    run: Run, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "long.txt").write_text("word\n" * 200_000)

    async def again(documents: Documents, document: Any) -> None:
        await documents.close(document)
        first, second = await asyncio.gather(*[documents.open(tmp_path / "long.txt") for _ in range(2)])
        assert first is second
        assert len(documents) == 1

    await opened(qtbot, tmp_path / "long.txt", again)


async def test_a_line_of_a_million_characters_is_shown_in_pieces_and_kept_as_it_is(
    run: Run, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "long.json").write_text(LONG)

    async def look(documents: Documents, document: Any) -> None:
        shown = document.editor.toPlainText()
        assert max(map(len, shown.split("\n"))) <= 400
        assert document.editor.isReadOnly()
        assert "shown in pieces" in " ".join(document.notes)
        assert document.text() == document.take_text()() == LONG
        assert document.snapshot().text is None
        document.reload(document_of("x = 1\n"))
        assert not document.editor.isReadOnly()
        assert document.editor.toPlainText() == "x = 1\n"
        document.replace_text(LONG)
        assert document.editor.isReadOnly()
        assert document.text() == LONG

    def document_of(text: str) -> Any:
        from app.documents.text_file import read

        (tmp_path / "short.json").write_text(text)
        return read(tmp_path / "short.json")

    await opened(qtbot, tmp_path / "long.json", look)


def test_a_line_that_nobody_could_type_into_is_not_pasted(qtbot: QtBot) -> None:
    editor = CodeEditor()
    qtbot.addWidget(editor)
    pasted = QMimeData()
    pasted.setText("a = 1\n" + LONG)
    with qtbot.waitSignal(editor.refused) as said:
        editor.insertFromMimeData(pasted)
    assert f"{LONGEST_TYPED:,} characters" in said.args[0]
    assert editor.toPlainText() == ""
    editor.paste_anyway()
    assert editor.toPlainText() == "a = 1\n" + LONG
    editor.undo()
    pasted.setText("a = 1\n" * 50_000)
    editor.insertFromMimeData(pasted)
    assert len(editor.toPlainText()) == 300_000


async def test_who_would_rather_wait_writes_in_a_line_of_a_million_characters(
    run: Run, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "long.json").write_text(LONG)

    async def look(documents: Documents, document: Any) -> None:
        page = DocumentPage(document)
        qtbot.addWidget(page)
        assert page.notice.choices == ["Edit Anyway", "Close This Notice"]
        page.notice.chosen.emit("edit_anyway")
        assert document.editor.toPlainText() == document.text() == LONG
        assert "each key" in page.notice.text
        document.editor.insertPlainText("x")
        assert document.is_modified
        assert await documents.save(document)
        assert (tmp_path / "long.json").read_text() == "x" + LONG

    await opened(qtbot, tmp_path / "long.json", look)


async def test_a_line_that_would_take_seconds_a_key_is_only_looked_at(
    run: Run, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "long.json").write_text("1" * (LONGEST_ENDURED + 1))

    async def look(documents: Documents, document: Any) -> None:
        page = DocumentPage(document)
        qtbot.addWidget(page)
        assert "Edit Anyway" not in page.notice.choices
        assert document.editor.isReadOnly()

    await opened(qtbot, tmp_path / "long.json", look)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "a, ", "\n", "é"]), st.integers(1, LONGEST_TYPED)), max_size=4)
)
def test_pieces_are_short_and_only_long_lines_are_broken(parts: list[tuple[str, int]]) -> None:
    text = "".join(part * count for part, count in parts)
    shown = in_pieces(text)
    longest = max(map(len, text.split("\n")))
    assert has_long_line(text) == (longest > LONGEST_TYPED)
    assert shown.replace("\n", "") == text.replace("\n", "")
    assert not has_long_line(shown)
    if longest <= LONGEST_TYPED:
        assert shown == text
