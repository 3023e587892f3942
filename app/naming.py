"""Names for widgets: what a screen reader says, and what the style sheet calls them."""

from html import escape
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QWidget

W = TypeVar("W", bound=QWidget)


def named(widget: W, name: str = "", *, style: str = "", role: str = "") -> W:
    """`name` is read aloud; `style` and `role` are what the style sheet calls it."""
    if name:
        widget.setAccessibleName(name)
    if style:
        widget.setObjectName(style)
    if role:
        widget.setProperty("role", role)
    return widget


def label(text: str, role: str = "", *, wraps: bool = False) -> QLabel:
    made = named(QLabel(text), role=role)
    made.setTextFormat(Qt.TextFormat.PlainText)  # what a model or a file says is no markup
    made.setWordWrap(wraps)
    return made


def tip(text: str) -> str:
    """For a tool tip, which would take for markup what looks like it."""
    return f'<p style="white-space: pre-wrap">{escape(text)}</p>' if "<" in text else text


def set_role(widget: QWidget, role: str) -> None:
    """Of one that is seen already."""
    _set(widget, "role", role)


def set_wrong(field: QWidget, is_wrong: bool) -> None:
    """Whether what is typed there cannot be used."""
    _set(field, "state", "wrong" if is_wrong else "")


def _set(widget: QWidget, name: str, value: str) -> None:
    """The style sheet looks at such names only when it is asked to."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
