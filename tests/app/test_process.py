"""WorkerProcess: real children that print, split characters, flood, hang, crash, or are not there at all."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.process import Alone, Outcome, WorkerProcess, gently, own_command
from core.spec.version import version


class Heard:
    """A process, and all that it told."""

    def __init__(self, qtbot: QtBot) -> None:
        self.process = WorkerProcess()
        self.lines: list[bytes] = []
        self.outcomes: list[Outcome] = []
        self.process.line_read.connect(self.lines.append)
        self.process.ended.connect(self.outcomes.append)
        self._qtbot = qtbot

    def run(self, script: str) -> None:
        self.process.start([sys.executable, "-u", "-c", script])

    def outcome(self) -> Outcome:
        self._qtbot.waitUntil(lambda: bool(self.outcomes))
        [outcome] = self.outcomes
        return outcome

    def wait_for_lines(self, count: int) -> None:
        self._qtbot.waitUntil(lambda: len(self.lines) >= count)


@pytest.fixture
def heard(qtbot: QtBot) -> Iterator[Heard]:
    made = Heard(qtbot)
    yield made
    if made.process.is_running:
        made.process.kill()
        made.outcome()


def test_lines_come_whole_even_where_a_character_is_written_in_two_parts(heard: Heard) -> None:
    heard.run(
        "import os\n"
        "sign = '€'.encode()\n"
        "os.write(1, b'a' + sign[:1])\n"
        "os.write(1, sign[1:] + b'\\nlast\\r\\nhalf')"
    )
    assert heard.outcome() == Outcome(0, crashed=False, was_asked_to=False, log="")
    assert [line.decode() for line in heard.lines] == ["a€", "last"]


def test_what_is_written_to_it_is_answered(heard: Heard) -> None:
    heard.run("for line in iter(input, 'end'): print(line.upper())")
    heard.process.write(b"hello\n")
    heard.wait_for_lines(1)
    heard.process.write(b"end\n")
    assert heard.outcome().is_clean
    assert heard.lines == [b"HELLO"]


def test_a_flood_of_lines_arrives_in_order_and_lets_the_window_live(heard: Heard, qtbot: QtBot) -> None:
    from PySide6.QtCore import QTimer

    beats = []
    timer = QTimer(interval=5)
    timer.timeout.connect(lambda: beats.append(len(heard.lines)))
    timer.start()
    heard.run("print('\\n'.join(map(str, range(200_000))))")
    assert heard.outcome().is_clean
    timer.stop()
    assert heard.lines == [str(number).encode() for number in range(200_000)]
    assert len([beat for beat in beats if 0 < beat < 200_000]) >= 5


def test_what_it_says_on_the_side_is_kept_up_to_a_bound(heard: Heard) -> None:
    heard.run("import sys; sys.stderr.write('x' * 200_000 + 'the last words'); sys.exit(3)")
    outcome = heard.outcome()
    assert (outcome.exit_code, outcome.crashed, outcome.is_clean) == (3, False, False)
    assert outcome.log.endswith("the last words")
    assert len(outcome.log) <= 2**16
    assert outcome.sentence("The engine") == "The engine ended with code 3."


def test_a_killed_process_is_a_crash(heard: Heard) -> None:
    heard.run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    outcome = heard.outcome()
    assert outcome.crashed
    assert "memory" in outcome.sentence("The engine")


def test_stop_is_heard_as_the_end_of_its_input(heard: Heard) -> None:
    heard.run("print('ready'); input_left = __import__('sys').stdin.read(); print('goodbye')")
    heard.wait_for_lines(1)
    heard.process.stop()
    outcome = heard.outcome()
    assert (outcome.exit_code, outcome.was_asked_to) == (0, True)
    assert heard.lines == [b"ready", b"goodbye"]


def test_what_does_not_hear_is_ended_by_force(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.process._TERMINATE_AFTER_MS", 50)
    monkeypatch.setattr("app.process._KILL_AFTER_MS", 60)
    heard.run("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); signal.pause()")
    heard.wait_for_lines(1)
    heard.process.stop()
    outcome = heard.outcome()
    assert outcome.crashed
    assert outcome.sentence("The run") == "The run was stopped."


def test_a_line_without_an_end_does_not_fill_the_memory(
    heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.process.MAX_LINE_BYTES", 100_000)
    heard.run("import sys\nwhile True: sys.stdout.write('x' * 10_000)")
    assert heard.outcome().crashed
    assert heard.lines == []


def test_a_program_that_is_not_there_is_said(heard: Heard) -> None:
    heard.process.start(["/nowhere/at-all"])
    assert heard.outcome().sentence("The engine") == "The engine could not be started."


def test_a_process_can_be_started_again_once_it_has_ended(heard: Heard) -> None:
    heard.run("print('one')")
    heard.outcome()
    heard.outcomes.clear()
    heard.run("print('two')")
    heard.outcome()
    assert heard.lines == [b"one", b"two"]


def test_our_own_commands_run_without_any_set_up(heard: Heard) -> None:
    heard.process.start(own_command(["--version"]))
    assert heard.outcome().is_clean
    assert heard.lines == [f"SmallCoder {version()}".encode()]


@pytest.mark.skipif(os.name != "posix", reason="other systems have no nice")
def test_a_gentle_process_gives_way_and_is_the_one_that_was_started(heard: Heard) -> None:
    script = "import os; print(os.getpriority(os.PRIO_PROCESS, 0), os.getpid())"
    before = os.getpriority(os.PRIO_PROCESS, 0)
    heard.process.start(gently([sys.executable, "-u", "-c", script], 5))
    pid = heard.process.pid
    assert heard.outcome().is_clean
    assert heard.lines == [f"{min(19, before + 5)} {pid}".encode()]


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="no sessions that share processors out")
def test_a_process_of_its_own_gives_way_with_its_whole_session(qtbot: QtBot, tmp_path: Path) -> None:
    script = (
        "import os, sys; print(os.getsid(0) == os.getpid(), os.getpriority(os.PRIO_PROCESS, 0),"
        "open('/proc/self/autogroup').read().split()[-1], file=sys.stderr)"
    )
    before = os.getpriority(os.PRIO_PROCESS, 0)
    log = tmp_path / "log.txt"
    process = Alone([sys.executable, "-c", script], 5, log)
    qtbot.waitUntil(lambda: not process.is_running)
    assert log.read_text() == f"True {min(19, before + 5)} 10\n"
