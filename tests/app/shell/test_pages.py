"""Pages of the window: how wide it must be is decided by the one in sight."""

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from app.shell.frame import Pages


def test_a_wide_page_that_is_out_of_sight_pushes_nothing_off_the_screen(qtbot: QtBot) -> None:
    pages, wide, narrow = Pages(), QWidget(), QWidget()
    qtbot.addWidget(pages)
    wide.setMinimumWidth(2000)
    narrow.setMinimumWidth(300)
    for page in (wide, narrow):
        pages.addWidget(page)
    pages.setCurrentWidget(narrow)
    assert pages.minimumSizeHint().width() == 300
    pages.setCurrentWidget(wide)
    assert pages.minimumSizeHint().width() == 2000
