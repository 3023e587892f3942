"""Open documents against a real disk, with real questions on the screen."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QMessageBox, QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs, titles_of
from app.documents.documents import Documents
from app.questions import Questions
from app.settings import Appearance
from app.theme import Theme
from tests.app.patience import until

Run = Callable[[Coroutine[Any, Any, Any]], Any]


class Window(QWidget):
    """As much of the window as documents need."""

    def __init__(self) -> None:
        super().__init__()
        self.documents = Documents(QPlainTextEdit, Questions(self), self)
        self.tabs = DocumentTabs(Theme(QApplication.instance(), Appearance()), self)  # type: ignore[arg-type]
        self.said: list[str] = []
        self.documents.opened.connect(self.tabs.add)
        self.documents.closed.connect(self.tabs.remove)
        self.documents.shown.connect(self.tabs.show_document)
        self.documents.failed.connect(self.said.append)
        self.documents.said.connect(self.said.append)

    async def open(self, path: Path) -> Document:
        document = await self.documents.open(path)
        assert document is not None
        return document


@pytest.fixture
def window(qtbot: QtBot) -> Window:
    window = Window()
    qtbot.addWidget(window)
    window.show()
    return window


@pytest.fixture
def within(run: Run, window: Window) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Runs the test's own steps, then stops what watches and writes."""

    async def whole(steps: Callable[[], Awaitable[None]]) -> None:
        try:
            await steps()
        finally:
            await window.documents.stop()

    return lambda steps: run(whole(steps))


Within = Callable[[Callable[[], Awaitable[None]]], None]


def question() -> QMessageBox | None:
    boxes = [
        box for box in QApplication.topLevelWidgets() if isinstance(box, QMessageBox) and box.isVisible()
    ]
    return boxes[0] if boxes else None


@asynccontextmanager
async def answering(*labels: str) -> AsyncIterator[list[str]]:
    """Clicks these buttons of the questions that come; gives what was asked."""
    asked: list[str] = []

    async def click() -> None:
        for label in labels:
            box = await until(question)
            asked.append(f"{box.text()} {box.informativeText()}")
            button = next(button for button in box.buttons() if button.text().replace("&", "") == label)
            button.click()
            await until(lambda box=box: question() is not box)

    clicking = asyncio.ensure_future(click())
    yield asked
    await clicking


async def name_the_file(path: Path) -> None:
    dialog = await until(
        lambda: next(
            (it for it in QApplication.topLevelWidgets() if isinstance(it, QFileDialog) and it.isVisible()),
            None,
        )
    )
    dialog.findChild(QLineEdit).setText(str(path))
    dialog.accept()
    await until(lambda: not dialog.isVisible())


def type_into(document: Document, text: str) -> None:
    document.editor.insertPlainText(text)


def test_a_text_is_opened_changed_and_saved(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"\xef\xbb\xbfx = 1\r\n")

    async def steps() -> None:
        document = await window.open(tmp_path / "a.py")
        assert (document.text(), document.is_modified) == ("x = 1\n", False)
        type_into(document, "y\u00a0")
        assert document.is_modified
        assert "Not saved" in window.tabs.tabToolTip(0)
        assert await window.documents.save(document)
        assert not document.is_modified
        assert (tmp_path / "a.py").read_bytes() == "\ufeffy\u00a0x = 1\r\n".encode()
        document.editor.undo()
        assert document.is_modified

    within(steps)


def test_a_long_text_that_is_opened_beside_another_is_in_sight(
    within: Within, window: Window, tmp_path: Path
) -> None:
    (tmp_path / "short.py").write_text("x = 1\n")
    (tmp_path / "long.py").write_text("number = 1\n" * 60_000)

    async def steps() -> None:
        await window.open(tmp_path / "short.py")
        window.tabs.resize(600, 400)
        window.tabs.show()
        document = await window.open(tmp_path / "long.py")
        assert window.tabs.current() is document
        assert document.editor.isVisible()
        assert document.editor.height() > 200

    within(steps)


