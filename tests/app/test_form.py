"""A form from a dataclass: each kind of field, bounds kept, what cannot be meant said beside the field."""

from dataclasses import dataclass
from typing import Literal

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QDoubleSpinBox, QLabel, QLineEdit, QSpinBox
from pytestqt.qtbot import QtBot

from app.form import Form, title
from core.spec.fields import setting


@dataclass(frozen=True)
class Example:
    method: Literal["fast", "good"] = setting("fast", "Which way")
    ui_scale: float = setting(1.0, "How large", low=0.5, high=2.0)
    ram_mb: int = setting(5, "How much", low=1, high=9)
    is_quiet: bool = setting(False, "Say less")
    name: str = setting("", "What it is called")
    steps: int | None = setting(None, "How long", low=1, high=100)
    betas: tuple[float, ...] = setting((0.5,), "Decays", low=0, high=1)


@pytest.fixture
def form(qtbot: QtBot) -> Form:
    made = Form(Example())
    qtbot.addWidget(made)
    made.show()
    return made


def field(form: Form, name: str, kind: type) -> object:
    found = form.field(name)
    assert isinstance(found, kind)
    return found


def enter(form: Form, name: str, text: str) -> None:
    line = form.field(name)
    assert isinstance(line, QLineEdit)
    line.setText(text)
    line.editingFinished.emit()


def said(form: Form) -> str:
    """What is wrong, where anything is."""
    labels = [label for label in form.findChildren(QLabel) if label.property("role") == "danger"]
    return "".join(label.text() for label in labels if label.isVisible())


def test_every_kind_of_field_tells_what_was_set(form: Form, qtbot: QtBot) -> None:
    told: list[Example] = []
    form.changed.connect(told.append)
    combo, scale = form.field("method"), form.field("ui_scale")
    count, check = form.field("ram_mb"), form.field("is_quiet")
    assert isinstance(combo, QComboBox)
    combo.setCurrentIndex(1)
    assert isinstance(scale, QDoubleSpinBox)
    scale.setValue(1.5)
    assert isinstance(count, QSpinBox)
    count.setValue(9)
    assert isinstance(check, QCheckBox)
    check.click()
    enter(form, "name", " x ")
    enter(form, "steps", "7")
    enter(form, "betas", "0.25, 1")
    assert told[-1] == Example("good", 1.5, 9, True, "x", 7, (0.25, 1.0))
    enter(form, "steps", "")
    assert told[-1].steps is None
    assert len(told) == 8


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("steps", "many", "It must be a whole number"),
        ("steps", "101", "It must be at most 100"),
        ("betas", "0.5, 3", "It must be at most 1"),
    ],
)
def test_what_cannot_be_meant_is_said_and_not_told(form: Form, name: str, text: str, sentence: str) -> None:
    told: list[Example] = []
    form.changed.connect(told.append)
    enter(form, name, text)
    assert sentence in said(form)
    assert told == []
    enter(form, name, "1")
    assert said(form) == ""


def test_another_value_is_shown_without_being_told_as_a_change(form: Form) -> None:
    told: list[Example] = []
    form.changed.connect(told.append)
    form.set_value(Example("good", 2.0, 3, True, "y", 4, (0.0, 1.0)))
    assert told == []
    line = form.field("betas")
    assert isinstance(line, QLineEdit)
    assert line.text() == "0.0, 1.0"


def test_the_wheel_over_a_field_scrolls_the_page_and_changes_no_value(form: Form) -> None:
    count = form.field("ram_mb")
    assert isinstance(count, QSpinBox)
    place = QPointF(5, 5)
    turn = QWheelEvent(
        place,
        QPointF(count.mapToGlobal(QPoint(5, 5))),
        QPoint(0, 120),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(count, turn)
    assert count.value() == 5
    assert not turn.isAccepted()


def test_rows_are_found_by_the_words_of_their_title_and_help(form: Form) -> None:
    assert form.show_only("how MUCH")
    assert [name for name in ("method", "ram_mb", "name") if form.row(name).isVisible()] == ["ram_mb"]
    assert not form.show_only("unheard of")
    assert form.show_only("")
    assert form.row("method").isVisible()


def test_a_row_that_is_found_says_what_it_is_of(form: Form) -> None:
    names = {found.text() for found in form.row("ram_mb").findChildren(QLabel)}
    assert "Memory (MB)" in names
    assert form.show_only("budget memory", "Budget")
    assert "Budget: Memory (MB)" in {found.text() for found in form.row("ram_mb").findChildren(QLabel)}
    assert form.show_only("", "Budget")
    assert {found.text() for found in form.row("ram_mb").findChildren(QLabel)} == names


def test_titles_are_words() -> None:
    assert title("ram_mb") == "Memory (MB)"
    assert title("ui_scale") == "UI scale"
