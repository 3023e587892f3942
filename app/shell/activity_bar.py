"""The bar at the window's edge: one button a part of the program."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QToolButton, QVBoxLayout, QWidget

from app.actions import KeyMap
from app.naming import named
from app.theme import Theme

PARTS = ("files", "chat", "prompt", "models", "train", "benchmark")
_BELOW = ("settings",)


class ActivityBar(QFrame):
    """`part_requested`: the name of a part, also when it is the one shown already."""

    part_requested = Signal(str)

    def __init__(self, theme: Theme, keys: KeyMap, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Parts of SmallCoder", style="activity_bar")
        self._theme, self._keys = theme, keys
        self._buttons: dict[str, QToolButton] = {}
        self._group = QButtonGroup(self, exclusive=False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for name in PARTS:
            layout.addWidget(self._button(name))
        layout.addStretch()
        for name in _BELOW:
            layout.addWidget(self._button(name))
        theme.changed.connect(self._draw)
        keys.changed.connect(self._draw)
        self._draw()

    def show_open(self, names: set[str]) -> None:
        """Which parts are in sight."""
        for name, button in self._buttons.items():
            button.setChecked(name in names)
        self._draw()

    def _button(self, name: str) -> QToolButton:
        button = named(QToolButton(self), name.capitalize())
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda: self._ask_for(name))
        self._buttons[name] = button
        self._group.addButton(button)
        return button

    def _ask_for(self, name: str) -> None:
        button = self._buttons[name]
        button.setChecked(not button.isChecked())  # the window says what is open, not the click
        self.part_requested.emit(name)

    def _draw(self) -> None:
        for name, button in self._buttons.items():
            button.setIcon(self._theme.icon(name, "text" if button.isChecked() else "muted"))
            button.setIconSize(self._theme.icon_size(24))
            shown = self._keys.shown(f"view.{name}")
            button.setToolTip(f"{name.capitalize()} ({shown})" if shown else name.capitalize())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
        buttons = [*self._buttons.values()]
        if step is None or not any(button.hasFocus() for button in buttons):
            super().keyPressEvent(event)
            return
        at = next(place for place, button in enumerate(buttons) if button.hasFocus())
        buttons[(at + step) % len(buttons)].setFocus(Qt.FocusReason.TabFocusReason)
