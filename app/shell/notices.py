"""Notices: one sentence above the text, with what can be done about it. Further ones wait for their turn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QPushButton, QToolButton, QWidget

from app.naming import label, named, set_role
from app.theme import Theme

Weight = Literal["info", "warning", "error"]
_NARROW = 800
_COLOURS: dict[Weight, str] = {"info": "accent", "warning": "warning", "error": "danger"}


@dataclass(frozen=True)
class Notice:
    """`about` names its matter: a newer notice about the same takes the place of an older one."""

    text: str
    weight: Weight = "info"
    about: str = ""
    deeds: tuple[tuple[str, Callable[[], object]], ...] = ()


class NoticeBar(QFrame):
    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Notice", style="notice")
        self._theme = theme
        self._waiting: list[Notice] = []
        self._sign = label("")
        self._text = label("", wraps=True)
        self._more = label("", "muted")
        self._buttons: list[QPushButton] = []
        self._close = named(QToolButton(self), "Dismiss this notice")
        self._close.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # who clicks goes on where they were, as below
        self._close.clicked.connect(self.dismiss)
        self._deeds = QHBoxLayout()
        self._deeds.setSpacing(8)
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._body.setSpacing(8)
        self._body.addWidget(self._text, 1)
        self._body.addLayout(self._deeds)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 6, 8, 6)
        layout.setSpacing(8)
        layout.addWidget(self._sign)
        layout.addLayout(self._body, 1)
        layout.addWidget(self._more)
        layout.addWidget(self._close)
        theme.changed.connect(self._draw)
        self._draw()

    @property
    def texts(self) -> list[str]:
        """What is shown, and what waits."""
        return [notice.text for notice in self._waiting]

    def add(self, notice: Notice) -> None:
        if notice in self._waiting:
            return
        if notice.about:
            self._waiting = [other for other in self._waiting if other.about != notice.about]
        self._waiting.insert(0, notice)
        self._draw()
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, notice.text))

    def withdraw(self, about: str) -> None:
        """What was said about this matter holds no longer."""
        self._waiting = [notice for notice in self._waiting if notice.about != about]
        self._draw()

    def dismiss(self) -> None:
        del self._waiting[:1]
        self._draw()

    def _draw(self) -> None:
        for button in self._buttons:
            self._deeds.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = []
        self.setVisible(bool(self._waiting))
        if not self._waiting:
            return
        notice = self._waiting[0]
        set_role(self, notice.weight)
        size = self._theme.icon_size(16)
        self._sign.setPixmap(self._theme.icon(notice.weight, _COLOURS[notice.weight]).pixmap(size))
        self._close.setIcon(self._theme.icon("close"))
        self._text.setText(notice.text)
        self._text.setAccessibleName(notice.text)
        self._more.setText(f"{len(self._waiting) - 1} more" if len(self._waiting) > 1 else "")
        self._buttons = [self._button(text, do) for text, do in notice.deeds]

    def _button(self, text: str, do: Callable[[], object]) -> QPushButton:
        button = QPushButton(text, self)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(self.dismiss)
        button.clicked.connect(lambda _=False: do())
        self._deeds.addWidget(button)
        return button

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where a long sentence would become a column of words, what can be done stands below it."""
        super().resizeEvent(event)
        is_narrow = event.size().width() < self._theme.scaled(_NARROW)
        down, across = QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight
        self._body.setDirection(down if is_narrow else across)
        left = Qt.AlignmentFlag.AlignLeft
        self._body.setAlignment(self._deeds, left if is_narrow else Qt.AlignmentFlag(0))
