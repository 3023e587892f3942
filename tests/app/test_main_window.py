"""The whole window, offscreen: a newcomer's first start, what is kept for the next one, what is said."""

import asyncio
import json
from pathlib import Path

import pytest
from PySide6.QtCore import SIGNAL, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QAccessible, QCursor, QDropEvent, QGuiApplication, QKeySequence, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QMessageBox,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.actions import ACTIONS
from app.elided import Elided
from app.languages import language_named
from app.memory.panel import MemoryPanel
from app.prompt.alternative import Written
from app.shell.about import AboutDialog
from app.shell.licences import licence_of, required_packages
from app.shell.log_dialog import LogDialog
from app.shell.settings_page import SettingsPage
from app.shell.shortcuts import ShortcutsDialog
from app.theme import DARK
from core.spec.folders import data_folder, settings_folder
from tests.app.conftest import Run
from tests.app.patience import until
from tests.app.windows import PARTS, Start, Started
from tests.app.workers import tireless_model


async def test_a_newcomer_is_told_what_to_do_and_that_there_is_no_model(run: Run, started: Started) -> None:
    window = started.window
    assert window.frame.page == "welcome"
    assert "No suggestions yet, because no model is chosen" in started.texts()
    assert window.status.text("model") == "No model"
    assert isinstance(window.focusWidget(), QPushButton)
    links = [link for link in window.welcome.findChildren(QPushButton) if link.text() == "New File"]
    links[0].click()
    assert window.frame.page == "texts"
    assert started.names == ["Untitled-1"]
    assert window.focusWidget() is window.tabs.documents()[0].editor


async def test_every_part_has_its_page_and_a_second_time_puts_it_away(run: Run, started: Started) -> None:
    for part, words in (("train", "Teach a model your code"), ("benchmark", "What to measure")):
        started.trigger(f"view.{part}")
        assert words in started.texts()
        assert started.window.frame.page == part
    started.trigger("view.benchmark")
    assert started.window.frame.page == "welcome"


async def test_tabs_place_and_parts_come_back_at_the_next_start(
    run: Run, start: Start, tmp_path: Path
) -> None:
    names = ["one.py", "two.py", "three.py", "four.py"]
    for name in names:
        (tmp_path / name).write_text("first\nsecond\nthird\n")
    before = await start(*[tmp_path / name for name in names])
    before.window.resize(760, 600)
    before.window.tabs.documents()[0].go_to_line(2, 3)
    before.window.tabs.setCurrentIndex(0)
    before.trigger("view.chat")
    await before.end()
    after = await start()
    window = after.window
    assert after.names == names
    assert (window.width(), window.height()) == (760, 600)
    assert window.frame.chat.isVisible()
    assert window.windowTitle() == "one.py[*] — SmallCoder"
    assert window.status.text("place") == "Ln 2, Col 4"


async def test_a_part_that_was_hidden_comes_back_as_large_as_it_was(run: Run, start: Start) -> None:
    before = await start()
    before.trigger("view.output")
    frame = before.window.frame
    frame.set_sizes([256, 900, 0], [400, 300])
    await until(lambda: frame.output.height() > 250)
    height = frame.output.height()
    before.trigger("view.output")
    await before.end()
    after = await start()
    assert not after.window.frame.output.isVisible()
    after.trigger("view.output")
    after.trigger("view.chat")
    await until(lambda: abs(after.window.frame.output.height() - height) <= 1)
    await until(lambda: after.window.frame.chat.width() >= 340)
    await after.end()


async def test_settings_take_hold_at_once_and_are_kept(run: Run, started: Started) -> None:
    started.trigger("file.new")
    window = started.window
    page = window.frame.made_page("settings")
    assert isinstance(page, SettingsPage)
    form = page.form("appearance")
    window._store.change("appearance", theme="dark", ui_scale=1.5)
    started.trigger("view.zoom_in")
    assert window._theme.colours is DARK
    assert window.tabs.documents()[0].editor.font().pointSizeF() == 12.0
    assert form.field("code_size").property("value") == 12.0
    window.keys.bind("file.save", ("F2",))
    assert window.commands["file.save"].shortcut() == QKeySequence("F2")
    await started.end()
    kept = json.loads((settings_folder() / "settings.json").read_text())
    assert kept["appearance"]["theme"] == "dark"
    assert kept["keys"] == [{"action": "file.save", "keys": ["F2"]}]


