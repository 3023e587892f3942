"""Notices: one at a time, the newest first, a matter said once, and what can be done about it done."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from app.settings import Appearance
from app.shell.notices import Notice, NoticeBar
from app.theme import Theme


@pytest.fixture
def bar(qapp: QApplication, qtbot: QtBot) -> NoticeBar:
    made = NoticeBar(Theme(qapp, Appearance()))
    qtbot.addWidget(made)
    made.show()
    made.dismiss()
    return made


def shown(bar: NoticeBar) -> str:
    return " ".join(label.text() for label in bar.findChildren(QLabel) if label.text())


def test_the_newest_is_shown_and_the_others_wait(bar: NoticeBar) -> None:
    assert bar.isHidden()
    bar.add(Notice("first"))
    bar.add(Notice("second"))
    assert shown(bar) == "second 1 more"
    bar.findChild(QToolButton).click()
    assert shown(bar) == "first"
    bar.findChild(QToolButton).click()
    assert bar.isHidden()


def test_the_same_is_not_said_twice_and_a_matter_has_one_notice(bar: NoticeBar) -> None:
    bar.add(Notice("again"))
    bar.add(Notice("again"))
    bar.add(Notice("loading fails", "error", "engine"))
    bar.add(Notice("it died", "error", "engine"))
    assert bar.texts == ["it died", "again"]
    bar.withdraw("engine")
    assert bar.texts == ["again"]


def test_what_can_be_done_is_done_and_the_notice_goes(bar: NoticeBar) -> None:
    done: list[str] = []
    bar.add(Notice("stay"))
    bar.add(
        Notice("choose", deeds=(("One", lambda: done.append("one")), ("Two", lambda: done.append("two"))))
    )
    buttons = {button.text(): button for button in bar.findChildren(QPushButton)}
    buttons["Two"].click()
    assert done == ["two"]
    assert bar.texts == ["stay"]
    assert not [button for button in bar.findChildren(QPushButton) if button.isVisible()]


def test_a_deed_may_bring_a_notice_of_its_own(bar: NoticeBar) -> None:
    bar.add(Notice("try", deeds=(("Try", lambda: bar.add(Notice("failed again"))),)))
    bar.findChildren(QPushButton)[0].click()
    assert bar.texts == ["failed again"]


def test_who_clicks_on_a_notice_goes_on_where_they_were(qapp: QApplication, qtbot: QtBot) -> None:
    window, done = QWidget(), list[str]()
    qtbot.addWidget(window)
    text, bar = QLineEdit(window), NoticeBar(Theme(qapp, Appearance()), window)
    bar.move(0, 40)
    window.resize(600, 120)
    window.show()
    text.setFocus()
    for find in (lambda: bar._buttons[0], lambda: bar._close):
        bar.add(Notice("It died.", "error", deeds=(("Try Again", lambda: done.append("again")),)))
        QTest.mouseClick(find(), Qt.MouseButton.LeftButton)
        assert window.focusWidget() is text
    assert done == ["again"]
    assert bar.texts == []


def test_where_there_is_little_room_what_can_be_done_stands_below_the_sentence(
    bar: NoticeBar, qtbot: QtBot
) -> None:
    bar.add(Notice("A sentence of many words. " * 8, deeds=(("Load Anyway", lambda: None),)))
    [button] = bar._buttons
    bar.resize(1000, bar.height())
    qtbot.waitUntil(lambda: button.x() > 600)
    bar.resize(480, bar.height())
    qtbot.waitUntil(lambda: button.x() < 100)
    assert button.y() > bar._text.y()
