"""A prompt that was written is there again, unless nobody wants copies."""

from pathlib import Path

from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.prompt.kept_prompt import KeptPrompt
from app.prompt.prompt_page import PromptPage
from core.spec.folders import data_folder
from tests.app.conftest import Run
from tests.app.windows import Start, Started


def file() -> Path:
    return data_folder() / "prompt.txt"


def prompt_of(started: Started) -> QPlainTextEdit:
    started.trigger("view.prompt")
    page = started.window.frame.made_page("prompt")
    assert isinstance(page, PromptPage)
    return page.prompt


async def test_a_prompt_outlives_the_window_and_goes_where_no_copies_are_wanted(
    run: Run, start: Start
) -> None:
    first = await start()
    QTest.keyClicks(prompt_of(first), "a function")
    await first.end()
    second = await start()
    prompt = prompt_of(second)
    assert prompt.toPlainText() == "a function"
    second.window._store.change("safety", keep_unsaved=False)
    QTest.keyClicks(prompt, "x")
    await second.end()
    assert not file().exists()


def test_it_is_written_soon_after_a_key_and_a_disk_that_is_full_is_said_once(qtbot: QtBot) -> None:
    field = QPlainTextEdit()
    qtbot.addWidget(field)
    kept = KeptPrompt(field, lambda: True)
    said: list[str] = []
    kept.failed.connect(said.append)
    QTest.keyClicks(field, "first")
    qtbot.waitUntil(file().exists)
    assert file().read_text() == "first"
    file().unlink()
    file().mkdir()
    for text in ("second", "third"):
        field.setPlainText(text)
        kept.write()
    assert len(said) == 1
    assert "cannot be kept safe" in said[0]
    file().rmdir()
    field.setPlainText("fourth")
    kept.write()
    assert file().read_text() == "fourth"
