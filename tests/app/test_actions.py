"""The table of actions: every key reaches one action, and a person's own keys go before the usual ones."""

import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from pytestqt.qtbot import QtBot

from app.actions import ACTIONS, BY_ID, KeyMap
from app.settings import BoundKeys

NONE, SHIFT, CONTROL = (
    Qt.KeyboardModifier.NoModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> QKeyEvent:
    return QKeyEvent(QEvent.Type.KeyPress, key, modifiers)


def test_ids_are_unique_and_the_usual_keys_can_be_read_and_do_not_conflict() -> None:
    assert len(BY_ID) == len(ACTIONS)
    for action in ACTIONS:
        for keys in action.keys:
            assert QKeySequence(keys).toString() in (keys, keys.replace("Shift+Alt", "Alt+Shift")), action
    assert KeyMap().conflicts() == []


@pytest.mark.parametrize(
    ("event", "action"),
    [
        (press(Qt.Key.Key_Tab), "ghost.accept"),
        (press(Qt.Key.Key_Backtab, SHIFT), "ghost.accept_line"),
        (press(Qt.Key.Key_Right, CONTROL), "ghost.accept_word"),
        (press(Qt.Key.Key_Right, CONTROL | Qt.KeyboardModifier.KeypadModifier), "ghost.accept_word"),
        (press(Qt.Key.Key_Escape), "ghost.dismiss"),
        (press(Qt.Key.Key_A), None),
    ],
)
def test_a_key_press_finds_its_action(event: QKeyEvent, action: str | None) -> None:
    assert KeyMap().pressed(event, "ghost") == action
    assert KeyMap().pressed(event, "find") is None


def test_own_keys_take_the_place_of_the_usual_ones_and_go_back(qtbot: QtBot) -> None:
    keys = KeyMap()
    with qtbot.waitSignal(keys.changed):
        keys.bind("ghost.accept", ("Right",))
    assert keys.pressed(press(Qt.Key.Key_Tab), "ghost") is None
    assert keys.pressed(press(Qt.Key.Key_Right), "ghost") == "ghost.accept"
    assert keys.bound() == (BoundKeys("ghost.accept", ("Right",)),)
    assert KeyMap(keys.bound()).keys("ghost.accept") == ("Right",)
    keys.bind("ghost.accept", None)
    assert keys.pressed(press(Qt.Key.Key_Tab), "ghost") == "ghost.accept"
    assert keys.bound() == ()


def test_keys_of_an_action_that_is_no_more_are_left_out() -> None:
    assert KeyMap((BoundKeys("edit.telepathy", ("F9",)),)).bound() == ()


@pytest.mark.parametrize(
    ("action", "keys", "other"),
    [
        ("edit.undo", "Ctrl+S", "file.save"),  # an editor's key against one that counts everywhere
        ("file.new", "Ctrl+O", "file.open"),
        ("file.new", "Ctrl+K", "file.open_folder"),  # the first of two keys swallows the pair
    ],
)
def test_two_actions_on_one_key_are_a_conflict(action: str, keys: str, other: str) -> None:
    map = KeyMap()
    map.bind(action, (keys,))
    [conflict] = map.conflicts()
    assert conflict.keys == keys
    assert {action, other} <= {user.id for user in conflict.actions}


def test_grey_text_goes_before_the_editor_and_that_is_no_conflict() -> None:
    map = KeyMap()
    map.bind("edit.indent", ("Tab",))
    assert map.conflicts() == []
