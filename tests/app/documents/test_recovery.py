"""Programs are killed, disks are full, journals are broken: the text is there at the next start."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QPlainTextEdit, QWidget
from pytestqt.qtbot import QtBot

from app.documents.document import Place, Snapshot
from app.documents.documents import Documents
from app.documents.journal import Journal, Layout, find
from app.documents.recovery import Recovery
from app.documents.text_form import TextForm
from app.questions import Questions
from tests.app.typist import typed

Run = Callable[[Coroutine[Any, Any, Any]], Any]
ROOT = Path(__file__).parents[3]
_FIRST_KEYS = 20
KINDS = ("no file yet", "saving", "saving in place")


class Started:
    """What a start of the program makes of the journals, without a window to look at."""

    def __init__(self, qtbot: QtBot, root: Path) -> None:
        self.window = QWidget()
        qtbot.addWidget(self.window)
        self.documents = Documents(QPlainTextEdit, Questions(self.window), self.window)
        self.recovery = Recovery(self.documents, root)
        self.failures: list[str] = []
        self.said: list[str] = []
        self.recovery.failed.connect(self.failures.append)

    def texts(self) -> dict[str, str]:
        return {document.name: document.text() for document in self.documents}


Start = Callable[[], Any]


@pytest.fixture
def start(qtbot: QtBot, tmp_path: Path) -> Start:
    @asynccontextmanager
    async def started(
        root: Path = tmp_path / "data/recovery", *, killed: bool = False
    ) -> AsyncIterator[Started]:
        """`killed`: its journal stays as it was the moment before."""
        program = Started(qtbot, root)
        program.said = await program.recovery.restore()
        yield program
        if killed:
            await program.recovery.flush()
            program.recovery._journal.release()  # type: ignore[union-attr]
            program.recovery._journal = None
        await program.documents.stop()
        await program.recovery.stop()

    return started


def test_nothing_is_restored_the_first_time(run: Run, start: Start, tmp_path: Path) -> None:
    async def steps() -> None:
        async with start() as program:
            assert (program.texts(), program.said, program.failures) == ({}, [], [])

    run(steps())


def test_unsaved_texts_tabs_and_cursors_come_back(run: Run, start: Start, tmp_path: Path) -> None:
    (tmp_path / "clean.py").write_text("one\ntwo\n")
    (tmp_path / "edited.py").write_bytes(b"a\r\nb\n")

    async def steps() -> None:
        async with start(killed=True) as program:
            clean = await program.documents.open(tmp_path / "clean.py")
            clean.go_to(Place(5, 2))
            edited = await program.documents.open(tmp_path / "edited.py")
            edited.editor.insertPlainText("né\u00a0w")
            program.documents.new("draft 😀").go_to(Place(3, 3))
        async with start() as program:
            assert program.texts() == {
                "clean.py": "one\ntwo\n",
                "edited.py": "né\u00a0wa\nb\n",
                "Untitled-1": "draft 😀",
            }
            clean, edited, draft = program.documents
            assert [clean.is_modified, edited.is_modified, draft.is_modified] == [False, True, True]
            assert (clean.place(), draft.place()) == (Place(5, 2), Place(3, 3))
            assert program.said == ["Unsaved text was restored: edited.py, Untitled-1."]
            assert edited.form.mixed
            edited.editor.undo()
            assert edited.text() == "a\nb\n"
            assert (tmp_path / "edited.py").read_bytes() == b"a\r\nb\n"
            assert program.documents.recent[0] == tmp_path / "edited.py"

    run(steps())


def test_what_is_restored_is_safe_again_before_the_old_copy_goes(
    run: Run, start: Start, tmp_path: Path
) -> None:
    async def steps() -> None:
        async with start(killed=True) as program:
            program.documents.new("draft")
        async with start(killed=True) as program:
            assert len(find(tmp_path / "data/recovery").folders) == 0  # only the running one is left
        async with start() as program:
            assert program.texts() == {"Untitled-1": "draft"}

    run(steps())


def test_saved_and_discarded_texts_are_forgotten(run: Run, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")

    async def steps() -> None:
        async with start() as program:
            document = await program.documents.open(path)
            document.editor.insertPlainText("y")
            await program.recovery.flush()
            assert len(list((tmp_path / "data/recovery").rglob("*.text"))) == 1
            assert await program.documents.save(document)
            await program.recovery.flush()
            assert not list((tmp_path / "data/recovery").rglob("*.text"))
        async with start() as program:
            assert program.texts() == {"a.py": "yx"}

    run(steps())


def test_a_file_that_changed_meanwhile_is_not_lost_either(run: Run, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x")

    async def steps() -> None:
        async with start(killed=True) as program:
            document = await program.documents.open(path)
            document.editor.insertPlainText("mine ")
        path.write_text("theirs")
        async with start(killed=True) as program:
            (document,) = program.documents
            assert (document.text(), document.fate) == ("mine x", "changed")
        path.unlink()
        async with start() as program:
            (document,) = program.documents
            assert (document.text(), document.fate, document.name) == ("mine x", "deleted", "a.py")

    run(steps())


BREAKS: dict[str, Callable[[Path], object]] = {
    "cut off": lambda path: os.truncate(path, path.stat().st_size - 1),
    "empty": lambda path: path.write_bytes(b""),
    "no JSON": lambda path: path.write_bytes(b"\xff\xfe nonsense"),
    "JSON of another kind": lambda path: path.write_bytes(b"[1, 2]\n"),
    "from the future": lambda path: path.write_bytes(json.dumps({"format": 99, "sha256": ""}).encode()),
    "much nesting": lambda path: path.write_bytes(b"[" * 100_000),
}


@pytest.mark.parametrize("harm", BREAKS.values(), ids=BREAKS.keys())
def test_a_broken_text_is_kept_aside_and_the_others_come_back(
    run: Run, start: Start, tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    async def steps() -> None:
        async with start(killed=True) as program:
            program.documents.new("first")
            program.documents.new("second")
        (text,) = (tmp_path / "data/recovery").rglob("0.text")
        harm(text)
        broken = text.read_bytes()
        async with start() as program:
            assert [*program.texts().values()] == ["second"]
            assert "could not be read; it was kept as" in program.said[0]
            (aside,) = (tmp_path / "data/recovery/kept-aside").iterdir()
            assert str(aside) in program.said[0]
            assert aside.read_bytes() == broken

    run(steps())


def test_without_a_layout_the_texts_come_back_all_the_same(run: Run, start: Start, tmp_path: Path) -> None:
    async def steps() -> None:
        async with start(killed=True) as program:
            program.documents.new("first")
        (layout,) = (tmp_path / "data/recovery").rglob("layout.json")
        layout.write_text("{")
        async with start() as program:
            assert [*program.texts().values()] == ["first"]

    run(steps())


def test_the_journal_of_a_running_program_is_left_alone(run: Run, start: Start, tmp_path: Path) -> None:
    async def steps() -> None:
        async with start() as first:
            first.documents.new("mine")
            await first.recovery.flush()
            async with start() as second:
                assert second.texts() == {}

    run(steps())


def test_a_journal_that_cannot_be_written_is_said_once_and_tried_again(
    run: Run, start: Start, tmp_path: Path
) -> None:
    async def steps() -> None:
        async with start() as program:
            (folder,) = (path for path in (tmp_path / "data/recovery").iterdir() if path.is_dir())
            (folder / "0.text.tmp").mkdir()  # nobody, not even the superuser, can write there now
            program.documents.new("draft")
            for _ in range(3):
                await program.recovery.flush()
            assert len(program.failures) == 1
            assert "save often" in program.failures[0]
            (folder / "0.text.tmp").rmdir()
            await program.recovery.flush()
            assert (folder / "0.text").exists()

    run(steps())


def test_a_place_where_nothing_can_be_kept_does_not_stop_the_program(
    run: Run, start: Start, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/recovery").write_text("in the way")

    async def steps() -> None:
        async with start() as program:
            assert "cannot be kept safe" in program.said[0]
            assert program.documents.new("draft").text() == "draft"

    run(steps())


def test_nothing_is_written_while_nothing_changes(run: Run, start: Start, tmp_path: Path) -> None:
    async def steps() -> None:
        async with start() as program:
            program.documents.new("draft")
            await program.recovery.flush()
            before = {path: path.stat().st_mtime_ns for path in (tmp_path / "data/recovery").rglob("*")}
            await program.recovery.flush()
            assert {
                path: path.stat().st_mtime_ns for path in (tmp_path / "data/recovery").rglob("*")
            } == before

    run(steps())


def test_a_journal_that_is_removed_meanwhile_is_begun_again(run: Run, start: Start, tmp_path: Path) -> None:
    async def steps() -> None:
        async with start() as program:
            document = program.documents.new("draft")
            await program.recovery.flush()
            shutil.rmtree(tmp_path / "data")
            document.editor.insertPlainText("more ")
            await program.recovery.flush()
            await program.recovery.flush()
            (text,) = (tmp_path / "data/recovery").rglob("*.text")
            assert text.read_bytes().endswith(b"draftmore ")
            assert program.failures == []

    run(steps())


def test_who_wants_no_copies_gets_none(run: Run, start: Start, tmp_path: Path) -> None:
    async def steps() -> None:
        async with start() as program:
            program.documents.new("draft")
            await program.recovery.flush()
            assert list((tmp_path / "data/recovery").rglob("*.text"))
            program.recovery.keep_texts(False)
            await program.recovery.flush()
            assert not list((tmp_path / "data/recovery").rglob("*.text"))

    run(steps())


def test_a_text_is_only_readable_by_its_writer(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path / "data/recovery")
    journal.write_text("0", Snapshot(1, None, "secret", TextForm(), b"", Place()))
    journal.write_layout(Layout())
    journal.release()
    for path in (tmp_path / "data/recovery").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


def killed_while_typing(folder: Path, path: Path | None, after_s: float) -> tuple[int, int]:
    """How many characters had been typed two seconds before the end, and at the end."""
    command = [sys.executable, "-m", "tests.app.typist", *([str(path)] if path else [])]
    home = os.environ | {"SMALLCODER_HOME": str(folder)}
    with subprocess.Popen(command, cwd=ROOT, env=home, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        times = []
        for line in child.stdout:
            times.append(float(line.split()[1]))
            if len(times) > _FIRST_KEYS and times[-1] - times[_FIRST_KEYS] > after_s:
                break
        child.send_signal(signal.SIGKILL)
        died = time.monotonic()
        times += [
            float(line.split()[1]) for line in child.stdout.read().splitlines() if len(line.split()) == 2
        ]
        child.wait()
    return sum(1 for moment in times if moment < died - 2), len(times)


def killed_over(folder: Path, kind: str, after_s: float) -> tuple[int, int]:
    """A program on its own, with a file where it saves."""
    folder.mkdir()
    path = None if kind == "no file yet" else folder / "a.txt"
    if path is not None:
        path.write_text("")
    if path is not None and kind == "saving in place":
        os.link(path, folder / "b.txt")
    return killed_while_typing(folder, path, after_s)


async def check_what_is_left(
    start: Start, folder: Path, kind: str, typed_then: int, typed_at_all: int
) -> None:
    assert typed_then >= _FIRST_KEYS
    in_file = (folder / "a.txt").read_text() if kind != "no file yet" else ""
    async with start(folder / "data/recovery") as program:
        (document,) = program.documents
        restored = document.text()
        assert restored == typed(len(restored))
        assert typed_then <= len(restored) <= typed_at_all + 1
        if kind == "saving":  # what it was killed over is whole
            assert in_file == typed(len(in_file))
        assert not list(folder.glob(".smallcoder*"))


def kill_and_check(run: Run, start: Start, folder: Path) -> None:
    """One of each kind, at the same time."""
    moments = [random.uniform(2.2, 3.2) for _ in KINDS]
    with ThreadPoolExecutor() as pool:
        folders = [folder / kind for kind in KINDS]
        counts = [*pool.map(killed_over, folders, KINDS, moments)]
    for place, kind, (typed_then, typed_at_all) in zip(folders, KINDS, counts, strict=True):
        run(check_what_is_left(start, place, kind, typed_then, typed_at_all))


def test_killed_while_typing_it_loses_at_most_two_seconds(run: Run, start: Start, tmp_path: Path) -> None:
    kill_and_check(run, start, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("turn", range(17))
def test_killed_while_typing_again_and_again(run: Run, start: Start, tmp_path: Path, turn: int) -> None:
    random.seed(turn)
    kill_and_check(run, start, tmp_path)


def test_half_a_journal_entry_is_not_taken_for_a_whole_one(tmp_path: Path) -> None:
    journal = Journal.begin(tmp_path)
    journal.write_text("0", Snapshot(1, None, "old", TextForm(), b"", Place()))
    (journal.folder / "0.text.tmp").write_bytes(b'{"format": 1')
    journal.release()
    found = find(tmp_path)
    assert [text.text for text in found.texts] == ["old"]
    for left in found.folders:
        left.remove()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_long_text_comes_back_as_it_was_edited(run: Run, start: Start, tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("é line\n" * 40_000)

    async def steps() -> None:
        async with start(killed=True) as program:
            document = await program.documents.open(path)
            for place in (200_000, 100, 7):
                document.go_to(Place(place, place))
                document.editor.insertPlainText("typed😀\n")
                await program.recovery.flush()
            document.editor.undo()
            document.replace_text("x" + document.text()[:-3])
            expected = document.text()
        async with start() as program:
            (document,) = program.documents
            assert document.text() == expected

    run(steps())


def test_unsaved_text_with_a_line_of_a_million_characters_is_not_taken_for_saved(
    run: Run, start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "joined.txt"
    path.write_text("words\n")
    line = "words " * 200_000

    async def steps() -> None:
        async with start(killed=True) as program:
            document = await program.documents.open(path)
            document.editor.insertPlainText(line)  # as joining lines makes one
        async with start() as program:
            (document,) = program.documents
            assert document.text() == line + "words\n"
            assert document.is_modified
            assert not document.editor.isReadOnly()

    run(steps())


def test_the_encoding_that_was_chosen_comes_back(run: Run, start: Start, tmp_path: Path) -> None:
    (tmp_path / "read.txt").write_bytes("日本".encode("shift_jis"))
    (tmp_path / "save.txt").write_bytes(b"caf\xe9\r\n")

    async def steps() -> None:
        async with start(killed=True) as program:
            read_as = await program.documents.open(tmp_path / "read.txt")
            assert await program.documents.reopen_with(read_as, "shift_jis")
            read_as.editor.insertPlainText("語")
            save_as = await program.documents.open(tmp_path / "save.txt")
            save_as.set_form(TextForm())
        async with start() as program:
            read_as, save_as = program.documents
            assert await program.documents.save_all()
            assert (tmp_path / "read.txt").read_bytes() == "日本語".encode("shift_jis")
            assert (tmp_path / "save.txt").read_bytes() == "café\n".encode()

    run(steps())
