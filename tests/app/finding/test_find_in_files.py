"""Searching files: what is found and where, what is passed over, and that it ends when it should."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from app.finding.find_in_files import MAX_MATCHES, FileMatches, FindInFiles, Query, Summary
from app.finding.find_panel import FindPanel
from app.settings import Appearance
from app.theme import Theme
from core.spec.errors import UsageError


class Search:
    """A search that is waited for."""

    def __init__(self, qtbot: QtBot) -> None:
        self._qtbot = qtbot
        self.engine = FindInFiles()

    def __call__(
        self, folder: Path, query: Query, unsaved: dict[Path, str] | None = None
    ) -> tuple[dict[str, list[tuple[int, int, int]]], Summary]:
        found: list[FileMatches] = []
        self.engine.found.connect(found.extend)
        with self._qtbot.waitSignal(self.engine.finished) as ended:
            self.engine.search(query, folder, unsaved or {})
        self.engine.found.disconnect(found.extend)
        places = {
            file.path.relative_to(folder).as_posix(): [(it.line, it.column, it.length) for it in file.matches]
            for file in found
        }
        return places, ended.args[0]


@pytest.fixture
def search(qtbot: QtBot) -> Iterator[Search]:
    search = Search(qtbot)
    yield search
    search.engine.close()


def test_matches_are_found_with_their_places(search: Search, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n😀é needle\n\nNeedle needle\n")
    (tmp_path / "b.txt").write_bytes(b"caf\xe9 needle\r\nneedle")
    places, summary = search(tmp_path, Query("needle", match_case=True))
    assert places == {"a.py": [(2, 4, 6), (4, 7, 6)], "b.txt": [(1, 5, 6), (2, 0, 6)]}
    assert (summary.matches, summary.files, summary.searched, summary.ending) == (4, 2, 2, "")


@pytest.mark.parametrize(
    ("query", "count"),
    [
        (Query("foo"), 4),
        (Query("foo", match_case=True), 2),
        (Query("foo", whole_word=True), 2),
        (Query("fo+", is_regex=True), 4),
        (Query("^foo$", is_regex=True), 2),
        (Query("f.o", is_regex=False), 0),
        (Query("foo\\nFoo", is_regex=True, match_case=True), 1),
        (Query("z*", is_regex=True), 0),
    ],
)
def test_options_change_what_is_found(search: Search, tmp_path: Path, query: Query, count: int) -> None:
    (tmp_path / "a").write_text("foo\nFoo\nfood\nFoobar\n")
    assert search(tmp_path, query)[1].matches == count


def test_only_text_that_git_does_not_ignore_is_searched(search: Search, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in ("a.py", "b.log", "c.bin", "huge.txt"):
        (tmp_path / name).write_text("needle")
    (tmp_path / "c.bin").write_bytes(b"needle\0")
    os.truncate(tmp_path / "huge.txt", 30 << 20)
    (tmp_path / ".gitignore").write_text("*.log")
    (tmp_path / "locked").symlink_to("nowhere")
    places, summary = search(tmp_path, Query("needle"))
    assert [*places] == ["a.py"]
    assert summary.skipped == 3


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ("*.py", {"a.py", "t/b.py"}),
        ("t/", {"t/b.py", "t/c.txt"}),
        ("*.py, !t/", {"a.py"}),
        ("!*.py", {"t/c.txt"}),
    ],
)
def test_files_can_be_chosen(search: Search, tmp_path: Path, files: str, expected: set[str]) -> None:
    (tmp_path / "t").mkdir()
    for name in ("a.py", "t/b.py", "t/c.txt"):
        (tmp_path / name).write_text("needle")
    assert {*search(tmp_path, Query("needle", files=files))[0]} == expected


def test_unsaved_text_is_searched_instead_of_its_file(search: Search, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("needle")
    places, _ = search(tmp_path, Query("needle"), {tmp_path / "a.py": "\n\nneedle"})
    assert places == {"a.py": [(3, 0, 6)]}


def test_an_expression_that_never_ends_is_given_up(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.finding.find_in_files._SECONDS_A_FILE", 0.2)
    for number in range(6):
        (tmp_path / f"{number}").write_text("a" * 5000 + "b")
    begin = time.monotonic()
    _, summary = search(tmp_path, Query("(a+)+$", is_regex=True))
    assert "takes too long" in summary.ending
    assert time.monotonic() - begin < 15


def test_what_is_no_expression_is_said(search: Search, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no regular expression: missing"):
        search.engine.search(Query("(", is_regex=True), tmp_path, {})


def test_too_many_matches_end_the_search(search: Search, tmp_path: Path) -> None:
    for number in range(15):
        (tmp_path / f"{number}").write_text("x\n" * 2000)
    _, summary = search(tmp_path, Query("x"))
    assert summary.matches == MAX_MATCHES
    assert "Only the first" in summary.ending


def test_a_new_search_ends_the_old_one(qtbot: QtBot, search: Search, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}").write_text("old new\n" * 50)
    found: list[FileMatches] = []
    search.engine.found.connect(found.extend)
    search.engine.search(Query("old"), tmp_path, {})
    with qtbot.waitSignal(search.engine.finished) as ended:
        search.engine.search(Query("new"), tmp_path, {})
    assert ended.args[0].matches == MAX_MATCHES
    assert {match.column for file in found for match in file.matches} == {4}


def panel_for(qtbot: QtBot, folder: Path) -> FindPanel:
    panel = FindPanel(Theme(QApplication.instance(), Appearance()), dict)  # type: ignore[arg-type]
    qtbot.addWidget(panel)
    panel.show()
    panel.open_folder(folder)
    return panel


def field(panel: FindPanel) -> Any:
    return panel.findChildren(QLineEdit)[0]


def test_the_panel_shows_what_is_found_and_opens_it(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\n    two needle\n")
    panel = panel_for(qtbot, tmp_path)
    qtbot.keyClicks(field(panel), "needle")
    qtbot.waitUntil(lambda: panel.said == "1 match in 1 file.")
    (item,) = (panel.results.topLevelItem(0),)
    assert item is not None
    assert item.child(0).text(0) == "two needle"
    with qtbot.waitSignal(panel.open_requested) as wish:
        panel.results.setCurrentItem(item.child(0))
        qtbot.keyClick(panel.results, Qt.Key.Key_Return)
    assert wish.args == [tmp_path / "a.py", 2, 8, 6]
    panel.grab()  # draws the match
    field(panel).setText("nothing like it")
    qtbot.waitUntil(lambda: panel.said == "Nothing found in 1 file.")
    assert panel.results.topLevelItemCount() == 0
    panel.close_search()


def test_many_matches_of_one_file_stand_below_it(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("needle\n" * 130)
    (tmp_path / "b.py").write_text("needle\n")
    panel = panel_for(qtbot, tmp_path)
    field(panel).setText("needle")
    qtbot.waitUntil(lambda: panel.said == "131 matches in 2 files.")
    qtbot.waitUntil(lambda: panel.results.topLevelItemCount() == 2)
    items = [panel.results.topLevelItem(row) for row in range(2)]
    assert [(item.text(0), item.childCount()) for item in items if item] == [
        ("a.py  ·  130", 130),
        ("b.py  ·  1", 1),
    ]
    panel.close_search()


def test_the_panel_says_what_is_wrong_with_an_expression(qtbot: QtBot, tmp_path: Path) -> None:
    panel = panel_for(qtbot, tmp_path)
    panel._toggles["is_regex"].setChecked(True)
    field(panel).setText("[")
    qtbot.waitUntil(lambda: "no regular expression" in panel.said)
    assert field(panel).property("state") == "wrong"
    field(panel).setText("[a]")
    qtbot.waitUntil(lambda: "Nothing found" in panel.said)
    assert field(panel).property("state") == ""
    panel.close_search()


def test_without_a_folder_the_panel_says_what_to_do(qtbot: QtBot) -> None:
    panel = FindPanel(Theme(QApplication.instance(), Appearance()), dict)  # type: ignore[arg-type]
    qtbot.addWidget(panel)
    assert panel.said == "Open a folder to search in its files."
    panel.close_search()
