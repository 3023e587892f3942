"""Names for widgets: what a screen reader says, and what the style sheet calls them."""

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


def set_role(widget: QWidget, role: str) -> None:
    """Of one that is seen already."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)
