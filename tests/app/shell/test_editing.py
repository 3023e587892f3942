"""Keys of the editor as a person presses them, in a whole window."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from app.editor.code_editor import CodeEditor
from app.shell.settings_page import SettingsPage
from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.windows import Start, Started

_CTRL, _SHIFT, _ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)


async def test_keys_of_lines_and_words_do_what_they_do_elsewhere(
    run: Run, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "a.py").write_text("cat = 1\ndog = cat\n")
    window = (await start(tmp_path / "a.py")).window
    editor = window.tabs.current().editor  # type: ignore[union-attr]
    QTest.keyClick(editor, Qt.Key.Key_D, _CTRL)
    assert editor.textCursor().selectedText() == "cat"
    QTest.keyClick(editor, Qt.Key.Key_D, _CTRL)
    assert editor.textCursor().position() == len("cat = 1\ndog = cat")
    assert editor.toPlainText() == "cat = 1\ndog = cat\n"
    QTest.keyClick(editor, Qt.Key.Key_Down, _ALT | _SHIFT)
    assert editor.toPlainText() == "cat = 1\ndog = cat\ndog = cat\n"
    QTest.keyClick(editor, Qt.Key.Key_K, _CTRL | _SHIFT)
    assert editor.toPlainText() == "cat = 1\ndog = cat\n"


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # offscreen, of menus
async def test_a_press_on_why_there_is_no_suggestion_changes_nothing_and_turning_them_off_is_said(
    run: Run, started: Started
) -> None:
    started.trigger("file.new")
    window = started.window
    QTest.mouseClick(window.status.button("completion"), Qt.MouseButton.LeftButton)
    menu = await until(lambda: window.status.findChild(QMenu))
    assert window._store.settings.completion.enabled
    toggle = window.commands["completion.toggle"]
    assert toggle in menu.actions()
    toggle.trigger()
    menu.close()
    assert not window._store.settings.completion.enabled
    assert window.status.text("message").startswith("Suggestions are off; Completion: Toggle Suggestions")


async def test_who_wants_another_limit_of_memory_is_taken_to_it(run: Run, started: Started) -> None:
    started.trigger("view.memory_limit")
    page = started.window.frame.made_page("settings")
    assert isinstance(page, SettingsPage)
    field = page.form("budget").field("ram_mb")
    assert started.window.focusWidget() is field
    assert page.rect().contains(field.mapTo(page, field.rect().center()))


@pytest.mark.parametrize("has_text", [True, False])
async def test_among_the_settings_the_keys_find_a_setting(run: Run, started: Started, has_text: bool) -> None:
    window = started.window
    if has_text:
        started.trigger("file.new")
    started.trigger("view.settings")
    page = window.frame.made_page("settings")
    assert isinstance(page, SettingsPage)
    assert window.focusWidget() is page.search
    QTest.keyClicks(window.focusWidget(), "wrap")
    assert page.search.text() == "wrap"
    page.form("editing").field("wrap_lines").setFocus()
    started.trigger("edit.find")
    assert window.frame.page == "settings"
    assert window.focusWidget() is page.search
    QTest.keyClicks(window.focusWidget(), "scale")
    assert page.search.text() == "scale"
    started.trigger("view.settings")
    assert window.commands["edit.find"].isEnabled() == has_text


async def test_what_is_selected_keeps_its_colours(run: Run, started: Started) -> None:
    started.trigger("file.new")
    editor = started.window.tabs.current().editor  # type: ignore[union-attr]
    assert isinstance(editor, CodeEditor)
    editor.setPlainText("====" * 10 + "'" + "====" * 10 + "'")
    editor.highlighter.settle()
    editor.selectAll()
    image, colours = editor.viewport().grab().toImage(), editor.colours
    seen = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(20)}
    wanted = (colours.selection, colours.syntax.operator, colours.syntax.string)
    assert {QColor(colour).name() for colour in wanted} <= seen
