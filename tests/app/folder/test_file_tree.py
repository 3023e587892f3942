"""The project's files: what is shown of them, and what is done with them, on a real disk."""

import os
import time
from collections.abc import Callable, Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, Qt, QTimer
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QInputDialog, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.errands import Errands
from app.folder.file_changes import CannotChange, create, rename, trash
from app.folder.file_tree import FileTree
from app.folder.folder_reader import files_below, list_folder
from app.folder.tree_model import SHOWN_AT_ONCE, TreeModel
from app.questions import Questions
from app.settings import Appearance
from app.theme import Theme
from tests.app.patience import until

Run = Callable[[Coroutine[Any, Any, Any]], Any]


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_text("")


def below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def test_folders_come_first_and_numbers_count(tmp_path: Path) -> None:
    make(tmp_path, "file10.py", "File9.py", "b/", "A/", "file9b.py")
    assert [entry.name for entry in list_folder(tmp_path)] == ["A", "b", "File9.py", "file9b.py", "file10.py"]


def test_what_git_ignores_is_not_shown(tmp_path: Path) -> None:
    make(
        tmp_path, ".git/", "a.py", "a.log", "keep.log", "build/x.o", "sub/b.log", "sub/c.py", "sub/keep2.log"
    )
    make(tmp_path, "other/.git/", "other/d.log", "__pycache__/a.pyc", "venv/pyvenv.cfg", "node_modules/x.js")
    (tmp_path / ".gitignore").write_text("*.log\n!keep.log\n/build/\n")
    (tmp_path / "sub/.gitignore").write_text("!keep2.log\n")
    expected = [
        ".gitignore",
        "a.py",
        "keep.log",
        "other/d.log",
        "sub/.gitignore",
        "sub/c.py",
        "sub/keep2.log",
    ]
    assert sorted(below(tmp_path)) == expected
    assert [entry.name for entry in list_folder(tmp_path / "sub")] == [".gitignore", "c.py", "keep2.log"]
    shown = {entry.name: entry.is_ignored for entry in list_folder(tmp_path, with_ignored=True)}
    assert (shown["build"], shown["a.log"], shown["a.py"]) == (True, True, False)


def test_a_folder_that_its_repository_ignores_is_shown_when_it_is_opened(tmp_path: Path) -> None:
    make(tmp_path, ".git/", "build/x.o")
    (tmp_path / ".gitignore").write_text("build/\n")
    assert below(tmp_path / "build") == ["x.o"]


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    make(tmp_path, "a/x.py")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "dead").symlink_to("nowhere")
    assert below(tmp_path) == ["dead", "a/x.py"]


def shown(model: TreeModel, parent: QModelIndex | None = None) -> list[str]:
    parent = parent or QModelIndex()
    return [str(model.index(row, 0, parent).data()) for row in range(model.rowCount(parent))]


@pytest.fixture
def model(qtbot: QtBot) -> Any:
    model = TreeModel(lambda _: None)
    QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning, model)
    yield model
    model.stop()
    model.deleteLater()


def test_the_tree_follows_the_disk(qtbot: QtBot, model: TreeModel, tmp_path: Path) -> None:
    make(tmp_path, "b.py", "c.py", "d/x.py")
    model.open(tmp_path)
    qtbot.waitUntil(lambda: shown(model) == ["d", "b.py", "c.py"])
    folder = model.index(0, 0)
    model.fetchMore(folder)
    qtbot.waitUntil(lambda: shown(model, folder) == ["x.py"])
    make(tmp_path, "a.py", "bb.py", "d/y.py")
    (tmp_path / "c.py").unlink()
    qtbot.waitUntil(lambda: shown(model) == ["d", "a.py", "b.py", "bb.py"])
    qtbot.waitUntil(lambda: shown(model, model.index(0, 0)) == ["x.py", "y.py"])
    (tmp_path / "b.py").unlink()
    (tmp_path / "b.py").mkdir()
    qtbot.waitUntil(lambda: shown(model) == ["b.py", "d", "a.py", "bb.py"])
    assert shown(model, model.index_of(tmp_path / "d")) == ["x.py", "y.py"]
    import shutil

    shutil.rmtree(tmp_path / "d")
    qtbot.waitUntil(lambda: shown(model) == ["b.py", "a.py", "bb.py"])


