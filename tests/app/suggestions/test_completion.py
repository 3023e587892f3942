"""Completion: what is asked and shown while a person types, whatever the engine says and whenever."""

from dataclasses import replace

import pytest
from PySide6.QtCore import QCoreApplication, QPoint, Qt, QTimer
from PySide6.QtGui import QInputMethodEvent, QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.engine_client import EngineState
from app.settings import Completion as Settings
from app.suggestions.surroundings import OpenText
from core.spec.messages import Failed, Reading, Text
from tests.app.desk import AT_ONCE, FACTS, READY, Desk, code_editor

CTRL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
CODE = "def add(a, b):\n    "
SUGGESTION = "return a + b"


@pytest.fixture
def desk(qtbot: QtBot) -> Desk:
    """With a suggestion in grey behind what was typed."""
    made = Desk(qtbot, CODE)
    made.suggested("r", SUGGESTION[1:])
    return made


def test_a_pause_after_typing_asks_once_for_what_stands_around_the_cursor(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "x = 1\n\nprint(x)\n")
    desk.put_cursor(6)
    desk.type("y")
    wish = desk.asked()
    assert (wish.prefix, wish.suffix) == ("x = 1\ny", "\nprint(x)\n")
    assert (wish.editing.path, wish.editing.language, wish.editing.extent) == ("a.py", "Python", "line")
    assert wish.editing.least_chance == Settings().least_chance
    assert len(desk.wishes) == 1
    assert desk.ghost.text == ""


def test_tab_takes_all_of_it_and_one_undo_takes_it_back(desk: Desk) -> None:
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == CODE + SUGGESTION
    assert desk.ghost.text == ""
    desk.editor.undo()
    desk.rest()
    assert desk.text == CODE + "r"
    assert desk.ghost.text == ""


def test_what_was_typed_after_it_was_taken_is_undone_by_itself(desk: Desk) -> None:
    desk.key(Qt.Key.Key_Tab)
    desk.type("!")
    desk.editor.undo()
    assert desk.text == CODE + SUGGESTION


def test_words_are_taken_one_by_one_and_undone_together(desk: Desk) -> None:
    for taken in ("return", "return a", "return a +"):
        desk.key(Qt.Key.Key_Right, CTRL)
        assert desk.text == CODE + taken
        assert desk.ghost.text == SUGGESTION[len(taken) :]
    desk.editor.undo()
    assert desk.text == CODE + "r"
    assert len(desk.wishes) == 1


def test_a_line_is_taken_and_the_next_ones_stay(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, extent="block"))
    desk.suggested("r", "esult = a\n    return result")
    desk.key(Qt.Key.Key_Tab, SHIFT)
    assert desk.text == CODE + "result = a"
    assert desk.ghost.text == "\n    return result"
    desk.key(Qt.Key.Key_Tab, SHIFT)
    assert desk.text == CODE + "result = a\n    return result"


def test_escape_makes_it_go_and_asks_nothing(desk: Desk) -> None:
    desk.key(Qt.Key.Key_Escape)
    assert (desk.ghost.text, desk.text, len(desk.wishes)) == ("", CODE + "r", 1)
    assert desk.said == "Suggestions come as you type"


def test_keys_are_the_editor_s_own_where_nothing_is_shown(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "ab cd")
    desk.put_cursor(0)
    desk.key(Qt.Key.Key_Right, CTRL)
    assert desk.editor.textCursor().position() > 1
    desk.key(Qt.Key.Key_Tab)
    assert "\t" in desk.text


def test_typing_along_asks_nothing_and_leaves_the_rest(desk: Desk) -> None:
    for typed in range(2, len(SUGGESTION)):
        desk.type(SUGGESTION[typed - 1])
        assert desk.ghost.text == SUGGESTION[typed:]
    assert len(desk.wishes) == 1
    assert desk.cancelled == []


