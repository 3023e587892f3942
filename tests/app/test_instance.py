"""One window a person: real second processes hand their files to the first."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from pytestqt.qtbot import QtBot

from app.instance import Instance

ROOT = Path(__file__).parents[2]
NAME = "smallcoder-test"
START = (
    "import sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication\n"
    "from app.instance import Instance\n"
    "application = QCoreApplication([])\n"
    "instance = Instance(sys.argv[1])\n"
    "print(instance.is_first([Path(word) for word in sys.argv[2:]]), flush=True)\n"
)


@pytest.fixture
def first(tmp_path: Path, qtbot: QtBot) -> Iterator[Instance]:
    made = Instance(f"{NAME}-{tmp_path.name}")
    yield made
    made.close()


def start(name: str, *words: str, then: str = "") -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", START + then, name, *words]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_second_start_hands_over_its_files_and_ends(first: Instance, qtbot: QtBot) -> None:
    asked: list[list[Path]] = []
    first.asked.connect(asked.append)
    assert first.is_first([])
    with start(first.name, "one.py", "/elsewhere/two.py") as second:
        qtbot.waitUntil(lambda: second.poll() is not None)
        assert second.stdout is not None
        assert second.stdout.read() == "False\n"
    assert asked == [[ROOT / "one.py", Path("/elsewhere/two.py")]]


def test_what_one_that_was_killed_has_left_is_in_nobodys_way(first: Instance) -> None:
    with start(first.name, then="import time; time.sleep(60)") as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "True\n"
        killed.kill()
    assert first.is_first([])


@pytest.mark.parametrize("line", [b"nonsense\n", b'{"a": 1}\n', b"[1, 2]\n", b"\xff\n"])
def test_nonsense_is_answered_and_opens_nothing(first: Instance, line: bytes, qtbot: QtBot) -> None:
    asked: list[object] = []
    first.asked.connect(asked.append)
    assert first.is_first([])
    socket = QLocalSocket()
    socket.connectToServer(first.name)
    assert socket.waitForConnected(2000)
    socket.write(line)
    qtbot.waitUntil(lambda: socket.bytesAvailable() > 0)
    socket.disconnectFromServer()
    assert asked == []


def test_files_of_any_name_arrive_as_they_are(first: Instance, qtbot: QtBot) -> None:
    asked: list[list[Path]] = []
    first.asked.connect(asked.append)
    assert first.is_first([])
    name = '/elsewhere/with space, "quotes" and\nnew line é.py'
    socket = QLocalSocket()
    socket.connectToServer(first.name)
    assert socket.waitForConnected(2000)
    socket.write(json.dumps([name]).encode() + b"\n")
    qtbot.waitUntil(lambda: bool(asked))
    socket.disconnectFromServer()
    assert asked == [[Path(name)]]
