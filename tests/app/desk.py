"""An editor with its completion, and all that it asked, called off and said.

Keys go the way of real ones, through every filter and the editor itself. The engine's part is played by hand,
with real messages.
"""

from collections.abc import Iterable
from itertools import count

from PySide6.QtCore import QCoreApplication, QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.actions import KeyMap
from app.editor.code_editor import CodeEditor
from app.engine_client import EngineState
from app.languages import PYTHON
from app.settings import Completion as Settings
from app.suggestions.completion import Completion
from app.suggestions.completion_policy import CompletionState
from app.suggestions.ghost_text import GhostText
from app.suggestions.surroundings import OpenText
from app.suggestions.wishes import Sources
from core.spec.messages import Complete, Done, Ending, ModelFacts, Statistics, Text

FACTS = ModelFacts(
    name="nano",
    precision="int8",
    device="cpu",
    kernel="",
    threads=1,
    context_tokens=1024,
    concessions=(),
    has_fim=True,
    has_chat=False,
    parameters=1,
    weights_bytes=1,
    cache_bytes=1,
    languages=("Python",),
)
READY = EngineState("ready", facts=FACTS)
AT_ONCE = Settings(pause_ms=1, look_ahead=False)


def code_editor() -> CodeEditor:
    """As the window makes it."""
    editor = CodeEditor()
    editor.set_language(PYTHON)
    return editor


class Desk:
    def __init__(
        self,
        qtbot: QtBot,
        text: str = "",
        settings: Settings = AT_ONCE,
        *,
        editor: QPlainTextEdit | None = None,
        others: Iterable[OpenText] = (),
    ) -> None:
        self._qtbot = qtbot
        self.editor = editor or QPlainTextEdit()
        qtbot.addWidget(self.editor)
        self.editor.setPlainText(text)
        self.editor.resize(640, 320)
        self.is_on_battery, self._taken = False, 0
        self.ghost = GhostText(self.editor)
        ids = count(1)
        sources = Sources(
            new_id=lambda: next(ids), other_files=lambda: others, is_on_battery=lambda: self.is_on_battery
        )
        self.completion = Completion(self.editor, self.ghost, KeyMap(), settings, sources)
        self.wishes: list[Complete] = []
        self.cancelled: list[int] = []
        self.states: list[CompletionState] = []
        self.completion.complete_requested.connect(self.wishes.append)
        self.completion.cancel_requested.connect(self.cancelled.append)
        self.completion.state_changed.connect(self.states.append)
        self.completion.set_file("a.py", "Python", line_comment="#")
        self.completion.set_engine(READY)
        self.editor.show()
        self.editor.setFocus()
        qtbot.waitUntil(self.editor.hasFocus)
        self.put_cursor(len(text))

    @property
    def text(self) -> str:
        return self.editor.toPlainText()

    @property
    def said(self) -> str:
        return self.completion.state.sentence

    def put_cursor(self, position: int, anchor: int | None = None) -> None:
        cursor = self.editor.textCursor()
        cursor.setPosition(position if anchor is None else anchor)
        if anchor is not None:
            cursor.setPosition(position, cursor.MoveMode.KeepAnchor)
        self.editor.setTextCursor(cursor)
        self.rest()

    def key(self, key: Qt.Key, *modifiers: Qt.KeyboardModifier) -> None:
        held = Qt.KeyboardModifier(0)
        for modifier in modifiers:
            held |= modifier
        QTest.keyClick(self.editor, key, held)
        self.rest()

    def type(self, text: str) -> None:
        for letter in text:
            if letter == "\n":
                QTest.keyClick(self.editor, Qt.Key.Key_Return)
            elif letter.isascii():
                QTest.keyClicks(self.editor, letter)
            else:  # QTest knows no key for it
                event = QKeyEvent(
                    QEvent.Type.KeyPress, Qt.Key.Key_unknown, Qt.KeyboardModifier.NoModifier, letter
                )
                QCoreApplication.sendEvent(self.editor, event)
            self.rest()

    def rest(self) -> None:
        """All that is posted is done, painting too."""
        QCoreApplication.sendPostedEvents()
        QCoreApplication.processEvents()

    def asked(self) -> Complete:
        """The next wish, when the pause is over."""
        self._qtbot.waitUntil(lambda: len(self.wishes) > self._taken)
        self._taken = len(self.wishes)
        return self.wishes[-1]

    def answer(
        self,
        *pieces: str,
        wish: Complete | None = None,
        ending: Ending = "trimmed",
        chance: float | None = 0.5,
    ) -> None:
        id = (wish or self.wishes[-1]).id
        for piece in pieces:
            self.completion.engine_said(Text(id, piece))
        self.completion.engine_said(Done(id, ending, Statistics(10, 9, 0, 3, 5.0, 9.0, chance)))
        self.rest()

    def suggested(self, typed: str, answer: str) -> None:
        """Something typed, and an answer to it in grey."""
        self.type(typed)
        self.asked()
        self.answer(answer)
        assert self.ghost.text == answer

    @property
    def before(self) -> str:
        return self.text[: self.editor.textCursor().position()]