async def test_a_broken_settings_file_is_kept_aside_and_said(run: Run, start: Start) -> None:
    settings_folder().mkdir(parents=True)
    (settings_folder() / "settings.json").write_text("{")
    started = await start()
    assert "is not JSON. It was kept as" in started.window.frame.notices.texts[0]
    assert (settings_folder() / "settings.json.broken-1").read_text() == "{"
    await started.end()


async def test_a_file_that_cannot_be_opened_is_said_in_a_notice(
    run: Run, started: Started, tmp_path: Path
) -> None:
    await started.window.opening.open([tmp_path / "nothing.py"])
    assert "nothing.py" in started.window.frame.notices.texts[0]
    assert started.names == []


async def test_a_model_that_is_not_there_is_said_with_a_way_out(
    run: Run, started: Started, tmp_path: Path
) -> None:
    window = started.window
    window._store.change("engine", model=str(tmp_path / "gone"))
    await until(lambda: window.engine.state.phase == "failed")
    assert "gone" in window.frame.notices.texts[0]
    ways = [button.text() for button in window.frame.notices.findChildren(QPushButton)]
    assert ways == ["Try Again", "Choose Another Model"]
    assert window.status.text("model") == "The model is not running"
    started.trigger("file.new")
    assert "gone" in window.status.text("completion")


async def test_a_model_that_does_not_fit_is_loaded_all_the_same_where_somebody_says_so(
    run: Run, started: Started, tmp_path: Path
) -> None:
    window = started.window
    window._store.change("budget", ram_mb=64)
    window._store.change("engine", model=str(tireless_model(tmp_path)), device="cpu", precision="fp32")
    await until(lambda: window.engine.state.phase == "failed")
    problem = window.frame.notices.texts[0]
    assert problem.startswith("tireless as fp32 takes")
    assert "load it anyway" in problem
    ways = {button.text(): button for button in window.frame.notices.findChildren(QPushButton)}
    ways["Load Anyway"].click()
    await until(lambda: window.engine.is_ready)
    assert window.frame.notices.texts == []


async def test_closing_asks_about_unsaved_text_and_cancel_stays(run: Run, started: Started) -> None:
    window = started.window
    left: list[bool] = []
    window.left.connect(lambda: left.append(True))
    started.trigger("file.new")
    window.tabs.documents()[0].editor.insertPlainText("unsaved")

    async def answer(label: str) -> None:
        window.close()
        await until(lambda: bool(window.findChildren(QMessageBox)))
        [box] = window.findChildren(QMessageBox)
        next(button for button in box.buttons() if button.text().replace("&", "") == label).click()
        await until(lambda: not window.findChildren(QMessageBox))

    await answer("Cancel")
    assert window.isVisible()
    await answer("Discard")
    await until(lambda: left == [True])


async def test_a_command_can_be_found_and_done_in_the_palette(run: Run, started: Started) -> None:
    window = started.window

    before = window._theme.colours
    going = asyncio.ensure_future(window.going.to_command())
    await asyncio.sleep(0)
    QTest.keyClicks(window.focusWidget(), "toggle light")
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    await going
    assert window._theme.colours is not before


@pytest.mark.parametrize("page", ["train", "models", "settings"])
async def test_who_goes_into_the_editor_from_a_page_types_there(
    run: Run, started: Started, page: str
) -> None:
    started.trigger("file.new")
    window, [document] = started.window, started.window.tabs.documents()
    started.trigger(f"view.{page}")
    window.frame.activity.findChildren(QAbstractButton)[0].setFocus()
    started.trigger("go.editor")
    assert window.frame.page == "texts"
    QTest.keyClicks(window.focusWidget(), "typed")
    assert document.text() == "typed"


async def test_letters_typed_right_after_the_key_of_the_palette_are_the_command(
    run: Run, started: Started
) -> None:
    """Qt may bring them all before the loop's next turn."""
    window = started.window
    before = window._theme.colours
    started.trigger("view.palette")
    QTest.keyClicks(window.focusWidget(), "toggle light")
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    await until(lambda: window._theme.colours is not before)


