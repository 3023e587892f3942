"""Suggestions by the real worker with a real tiny model, typed along, taken, called off, and survived."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Qt
from pytestqt.qtbot import QtBot

from app.engine_client import EngineClient
from app.settings import Completion as Settings
from core.spec.messages import Done, Reply
from tests.app.desk import Desk, code_editor
from tests.app.workers import PLAIN, tireless_model

CODE = "def add(first, second):\n    return first + second\n\n\n"
EVERYTHING = Settings(pause_ms=1, least_chance=0.0, look_ahead=False, extent="block")
ALT = Qt.KeyboardModifier.AltModifier


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tireless_model(tmp_path_factory.mktemp("model"))


class Wired(QObject):
    """A desk whose engine is a real one. A QObject, so that what the engine says is heard in this thread."""

    def __init__(self, qtbot: QtBot, model: Path) -> None:
        super().__init__()
        self._qtbot = qtbot
        self.engine = EngineClient(self)
        self.desk = Desk(qtbot, CODE, EVERYTHING, editor=code_editor())
        completion = self.desk.completion
        self.replies: list[Reply] = []
        self.has_closed = False
        self.engine.replied.connect(completion.engine_said)
        self.engine.replied.connect(self.replies.append)
        self.engine.state_changed.connect(completion.set_engine)
        completion.complete_requested.connect(self.engine.ask)
        completion.cancel_requested.connect(self.engine.cancel)
        completion.set_engine(self.engine.state)
        self.engine.load(str(model), PLAIN)
        self.wait(lambda: self.engine.is_ready)

    def wait(self, condition: Callable[[], bool]) -> None:
        self._qtbot.waitUntil(condition)

    def shown(self) -> str:
        self.wait(lambda: bool(self.desk.ghost.text))
        self.desk.rest()
        return self.desk.ghost.text

    def close(self) -> None:
        self.engine.closed.connect(self._note_closing)
        self.engine.close()
        self.wait(lambda: self.has_closed)

    def _note_closing(self) -> None:
        self.has_closed = True


@pytest.fixture
def wired(qtbot: QtBot, model: Path) -> Iterator[Wired]:
    made = Wired(qtbot, model)
    yield made
    made.close()


def test_a_suggestion_comes_grows_is_typed_along_and_taken(wired: Wired) -> None:
    desk = wired.desk
    desk.type("total = ad")
    first = wired.shown()
    typed = first[0]
    if typed.isalnum():
        desk.type(typed)
        assert desk.ghost.text.startswith(first[1:])
    wired.wait(lambda: desk.completion.state.mood == "shown")
    before, whole = desk.text, desk.ghost.text
    desk.key(Qt.Key.Key_Tab)
    assert desk.text.startswith(before + whole)
    desk.editor.undo()
    assert desk.text == before


def test_another_suggestion_begins_otherwise(wired: Wired) -> None:
    desk = wired.desk
    desk.completion.set_settings(replace(EVERYTHING, extent="line"))
    desk.type("total = ad")
    first = wired.shown()
    wired.wait(lambda: desk.completion.state.mood == "shown")
    desk.key(Qt.Key.Key_BracketRight, ALT)
    wired.wait(lambda: "of" in desk.said or "no other" in desk.said)
    other = desk.ghost.text
    assert other
    if "of" in desk.said:
        assert other != first
        desk.key(Qt.Key.Key_BracketLeft, ALT)
        assert desk.ghost.text == first


def test_escape_calls_off_what_is_still_being_written(wired: Wired) -> None:
    desk = wired.desk
    desk.type("total = ad")
    wired.shown()
    desk.key(Qt.Key.Key_Escape)
    asked = desk.wishes[-1].id
    wired.wait(lambda: any(isinstance(reply, Done) and reply.id == asked for reply in wired.replies))
    desk.rest()
    assert desk.cancelled in ([asked], [])  # nothing where it had ended by itself
    assert (desk.ghost.text, desk.text) == ("", CODE + "total = ad")


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="a signal of POSIX")
def test_a_worker_that_is_killed_takes_no_text_and_comes_again(wired: Wired) -> None:
    desk = wired.desk
    desk.type("total = ad")
    wired.shown()
    text, pid = desk.text, wired.engine.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    wired.wait(lambda: not wired.engine.is_ready)
    desk.type("d")
    assert desk.ghost.text == ""
    assert desk.said.startswith("The model is being loaded")
    assert desk.text == text + "d"
    wired.wait(lambda: wired.engine.is_ready)
    desk.type("(")
    assert wired.shown()
