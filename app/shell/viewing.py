"""How the window is looked at: size of code, wrapping, light and dark, which parts are in sight."""

from functools import partial
from typing import Protocol, runtime_checkable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from app.settings import Appearance, SettingsStore
from app.shell.commands import Commands
from app.shell.frame import Frame
from app.theme import Theme

_STEP = 1.0
_PARTS = ("files", "chat", "prompt", "models", "train", "benchmark", "settings")


@runtime_checkable
class Begun(Protocol):
    """A part that says where one begins who comes to it by the keyboard."""

    begins_at: QWidget


class Viewing:
    def __init__(self, store: SettingsStore, theme: Theme, frame: Frame) -> None:
        self._store, self._theme, self._frame = store, theme, frame
        self._has_texts = False
        frame.activity.part_requested.connect(self.turn_part)
        frame.texts_wanted.connect(self.show_texts)

    def connect(self, commands: Commands) -> None:
        frame = self._frame
        commands.on(
            {
                "view.side_bar": lambda: self._turn(frame.side_bar),
                "view.output": lambda: self._turn(frame.output),
                "view.theme": self._turn_theme,
                "view.wrap": self._turn_wrap,
                "view.blanks": self._turn_blanks,
                "view.zoom_in": lambda: self.zoom(_STEP),
                "view.zoom_out": lambda: self.zoom(-_STEP),
                "view.zoom_reset": lambda: self._store.change("appearance", code_size=Appearance().code_size),
                "view.full_screen": lambda: _turn_full_screen(frame.window()),
                "go.next_part": lambda: self.step_part(1),
                "go.previous_part": lambda: self.step_part(-1),
                "help.welcome": lambda: frame.show_page("welcome"),
            }
        )
        commands.on({f"view.{name}": partial(self.reach_part, name) for name in _PARTS})

    def show_texts(self, has_texts: bool | None = None) -> None:
        """The texts, or where there is none the welcome."""
        self._has_texts = self._has_texts if has_texts is None else has_texts
        self._frame.show_page("texts" if self._has_texts else "welcome")

    def turn_part(self, name: str) -> None:
        """Shows a part; where it is in sight already, puts it away."""
        frame = self._frame
        if name == "chat":
            self._turn(frame.chat)
        elif name == "files":
            if self._is_in_sight("files"):
                frame.set_shown(frame.side_bar, False)
            else:
                frame.show_side("files")
        elif frame.page == name:
            self.show_texts()
        else:
            frame.show_page(name)

    def reach_part(self, name: str) -> None:
        """By the keyboard: shown and gone into; from within it, put away."""
        part = self._part(name)
        focused = self._frame.window().focusWidget()
        is_within = focused is not None and part.isAncestorOf(focused)
        if is_within or not self._is_in_sight(name):
            self.turn_part(name)
        target = _first_control(part) if self._is_in_sight(name) else None
        if target is not None:
            target.setFocus(Qt.FocusReason.ShortcutFocusReason)
        elif is_within:
            self.step_part(1)

    def _part(self, name: str) -> QWidget:
        frame = self._frame
        return {"files": frame.side_bar, "chat": frame.chat}.get(name) or frame.made_page(name)

    def _is_in_sight(self, name: str) -> bool:
        frame = self._frame
        if name == "files":
            return not frame.side_bar.isHidden() and frame.side_bar.shown == "files"
        return not frame.chat.isHidden() if name == "chat" else frame.page == name

    def step_part(self, steps: int) -> None:
        """The focus to the next part in sight that can have it."""
        parts = self._frame.parts_in_sight()
        focused = self._frame.window().focusWidget()
        at = next(
            (place for place, part in enumerate(parts) if focused and part.isAncestorOf(focused)), -steps
        )
        for number in range(1, len(parts) + 1):
            target = _first_control(parts[(at + steps * number) % len(parts)])
            if target is not None:
                target.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return

    def zoom(self, points: float) -> None:
        size = self._store.settings.appearance.code_size + points
        self._store.change("appearance", code_size=min(48.0, max(6.0, size)))

    def _turn(self, part: QWidget) -> None:
        self._frame.set_shown(part, part.isHidden())

    def _turn_theme(self) -> None:
        self._store.change("appearance", theme="light" if self._theme.colours.is_dark else "dark")

    def _turn_blanks(self) -> None:
        self._store.change("editing", show_blanks=not self._store.settings.editing.show_blanks)

    def _turn_wrap(self) -> None:
        self._store.change("editing", wrap_lines=not self._store.settings.editing.wrap_lines)


def _turn_full_screen(window: QWidget) -> None:
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()


def _first_control(part: QWidget) -> QWidget | None:
    """Where the part says that one begins; else text to be written, as that is what a person comes for."""
    if isinstance(part, Begun):
        return part.begins_at
    found = [widget for widget in part.findChildren(QWidget) if _takes_focus(widget)]
    texts = (widget for widget in found if isinstance(widget, QPlainTextEdit) and not widget.isReadOnly())
    return next(texts, found[0] if found else None)


def _takes_focus(widget: QWidget) -> bool:
    is_reached = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
    return is_reached and widget.isVisible() and widget.isEnabled() and widget.focusProxy() is None