def test_a_folder_that_cannot_be_read_is_said_once(qtbot: QtBot, model: TreeModel, tmp_path: Path) -> None:
    failed: list[str] = []
    read: list[Path] = []
    model.failed.connect(failed.append)
    model.folder_read.connect(read.append)
    model.open(tmp_path / "gone")
    qtbot.waitUntil(lambda: bool(read))
    read.clear()
    model.read_again()
    qtbot.waitUntil(lambda: bool(read))
    assert failed == [f"The folder {tmp_path / 'gone'} is gone; open another one."]


def test_a_folder_without_permission_is_said(
    qtbot: QtBot, model: TreeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The superuser may read everything, so the system's refusal is played here."""

    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        with qtbot.waitSignal(model.failed) as failed:
            model.open(tmp_path)
    assert failed.args == [f"{tmp_path} may not be read; change its permissions, or open another folder."]


def longest_stall(qtbot: QtBot, condition: Callable[[], bool]) -> float:
    """In milliseconds, until the condition holds."""
    beats: list[float] = []
    timer = QTimer(interval=5)
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: beats.append(time.monotonic()))
    timer.start()
    qtbot.waitUntil(condition)
    timer.stop()
    return max((later - earlier) * 1000 for earlier, later in pairwise(beats))


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_huge_folder_opens_without_a_stall(qtbot: QtBot, tmp_path: Path, count: int) -> None:
    for number in range(count):
        os.close(os.open(tmp_path / f"f{number}.py", os.O_CREAT | os.O_WRONLY))
    tree = FileTree(Theme(QApplication.instance(), Appearance()), Questions(QWidget()), Errands())  # type: ignore[arg-type]
    qtbot.addWidget(tree)
    tree.show()
    tree.open(tmp_path)
    stall = longest_stall(qtbot, lambda: tree.model.rowCount() == SHOWN_AT_ONCE + 1)
    assert f"({count - SHOWN_AT_ONCE:,} not shown)" in shown(tree.model)[-1]
    tree.model.show_more(tree.model.node(tree.model.index(SHOWN_AT_ONCE, 0)))  # type: ignore[arg-type]
    assert tree.model.rowCount() == 2 * SHOWN_AT_ONCE + 1
    tree.reveal(tmp_path / f"f{count - 1}.py")
    assert tree.chosen() == tmp_path / f"f{count - 1}.py"
    tree.stop()
    assert stall < 1000  # a loaded machine takes its time; laying out all of it would take longer