async def test_every_control_can_be_reached_and_has_a_name_that_a_screen_reader_says(
    run: Run, started: Started
) -> None:
    window = started.window
    started.trigger("file.new")
    window._warn("Something to see.")
    nameless = controls_without_a_name(window)
    for part in PARTS:
        started.trigger(f"view.{part}")
        nameless |= controls_without_a_name(window)
    for dialog in (ShortcutsDialog(window.keys, window._theme, window), AboutDialog(window._theme, window)):
        dialog.show()
        nameless |= controls_without_a_name(dialog)
        close(dialog)
    assert nameless == set()


def controls_without_a_name(window: QWidget) -> set[str]:
    found = set()
    for widget in [window, *window.findChildren(QWidget)]:
        is_control = widget.focusPolicy() & Qt.FocusPolicy.TabFocus or isinstance(widget, QAbstractButton)
        if not is_control or not widget.isVisible() or widget.focusProxy() is not None:
            continue
        interface = QAccessible.queryAccessibleInterface(widget)
        if not interface.text(QAccessible.Text.Name).strip():
            found.add(f"{type(widget).__name__} in {type(widget.parent()).__name__} {widget.objectName()}")
    return found


def close(dialog: QDialog) -> None:
    dialog.close()
    dialog.deleteLater()


@pytest.mark.parametrize("scale", [1.0, 2.0])
async def test_no_text_is_cut_off_at_any_scale(run: Run, started: Started, scale: float) -> None:
    window = started.window
    window._store.change("appearance", ui_scale=scale)
    started.trigger("file.new")
    window.resize(int(1200 * scale), int(800 * scale))
    for part in PARTS:
        started.trigger(f"view.{part}")
        for _ in range(50):
            await asyncio.sleep(0.02)  # for the layouts, and for what a page finds out meanwhile
            if not (cut := cut_off(window)):
                break
        assert cut == set(), part


def cut_off(window: QWidget) -> set[str]:
    found = set()
    for widget in window.findChildren(QWidget):
        is_line = isinstance(widget, QPushButton) or (isinstance(widget, QLabel) and not widget.wordWrap())
        if is_line and widget.isVisible() and widget.width() < widget.minimumSizeHint().width():
            found.add(f"{type(widget).__name__}: {widget.property('text')}")
    return found


async def test_the_shortcuts_dialog_says_whose_keys_they_are_and_gives_them(
    run: Run, started: Started
) -> None:
    keys = started.window.keys
    dialog = ShortcutsDialog(keys, started.window._theme, started.window)
    dialog.show()
    dialog.choose("file.new")
    dialog.edit.setKeySequence(QKeySequence("Ctrl+O"))
    assert dialog.said == "These keys already belong to File: Open File…."
    buttons = {button.text(): button for button in dialog.findChildren(QPushButton)}
    buttons["Set"].click()
    assert dialog.said.startswith("In conflict: Ctrl+O")
    buttons["Usual Keys"].click()
    assert keys.keys("file.new") == ("Ctrl+N",)
    dialog.search.setText("telepathy")
    assert dialog.table.model().rowCount() == 0
    close(dialog)


def test_every_part_shows_its_licence_word_for_word() -> None:
    packages = required_packages()
    assert {"pyside6-essentials", "torch", "qasync", "pygments", "numpy"} <= set(packages)
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in licence_of("pyside6-essentials")
    assert "Apache License" in licence_of("SmallCoder")
    for package in packages:
        assert len(licence_of(package).splitlines()) >= 3, package


async def test_the_find_bar_has_its_keys_and_goes_with_the_text_in_front(
    run: Run, start: Start, tmp_path: Path
) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(f"{name} cat Cat\n")
    begun = await start(tmp_path / "one.py", tmp_path / "two.py")
    window, bar = begun.window, begun.window.finding.bar
    window.tabs.setCurrentIndex(0)
    begun.trigger("edit.find")
    assert window.focusWidget() is bar.find_field
    QTest.keyClicks(bar.find_field, "cat")
    assert bar.count.text() == "1 of 2"
    QTest.keyClick(bar.find_field, Qt.Key.Key_C, Qt.KeyboardModifier.AltModifier)
    assert bar.count.text() == "1 of 1"
    QTest.keyClick(bar.find_field, Qt.Key.Key_C, Qt.KeyboardModifier.AltModifier)
    QTest.keyClick(bar.find_field, Qt.Key.Key_F3)
    assert bar.count.text() == "2 of 2"
    window.tabs.setCurrentIndex(1)
    assert bar.count.text() == "2 found"
    QTest.keyClick(bar.find_field, Qt.Key.Key_Escape)
    assert bar.isHidden()
    assert window.focusWidget() is window.tabs.current().editor  # type: ignore[union-attr]