def test_deleting_back_shows_it_again_and_asks_nothing(desk: Desk) -> None:
    desk.type("etx")
    desk.asked()
    desk.answer("")
    assert desk.ghost.text == ""
    desk.key(Qt.Key.Key_Backspace)
    assert desk.ghost.text == SUGGESTION[3:]
    desk.key(Qt.Key.Key_Backspace)
    assert desk.ghost.text == SUGGESTION[2:]
    assert len(desk.wishes) == 2


def test_typing_something_else_makes_it_go_and_asks_anew(desk: Desk) -> None:
    desk.type("x")
    assert desk.ghost.text == ""
    assert desk.asked().prefix == CODE + "rx"


def test_an_answer_to_an_older_wish_is_nobody_s(desk: Desk) -> None:
    old = desk.wishes[-1]
    desk.type("x")
    desk.asked()
    desk.answer(" = 1", wish=old)
    assert desk.ghost.text == ""
    desk.answer(" = 2 + 3")
    assert desk.ghost.text == " = 2 + 3"


def test_an_answer_that_comes_while_one_types_along_is_shown_from_there(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, pause_ms=2000))
    desk.type("r")
    desk.completion.suggest()
    desk.type("etu")
    desk.completion.engine_said(Text(desk.wishes[0].id, "eturn a"))
    assert desk.ghost.text == "rn a"
    desk.completion.engine_said(Text(desk.wishes[0].id, " + b"))
    assert desk.ghost.text == "rn a + b"
    desk.completion.dismiss()
    assert len(desk.wishes) == 1


def test_an_answer_that_says_otherwise_than_what_was_typed_meanwhile_is_not_shown(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.type("r")
    wish = desk.asked()
    desk.type("a")
    desk.completion.engine_said(Text(wish.id, "eturn a"))
    assert desk.ghost.text == ""
    assert desk.asked().prefix == CODE + "ra"


@pytest.mark.parametrize("what", ["click", "move", "undo", "focus", "paste above", "all new", "menu"])
def test_whatever_else_happens_makes_it_go_and_calls_off_what_is_asked(qtbot: QtBot, what: str) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, look_ahead=True))
    desk.suggested("r", SUGGESTION[1:])
    ahead = desk.wishes[-1]
    assert ahead.prefix == CODE + SUGGESTION
    if what == "click":
        QTest.mouseClick(desk.editor.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(5, 5))
    elif what == "move":
        desk.key(Qt.Key.Key_Up)
    elif what == "undo":
        desk.editor.undo()
    elif what == "focus":
        desk.editor.clearFocus()
    elif what == "paste above":
        QTextCursor(desk.editor.document()).insertText("import os\n")
    elif what == "menu":
        desk.editor.setReadOnly(True)
        desk.type("x")
    else:
        desk.editor.setPlainText("new\n")
    desk.rest()
    assert desk.ghost.text == ""
    assert desk.cancelled == [ahead.id]
    assert not any(residue(desk))
    expected = {
        "click": "No suggestion in front of other text in the line",
        "move": "No suggestion in front of other text in the line",
        "all new": "No suggestion in front of other text in the line",
        "menu": "No suggestions: the text is read-only",
    }
    assert desk.said == expected.get(what, "Suggestions come as you type")


def residue(desk: Desk) -> list[str]:
    document = desk.editor.document()
    return [
        document.findBlockByNumber(line).layout().preeditAreaText() for line in range(document.blockCount())
    ]


def test_it_is_never_over_a_selection(desk: Desk) -> None:
    desk.key(Qt.Key.Key_Left, SHIFT)
    assert desk.ghost.text == ""
    assert desk.said == "No suggestion while text is selected"
    desk.completion.suggest()
    assert len(desk.wishes) == 1


def test_it_is_never_over_a_composition_and_what_is_composed_goes_on_from_it(desk: Desk) -> None:
    compose(desk, "e", "")
    assert desk.ghost.text == ""
    assert desk.said == "No suggestion while you compose letters"
    assert residue(desk)[1] == "e"
    compose(desk, "", "e")
    assert desk.text == CODE + "re"
    assert desk.ghost.text == SUGGESTION[2:]


