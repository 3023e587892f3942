"""EngineClient with the real worker and a real tiny model: loaded, asked, killed in mid-answer, closed."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.engine_client import EngineClient, EngineState, Phase
from core.spec.messages import PROTOCOL, Complete, Count, Counted, Done, Failed, Reply, Text
from core.spec.sampling import Sampling
from tests.app.workers import PLAIN, tireless_model

LOADS_AND_HEARS_NO_MORE = """
import json, sys
facts = {"name": "m", "precision": "int8", "device": "cpu", "kernel": "", "threads": 1, "context_tokens": 9}
facts |= {"concessions": [], "has_fim": False, "has_chat": False}
facts |= {"parameters": 1, "weights_bytes": 1, "cache_bytes": 1}
print(json.dumps({"type": "hello", "version": "1", "protocol": int(sys.argv[1]), "pid": 1}))
wish = json.loads(input())
print(json.dumps({"type": "loaded", "id": wish["id"], "facts": facts}))
sys.stdin.read()
"""
ENDLESS = Sampling(max_tokens=3000)


class Client:
    """The client under test, and all that it told."""

    def __init__(self, qtbot: QtBot, command: list[str] | None = None) -> None:
        self.engine = EngineClient(command=command)
        self.states: list[EngineState] = []
        self.replies: list[Reply] = []
        self.notes: list[str] = []
        self.closings = 0
        self.engine.state_changed.connect(self.states.append)
        self.engine.replied.connect(self.replies.append)
        self.engine.noted.connect(self.notes.append)
        self.engine.closed.connect(self._count_closing)
        self._qtbot = qtbot

    def _count_closing(self) -> None:
        self.closings += 1

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition)

    def wait_for(self, *phases: Phase) -> None:
        self.wait(lambda: self.engine.state.phase in phases)

    def last_word(self, id: int) -> Reply:
        def words() -> list[Reply]:
            return [
                reply
                for reply in self.replies
                if isinstance(reply, Done | Failed | Counted) and reply.id == id
            ]

        self.wait(lambda: bool(words()))
        [word] = words()
        return word

    def has_text(self, id: int) -> bool:
        return any(isinstance(reply, Text) and reply.id == id for reply in self.replies)

    def close(self) -> None:
        if not self.closings:
            self.engine.close()
            self.wait(lambda: self.closings > 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tireless_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def client(qtbot: QtBot) -> Iterator[Client]:
    made = Client(qtbot)
    yield made
    made.close()


def saying(*lines: str, then: str = "sys.stdin.read()") -> list[str]:
    """A worker of another make: it says these lines, whatever it is told."""
    script = f"import sys\nfor line in {lines!r}: print(line, flush=True)\n{then}"
    return [sys.executable, "-c", script]


def test_a_model_is_loaded_asked_interrupted_and_outlived(client: Client, model: Path, qtbot: QtBot) -> None:
    """One worker for the whole story, since each start of torch takes its time."""
    engine = client.engine
    assert engine.state == EngineState()
    engine.load(str(model), PLAIN)
    assert engine.state.phase == "starting"
    client.wait_for("ready", "failed")
    assert engine.state.phase == "ready", engine.state.problem
    assert [state.phase for state in client.states[:2]] == ["starting", "loading"]
    assert "starting PyTorch" in {state.step for state in client.states}
    assert engine.state.facts is not None
    assert engine.state.facts.has_fim
    first_pid = engine.pid

    engine.ask(Complete(1, "def add(", sampling=Sampling(max_tokens=4)))
    assert isinstance(client.last_word(1), Done)

    engine.ask(Complete(2, "def add(", sampling=ENDLESS))
    client.wait(lambda: client.has_text(2))
    engine.cancel(2)
    word = client.last_word(2)
    assert isinstance(word, Done)
    assert word.ending == "cancelled"

    engine.ask(Complete(3, "def add(", sampling=ENDLESS))
    client.wait(lambda: client.has_text(3))
    assert first_pid is not None
    os.kill(first_pid, signal.SIGKILL)
    word = client.last_word(3)
    assert isinstance(word, Failed)
    assert word.kind == "crashed"
    assert len(client.notes) == 1
    assert "started again" in client.notes[0]
    client.wait_for("ready", "failed")
    assert engine.pid != first_pid
    engine.ask(Count(4, "def add("))
    assert isinstance(client.last_word(4), Counted)

    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)  # a second time within the minute: now a person is asked
    client.wait_for("failed")
    assert engine.state.is_restartable
    assert engine.pid is None
    engine.restart()
    client.wait_for("ready")

    pid = engine.pid
    client.close()
    assert engine.state.phase == "off"
    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_what_cannot_be_loaded_leaves_the_earlier_model_in_its_place_and_one_unused_is_unloaded(
    client: Client, model: Path, tmp_path: Path
) -> None:
    engine = client.engine
    engine.load(str(tmp_path / "nothing"), PLAIN)
    client.wait_for("failed")
    assert "nothing" in engine.state.problem
    assert not engine.state.is_restartable
    engine.load(str(model), PLAIN)
    client.wait_for("ready")
    engine.load(str(tmp_path / "nothing"), PLAIN)
    client.wait(lambda: bool(client.notes))
    client.wait_for("ready")
    assert "nothing" in client.notes[0]
    assert engine.state.target is not None
    assert engine.state.target.path == str(model)

    engine._rest_after_ms = 1
    engine._keep_awake()
    client.wait(lambda: engine.state.phase == "idle")
    assert engine.state.is_resting
    engine.rest_after(0)
    engine.wake()
    client.wait_for("ready")
    assert not engine.state.is_resting


def test_asking_without_a_model_gets_a_last_word_at_once(client: Client) -> None:
    client.engine.ask(Complete(7, "x"))
    assert client.replies == [Failed("request", "No model is ready; load one first.", 7)]


def test_closing_while_the_worker_starts_leaves_nothing_behind(client: Client, model: Path) -> None:
    client.engine.load(str(model), PLAIN)
    client.close()
    assert client.engine.pid is None


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (('{"type": "hello", "version": "9", "protocol": 99, "pid": 1}',), "another version"),
        (("Welcome to my library!",), "no message"),
        (('{"type": "helo"}',), "no message"),
    ],
)
def test_a_worker_that_speaks_otherwise_is_ended_and_said(
    lines: tuple[str, ...], said: str, qtbot: QtBot, model: Path
) -> None:
    client = Client(qtbot, saying(*lines))
    client.engine.load(str(model), PLAIN)
    client.wait(lambda: client.engine.state.phase == "failed" and client.engine.pid is None)
    assert said in client.engine.state.problem
    assert client.engine.state.is_restartable
    client.close()


def test_a_worker_that_dies_at_each_start_is_tried_twice_and_no_more(qtbot: QtBot, model: Path) -> None:
    client = Client(qtbot, saying(then="sys.exit(1)"))
    client.engine.load(str(model), PLAIN)
    client.wait_for("failed")
    assert [state.phase for state in client.states] == ["starting", "failed"]
    assert client.engine.state.problem == "The engine ended with code 1."
    assert len(client.notes) == 1
    client.close()


def test_a_worker_deaf_to_a_cancel_is_ended(
    qtbot: QtBot, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine_client._CANCEL_HEARD_WITHIN_MS", 10)
    client = Client(qtbot, [sys.executable, "-u", "-c", LOADS_AND_HEARS_NO_MORE, str(PROTOCOL)])
    client.engine.load(str(model), PLAIN)
    client.wait_for("ready", "failed")
    client.engine.ask(Complete(1, "x"))
    client.engine.cancel(1)
    word = client.last_word(1)
    assert isinstance(word, Failed)
    assert word.kind == "crashed"
    assert "did not stop" in client.notes[0]
    client.close()
