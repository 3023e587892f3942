"""Transcript: the messages of a conversation, newest at the bottom, made as they come into sight.

It stays at the bottom while an answer grows, unless a person has scrolled up; then it stays where they are.
"""

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QToolButton, QVBoxLayout, QWidget

from app.chat.conversation import Conversation, Message
from app.chat.message_view import MessageView
from app.naming import label, named
from app.theme import Theme

_AT_FIRST, _MORE = 4, 6  # messages made at once
_NEAR = 32  # pixels from an end


class Transcript(QScrollArea):
    """Its signals are those of its messages."""

    edit_requested = Signal(int)
    again_requested = Signal(int)
    copy_requested = Signal(int)
    link_requested = Signal(str)
    insert_requested = Signal(str)
    replace_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent, widgetResizable=True)
        self._theme = theme
        named(self, "Conversation", style="transcript")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._talk = Conversation("")
        self.views: list[MessageView] = []
        self._above = 0  # messages that have not been made yet
        self._sticks = True
        self._held: tuple[int, int] | None = None  # a message's number, and how far below the top it is
        self._is_placing = False
        self._mark: QLabel | None = None
        self._column = QVBoxLayout()
        self._column.setContentsMargins(0, 0, 0, 8)
        self._column.setSpacing(0)
        self._column.addStretch(1)
        page = named(QWidget(self), style="page")
        page.setLayout(self._column)
        self.setWidget(page)
        self._down = named(QToolButton(self), "To the newest message", style="down")
        self._down.clicked.connect(self.go_to_end)
        self._down.hide()
        self._more_later = QTimer(self, singleShot=True, interval=0)
        self._more_later.timeout.connect(self._make_more)
        self.verticalScrollBar().valueChanged.connect(self._follow_scrolling)
        self.verticalScrollBar().rangeChanged.connect(self._keep_place)
        theme.changed.connect(self._draw_again)
        self._draw_again()

    def show_conversation(self, talk: Conversation) -> None:
        """What is there already, and is the same, stays."""
        if talk.id != self._talk.id:
            self._drop_from(0)
            self._above = max(0, len(talk.messages) - _AT_FIRST)
            self._sticks = True
        self._talk = talk
        wanted = talk.messages[self._above :]
        same = 0
        for view, message in zip(self.views, wanted, strict=False):
            if view.number != message.number:
                break
            same += 1
        self._drop_from(same)
        for message in wanted[same:]:
            self._put(message, len(self.views))
        if self._sticks:
            self.go_to_end()

    def view(self, number: int) -> MessageView | None:
        return next((view for view in self.views if view.number == number), None)

    def mark(self, number: int | None, sentence: str = "") -> None:
        """Above this message begins what the model could still read."""
        if self._mark is not None:
            self._column.removeWidget(self._mark)
            self._mark.deleteLater()
            self._mark = None
        view = None if number is None else self.view(number)
        if view is not None:
            self._mark = named(label(sentence, wraps=True), style="cut_mark")
            self._column.insertWidget(self._column.indexOf(view), self._mark)

    def go_to_end(self) -> None:
        self._sticks = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
        self._down.hide()

    def _put(self, message: Message, place: int) -> None:
        view = MessageView(self._theme, message, self.widget())
        view.edit_requested.connect(self.edit_requested)
        view.again_requested.connect(self.again_requested)
        view.copy_requested.connect(self.copy_requested)
        view.link_requested.connect(self.link_requested)
        view.insert_requested.connect(self.insert_requested)
        view.replace_requested.connect(self.replace_requested)
        before = self._column.indexOf(self.views[place]) if place < len(self.views) else -1
        self._column.insertWidget(before if before >= 0 else self._column.count() - 1, view)
        self.views.insert(place, view)

    def _drop_from(self, place: int) -> None:
        for view in self.views[place:]:
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        del self.views[place:]

    def _make_more(self) -> None:
        """Earlier ones, above; what is in sight stays where it is."""
        first = max(0, self._above - _MORE)
        earlier, self._above = self._talk.messages[first : self._above], first
        for place, message in enumerate(earlier):
            self._put(message, place)

    def _follow_scrolling(self, value: int) -> None:
        bar = self.verticalScrollBar()
        if self._is_placing:
            return
        self._sticks = value >= bar.maximum() - _NEAR
        self._down.setVisible(not self._sticks)
        held = next((view for view in self.views if view.geometry().bottom() > value), None)
        self._held = None if held is None else (held.number, held.y() - value)
        if self._above and value <= self.height():
            self._more_later.start()

    def _keep_place(self, _low: int, high: int) -> None:
        """At the end, or with the message at the top where it was, whatever has become higher."""
        bar = self.verticalScrollBar()
        self._is_placing = True
        if self._sticks:
            bar.setValue(high)
        elif self._held is not None and (view := self.view(self._held[0])) is not None:
            self._column.activate()
            bar.setValue(view.y() - self._held[1])
        self._is_placing = False
        if self._above and high <= self.height():  # they do not fill what is in sight
            self._more_later.start()

    def _draw_again(self) -> None:
        self._down.setIcon(self._theme.icon("arrow-down"))
        for view in self.views:
            view.draw_again()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        size = self._down.sizeHint()
        self._down.setGeometry(
            self.viewport().width() - size.width() - 12,
            self.height() - size.height() - 12,
            size.width(),
            size.height(),
        )
        self._down.raise_()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange and hasattr(self, "views"):
            self._draw_again()
