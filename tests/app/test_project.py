"""The panels about the open folder, in the whole window."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QMessageBox, QPushButton, QTreeWidget, QTreeWidgetItem

from app.documents.changes_view import ChangesView
from app.documents.document import Document
from app.folder.file_index import FileIndex
from app.main_window import MainWindow
from app.run import make_window
from tests.app.conftest import Run
from tests.app.patience import until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {
        "src/main.py": "def main():\n    print('needle')\n    1 / 0\n\n\nmain()\n",
        "src/other.py": "x = 1\n",
        "notes.txt": "a needle\n",
    }.items():
        (tmp_path / "project" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "project" / name).write_text(text)
    return tmp_path / "project"


@pytest.fixture
def window(run: Run, qapp: QApplication, folder: Path) -> Iterator[MainWindow]:
    qapp.setQuitOnLastWindowClosed(False)
    window = make_window(qapp)
    window.show()
    run(window.begin([folder]))
    yield window
    window.hide()
    run(window.end())
    window.deleteLater()


async def opened(window: MainWindow, path: Path) -> Document:
    document = await window.documents.open(path)
    assert document is not None
    return document


def shown_result(results: QTreeWidget, name: str) -> QTreeWidgetItem | None:
    items = [results.topLevelItem(row) for row in range(results.topLevelItemCount())]
    return next((item for item in items if item is not None and item.text(0).startswith(name)), None)


async def test_of_a_long_selection_the_field_of_find_in_files_shows_the_beginning(
    run: Run, window: MainWindow, folder: Path
) -> None:
    document = await opened(window, folder / "src" / "other.py")
    text = "def parse_everything_there_is_in_here(of_it, and_more)"
    document.editor.setPlainText(text)
    document.editor.selectAll()
    window.commands.trigger("edit.find_in_files")
    field = window.project.finder.findChildren(QLineEdit)[0]
    assert field.selectedText() == text
    assert field.cursorPositionAt(QPoint(field.width() // 2, field.height() // 2)) < len(text) // 2


async def test_find_in_files_opens_what_was_found(run: Run, window: MainWindow, folder: Path) -> None:
    window.commands.trigger("edit.find_in_files")
    finder = window.project.finder
    field = finder.findChildren(QLineEdit)[0]
    assert field.hasFocus()
    QTest.keyClicks(field, "needle")
    await until(lambda: finder.said == "2 matches in 2 files.")
    found = await until(lambda: shown_result(finder.results, "main.py"))
    finder.results.itemClicked.emit(found.child(0), 0)
    document = await until(window.tabs.current)
    await until(document.editor.textCursor().hasSelection)
    assert document.editor.textCursor().selectedText() == "needle"
    assert document.editor.textCursor().blockNumber() == 1


async def test_what_is_looked_for_is_looked_for_in_another_folder_too(
    run: Run, window: MainWindow, folder: Path
) -> None:
    finder = window.project.finder
    window.opening.open_folder(None)
    window.commands.trigger("edit.find_in_files")
    QTest.keyClicks(window.focusWidget(), "needle")
    window.opening.open_folder(folder)
    await until(lambda: finder.said == "2 matches in 2 files.")
    window.opening.open_folder(folder / "src")
    await until(lambda: finder.said == "1 match in 1 file.")


async def test_replacing_in_files_is_asked_about_said_and_undone(
    run: Run, window: MainWindow, folder: Path
) -> None:
    window.commands.trigger("edit.replace_in_files")
    finder = window.project.finder
    QTest.keyClicks(window.focusWidget(), "needle")
    await until(finder.replace_button.isEnabled)
    finder.replace_field.setText("pin")
    finder.replace_button.click()
    box = await until(lambda: window.findChild(QMessageBox))
    assert box.text() == "Replace 2 matches in 2 files?"
    next(button for button in box.buttons() if button.text() == "Replace All").click()
    await until(lambda: "2 matches replaced in 2 files." in window.frame.notices.texts)
    assert (folder / "notes.txt").read_text() == "a pin\n"
    undo = next(button for button in window.findChildren(QPushButton) if button.text() == "Undo")
    undo.click()
    await until(lambda: (folder / "notes.txt").read_text() == "a needle\n")
    await until(lambda: finder.said == "2 matches in 2 files.")


async def test_the_file_in_front_is_saved_and_run_and_its_traceback_leads_back(
    run: Run, window: MainWindow, folder: Path
) -> None:
    window._store.change("editing", python=sys.executable)
    document = await opened(window, folder / "src/main.py")
    document.editor.insertPlainText("# edited\n")
    await opened(window, folder / "src/main.py")
    window.commands.trigger("run.file")
    output = window.project.output
    await until(lambda: "exit code 1" in output.said)
    assert (folder / "src/main.py").read_text().startswith("# edited")
    text = output.view.toPlainText()
    assert "needle" in text
    assert output.isVisible()
    await opened(window, folder / "src/other.py")
    cursor = output.view.textCursor()
    cursor.setPosition(text.index("line 4"))
    output.view.setTextCursor(cursor)
    QTest.keyClick(output.view, Qt.Key.Key_Return)
    await until(lambda: window.tabs.current() is document)
    assert document.editor.textCursor().blockNumber() == 3


async def test_who_wrote_to_a_program_stays_in_its_output_when_it_ends(
    run: Run, window: MainWindow, folder: Path
) -> None:
    window._store.change("editing", python=sys.executable)
    (folder / "ask.py").write_text("print('hello', input())\n")
    await opened(window, folder / "ask.py")
    window.commands.trigger("run.file")
    output = window.project.output
    [field] = output.findChildren(QLineEdit)
    await until(field.isVisible)
    field.setFocus()
    QTest.keyClicks(field, "you")
    QTest.keyClick(field, Qt.Key.Key_Return)
    await until(lambda: "exit code 0" in output.said)
    assert window.focusWidget() is output.view


async def test_what_is_not_python_is_not_run(run: Run, window: MainWindow, folder: Path) -> None:
    failed: list[str] = []
    window.project.failed.connect(failed.append)
    await opened(window, folder / "notes.txt")
    await window.project.run()
    assert "notes.txt is not Python" in failed[0]
    assert not window.project.output.is_running


async def test_a_file_is_shown_in_the_tree_and_follows_its_new_name(
    run: Run, window: MainWindow, folder: Path
) -> None:
    document = await opened(window, folder / "src/main.py")
    tree = window.project.tree
    window.project.reveal(document)
    await until(lambda: tree.chosen() == folder / "src/main.py")
    tree.model.rename_requested.emit(folder / "src", "source")
    assert document.path == folder / "source/main.py"
    document.editor.insertPlainText("x")
    assert await window.documents.save(document)
    assert (folder / "source/main.py").read_text().startswith("x")


async def test_two_versions_are_compared_and_one_is_taken(run: Run, window: MainWindow, folder: Path) -> None:
    document = await opened(window, folder / "notes.txt")
    document.editor.insertPlainText("mine ")
    (folder / "notes.txt").write_text("theirs\n")
    await until(lambda: document.fate == "changed")
    window.tabs.wished.emit("compare", document)
    views = window.findChildren(ChangesView)
    view = await until(lambda: next((it for it in window.findChildren(ChangesView) if it.isVisible()), None))
    assert views == []
    assert "- mine a needle\n+ theirs" in view.lines.toPlainText()
    view.chosen.emit("load")
    await until(lambda: document.text() == "theirs\n")
    view.reject()


async def test_going_to_a_file_finds_every_file_of_the_folder(
    run: Run, window: MainWindow, folder: Path
) -> None:
    await until(lambda: len(window.project.entries()) == 3)
    window.commands.trigger("go.file")
    await until(window.palette_line.isVisible)
    line = window.palette_line.findChildren(QLineEdit)[0]
    QTest.keyClicks(line, "other")
    QTest.keyClick(line, Qt.Key.Key_Return)
    document = await until(window.tabs.current)
    assert document.name == "other.py"


async def test_a_file_made_by_another_program_is_gone_to_at_once(
    run: Run, window: MainWindow, folder: Path
) -> None:
    await until(lambda: len(window.project.entries()) == 3)
    (folder / "ask.py").write_text("x = 1\n")
    window.commands.trigger("go.file")
    line = window.palette_line.findChildren(QLineEdit)[0]
    QTest.keyClicks(line, "ask.py")
    QTest.keyClick(line, Qt.Key.Key_Return)
    document = await until(window.tabs.current)
    assert document.name == "ask.py"


async def test_a_file_of_a_disk_that_tells_nothing_is_looked_at_when_one_comes_back(
    run: Run, window: MainWindow, folder: Path
) -> None:
    document = await opened(window, folder / "notes.txt")
    window.documents._outside._watch.stop()
    (folder / "notes.txt").write_text("new\n")
    QApplication.instance().applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)  # type: ignore[union-attr]
    await until(lambda: document.text() == "new\n")


def test_the_index_is_read_again_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.py").write_text("")
    monkeypatch.setattr("app.folder.file_index._FRESH_S", 0.0)
    index = FileIndex(lambda path, folder: str(path.relative_to(folder)))
    index.open(tmp_path)
    assert [*index.wait()] == ["a.py"]
    (tmp_path / "b.py").write_text("")
    index.files()
    index.wait()
    assert [*index.wait()] == ["a.py", "b.py"]
    index.open(None)
    assert [*index.files()] == []
    index.close()


async def test_the_tree_points_at_the_file_in_front_and_leaves_the_focus_where_it_is(
    run: Run, window: MainWindow, folder: Path
) -> None:
    tree = window.project.tree
    first = await opened(window, folder / "src/main.py")
    await until(lambda: tree.chosen() == folder / "src/main.py")
    assert first.editor.hasFocus()
    await opened(window, folder / "notes.txt")
    await until(lambda: tree.chosen() == folder / "notes.txt")
    window.commands.trigger("go.previous_tab")
    await until(lambda: tree.chosen() == folder / "src/main.py")
