"""The looks: every text readable on its ground, every icon there, every name in the style sheet known."""

import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QCheckBox
from pytestqt.qtbot import QtBot

from app.settings import Appearance
from app.theme import _RESOURCES, DARK, LIGHT, Colours, SyntaxColours, Theme, icon_names, style_sheet

READABLE, VISIBLE = 4.5, 3.0  # WCAG 2: ratios for text, and for large text and signs
GROUNDS = {
    "text": ("ground", "surface", "raised", "hover", "accent_soft", "selection", "match", "current_match"),
    "muted": ("ground", "surface", "raised", "hover", "accent_soft"),
    "accent": ("ground", "surface", "raised", "hover", "accent_soft"),
    "on_accent": ("accent",),
    "success": ("ground", "surface"),
    "warning": ("ground", "surface"),
    "danger": ("ground", "surface"),
    "line_number": ("ground", "current_line"),
    "ghost": ("ground", "current_line"),
}
themes = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def luminance(colour: str) -> float:
    shares = QColor(colour).getRgbF()[:3]
    red, green, blue = (
        share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@themes
def test_all_text_can_be_read_on_its_grounds(colours: Colours) -> None:
    poor = [
        (token, ground)
        for token, grounds in GROUNDS.items()
        for ground in grounds
        if contrast(getattr(colours, token), getattr(colours, ground)) < READABLE
    ]
    assert poor == []


@themes
def test_code_can_be_read_plain_on_the_current_line_and_selected(colours: Colours) -> None:
    for item in fields(SyntaxColours):
        shade = getattr(colours.syntax, item.name)
        assert contrast(shade, colours.ground) >= READABLE, item.name
        assert contrast(shade, colours.current_line) >= READABLE, item.name
        assert contrast(shade, colours.selection) >= VISIBLE, item.name


@themes
def test_the_style_sheet_names_only_tokens_that_exist(colours: Colours) -> None:
    assert "@" not in style_sheet(colours).partition("*/")[2]


def test_lengths_of_the_style_sheet_grow_with_the_scale_and_lines_stay_visible() -> None:
    def lengths(scale: float) -> list[int]:
        return [int(length) for length in re.findall(r"(\d+)px", style_sheet(LIGHT, scale))]

    assert lengths(2.0) == [2 * length for length in lengths(1.0)]
    assert min(lengths(0.75)) == 1


def test_icons_take_the_colour_of_the_theme(qapp: QApplication) -> None:
    theme = Theme(qapp, Appearance(theme="dark"))
    for name in icon_names():
        image = theme.icon(name, "accent").pixmap(QSize(24, 24)).toImage()
        dots = [image.pixelColor(x, y) for x in range(24) for y in range(24)]
        inked = [dot for dot in dots if dot.alpha() > 128]
        assert inked, name
        if name != "smallcoder":  # the program's own sign has colours of its own
            assert all(abs(dot.red() - 0x4F) <= 2 and abs(dot.green() - 0xC7) <= 2 for dot in inked), name


def test_a_choice_takes_hold_at_once_and_is_told(qapp: QApplication, qtbot: QtBot) -> None:
    theme = Theme(qapp, Appearance(theme="light"))
    with qtbot.waitSignal(theme.changed):
        theme.take(Appearance(theme="dark", ui_scale=1.5))
    assert theme.colours is DARK
    assert qapp.palette().color(QPalette.ColorRole.Base).name() == DARK.ground
    assert theme.scaled(8) == 12
    points = qapp.font().pointSizeF()
    theme.take(Appearance(theme="dark", ui_scale=1.0))
    assert qapp.font().pointSizeF() == pytest.approx(points / 1.5)


def test_no_code_of_the_window_names_a_colour_of_its_own() -> None:
    app = Path(__file__).parents[2] / "app"
    for file in app.rglob("*.py"):
        if file.name != "theme.py":
            assert not re.search(r"#[0-9a-fA-F]{6}\b", file.read_text()), file


def test_signs_are_found_wherever_the_program_lies(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder's name may hold what means something in a style sheet; Qt would drop all of it."""
    box = QCheckBox()
    qtbot.addWidget(box)
    box.setChecked(True)
    looks = []
    source = _RESOURCES / "themes"
    for place in ("plain", 'it\'s (my), "new" @accent; 12px {场所} back\\slash', "with another sign"):
        themes = tmp_path / place / "themes"
        shutil.copytree(source, themes)
        if place == "with another sign":  # so that it is seen to be what is compared
            shutil.copy(themes / "light-close.svg", themes / "light-check.svg")
        monkeypatch.setattr("app.theme._RESOURCES", tmp_path / place)
        box.setStyleSheet(style_sheet(LIGHT))
        looks.append(box.grab().toImage())
    assert looks[0] == looks[1]
    assert looks[0] != looks[2]


def test_a_sign_is_as_plain_where_it_is_chosen(qapp: QApplication) -> None:
    icon = Theme(qapp, Appearance(theme="light")).icon("file-code")
    plain, chosen = (icon.pixmap(16, mode).toImage() for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected))
    assert plain == chosen
