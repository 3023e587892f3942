"""How the window looks: the colours of both themes, the palette, the style sheet, and the icons.

A widget never names a colour of its own: it asks the theme for a token, and again when `changed` says so.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QObject, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

from app.settings import Appearance

_RESOURCES = Path(__file__).parents[1] / "resources"
_ICON_SIZES = (16, 24, 48)
_CODE = frozenset(
    {".py", ".pyi", ".js", ".ts", ".c", ".h", ".cpp", ".rs", ".go", ".java", ".sh", ".html", ".css"}
)
_PIXELS = re.compile(r"(\d+)px")
_POINTS = re.compile(r"(\d+)pt")
_TOKEN = re.compile(r"@(?!signs-)(\w+)")


@dataclass(frozen=True)
class SyntaxColours:
    keyword: str
    string: str
    number: str
    comment: str
    function: str
    type: str
    builtin: str
    constant: str
    decorator: str
    operator: str
    error: str


@dataclass(frozen=True)
class Colours:
    """One theme. Text is readable on each ground it is used on, which a test computes."""

    is_dark: bool
    ground: str  # where one reads and writes
    surface: str  # what stands around it
    raised: str  # what lies above: menus, fields, buttons
    hover: str
    pressed: str
    border: str
    text: str
    muted: str  # said beside
    faint: str  # not to be had now
    accent: str
    on_accent: str
    accent_soft: str  # a ground that hints at the accent: what is chosen
    success: str
    warning: str
    danger: str
    selection: str
    current_line: str
    line_number: str
    ghost: str
    bracket: str
    match: str
    current_match: str
    syntax: SyntaxColours
    series: tuple[str, ...]  # side by side in a chart; those who see fewer colours tell them apart, too

    def colour(self, token: str) -> QColor:
        return QColor(getattr(self, token))


LIGHT = Colours(
    is_dark=False,
    ground="#ffffff",
    surface="#f5f6f7",
    raised="#ffffff",
    hover="#e9ebee",
    pressed="#dde1e6",
    border="#dadde2",
    text="#1c2228",
    muted="#5a646e",
    faint="#98a1ab",
    accent="#0b7068",
    on_accent="#ffffff",
    accent_soft="#d9efec",
    success="#1d7a3e",
    warning="#8a5a00",
    danger="#b3261e",
    selection="#cfebe8",
    current_line="#f3f6f7",
    line_number="#68727c",
    ghost="#66707a",
    bracket="#c4e6e2",
    match="#fbe6a4",
    current_match="#f4c04e",
    syntax=SyntaxColours(
        keyword="#7a3e9d",
        string="#2d6b1f",
        number="#a0480b",
        comment="#616b75",
        function="#1552a5",
        type="#0b6b75",
        builtin="#0b6b75",
        constant="#a0480b",
        decorator="#7d5a00",
        operator="#3d4852",
        error="#b3261e",
    ),
    series=("#0b7068", "#b28324", "#482d80", "#801919", "#9085cc", "#a82ee6"),
)
DARK = Colours(
    is_dark=True,
    ground="#16191d",
    surface="#1d2126",
    raised="#262b31",
    hover="#2c3239",
    pressed="#363d45",
    border="#30363d",
    text="#dfe3e8",
    muted="#9aa5b1",
    faint="#626c77",
    accent="#4fc7ba",
    on_accent="#06211e",
    accent_soft="#1d3b39",
    success="#6cc784",
    warning="#e0b357",
    danger="#f28b82",
    selection="#1f413f",
    current_line="#1d2126",
    line_number="#838e9a",
    ghost="#8a95a1",
    bracket="#2f5f5b",
    match="#544414",
    current_match="#715917",
    syntax=SyntaxColours(
        keyword="#c99ae6",
        string="#9ccf85",
        number="#e8a878",
        comment="#8b96a2",
        function="#7fb4f0",
        type="#68c9d2",
        builtin="#68c9d2",
        constant="#e8a878",
        decorator="#dcc078",
        operator="#b4bdc7",
        error="#f28b82",
    ),
    series=("#4fc7ba", "#e65069", "#e6d895", "#bb66cc", "#85991f", "#a8e62e"),
)


class Theme(QObject):
    """The look in use. `changed` after each change, when palette and style sheet are already the new ones."""

    changed = Signal()

    def __init__(self, application: QApplication, appearance: Appearance) -> None:
        super().__init__(application)
        self._application = application
        self._usual_points = application.font().pointSizeF()
        self._icons: dict[tuple[str, str], QIcon] = {}
        self._appearance = appearance
        self.colours = LIGHT
        application.setStyle("Fusion")
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)
        self._apply()

    @property
    def scale(self) -> float:
        return self._appearance.ui_scale

    def scaled(self, pixels: float) -> int:
        """Pixels of the 8-pixel grid at this scale."""
        return round(pixels * self.scale)

    def take(self, appearance: Appearance) -> None:
        is_other = (appearance.theme, appearance.ui_scale) != (
            self._appearance.theme,
            self._appearance.ui_scale,
        )
        self._appearance = appearance
        if is_other:
            self._apply()

    def icon(self, name: str, colour: str = "muted") -> QIcon:
        """One of resources/icons in a colour of this theme, by its token. Ask again after `changed`."""
        key = (name, getattr(self.colours, colour))
        if key not in self._icons:
            dots = self.scale * self._application.devicePixelRatio()
            self._icons[key] = _drawn(name, key[1], {round(size * dots) for size in _ICON_SIZES})
        return self._icons[key]

    def icon_size(self, pixels: int = 16) -> QSize:
        return QSize(self.scaled(pixels), self.scaled(pixels))

    def fixed_font(self) -> QFont:
        """For what is read in columns, as large as all else; another one after `changed`."""
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self._usual_points * self.scale)
        return font

    def _follow_system(self) -> None:
        if self._appearance.theme == "system":
            self._apply()

    def _apply(self) -> None:
        choice = self._appearance.theme
        if choice == "system":  # where the system does not say, it is Unknown
            is_dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
        else:
            is_dark = choice == "dark"
        self.colours = DARK if is_dark else LIGHT
        self._icons.clear()
        font = self._application.font()
        font.setPointSizeF(self._usual_points * self.scale)
        self._application.setFont(font)
        self._application.setPalette(palette(self.colours))
        self._application.setStyleSheet(style_sheet(self.colours, self.scale))
        self.changed.emit()


def palette(colours: Colours) -> QPalette:
    role = QPalette.ColorRole
    made = QPalette()
    for place, token in {
        role.Window: "surface",
        role.WindowText: "text",
        role.Base: "ground",
        role.AlternateBase: "surface",
        role.Text: "text",
        role.Button: "raised",
        role.ButtonText: "text",
        role.BrightText: "danger",
        role.ToolTipBase: "raised",
        role.ToolTipText: "text",
        role.PlaceholderText: "muted",
        role.Highlight: "selection",
        role.HighlightedText: "text",
        role.Link: "accent",
        role.LinkVisited: "accent",
        role.Accent: "accent",
        role.Mid: "border",
        role.Midlight: "hover",
        role.Dark: "border",
        role.Light: "raised",
    }.items():
        made.setColor(place, colours.colour(token))
    for place in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, place, colours.colour("faint"))
    return made


def style_sheet(colours: Colours, scale: float = 1.0) -> str:
    """resources/themes/window.qss with this theme's colours, its lengths and headings at this scale."""
    text = (_RESOURCES / "themes/window.qss").read_text(encoding="utf-8")
    text = _TOKEN.sub(lambda match: str(getattr(colours, match[1])), text)
    # a line of one pixel stays one
    text = _PIXELS.sub(lambda match: f"{max(1, round(int(match[1]) * scale))}px", text)
    text = _POINTS.sub(lambda match: f"{int(match[1]) * scale:g}pt", text)
    signs = _RESOURCES / "themes" / ("dark-" if colours.is_dark else "light-")
    place = signs.as_posix().replace("\\", "\\\\").replace('"', '\\"')  # last: its name may say anything
    return text.replace("@signs-", place)  # which a style sheet cannot colour itself


def icon_of_file(path: Path) -> str:
    """Its name, wherever the file is listed."""
    return "file-code" if path.suffix in _CODE else "file"


def icon_names() -> list[str]:
    return sorted(path.stem for path in (_RESOURCES / "icons").glob("*.svg"))


def _drawn(name: str, colour: str, sizes: set[int]) -> QIcon:
    source = (_RESOURCES / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    icon = QIcon()
    for size in sorted(sizes):
        pixmap = _pixmap(source.replace("currentColor", colour), size)
        for mode in (
            QIcon.Mode.Normal,
            QIcon.Mode.Selected,
        ):  # or Qt would make a paler one
            icon.addPixmap(pixmap, mode)
    return icon


def _pixmap(svg: str, size: int) -> QPixmap:
    from PySide6.QtSvg import QSvgRenderer

    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter)
    painter.end()
    return pixmap
