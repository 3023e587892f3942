"""Which lines two texts do not share."""

import time

from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from app.documents.changes_view import ChangesView, differences, of_file
from app.settings import Appearance
from app.theme import Theme


def shown(mine: str, theirs: str) -> list[str]:
    return [line.kind + line.text for line in differences(mine, theirs)]


def test_lines_around_a_difference_are_shown() -> None:
    mine = "\n".join(map(str, range(20)))
    theirs = mine.replace("10", "ten")
    assert shown(mine, theirs) == [
        *("@7 equal lines above", " 7", " 8", " 9", "-10", "+ten"),
        *(" 11", " 12", " 13", "@6 equal lines below"),
    ]
    assert shown(mine, mine) == []


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_what_is_not_shown_is_equal(mine: list[str], theirs: list[str]) -> None:
    lines = [*differences("\n".join(mine), "\n".join(theirs))]
    only_mine = sum(1 for line in lines if line.kind == "-")
    only_theirs = sum(1 for line in lines if line.kind == "+")
    assert len("\n".join(mine).split("\n")) - only_mine == len("\n".join(theirs).split("\n")) - only_theirs


def test_texts_that_share_nothing_are_compared_at_once() -> None:
    begin = time.monotonic()
    mine, theirs = "\n".join(f"a{n}" for n in range(50_000)), "\n".join(f"b{n}" for n in range(50_000))
    assert len([*differences(mine, theirs)]) == 100_000
    assert time.monotonic() - begin < 20  # else it would be minutes


def test_a_version_is_chosen(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    theme = Theme(QApplication.instance(), Appearance())  # type: ignore[arg-type]
    view = ChangesView(of_file("a.py"), theme, window.font(), window)
    view.compare("a\nb", "a\nc")
    assert view.lines.toPlainText() == "  a\n- b\n+ c"
    button = next(button for button in view.findChildren(QPushButton) if button.text() == "Load Theirs")
    with qtbot.waitSignal(view.chosen) as chosen:
        button.click()
    assert chosen.args == ["load"]