def test_one_file_is_one_document_by_whichever_name(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")
    (tmp_path / "link.py").symlink_to("a.py")
    os.link(tmp_path / "a.py", tmp_path / "hard.py")

    async def steps() -> None:
        names = ["a.py", "link.py", "hard.py", "../" + tmp_path.name + "/a.py"]
        documents = await asyncio.gather(*(window.open(tmp_path / name) for name in names))
        assert len({id(document) for document in documents}) == len(window.documents) == 1

    within(steps)


def test_closing_asks_and_cancel_keeps_everything(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")

    async def steps() -> None:
        document = await window.open(tmp_path / "a.py")
        type_into(document, "y")
        async with answering("Cancel") as asked:
            assert not await window.documents.close(document)
        assert asked == ["Save the changes to a.py? What is discarded is lost."]
        assert (document.text(), len(window.documents)) == ("yx", 1)
        async with answering("Save"):
            assert await window.documents.close(document)
        assert (tmp_path / "a.py").read_text() == "yx"
        document = await window.open(tmp_path / "a.py")
        type_into(document, "z")
        async with answering("Discard"):
            assert await window.documents.close(document)
        assert (tmp_path / "a.py").read_text() == "yx"
        assert window.tabs.count() == 0

    within(steps)


def test_escape_means_cancel(within: Within, window: Window) -> None:
    async def steps() -> None:
        document = window.documents.new("text")
        closing = asyncio.ensure_future(window.documents.close(document))
        (await until(question)).reject()
        assert not await closing
        assert len(window.documents) == 1

    within(steps)


def test_a_text_without_a_file_asks_for_a_name(within: Within, window: Window, tmp_path: Path) -> None:
    async def steps() -> None:
        document = window.documents.new("x = 1\n")
        saving = asyncio.ensure_future(window.documents.save(document))
        await name_the_file(tmp_path / "new.py")
        assert await saving
        assert (tmp_path / "new.py").read_text() == "x = 1\n"
        assert (document.name, document.is_modified) == ("new.py", False)
        assert window.tabs.tabText(0) == "new.py"

    within(steps)


def test_saving_over_another_file_asks(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("precious")

    async def steps() -> None:
        document = window.documents.new("x")
        saving = asyncio.ensure_future(window.documents.save(document))
        await name_the_file(tmp_path / "old.py")
        async with answering("Cancel") as asked:
            assert not await saving
        assert "old.py exists already" in asked[0]
        assert (tmp_path / "old.py").read_text() == "precious"

    within(steps)


def test_a_clean_text_follows_its_file_and_undo_brings_it_back(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("one\ntwo\nthree\n")

    async def steps() -> None:
        document = await window.open(path)
        document.go_to_line(3, 2)
        for _ in range(2):  # replaced twice: Qt forgets a path that was
            (tmp_path / "new").write_text("zero\n" + path.read_text())
            os.replace(tmp_path / "new", path)
            await until(lambda: document.text() == path.read_text())
        assert not document.is_modified
        assert document.editor.textCursor().block().text() == "three"
        assert "a.py was changed by another program" in window.said[0]
        document.editor.undo()
        document.editor.undo()
        assert document.text() == "one\ntwo\nthree\n"
        assert document.is_modified

    within(steps)


def test_a_changed_text_is_never_replaced(within: Within, window: Window, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("theirs 1")

    async def steps() -> None:
        document = await window.open(path)
        type_into(document, "mine ")
        path.write_text("theirs 2")
        await until(lambda: document.fate == "changed")
        page = window.tabs.page(document)
        assert page is not None
        assert page.notice.isVisible()
        assert document.text() == "mine theirs 1"
        async with answering("Cancel") as asked:
            assert not await window.documents.save(document)
        assert "changed by another program" in asked[0]
        assert path.read_text() == "theirs 2"
        window.documents.keep_mine(document)
        await until(lambda: document.fate == "same")
        assert not page.notice.isVisible()
        assert await window.documents.save(document)
        assert path.read_text() == "mine theirs 1"

    within(steps)


def test_their_version_can_be_loaded_and_undone(within: Within, window: Window, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("theirs 1")

    async def steps() -> None:
        document = await window.open(path)
        type_into(document, "mine ")
        path.write_text("theirs 2")
        await until(lambda: document.fate == "changed")
        await window.documents.load_theirs(document)
        assert (document.text(), document.is_modified, document.fate) == ("theirs 2", False, "same")
        document.editor.undo()
        assert document.text() == "mine theirs 1"

    within(steps)


def test_the_text_of_a_deleted_file_stays_and_can_be_saved_again(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")

    async def steps() -> None:
        document = await window.open(path)
        path.unlink()
        await until(lambda: document.fate == "deleted")
        assert document.is_modified
        async with answering("Cancel") as asked:
            assert not await window.documents.close(document)
        assert "the text is only here" in asked[0]
        path.write_text("x")
        await until(lambda: document.fate == "same")
        assert not document.is_modified
        path.unlink()
        await until(lambda: document.fate == "deleted")
        assert await window.documents.save(document)
        assert path.read_text() == "x"
        assert document.fate == "same"

    within(steps)


def test_a_folder_that_vanishes_takes_no_text_with_it(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f/a.py").write_text("x")

    async def steps() -> None:
        document = await window.open(tmp_path / "f/a.py")
        (tmp_path / "f").rename(tmp_path / "g")
        await until(lambda: document.fate == "deleted")
        saving = asyncio.ensure_future(window.documents.save(document))
        async with answering("Save As…") as asked:
            await name_the_file(tmp_path / "b.py")
            assert await saving
        assert "is gone" in asked[0]
        assert (tmp_path / "b.py").read_text() == "x"

    within(steps)


REPLACEMENTS: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "binary": lambda path: path.write_bytes(b"\0\1"),
    "huge": lambda path: os.truncate(path, 100 << 20),
    "a circle of links": lambda path: (path.unlink(), path.symlink_to(path.name)),
}


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS.keys())
def test_something_else_in_the_place_of_a_file_leaves_the_text(
    within: Within, window: Window, tmp_path: Path, replace: Callable[[Path], object]
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")

    async def steps() -> None:
        document = await window.open(path)
        replace(path)
        await until(lambda: document.fate == "unreadable")
        assert (document.text(), document.is_modified) == ("one", True)
        async with answering("Cancel") as asked:
            assert not await window.documents.close(document)
        assert "the text is only here" in asked[0]
        path.rmdir() if path.is_dir() else path.unlink()
        path.write_text("one")
        await until(lambda: document.fate == "same")
        assert not document.is_modified

    within(steps)


def test_a_read_only_file_is_shown_and_becomes_editable(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")
    path.chmod(0o444)

    async def steps() -> None:
        document = await window.open(path)
        assert document.editor.isReadOnly()
        assert "read-only" in document.notes[0]
        path.chmod(0o644)
        await until(lambda: not document.editor.isReadOnly())
        type_into(document, "y")
        path.chmod(0o444)
        await until(lambda: document.notes)
        assert not document.editor.isReadOnly()  # what is typed has to go somewhere
        async with answering("Cancel") as asked:
            assert not await window.documents.save(document)
        assert "read-only" in asked[0]
        assert path.read_text() == "x"

    within(steps)


def test_what_the_encoding_lacks_is_saved_as_utf8_if_the_person_wants(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"caf\xe9\n")

    async def steps() -> None:
        document = await window.open(path)
        type_into(document, "→")
        async with answering("Save as UTF-8"):
            assert await window.documents.save(document)
        assert path.read_text(encoding="utf-8") == "→café\n"
        assert document.form.encoding == "utf-8"

    within(steps)


def test_a_declared_encoding_has_to_be_changed_by_the_person(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"# coding: latin-1\nx = '\xe9'\n")

    async def steps() -> None:
        document = await window.open(path)
        document.go_to_line(2)
        type_into(document, "y = '→'\n")
        async with answering("Back to the Text") as asked:
            assert not await window.documents.save(document)
        assert "declare utf-8" in asked[0]
        document.replace_text(document.text().replace("latin-1", "utf-8"))
        assert await window.documents.save(document)
        assert path.read_text(encoding="utf-8") == "# coding: utf-8\ny = '→'\nx = 'é'\n"

    within(steps)


def test_a_name_that_no_file_has_yet_is_a_text_that_becomes_it(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "new.py"

    async def steps() -> None:
        document = await window.documents.open_or_begin(path)
        assert document is not None
        assert (document.name, document.text(), document.is_modified) == ("new.py", "", False)
        assert "new.py is not there yet" in window.said[-1]
        (tmp_path / "other.py").write_text("1")
        other = await window.open(tmp_path / "other.py")
        (tmp_path / "other.py").write_text("something has happened in this folder")
        window.documents.check_files()
        await until(lambda: other.text() != "1")
        assert document.fate == "same"
        assert await window.documents.open_or_begin(path) is document
        again = document.snapshot()
        assert (again.path, again.text) == (path, "")
        type_into(document, "x = 1\n")
        assert await window.documents.save(document)
        assert path.read_text() == "x = 1\n"
        path.unlink()
        await until(lambda: document.fate == "deleted")

    within(steps)


def test_no_text_is_begun_in_a_folder_that_is_not_there(
    within: Within, window: Window, tmp_path: Path
) -> None:
    async def steps() -> None:
        assert await window.documents.open_or_begin(tmp_path / "none" / "new.py") is None
        assert "check the name" in window.said[-1]

    within(steps)


@pytest.mark.parametrize("content", [b"\0\1", None], ids=["binary", "a folder"])
def test_what_cannot_be_opened_is_said(
    within: Within, window: Window, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "thing"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)

    async def steps() -> None:
        assert await window.documents.open(path) is None
        assert str(path) in window.said[0]
        assert len(window.documents) == 0

    within(steps)


def test_closed_tabs_come_back_the_last_first(within: Within, window: Window, tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("one\ntwo\n")

    async def steps() -> None:
        documents = [await window.open(tmp_path / name) for name in ("a.py", "b.py")]
        documents[1].go_to_line(2)
        draft = window.documents.new("draft")
        for document in documents:
            await window.documents.close(document)
        async with answering("Discard"):
            await window.documents.close(draft)
        (tmp_path / "a.py").unlink()
        again = await window.documents.reopen_closed()
        assert again is not None
        assert (again.text(), again.path) == ("draft", None)
        again = await window.documents.reopen_closed()
        assert again is not None
        assert (again.name, again.editor.textCursor().blockNumber()) == ("b.py", 1)
        assert await window.documents.reopen_closed() is None
        assert window.documents.recent[0] == tmp_path / "b.py"

    within(steps)


def test_tabs_are_closed_together_until_the_person_changes_their_mind(
    within: Within, window: Window, tmp_path: Path
) -> None:
    async def steps() -> None:
        for name in "abcd":
            (tmp_path / f"{name}.py").write_text(name)
        a, b, c, d = [await window.open(tmp_path / f"{name}.py") for name in "abcd"]
        type_into(c, "x")
        async with answering("Cancel"):
            assert not await window.documents.close_all([b, c, d])
        assert [*window.documents] == [a, c, d]
        assert await window.documents.close_all(other for other in window.documents if other is not c)
        assert [*window.documents] == [c]

    within(steps)


def test_quitting_asks_once_about_several(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x")

    async def steps() -> None:
        document = await window.open(tmp_path / "a.py")
        type_into(document, "y")
        window.documents.new("draft")
        async with answering("Cancel") as asked:
            assert not await window.documents.may_quit()
        assert "Save the changes to 2 files?" in asked[0]
        assert "a.py" in asked[0]
        assert "Untitled-1" in asked[0]
        async with answering("Discard All"):
            assert await window.documents.may_quit()
        assert [document.name for document in window.documents] == ["a.py"]
        assert not document.is_modified
        assert (tmp_path / "a.py").read_text() == "x"

    within(steps)


def test_what_is_typed_during_a_save_is_not_taken_for_saved(
    within: Within, window: Window, tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")

    async def steps() -> None:
        document = await window.open(path)
        type_into(document, "1")

        async def typing(_: Document) -> None:
            type_into(document, "2")

        window.documents.before_save = typing
        assert await window.documents.save(document)
        assert (path.read_text(), document.text(), document.is_modified) == ("1x", "12x", True)

    within(steps)


def test_saves_at_once_are_done_one_after_the_other(within: Within, window: Window, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")

    async def steps() -> None:
        document = await window.open(path)
        type_into(document, "1")
        saves = [asyncio.ensure_future(window.documents.save(document)) for _ in range(5)]
        assert all(await asyncio.gather(*saves))
        assert await window.documents.close(document)
        assert path.read_text() == "1x"

    within(steps)


def test_a_renamed_folder_takes_its_documents_along(within: Within, window: Window, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old/a.py").write_text("x")

    async def steps() -> None:
        document = await window.open(tmp_path / "old/a.py")
        (tmp_path / "old").rename(tmp_path / "new")
        window.documents.move(tmp_path / "old", tmp_path / "new")
        type_into(document, "y")
        assert await window.documents.save(document)
        assert (tmp_path / "new/a.py").read_text() == "yx"
        assert not (tmp_path / "old").exists()

    within(steps)


def test_a_change_of_form_is_saved(within: Within, window: Window, tmp_path: Path) -> None:
    from app.documents.text_form import with_line_end

    path = tmp_path / "a.txt"
    path.write_bytes(b"a\r\nb\n")

    async def steps() -> None:
        document = await window.open(path)
        assert "mixed" in document.notes[0]
        document.set_form(with_line_end(document.form, "\n"))
        assert document.is_modified
        assert await window.documents.save(document)
        assert path.read_bytes() == b"a\nb\n"

    within(steps)


def test_a_file_can_be_read_with_another_encoding(within: Within, window: Window, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("日本".encode("shift_jis"))

    async def steps() -> None:
        document = await window.open(path)
        assert await window.documents.reopen_with(document, "shift_jis")
        assert document.text() == "日本"
        assert not await window.documents.reopen_with(document, "ascii")
        assert "choose another encoding" in window.said[-1]

    within(steps)


def test_equal_names_are_told_apart_by_their_folders() -> None:
    paths = [Path("/p/app/main.py"), Path("/p/core/main.py"), Path("/p/x.py")]
    assert titles_of(paths) == ["main.py — app", "main.py — core", "x.py"]
    deep = [Path("/p/a/src/m.py"), Path("/p/b/src/m.py"), Path("/p/b/other/m.py")]
    assert titles_of(deep) == [f"m.py — {Path('a/src')}", f"m.py — {Path('b/src')}", "m.py — other"]
    assert titles_of([Path("m.py"), Path("/m.py")]) == ["m.py", "m.py — /"]
