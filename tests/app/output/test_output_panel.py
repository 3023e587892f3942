"""Running a file: what it prints, how it ends, and that nothing of it is left."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from app.output.interpreter import NoInterpreter, environment, interpreter
from app.output.output_panel import OutputPanel
from app.output.terminal_text import MAX_LINE, TerminalText
from app.settings import Appearance
from app.theme import Theme


@pytest.fixture
def panel(qtbot: QtBot) -> Iterator[OutputPanel]:
    panel = OutputPanel(Theme(QApplication.instance(), Appearance()))  # type: ignore[arg-type]
    qtbot.addWidget(panel)
    panel.resize(600, 300)
    panel.show()
    yield panel
    panel.close_program()


def run(panel: OutputPanel, folder: Path, code: str) -> None:
    (folder / "program.py").write_text(code)
    panel.run(folder / "program.py", folder, sys.executable)


def ran(panel: OutputPanel, qtbot: QtBot, folder: Path, code: str) -> str:
    run(panel, folder, code)
    qtbot.waitUntil(lambda: not panel.is_running)
    return panel.view.toPlainText()


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_output_and_errors_appear_in_order(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    text = ran(
        panel, qtbot, tmp_path, "import sys\nprint('é')\nprint('two', file=sys.stderr)\nprint('3', end='')\n"
    )
    assert text == "é\ntwo\n3"
    assert "program.py ended with exit code 0" in panel.said


def test_it_runs_in_the_files_own_folder_without_our_environment(
    panel: OutputPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    code = "import os, sys\nprint(os.getcwd(), os.environ.get('PYTHONPATH'))\nsys.exit(3)\n"
    assert ran(panel, qtbot, tmp_path, code) == f"{tmp_path} None\n"
    assert "exit code 3" in panel.said


def test_colours_go_and_a_progress_bar_is_one_line(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    code = "print('\\x1b[31mred\\x1b[0m')\nfor n in range(50): print(f'\\r{n}%', end='')\nprint()\n"
    assert ran(panel, qtbot, tmp_path, code) == "red\n49%\n"


def test_a_program_can_be_answered(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    run(panel, tmp_path, "print('Hello ' + input('Name? '))")
    qtbot.waitUntil(lambda: "Name?" in panel.view.toPlainText())
    field = panel.findChild(QLineEdit)
    assert field is not None
    assert field.isVisible()
    qtbot.keyClicks(field, "Ada")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not panel.is_running)
    assert panel.view.toPlainText() == "Name? Ada\nHello Ada\n"
    assert not field.isVisible()


def test_a_line_of_a_traceback_opens_its_file(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    text = ran(panel, qtbot, tmp_path, "def f():\n    1 / 0\nf()\n")
    assert "ZeroDivisionError" in text
    cursor = panel.view.textCursor()
    cursor.setPosition(text.index("line 2"))
    panel.view.setTextCursor(cursor)
    with qtbot.waitSignal(panel.open_requested) as wish:
        qtbot.keyClick(panel.view, Qt.Key.Key_Return)
    assert wish.args == [tmp_path / "program.py", 2, 0, 0]
    place = panel.view.cursorRect(cursor).center()
    with qtbot.waitSignal(panel.open_requested):
        qtbot.mouseClick(panel.view.viewport(), Qt.MouseButton.LeftButton, pos=place)


CHILDREN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-c", sleeper])
other = subprocess.Popen([sys.executable, "-c", sleeper], start_new_session=True)
print(os.getpid(), child.pid, other.pid)
time.sleep(600)
"""


