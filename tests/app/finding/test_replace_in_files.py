"""Replacing in files: what becomes of each kind of file, what is left alone, and that it can be had back."""

from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.documents.documents import Documents
from app.finding.find_in_files import Query
from app.finding.find_panel import FindPanel
from app.finding.replace_in_files import ReplaceInFiles, Wish
from app.questions import Questions
from app.settings import Appearance
from app.theme import Theme
from core.spec.errors import UsageError

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def documents(qtbot: QtBot, run: Run) -> Iterator[Documents]:
    window = QWidget()
    qtbot.addWidget(window)
    made = Documents(QPlainTextEdit, Questions(window), window)
    yield made
    run(made.stop())


def every(path: Path, count: int) -> Wish:
    return Wish(path, frozenset(range(count)), count)


async def test_encoding_line_ends_and_permissions_of_a_file_stay(
    run: Run, documents: Documents, tmp_path: Path
) -> None:
    path = tmp_path / "old.txt"
    before = "﻿caf\xe9 item\r\nItem item\r\n".encode("utf-16-le")
    path.write_bytes(before)
    path.chmod(0o640)
    replacing = ReplaceInFiles(documents)
    report = await replacing.replace(Query("item", match_case=True), "thing", [every(path, 2)])
    assert path.read_bytes() == before.decode("utf-16-le").replace("item", "thing").encode("utf-16-le")
    assert path.stat().st_mode & 0o777 == 0o640
    assert report.sentence == "2 matches replaced in 1 file."
    assert await replacing.undo(report) == "1 file as before."
    assert path.read_bytes() == before


async def test_an_open_text_is_changed_in_its_editor_where_it_can_be_undone(
    run: Run, documents: Documents, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("item = 1\nitems = [item]\n")
    document = await documents.open(path)
    assert document is not None
    query = Query("item", match_case=True, whole_word=True)
    report = await ReplaceInFiles(documents).replace(query, "thing", [every(path, 2)])
    assert document.text() == "thing = 1\nitems = [thing]\n"
    assert path.read_text() == "item = 1\nitems = [item]\n"
    assert "1 is open and not saved yet" in report.sentence
    document.editor.undo()
    assert not document.is_modified


async def test_groups_are_put_in_and_only_what_is_wished_is_replaced(
    run: Run, documents: Documents, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("get_a() get_b() get_c()")
    query = Query(r"get_(?<name>\w)\(", is_regex=True)
    await ReplaceInFiles(documents).replace(query, r"${name}.get($0", [Wish(path, frozenset({0, 2}), 3)])
    assert path.read_text() == "a.get(get_a() get_b() c.get(get_c()"
    with pytest.raises(UsageError, match="no group named other"):
        await ReplaceInFiles(documents).replace(query, "${other}", [every(path, 2)])


async def test_what_cannot_be_replaced_is_left_as_it_is_and_said(
    run: Run, documents: Documents, tmp_path: Path
) -> None:
    names = ("changed", "latin", "fixed", "gone", "good")
    paths = {name: tmp_path / f"{name}.txt" for name in names}
    for path in paths.values():
        path.write_text("item")
    paths["changed"].write_text("item item")  # since the search
    paths["latin"].write_bytes(b"# -*- coding: latin-1 -*-\nitem \xe9")
    paths["latin"].rename(tmp_path / "latin.py")
    paths["latin"] = tmp_path / "latin.py"
    paths["fixed"].chmod(0o444)
    paths["gone"].unlink()
    before = {name: path.read_bytes() for name, path in paths.items() if path.exists()}
    report = await ReplaceInFiles(documents).replace(
        Query("item"), "→", [every(path, 1) for path in paths.values()]
    )
    assert (report.files, report.matches, len(report.problems)) == (1, 1, 4)
    assert "changed.txt was changed since the search; search again." in report.problems
    assert "fixed.txt is read-only." in report.problems
    after = {name: path.read_bytes() for name, path in paths.items() if path.exists()}
    assert after == before | {"good": "→".encode()}
    assert "1 more were left as they are." in report.sentence


async def test_undo_leaves_a_file_that_was_written_since(
    run: Run, documents: Documents, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("item")
    replacing = ReplaceInFiles(documents)
    report = await replacing.replace(Query("item"), "thing", [every(path, 1)])
    path.write_text("mine")
    assert "changed by another program" in await replacing.undo(report)
    assert path.read_text() == "mine"


@pytest.fixture
def panel(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[FindPanel]:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("item = 1\nitems = item\n")
    made = FindPanel(Theme(qapp, Appearance()), dict)
    qtbot.addWidget(made)
    made.resize(320, 480)
    made.show()
    made.open_folder(tmp_path)
    yield made
    made.close_search()


def test_the_panel_previews_and_wishes_for_what_is_left_in_its_list(
    panel: FindPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    panel.look_for(r"(it)(em)\b", with_replace=True)
    panel._toggles["is_regex"].setChecked(True)
    qtbot.waitUntil(lambda: panel.said == "4 matches in 2 files.")
    qtbot.waitUntil(panel.replace_button.isEnabled)
    panel.replace_field.setText("$2$1")
    first = panel.results.topLevelItem(0)
    assert first is not None
    match = first.child(0).data(0, Qt.ItemDataRole.UserRole)  # type: ignore[union-attr]
    assert panel.preview(match) == "emit"
    panel.replace_field.setText("$3")
    assert not panel.replace_button.isEnabled()
    assert "2 groups" in panel.replace_field.toolTip()
    panel.replace_field.setText("x")
    panel.results.setCurrentItem(first.child(0))
    QTest.keyClick(panel.results, Qt.Key.Key_Delete)
    with qtbot.waitSignal(panel.replace_requested) as wished:
        panel.replace_button.click()
    query, text, wishes = wished.args
    assert (query.text, text) == (r"(it)(em)\b", "x")
    assert {(wish.path.name, wish.numbers, wish.count) for wish in wishes} == {
        ("a.py", frozenset({1}), 2),
        ("b.py", frozenset({0, 1}), 2),
    }
    panel.turn_button.setChecked(False)
    assert panel.preview(match) is None