async def chosen(started: Started, action: str, words: str) -> None:
    """What comes of an action that lets one choose, when these words are typed and Enter is pressed."""
    started.trigger(action)
    line = started.window.palette_line.findChild(QLineEdit)
    await until(line.hasFocus)
    QTest.keyClicks(line, words)
    QTest.keyClick(line, Qt.Key.Key_Return)
    await until(started.window.palette_line.isHidden)
    await asyncio.sleep(0)


async def test_what_the_status_bar_says_of_a_text_can_be_chosen_otherwise(
    run: Run, started: Started, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("é\n".encode("latin-1"))
    window = started.window
    await window.opening.open([path])
    await chosen(started, "edit.language", "python")
    assert window.status.text("language") == "Python"
    await chosen(started, "edit.indentation", "spaces 2")
    assert window.status.text("indentation") == "Spaces: 2"
    await chosen(started, "file.encoding", "again iso-8859-1")
    await until(lambda: window.status.text("form") == "ISO-8859-1  LF")
    await chosen(started, "file.line_ends", "crlf")
    await chosen(started, "file.encoding", "save utf-8")
    await until(lambda: window.status.text("form") == "UTF-8  CRLF")
    [document] = window.tabs.documents()
    assert await window.documents.save(document)
    assert path.read_bytes() == "é\r\n".encode()


async def test_a_mistake_of_ours_is_said_in_a_sentence_and_kept_for_the_report(
    run: Run, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("in the test")

    window = started.window
    asyncio.get_running_loop().call_soon(fail)
    await until(lambda: bool(window.frame.notices.texts))
    assert window.frame.notices.texts[0].startswith("SmallCoder made a mistake (ZeroDivisionError)")
    started.trigger("help.log")
    [dialog] = window.findChildren(LogDialog)
    assert "in the test" in dialog.text.toPlainText()
    assert "in the test" in capsys.readouterr().err
    close(dialog)
    started.trigger("help.diagnostics")
    copied = QGuiApplication.clipboard().text()
    assert copied.startswith("SmallCoder: ")
    assert "in the test" in copied
    assert str(Path.home()) not in copied


async def test_files_dropped_on_the_window_are_opened(run: Run, started: Started, tmp_path: Path) -> None:
    (tmp_path / "dropped.py").write_text("x\n")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "dropped.py"))])
    drop = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    started.window.dropEvent(drop)
    await until(lambda: started.names == ["dropped.py"])


async def test_the_place_is_kept_while_the_window_is_open(run: Run, started: Started) -> None:
    """So that a kill loses none of it."""
    started.trigger("view.chat")
    file = data_folder() / "session.json"
    await until(lambda: file.exists() and json.loads(file.read_text())["chat"])


async def test_a_sentence_has_room_in_the_status_bar_as_long_as_it_is_said(
    run: Run, started: Started
) -> None:
    status, sentence = started.window.status, "process.py was changed by another program and read again."
    started.window.resize(1000, 700)
    started.trigger("file.new")
    message, parts = status.findChild(Elided), status._parts
    await until(parts["language"].isVisible)
    status.say(sentence)
    await until(lambda: message.text() == sentence)
    assert parts["place"].isVisible()
    assert parts["model"].isVisible()
    status._forget.setInterval(0)
    await until(lambda: message.text() == "" and parts["language"].isVisible())


@pytest.mark.qt_log_ignore("This plugin does not support", extend=True)  # offscreen, of menus
async def test_the_menu_of_a_text_has_what_is_done_to_it_with_its_keys(run: Run, started: Started) -> None:
    started.trigger("file.new")
    document = started.window.tabs.current()
    assert document is not None
    document.editor.insertPlainText("first\nsecond\n")
    second = document.editor.document().findBlockByNumber(1)
    place = document.editor.cursorRect(QTextCursor(second)).center()
    QCursor.setPos(document.editor.viewport().mapToGlobal(place))
    document.editor.customContextMenuRequested.emit(place)
    menu = document.editor.findChild(QMenu)
    assert menu is not None
    offered = {action.objectName(): action for action in menu.actions() if action.objectName()}
    assert {"edit.paste", "edit.toggle_comment", "chat.ask_selection", "run.file"} <= set(offered)
    assert offered["edit.toggle_comment"].shortcut().toString() == "Ctrl+/"
    offered["edit.toggle_comment"].trigger()
    assert document.text() == "first\n# second\n"
    menu.close()