def test_stop_ends_everything_that_was_started(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    run(panel, tmp_path, CHILDREN)
    qtbot.waitUntil(lambda: panel.view.toPlainText().count("\n") == 1)
    pids = [int(word) for word in panel.view.toPlainText().split()]
    assert len([pid for pid in pids if is_alive(pid)]) == 3
    panel.stop()
    qtbot.waitUntil(lambda: not panel.is_running)
    qtbot.waitUntil(lambda: not any(is_alive(pid) for pid in pids))
    assert "ended by signal 9" in panel.said


def test_who_was_left_behind_by_its_parent_is_stopped_too(
    panel: OutputPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    code = (
        "import subprocess, sys, time\n"
        'start = \'import subprocess, sys; subprocess.Popen(["sleep", "600"])\'\n'
        "subprocess.run([sys.executable, '-c', start])\nprint('ready')\ntime.sleep(600)\n"
    )
    run(panel, tmp_path, code)
    qtbot.waitUntil(lambda: "ready" in panel.view.toPlainText())
    leader = panel._program._process.pid  # type: ignore[union-attr]
    sleepers = [it.pid for it in psutil.process_iter(["name"]) if it.info["name"] == "sleep"]
    (orphan,) = (pid for pid in sleepers if os.getsid(pid) == leader)
    panel.stop()
    qtbot.waitUntil(lambda: not panel.is_running and not is_alive(orphan))


def test_a_flood_is_read_slowly_and_kept_short(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    run(panel, tmp_path, "while True: print('x' * 70)\n")
    qtbot.waitUntil(lambda: panel.view.blockCount() == 10_000)
    panel.stop()
    qtbot.waitUntil(lambda: not panel.is_running)
    assert panel.view.blockCount() <= 10_000
    assert psutil.Process().memory_info().rss - before < 100 << 20


def test_a_line_without_end_is_broken(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    text = ran(panel, qtbot, tmp_path, "import sys\nsys.stdout.write('x' * 50000)\n")
    assert max(map(len, text.split("\n"))) == MAX_LINE
    assert text.replace("\n", "") == "x" * 50_000


def test_running_again_ends_what_still_runs(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    run(panel, tmp_path, "print('first')\nimport time; time.sleep(600)")
    qtbot.waitUntil(lambda: "first" in panel.view.toPlainText())
    run(panel, tmp_path, "print('second')")
    qtbot.waitUntil(lambda: "second" in panel.view.toPlainText() and not panel.is_running)
    assert panel.view.toPlainText() == "second\n"


def test_a_program_that_ends_while_its_child_goes_on_has_ended(
    panel: OutputPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    code = "import subprocess\nprint(subprocess.Popen(['sleep', '600']).pid)\n"
    pid = int(ran(panel, qtbot, tmp_path, code))
    assert "exit code 0" in panel.said
    psutil.Process(pid).kill()


def test_what_cannot_be_run_is_said(panel: OutputPanel, tmp_path: Path) -> None:
    (tmp_path / "python").write_text("no program")
    (tmp_path / "python").chmod(0o755)
    panel.run(tmp_path / "a.py", None, str(tmp_path / "python"))
    assert "cannot be run" in panel.said
    panel.run(tmp_path / "a.py", None, "no-such-python")
    assert "choose another one" in panel.said
    assert not panel.is_running


def test_closing_the_window_leaves_nothing_running(panel: OutputPanel, qtbot: QtBot, tmp_path: Path) -> None:
    run(panel, tmp_path, "import os, time\nprint(os.getpid())\ntime.sleep(600)")
    qtbot.waitUntil(lambda: panel.view.toPlainText().endswith("\n"))
    pid = int(panel.view.toPlainText())
    panel.close_program()
    assert not is_alive(pid)


def environment_in(folder: Path) -> Path:
    """As much of one as counts."""
    python = folder / "bin/python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    (folder / "pyvenv.cfg").write_text("")
    return python


def test_the_nearest_environment_of_the_folder_is_taken(tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    outside = environment_in(tmp_path / ".venv")
    file = project / "src/a.py"
    assert interpreter(file, project) not in (outside, None)
    top = environment_in(project / "venv")
    assert interpreter(file, project) == top
    near = environment_in(project / "src/.venv")
    assert interpreter(file, project) == near
    assert interpreter(file, project, sys.executable) == Path(sys.executable)


def test_an_environment_without_its_python_is_passed_over(tmp_path: Path) -> None:
    environment_in(tmp_path / ".venv").unlink()
    assert interpreter(tmp_path / "a.py", tmp_path).parent != tmp_path / ".venv/bin"


def test_the_packaged_app_has_no_python_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreter(tmp_path / "a.py", None).exists()
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    with pytest.raises(NoInterpreter, match=r"no Python .*install one"):
        interpreter(tmp_path / "a.py", None)
    assert "PYTHONHOME" not in environment({"PYTHONHOME": "x"})


def lines_of(*parts: bytes) -> str:
    text = TerminalText()
    finished: list[str] = []
    for part in parts:
        finished += text.feed(part)[0]
    rest, begun = text.feed(b"", final=True)
    return "\n".join([*finished, *rest, begun])


@pytest.mark.parametrize(
    ("printed", "seen"),
    [
        (b"a\r\nb\r\n", "a\nb\n"),
        (b"\x1b[1;31mred\x1b[0m", "red"),
        (b"\x1b]0;title\x07x\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "xlink"),
        (b"10%\r100%", "100%"),
        (b"100%\r5", "500%"),
        (b"abc\b\bX", "aXc"),
        (b"\x07bell\x00", "bell"),
        (b"tab\tstays", "tab\tstays"),
        (b"\xff", "\ufffd"),
        ("é😀".encode(), "é😀"),
        (b"\x1bcreset\x1b(B", "reset"),
    ],
)
def test_what_a_terminal_would_show(printed: bytes, seen: str) -> None:
    assert lines_of(printed) == seen
    assert lines_of(*(printed[place : place + 1] for place in range(len(printed)))) == seen


@given(st.lists(st.binary(max_size=30), max_size=8))
def test_how_output_is_cut_does_not_matter(parts: list[bytes]) -> None:
    assert lines_of(*parts) == lines_of(b"".join(parts))


def test_an_escape_that_never_ends_does_not_hold_everything_back() -> None:
    assert "y" in lines_of(b"\x1b]" + b"x" * 10_000, b"\x07y")


def test_a_free_child_is_found_dead(tmp_path: Path) -> None:
    """The measure that the tests above use."""
    child: Any = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert is_alive(child.pid)
    child.kill()
    child.wait()
    begin = time.monotonic()
    assert not is_alive(child.pid)
    assert time.monotonic() - begin < 1


def test_what_is_printed_begins_below_the_title_and_fills_the_panel_once_nothing_runs(
    panel: OutputPanel, qtbot: QtBot, tmp_path: Path
) -> None:
    ran(panel, qtbot, tmp_path, "print('x')")
    title = panel._title.mapTo(panel, panel._title.rect().topLeft()).x()
    viewport = panel.view.viewport()
    text = panel.view.cursorRect().left() + viewport.mapTo(panel, viewport.rect().topLeft()).x()
    assert abs(text - title) <= 1
    assert panel.view.geometry().bottom() == panel.rect().bottom()