class Tree:
    """A tree in a window, and what it said."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.errands = Errands()
        self.tree = FileTree(
            Theme(QApplication.instance(), Appearance()),  # type: ignore[arg-type]
            Questions(self.window),
            self.errands,
        )
        self.tree.setParent(self.window)
        self.window.show()
        self.failed: list[str] = []
        self.opened: list[Path] = []
        self.renamed: list[tuple[Path, Path]] = []
        self.tree.failed.connect(self.failed.append)
        self.tree.open_requested.connect(self.opened.append)
        self.tree.renamed.connect(lambda old, new: self.renamed.append((old, new)))
        self.tree.open(folder)

    async def choose(self, path: Path) -> None:
        self.tree.reveal(path)
        await until(lambda: self.tree.chosen() == path)


def dialog(kind: type) -> Any:
    return next(
        (it for it in QApplication.topLevelWidgets() if isinstance(it, kind) and it.isVisible()), None
    )


def test_a_file_is_made_named_and_found(run: Run, qtbot: QtBot, tmp_path: Path) -> None:
    make(tmp_path, "src/deep/a.py")

    async def steps() -> None:
        it = Tree(qtbot, tmp_path)
        try:
            await it.choose(tmp_path / "src/deep/a.py")
            it.tree.new_file()
            box = await until(lambda: dialog(QInputDialog))
            box.setTextValue("new/b.py")
            box.accept()
            await until(lambda: it.tree.chosen() == tmp_path / "src/deep/new/b.py")
            assert it.opened == [tmp_path / "src/deep/new/b.py"]
            it.tree.undo()
            assert not (tmp_path / "src/deep/new/b.py").exists()
        finally:
            it.tree.stop()
            await it.errands.stop()

    run(steps())


def test_a_file_is_renamed_in_place_and_back(run: Run, qtbot: QtBot, tmp_path: Path) -> None:
    make(tmp_path, "a.py", "taken.py")

    async def steps() -> None:
        it = Tree(qtbot, tmp_path)
        try:
            await it.choose(tmp_path / "a.py")
            it.tree.model.setData(it.tree.view.currentIndex(), "b.py")
            await it.choose(tmp_path / "b.py")
            it.tree.model.setData(it.tree.view.currentIndex(), "taken.py")
            assert "exists already" in it.failed[0]
            it.tree.undo()
            assert it.renamed == [
                (tmp_path / "a.py", tmp_path / "b.py"),
                (tmp_path / "b.py", tmp_path / "a.py"),
            ]
            assert sorted(os.listdir(tmp_path)) == ["a.py", "taken.py"]
        finally:
            it.tree.stop()
            await it.errands.stop()

    run(steps())


def test_a_deleted_file_is_in_the_trash_and_comes_back(run: Run, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("precious")

    async def steps() -> None:
        it = Tree(qtbot, tmp_path)
        try:
            await it.choose(tmp_path / "a.py")
            qtbot.keyClick(it.tree.view, Qt.Key.Key_Delete)
            box = await until(lambda: dialog(QMessageBox))
            box.buttons()[0].click()
            await until(lambda: not (tmp_path / "a.py").exists() or dialog(QMessageBox) not in (box, None))
            assert not (tmp_path / "a.py").exists()
            qtbot.keyClick(it.tree.view, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
            assert (tmp_path / "a.py").read_text() == "precious"
        finally:
            it.tree.stop()
            await it.errands.stop()

    run(steps())


@pytest.mark.parametrize("name", ["", "/", "..", "a/../b", "/etc/x", "a\0b"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CannotChange, match="no name"):
        create(tmp_path, name)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("precious")
    make(tmp_path, "b.py", "folder/")
    with pytest.raises(CannotChange, match="exists already"):
        create(tmp_path, "a.py")
    with pytest.raises(CannotChange, match="exists already"):
        rename(tmp_path / "b.py", "a.py")
    with pytest.raises(CannotChange, match="exists already"):
        rename(tmp_path / "b.py", "folder")
    with pytest.raises(CannotChange, match="cannot be changed"):
        rename(tmp_path / "b.py", "x" * 300)
    with pytest.raises(CannotChange, match="not there"):
        trash(tmp_path / "gone")
    assert (tmp_path / "a.py").read_text() == "precious"


def test_undoing_a_new_file_keeps_what_was_written_into_it(tmp_path: Path) -> None:
    path, change = create(tmp_path, "a.py")
    path.write_text("typed")
    with pytest.raises(CannotChange, match="not empty"):
        change.undo()
    assert path.read_text() == "typed"


def test_without_a_folder_it_says_what_to_do(qtbot: QtBot) -> None:
    tree = FileTree(Theme(QApplication.instance(), Appearance()), Questions(QWidget()), Errands())  # type: ignore[arg-type]
    qtbot.addWidget(tree)
    tree.show()
    from PySide6.QtWidgets import QPushButton

    with qtbot.waitSignal(tree.folder_requested):
        next(button for button in tree.findChildren(QPushButton) if button.isVisible()).click()
    tree.stop()