async def test_a_small_window_keeps_what_matters_in_its_status_bar(run: Run, started: Started) -> None:
    started.trigger("file.new")
    window = started.window
    window.resize(480, 400)
    await asyncio.sleep(0.02)
    parts = [part for part in window.status.findChildren(QToolButton) if part.isVisible()]
    assert "No model" in [part.text() for part in parts]
    assert all(part.geometry().right() <= window.status.width() for part in parts)


async def test_blanks_at_line_ends_go_when_a_file_is_saved_if_that_is_wanted(
    run: Run, start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "one.py"
    path.write_text("a  \n\tb\t\n")
    begun = await start(path)
    begun.window._store.change("editing", trim_on_save=True)
    begun.window.tabs.documents()[0].editor.insertPlainText("c")
    begun.trigger("file.save")
    await until(lambda: path.read_text() == "ca\n\tb\n")
    await until(lambda: not begun.window.tabs.documents()[0].is_modified)


async def test_the_find_bar_outlives_the_texts_it_was_in(run: Run, start: Start, tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("cat\n")
    begun = await start(tmp_path / "one.py", tmp_path / "two.py")
    bar = begun.window.finding.bar
    begun.trigger("edit.find")
    bar.find_field.setText("cat")
    for left in (1, 0):
        begun.trigger("file.close")
        await until(lambda left=left: len(begun.window.documents) == left)  # type: ignore[misc]
        QApplication.sendPostedEvents()
        bar.step(forward=True)
    assert bar.isHidden()
    begun.trigger("file.new")
    begun.trigger("edit.find")
    assert bar.count.text() == "Nothing found"


async def test_the_focus_goes_round_the_parts_without_a_mouse(run: Run, started: Started) -> None:
    window, frame = started.window, started.window.frame
    started.trigger("file.new")
    started.trigger("view.chat")
    editor = window.tabs.documents()[0].editor
    editor.setFocus()
    visited = []
    for _ in range(4):
        started.trigger("go.next_part")
        visited.append(
            next(part for part in frame.parts_in_sight() if part.isAncestorOf(window.focusWidget()))
        )
    assert visited == [frame.chat, frame.activity, frame.side_bar, frame.made_page("texts")]
    assert window.focusWidget() is editor
    started.trigger("go.previous_part")
    assert frame.side_bar.isAncestorOf(window.focusWidget())


async def test_pages_of_their_own_have_the_room_of_the_side_bar(run: Run, started: Started) -> None:
    frame = started.window.frame
    started.trigger("file.new")
    assert frame.side_bar.isVisible()
    for part in ("prompt", "models", "train", "benchmark", "settings"):
        started.trigger(f"view.{part}")
        assert (frame.page, frame.side_bar.isVisible()) == (part, False)
        started.trigger("view.files")
        assert (frame.page, frame.side_bar.isVisible()) == ("texts", True), part
    started.trigger("view.side_bar")
    started.trigger("view.models")
    started.trigger("view.models")
    assert (frame.page, frame.side_bar.isVisible()) == ("texts", False)
    started.trigger("view.models")
    started.trigger("view.side_bar")
    assert (frame.page, frame.side_bar.isVisible()) == ("texts", True)


async def test_a_typeface_for_code_is_chosen_among_those_of_equal_width(run: Run, started: Started) -> None:
    started.trigger("file.new")
    await chosen(started, "view.code_font", "dejavu sans mono")
    await until(lambda: started.window._store.settings.appearance.code_font == "DejaVu Sans Mono")
    assert started.window.tabs.documents()[0].editor.font().family() == "DejaVu Sans Mono"


async def test_every_action_of_the_table_is_done_by_somebody(run: Run, started: Started) -> None:
    commands = started.window.commands
    idle = [action.id for action in ACTIONS if not commands[action.id].receivers(SIGNAL("triggered(bool)"))]
    assert idle == []


async def test_what_needs_a_text_cannot_be_done_without_one(run: Run, started: Started) -> None:
    commands = started.window.commands
    for id in ("file.save", "edit.undo", "edit.find", "go.line", "ghost.accept", "file.encoding"):
        assert not commands[id].isEnabled(), id
    started.trigger("file.new")
    for id in ("file.save", "edit.undo", "edit.find", "go.line", "ghost.accept", "file.encoding"):
        assert commands[id].isEnabled(), id


async def test_a_part_is_reached_by_its_key_and_left_by_the_same(run: Run, started: Started) -> None:
    window, frame = started.window, started.window.frame
    started.trigger("file.new")
    editor = window.tabs.documents()[0].editor
    for action, part in (("view.files", frame.side_bar), ("view.settings", frame.made_page("settings"))):
        editor.setFocus()
        started.trigger(action)
        assert part.isAncestorOf(window.focusWidget()), action
        started.trigger(action)
        assert part.isHidden(), action
        assert not part.isAncestorOf(window.focusWidget()), action


async def test_code_from_the_prompt_comes_in_at_the_cursor_as_deep_as_its_line(
    run: Run, started: Started
) -> None:
    started.trigger("view.prompt")
    written = Written("if ready:\n    go()\n", language_named("go"))
    window = started.window
    window.prompting.insert(written)  # no text is open: it becomes one
    assert started.names == ["Untitled-1"]
    editor = window.tabs.documents()[0].editor
    assert editor.toPlainText() == "if ready:\n    go()\n"
    assert window.status.text("language") == "Go"
    assert window.frame.page == "texts"
    editor.selectAll()
    editor.insertPlainText("def f():\n    \n")
    editor.moveCursor(QTextCursor.MoveOperation.End)
    editor.moveCursor(QTextCursor.MoveOperation.Left)
    started.trigger("view.prompt")
    window.prompting.insert(written)
    assert editor.toPlainText() == "def f():\n    if ready:\n        go()\n"
    editor.undo()
    assert editor.toPlainText() == "def f():\n    \n"
    editor.setReadOnly(True)
    window.prompting.insert(written)
    assert "cannot be changed" in started.texts()


async def test_memory_opens_above_its_gauge_and_goes_with_escape(run: Run, started: Started) -> None:
    started.trigger("view.memory")
    panel = started.window.findChild(MemoryPanel)
    assert isinstance(panel, MemoryPanel)
    assert panel.isVisible()
    within = started.window.focusWidget()
    assert panel.isAncestorOf(within)
    assert controls_without_a_name(panel) == set()
    QTest.keyClick(within, Qt.Key.Key_Escape)
    await until(lambda: started.window.findChild(MemoryPanel) is None)


async def test_typing_in_the_find_bar_goes_on_while_tabs_come_back(
    run: Run, start: Start, qapp: QApplication, tmp_path: Path
) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("item = 1\n")
    await (await start(tmp_path / "one.py", tmp_path / "two.py")).end()
    again = Started(qapp)
    beginning = asyncio.ensure_future(again.begin())
    await until(lambda: again.window.tabs.count() == 1)
    again.trigger("edit.find")
    field = again.window.finding.bar.find_field
    for letter in "item":
        QTest.keyClicks(again.window.focusWidget(), letter)
        await asyncio.sleep(0)
    await beginning
    assert again.window.tabs.count() == 2
    assert field.text() == "item"
    assert again.window.focusWidget() is field
    await again.end()


async def test_finding_brings_the_texts_into_sight(run: Run, started: Started) -> None:
    started.trigger("file.new")
    started.trigger("view.train")
    started.trigger("edit.find")
    assert started.window.frame.page == "texts"
    assert started.window.focusWidget() is started.window.finding.bar.find_field


async def test_a_new_text_is_python_until_somebody_says_otherwise(run: Run, started: Started) -> None:
    started.trigger("file.new")
    window, [document] = started.window, started.window.tabs.documents()
    assert window.status.text("language") == "Python"
    QTest.keyClicks(document.editor, "#!/bin/sh")
    document.editor.document().setModified(False)  # its title is looked at again
    assert window.status.text("language") == "Shell"
    window.texts.set_language(document, language_named("go"))
    document.editor.insertPlainText(" -e")
    document.editor.document().setModified(False)
    assert window.status.text("language") == "Go"
