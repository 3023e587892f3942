"""Whatever is pressed, and whatever the engine says in whatever order: the text is what the person typed or
took, and grey text stands nowhere but where it goes on from what is there."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.editor.code_editor import CodeEditor
from app.suggestions.ghost_text import GhostText
from app.suggestions.preedit_formats import is_ghost
from app.suggestions.surroundings import swallowed_at
from core.spec.messages import Complete, Done, Failed, Reading, Statistics, Text
from tests.app.desk import AT_ONCE, Desk, code_editor

NONE, CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
TAKING = {
    "all": (Qt.Key.Key_Tab, NONE),
    "word": (Qt.Key.Key_Right, CTRL),
    "line": (Qt.Key.Key_Tab, SHIFT),
}
OTHER_KEYS = [
    *((Qt.Key.Key_Backspace, NONE), (Qt.Key.Key_Delete, NONE), (Qt.Key.Key_Left, NONE)),
    *((Qt.Key.Key_Right, NONE), (Qt.Key.Key_Up, NONE), (Qt.Key.Key_Home, NONE), (Qt.Key.Key_End, NONE)),
    *((Qt.Key.Key_Left, SHIFT), (Qt.Key.Key_A, CTRL), (Qt.Key.Key_Backspace, CTRL), (Qt.Key.Key_F5, NONE)),
    *((Qt.Key.Key_Control, NONE), (Qt.Key.Key_X, CTRL), (Qt.Key.Key_V, CTRL)),
]
GHOST_KEYS = [
    *((Qt.Key.Key_Escape, NONE), (Qt.Key.Key_BracketRight, ALT), (Qt.Key.Key_BracketLeft, ALT)),
    (Qt.Key.Key_Space, CTRL),
]
answers = st.sampled_from(["aab", "ab)", "b\n  a", "aa 🦙b", " a\n\nb", "a", ""])
steps = st.one_of(
    st.tuples(st.just("type"), st.sampled_from("aab (\n🦙")),
    st.tuples(st.just("type what is grey"), st.integers(1, 3)),
    st.tuples(st.just("key"), st.sampled_from(OTHER_KEYS)),
    st.tuples(st.just("ghost key"), st.sampled_from(GHOST_KEYS)),
    st.tuples(st.just("take"), st.sampled_from(sorted(TAKING))),
    st.tuples(st.just("pause"), st.none()),
    st.tuples(st.just("text"), st.tuples(st.integers(0, 3), answers)),
    st.tuples(st.just("done"), st.tuples(st.integers(0, 3), st.booleans())),
    st.tuples(st.just("failed"), st.integers(0, 3)),
    st.tuples(st.just("undo"), st.none()),
    st.tuples(st.just("redo"), st.none()),
    st.tuples(st.just("compose"), st.sampled_from(["", "^"])),
    st.tuples(st.just("commit"), st.sampled_from(["a", "é"])),
    st.tuples(st.just("program"), st.tuples(st.integers(0, 40), st.sampled_from(["x", "\n", "yy\nz"]))),
    st.tuples(st.just("focus"), st.booleans()),
    st.tuples(st.just("click"), st.none()),
    st.tuples(st.just("reload"), st.none()),
)


class Twin:
    """The same editor without suggestions: what it holds is what the person typed and took."""

    def __init__(self, qtbot: QtBot, editor: QPlainTextEdit, text: str) -> None:
        self.editor = editor
        self.editor.setPlainText(text)
        qtbot.addWidget(self.editor)
        self.taking = GhostText(self.editor)
        self.taken_revision = -1
        self.editor.moveCursor(QTextCursor.MoveOperation.End)

    @property
    def has_just_taken(self) -> bool:
        return self.editor.document().revision() == self.taken_revision

    def take(self, part: str) -> None:
        swallows = swallowed_at(self.editor.textCursor(), part)
        self.taking.insert(part, joins_last=self.has_just_taken, swallows=swallows)
        self.taken_revision = self.editor.document().revision()


class Session:
    def __init__(self, qtbot: QtBot, make_editor: Callable[[], QPlainTextEdit]) -> None:
        text = "def a(b):\n  "
        settings = replace(AT_ONCE, pause_ms=2000, look_ahead=True)
        self.desk = Desk(qtbot, text, settings, editor=make_editor())
        self.twin = Twin(qtbot, make_editor(), text)
        self.said: dict[int, str] = {}
        self.over: set[int] = set()
        self.is_composing = False
        self.desk.completion.complete_requested.connect(self.check_wish)
        [self.pause] = self.desk.completion.findChildren(QTimer)

    def check_wish(self, wish: Complete) -> None:
        before, after = self.around()
        ahead = before + self.desk.ghost.text
        assert wish.prefix == before or (wish.prefix.startswith(ahead) and self.desk.ghost.text)
        is_ahead = len(wish.prefix) > len(before)
        assert wish.suffix == (after[self.swallowed() :] if is_ahead else after)
        assert not self.is_composing
        assert not self.desk.editor.textCursor().hasSelection()
        self.said[wish.id] = ""

    def swallowed(self) -> int:
        return swallowed_at(self.desk.editor.textCursor(), self.desk.ghost.text)

    def around(self) -> tuple[str, str]:
        text = self.desk.text
        units = text.encode("utf-16-le")
        place = 2 * self.desk.editor.textCursor().position()
        return units[:place].decode("utf-16-le"), units[place:].decode("utf-16-le")

    def press(self, key: Qt.Key, held: Qt.KeyboardModifier) -> None:
        self.desk.key(key, held)
        QTest.keyClick(self.twin.editor, key, held)

    def ghost_press(self, key: Qt.Key, held: Qt.KeyboardModifier, taken: Callable[[str], str]) -> None:
        """A key that is the editor's own where no grey text hears it."""
        ghost, before = self.desk.ghost, self.around()[0]
        left = before[before.rfind("\n") + 1 :]
        indents = key == Qt.Key.Key_Tab and not held and not left.strip() and ghost.text[:1] in (" ", "\t")
        is_heard = bool(ghost.seen) and not indents
        part = taken(ghost.seen)
        self.desk.key(key, held)
        if is_heard and part:
            self.twin.take(part)
        elif not is_heard and (key, held) == TAKING["line"] and self.twin.has_just_taken:
            self.twin.taken_revision = -1  # one line too many, once
        elif not is_heard and not (key == Qt.Key.Key_Space and held == CTRL):
            QTest.keyClick(self.twin.editor, key, held)

    def do(self, kind: str, value) -> None:
        getattr(self, "do_" + kind.replace(" ", "_"))(value)
        self.desk.rest()
        self.check()

    def do_type(self, letter: str) -> None:
        if letter == "🦙" or self.is_composing:
            self.do_commit(letter)
        else:
            self.desk.type(letter)
            QTest.keyClick(self.twin.editor, Qt.Key.Key_Return) if letter == "\n" else QTest.keyClicks(
                self.twin.editor, letter
            )

    def do_type_what_is_grey(self, count: int) -> None:
        for letter in self.desk.ghost.text[:count]:
            self.do_type(letter)

    def do_key(self, pressed: tuple[Qt.Key, Qt.KeyboardModifier]) -> None:
        self.end_composing()
        self.press(*pressed)

    def do_ghost_key(self, pressed: tuple[Qt.Key, Qt.KeyboardModifier]) -> None:
        self.end_composing()
        self.ghost_press(*pressed, lambda _: "")

    def do_take(self, how: str) -> None:
        from app.suggestions.suggestion import first_line, first_word

        self.end_composing()
        self.ghost_press(*TAKING[how], {"all": str, "word": first_word, "line": first_line}[how])

    def do_pause(self, _: None) -> None:
        if self.pause.isActive():
            self.pause.stop()
            self.pause.timeout.emit()

    def wish(self, back: int) -> Complete | None:
        wishes = self.desk.wishes
        return wishes[-1 - back] if back < len(wishes) else None

    def do_text(self, drawn: tuple[int, str]) -> None:
        wish = self.wish(drawn[0])
        if wish is not None and wish.id not in self.over:
            self.said[wish.id] += drawn[1]
            self.desk.completion.engine_said(Reading(wish.id, 1, 2))
            self.desk.completion.engine_said(Text(wish.id, drawn[1]))

    def do_done(self, drawn: tuple[int, bool]) -> None:
        wish = self.wish(drawn[0])
        if wish is not None and wish.id not in self.over:
            self.over.add(wish.id)
            ending = "unsure" if drawn[1] else "trimmed"
            self.desk.completion.engine_said(Done(wish.id, ending, Statistics(100, 1, 0, 3, 5.0, 9.0, 0.5)))

    def do_failed(self, back: int) -> None:
        wish = self.wish(back)
        if wish is not None and wish.id not in self.over:
            self.over.add(wish.id)
            self.desk.completion.engine_said(Failed("memory", "It failed.", wish.id))

    def do_undo(self, _: None) -> None:
        self.end_composing()
        self.desk.editor.undo()
        self.twin.editor.undo()

    def do_redo(self, _: None) -> None:
        self.end_composing()
        self.desk.editor.redo()
        self.twin.editor.redo()

    def compose(self, composing: str, committed: str) -> None:
        for editor in (self.desk.editor, self.twin.editor):
            event = QInputMethodEvent(composing, [])
            event.setCommitString(committed)
            QCoreApplication.sendEvent(editor, event)
        self.is_composing = bool(composing)

    def do_compose(self, composing: str) -> None:
        self.desk.editor.setFocus()
        self.compose(composing, "")

    def do_commit(self, committed: str) -> None:
        self.compose("", committed)

    def end_composing(self) -> None:
        if self.is_composing:
            self.compose("", "")

    def do_program(self, drawn: tuple[int, str]) -> None:
        self.end_composing()
        place, text = drawn
        for editor in (self.desk.editor, self.twin.editor):
            cursor = QTextCursor(editor.document())
            cursor.setPosition(min(place, editor.document().characterCount() - 1))
            cursor.insertText(text)

    def do_focus(self, has: bool) -> None:
        self.end_composing()
        if has:
            self.desk.editor.setFocus()
        else:
            self.desk.editor.clearFocus()

    def do_click(self, _: None) -> None:
        self.end_composing()
        QTest.mouseClick(self.desk.editor.viewport(), Qt.MouseButton.LeftButton)
        self.follow_cursor()

    def do_reload(self, _: None) -> None:
        self.end_composing()
        for editor in (self.desk.editor, self.twin.editor):
            editor.setPlainText("a = 1\nb")

    def follow_cursor(self) -> None:
        found, cursor = self.desk.editor.textCursor(), self.twin.editor.textCursor()
        cursor.setPosition(found.anchor())
        cursor.setPosition(found.position(), QTextCursor.MoveMode.KeepAnchor)
        self.twin.editor.setTextCursor(cursor)

    def check(self) -> None:
        desk, ghost = self.desk, self.desk.ghost
        assert desk.text == self.twin.editor.toPlainText()
        assert desk.editor.textCursor().position() == self.twin.editor.textCursor().position()
        cursor, document = desk.editor.textCursor(), desk.editor.document()
        for line in range(document.blockCount()):
            block = document.findBlockByNumber(line)
            is_here = block == cursor.block() and bool(ghost.text)
            if not self.is_composing:
                assert block.layout().preeditAreaText() == (
                    ghost.text.replace("\n", "\u2028") if is_here else ""
                )
                grey = [found for found in block.layout().formats() if is_ghost(found)]
                assert len(grey) == is_here + bool(is_here and self.swallowed())
            if is_here:
                assert block.layout().preeditAreaPosition() == cursor.positionInBlock()
        if ghost.text:
            before, after = self.around()
            assert desk.editor.hasFocus()
            assert not cursor.hasSelection()
            assert not self.is_composing
            assert any(
                # more may have been said since, when nobody waited for it any more
                (wish.prefix + self.said[wish.id]).startswith(before + ghost.text)
                # the editor closes brackets, and what the suggestion closes itself is typed over
                and (after.endswith(wish.suffix) or wish.suffix.endswith(after))
                and set(after.removesuffix(wish.suffix)) <= set(")]}'\"")
                for wish in desk.wishes
            )
        self.check_colours()

    def check_colours(self) -> None:
        """Once the grey is gone, the line is coloured as if it had never been there."""
        editors = (self.desk.editor, self.twin.editor)
        if self.desk.ghost.text or self.is_composing:
            return
        for editor in editors:
            if isinstance(editor, CodeEditor):
                editor.highlighter.settle()
        found = [
            [(part.start, part.length) for part in editor.textCursor().block().layout().formats()]
            for editor in editors
        ]
        assert found[0] == found[1]


@pytest.mark.parametrize("make_editor", [QPlainTextEdit, code_editor], ids=["plain", "code"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(is_begun=st.booleans(), taken=st.lists(steps, min_size=8, max_size=30))
def test_the_text_is_what_was_typed_or_taken_and_grey_text_goes_on_from_it(
    qtbot: QtBot, make_editor: Callable[[], QPlainTextEdit], is_begun: bool, taken: list
) -> None:
    session = Session(qtbot, make_editor)
    if is_begun:
        session.do("type", "a")
        session.do("pause", None)
        session.do("text", (0, "ab(a)\n  aab"))
    for kind, value in taken:
        session.do(kind, value)
    session.desk.editor.close()
    session.twin.editor.close()