def compose(desk: Desk, composing: str, committed: str) -> None:
    event = QInputMethodEvent(composing, [])
    event.setCommitString(committed)
    QCoreApplication.sendEvent(desk.editor, event)
    desk.rest()


def test_what_was_never_painted_is_not_taken(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.type("r")
    wish = desk.asked()
    desk.completion.engine_said(Text(wish.id, "eturn a"))
    assert desk.ghost.text == "eturn a"
    QTest.keyClick(desk.editor, Qt.Key.Key_Tab)
    assert desk.text == CODE + "r\t"


def test_what_was_seen_is_taken_where_more_has_just_come(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.type("r")
    wish = desk.asked()
    desk.completion.engine_said(Text(wish.id, "eturn"))
    desk.rest()
    desk.completion.engine_said(Text(wish.id, " a + b"))
    QTest.keyClick(desk.editor, Qt.Key.Key_Tab)
    assert desk.text == CODE + "return"
    assert desk.ghost.text == " a + b"


def test_a_tab_right_behind_a_letter_takes_the_rest(desk: Desk) -> None:
    QTest.keyClick(desk.editor, Qt.Key.Key_E)
    QTest.keyClick(desk.editor, Qt.Key.Key_Tab)
    assert desk.text == CODE + SUGGESTION


def test_a_second_tab_does_not_take_the_next_one_unseen(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, look_ahead=True))
    desk.suggested("r", SUGGESTION[1:])
    desk.answer("\n\n\nprint(add(1, 2))")
    QTest.keyClick(desk.editor, Qt.Key.Key_Tab)
    QTest.keyClick(desk.editor, Qt.Key.Key_Tab)
    assert desk.text == CODE + SUGGESTION + "\t"


def test_left_of_the_suggested_indentation_tab_indents(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "if x:")
    desk.type("\n")
    desk.asked()
    desk.answer("\treturn x")
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == "if x:\n\t"
    assert desk.ghost.text == "return x"
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == "if x:\n\treturn x"
    assert len(desk.wishes) == 1


def test_other_suggestions_are_asked_for_once_and_turned_through(desk: Desk) -> None:
    desk.key(Qt.Key.Key_BracketRight, ALT)
    assert (desk.wishes[-1].editing.alternative, desk.ghost.text) == (1, SUGGESTION[1:])
    desk.answer("aise ValueError")
    assert desk.ghost.text == "aise ValueError"
    assert desk.said == "Suggestion 2 of 2"
    desk.key(Qt.Key.Key_BracketLeft, ALT)
    assert desk.ghost.text == SUGGESTION[1:]
    desk.key(Qt.Key.Key_BracketRight, ALT)
    assert desk.ghost.text == "aise ValueError"
    assert len(desk.wishes) == 2
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == CODE + "raise ValueError"


def test_another_suggestion_that_is_the_same_again_is_passed_over_and_then_given_up(desk: Desk) -> None:
    desk.key(Qt.Key.Key_BracketRight, ALT)
    for rank in range(1, 5):
        assert desk.wishes[-1].editing.alternative == rank
        desk.answer(SUGGESTION[1:])
    assert len(desk.wishes) == 5
    assert (desk.ghost.text, desk.said) == (SUGGESTION[1:], "There is no other suggestion")


def test_others_are_as_long_and_unsure_as_what_was_asked_by_hand(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.completion.suggest()
    desk.answer("one = 1\n    two = 2")
    desk.key(Qt.Key.Key_BracketRight, ALT)
    assert (desk.wishes[-1].editing.extent, desk.wishes[-1].editing.least_chance) == ("block", 0.0)


def test_by_hand_it_comes_at_once_unsure_and_as_a_block(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, Settings(automatic=False))
    desk.type("r")
    assert (desk.wishes, desk.said) == ([], "Suggestions come when you ask for them")
    desk.key(Qt.Key.Key_Space, CTRL)
    assert (desk.wishes[0].editing.extent, desk.wishes[0].editing.least_chance) == ("block", 0.0)
    desk.answer("eturn a")
    assert desk.ghost.text == "eturn a"
    assert desk.text == CODE + "r"


def test_the_next_one_is_prepared_and_there_when_this_one_is_taken(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, look_ahead=True))
    desk.suggested("r", SUGGESTION[1:])
    assert desk.wishes[-1].prefix == CODE + SUGGESTION
    desk.answer("\n\n\nprint(add(1, 2))")
    assert desk.ghost.text == SUGGESTION[1:]
    desk.key(Qt.Key.Key_Tab)
    assert desk.ghost.text == "\n\n\nprint(add(1, 2))"


def test_one_that_is_being_prepared_when_this_one_is_taken_is_shown_as_it_comes(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, look_ahead=True))
    desk.suggested("r", SUGGESTION[1:])
    ahead = desk.wishes[-1]
    desk.completion.engine_said(Text(ahead.id, "  # the"))
    desk.key(Qt.Key.Key_Tab)
    desk.completion.engine_said(Text(ahead.id, " sum"))
    assert desk.ghost.text == "  # the sum"
    assert len(desk.wishes) == 2
    assert desk.cancelled == []


