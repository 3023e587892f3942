"""A job stands back while somebody types, told once, and goes on when they pause."""

from pytestqt.qtbot import QtBot

from app.giving_way import GivingWay


def test_long_work_is_told_once_to_stand_back_and_once_to_go_on(qtbot: QtBot) -> None:
    giving_way = GivingWay(pause_s=0.05)
    told: list[bool] = []
    giving_way.wanted.connect(told.append)
    for _ in range(3):
        giving_way.note_use()
    assert told == [True]
    assert giving_way.is_wanted
    qtbot.waitUntil(lambda: told == [True, False])
    giving_way.note_use()
    assert told == [True, False, True]
    giving_way.stop()