def test_behind_what_is_not_shown_nothing_is_prepared(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, look_ahead=True))
    desk.type("r")
    desk.asked()
    desk.answer(")")
    assert len(desk.wishes) == 1


def test_on_battery_nothing_is_prepared(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, replace(AT_ONCE, look_ahead=True))
    desk.is_on_battery = True
    desk.suggested("r", SUGGESTION[1:])
    assert len(desk.wishes) == 1


SITUATIONS = {
    "off": (Settings(enabled=False), READY, "Suggestions are off"),
    "language off": (Settings(languages_off=("python",)), READY, "Suggestions are off for Python"),
    "file off": (Settings(files_off=("*.py",)), READY, "Suggestions are off for this file"),
    "no model": (AT_ONCE, EngineState("idle"), "No suggestions: no model is loaded"),
    "loading": (
        AT_ONCE,
        EngineState("loading", step="reading weights"),
        "The model is being loaded: reading weights",
    ),
    "failed": (AT_ONCE, EngineState("failed", problem="It broke."), "No suggestions: It broke."),
    "resting": (
        AT_ONCE,
        EngineState("idle", is_resting=True),
        "The model was put to rest; it is being loaded again",
    ),
    "foreign": (
        AT_ONCE,
        replace(READY, facts=replace(FACTS, languages=("Go", "Rust"))),
        "nano knows Go and Rust, not Python",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_where_nothing_is_suggested_it_is_said_why(qtbot: QtBot, name: str) -> None:
    settings, engine, sentence = SITUATIONS[name]
    desk = Desk(qtbot, CODE, settings)
    woken: list[None] = []
    desk.completion.wake_requested.connect(lambda: woken.append(None))
    desk.completion.set_engine(engine)
    desk.type("r")
    assert desk.said == sentence
    assert bool(woken) == engine.is_resting
    assert desk.wishes == []


@pytest.mark.parametrize(
    ("path", "before", "after", "sentence"),
    [
        ("site/.env", "KEY=", "", "No suggestions: this file may hold secrets, so no model reads it"),
        ("a.py", "# wha", "", "No suggestions in comments"),
        ("a.py", "x", "other", "No suggestion in front of other text in the line"),
        ("a.py", "x" * 20_001, "", "No suggestions in lines longer than 20,000 letters"),
    ],
)
def test_where_the_place_is_no_good_it_is_said_why(
    qtbot: QtBot, path: str, before: str, after: str, sentence: str
) -> None:
    desk = Desk(qtbot, before + after)
    desk.completion.set_file(path, "Python", line_comment="#")
    desk.put_cursor(len(before))
    desk.type("t")
    assert desk.said == sentence
    assert desk.wishes == []


def test_secrets_are_kept_even_from_who_asks_by_hand_and_from_other_files(qtbot: QtBot) -> None:
    others = [OpenText(".env", "KEY=1\n"), OpenText("b.py", "def b(): ...\n"), OpenText("k/id_rsa", "x\n")]
    desk = Desk(qtbot, CODE, others=others)
    desk.type("r")
    assert [file.path for file in desk.asked().editing.context] == ["b.py"]
    desk.completion.set_file("server.pem", "Python")
    desk.key(Qt.Key.Key_Space, CTRL)
    assert len(desk.wishes) == 1
    assert "secrets" in desk.said


def test_of_where_files_lie_the_model_sees_no_more_than_the_project(qtbot: QtBot) -> None:
    others = [OpenText("/home/me/tool/lib/b.py", "b = 1\n"), OpenText("/etc/elsewhere.py", "c = 1\n")]
    desk = Desk(qtbot, CODE, others=others)
    desk.completion.set_file("/home/me/tool/src/a.py", "Python", project="/home/me/tool")
    desk.type("r")
    editing = desk.asked().editing
    assert (editing.project, editing.path) == ("tool", "src/a.py")
    assert [file.path for file in editing.context] == ["lib/b.py", "elsewhere.py"]


def test_what_comes_while_the_keys_are_elsewhere_is_not_called_too_little(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.type("r")
    desk.editor.clearFocus()
    desk.completion.suggest()
    desk.answer(SUGGESTION[1:])
    assert (desk.said, desk.ghost.text) == ("Suggestions come as you type", "")


def test_what_the_engine_says_of_an_answer_without_text_is_said(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.type("r")
    wish = desk.asked()
    desk.completion.engine_said(Reading(wish.id, 256, 1024))
    assert desk.said == "Reading 256 of 1,024 tokens"
    desk.answer(ending="unsure", chance=1.0)
    assert desk.said == "No suggestion: the model is not sure enough of anything here"
    desk.type("a")
    desk.asked()
    desk.answer(")")
    assert (desk.said, desk.ghost.text) == ("No suggestion: there is too little to add here", "")
    desk.type("b")
    desk.asked()
    desk.answer()
    assert desk.said == "No suggestion: the model has nothing to add here"
    desk.type("c")
    desk.completion.engine_said(Failed("memory", "There was not enough memory.", desk.asked().id))
    assert desk.said == "No suggestion: There was not enough memory."


def test_the_status_says_how_sure_it_is(desk: Desk) -> None:
    assert desk.completion.state.mood == "shown"
    assert desk.said == "Suggestion, 50% sure"
    assert desk.completion.state.answer_ms is not None


def test_an_editor_that_closes_brackets_leaves_what_stands_between(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "x = add")
    desk.suggested("_", "all(1, [2]) + 300")
    desk.type("all")
    # as editors do it: both brackets at once, and the cursor back between them
    cursor = desk.editor.textCursor()
    desk.completion._watch.expect_typing()
    cursor.insertText("()")
    cursor.setPosition(cursor.position() - 1)
    desk.editor.setTextCursor(cursor)
    desk.rest()
    assert desk.ghost.text == "1, [2]"
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == "x = add_all(1, [2])"
    desk.put_cursor(len(desk.text) - 1)
    asked = len(desk.wishes)
    desk.completion._watch.expect_typing()
    desk.put_cursor(len(desk.text))
    assert desk.ghost.text == " + 300"
    assert len(desk.wishes) == asked


def test_what_it_closes_itself_stands_there_once_as_shown_and_as_taken(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "for i in range", editor=code_editor())
    desk.suggested("(", "1, 2):")
    assert desk.text == "for i in range()"
    image, begin = desk.editor.viewport().grab().toImage(), desk.editor.cursorRect()
    behind = begin.right() + desk.editor.fontMetrics().horizontalAdvance("1, 2):") + 3
    row = range(begin.top(), begin.bottom())
    assert len({image.pixel(x, y) for x in range(behind, behind + 100) for y in row}) == 1
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == desk.before == "for i in range(1, 2):"
    desk.editor.undo()
    assert desk.text == "for i in range()"


def test_who_takes_it_by_words_or_types_it_has_the_rest_behind_what_closes(qtbot: QtBot) -> None:
    for keys in ("by words", "typed"):
        desk = Desk(qtbot, "f", editor=code_editor())
        desk.suggested("(", "ab) + 300")
        if keys == "by words":
            for _ in range(2):
                desk.key(Qt.Key.Key_Right, CTRL)
        else:
            desk.type("ab)")
        assert desk.text == desk.before == "f(ab)"
        assert desk.ghost.text == " + 300"
        assert len(desk.wishes) == 1


def test_a_line_too_many_outdents_nothing_and_the_next_one_does(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE, editor=code_editor())
    desk.suggested("r", SUGGESTION[1:])
    for _ in range(2):
        desk.key(Qt.Key.Key_Backtab, SHIFT)
        assert desk.text == CODE + SUGGESTION
    desk.key(Qt.Key.Key_Backtab, SHIFT)
    assert desk.text == CODE.rstrip(" ") + SUGGESTION


def test_a_single_mark_is_shown_to_who_asks_for_it_and_to_nobody_else(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "x = (sel")
    desk.suggested("f", ", bc")
    desk = Desk(qtbot, "x = (")
    desk.type("s")
    desk.asked()
    desk.answer("elf,")
    desk.type("elf")
    assert desk.ghost.text == ""
    desk = Desk(qtbot, "x = (s")
    desk.key(Qt.Key.Key_Space, CTRL)
    desk.asked()
    desk.answer("elf,")
    desk.type("elf")
    assert desk.ghost.text == ","


def test_letters_that_nobody_sees_are_not_suggested(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.type("r")
    desk.asked()
    desk.answer("eturn a\u202e + b\x00")
    assert desk.ghost.text == "eturn a"
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == CODE + "return a"


def test_letters_outside_the_first_plane_are_counted_as_qt_counts_them(qtbot: QtBot) -> None:
    desk = Desk(qtbot, "s = '🦙🦙'\nt = ")
    desk.put_cursor(desk.editor.document().characterCount() - 1)
    desk.suggested("'", "🦙 llama 🦙'")
    desk.type("🦙 l")
    assert desk.ghost.text == "lama 🦙'"
    desk.key(Qt.Key.Key_Tab)
    assert desk.text == "s = '🦙🦙'\nt = '🦙 llama 🦙'"


def test_what_was_typed_while_the_model_was_loaded_is_asked_when_it_is_there(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.completion.set_engine(EngineState("loading"))
    desk.type("re")
    desk.completion.set_engine(EngineState("loading", step="reading weights"))
    assert desk.said == "The model is being loaded: reading weights"
    desk.completion.set_engine(READY)
    assert desk.asked().prefix == CODE + "re"


def test_who_has_gone_elsewhere_while_the_model_was_loaded_is_left_alone(qtbot: QtBot) -> None:
    desk = Desk(qtbot, CODE)
    desk.completion.set_engine(EngineState("loading"))
    desk.type("re")
    desk.key(Qt.Key.Key_Left)
    desk.completion.set_engine(READY)
    assert desk.wishes == []
    assert not desk.completion.findChildren(QTimer)[0].isActive()


def test_changing_the_settings_or_the_model_makes_it_go(desk: Desk) -> None:
    desk.completion.set_settings(replace(AT_ONCE, enabled=False))
    assert (desk.ghost.text, desk.said) == ("", "Suggestions are off")
    desk.completion.set_settings(AT_ONCE)
    desk.completion.set_engine(EngineState("loading"))
    assert desk.said == "The model is being loaded"
