"""ModelsPage: what to use on this machine, all models in one list, and the one that is looked at beside it.

It shows and wishes. What is on the disk is told by Shelf, what comes by Downloads; settings and engine belong
to the window.
"""

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QScrollArea,
    QSplitter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.models.counsel import ROLES, Counsel
from app.models.detail import Detail
from app.models.entry import Entry
from app.models.fit import verdict_of
from app.models.model_list import ModelList, rows_of
from app.models.role_card import RoleCard
from app.naming import label, named
from app.theme import Theme

_NARROW = 640  # below this the list stands over the model
_NARROWEST = 400
_MARGIN, _SPACING = 24, 12
_LEAST_LIST, _LEAST_DETAIL = 140, 160
_LOOK_AT_MEMORY_MS = 5000
_DIRECTIONS = (QBoxLayout.Direction.TopToBottom, QBoxLayout.Direction.LeftToRight)


class ModelsPage(QWidget):
    """
    Signals, all wishes:
        default_requested: a role, "completion" or "chat", and a path.
        load_requested: a role, and whether even what does not fit. unload_requested: a path that is loaded.
        download_requested: a name on the hub, empty where a person is still to say which; and the role that
            it is wanted for, which may be empty too.
        discard_requested: a name on the hub, of which part has come.
        convert_requested, train_requested, delete_requested: an Entry.
        reveal_requested: a path.
        folder_requested, file_requested: to look in, or to use.
        measure_requested: how fast this machine is.
    """

    default_requested = Signal(str, str)
    load_requested = Signal(str, bool)
    unload_requested = Signal(str)
    download_requested = Signal(str, str)
    discard_requested = Signal(str)
    convert_requested = Signal(object)
    train_requested = Signal(object)
    delete_requested = Signal(object)
    reveal_requested = Signal(str)
    folder_requested = Signal()
    file_requested = Signal()
    measure_requested = Signal()

    def __init__(self, theme: Theme, counsel: Counsel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Models", style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._counsel = theme, counsel
        self._downloads, self._shelf = counsel.downloads, counsel.shelf
        # before all else, so that the keyboard comes to the list first
        self._split = QSplitter(Qt.Orientation.Horizontal, self)
        self._left = QWidget(self._split)
        self.search = named(QLineEdit(self._left), "Find a model")
        self.search.setPlaceholderText("Find a model")
        self.search.setClearButtonEnabled(True)
        self.list = ModelList(theme, self._left)
        self.detail = Detail(theme, self)
        self.cards = {role: RoleCard(role, theme, self) for role in ROLES}
        self._state = label("", "muted", wraps=True)
        self._nothing = label("No model has these words.", "muted")
        self._top = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._cards_row = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._again = named(QToolButton(self), "Look for models again")
        self._add = QPushButton("Add a Model", self)
        self._measure = QPushButton("Measure This Machine…", self)
        self._watch = QTimer(self, interval=_LOOK_AT_MEMORY_MS)
        self._arrange()
        self._connect()
        self._draw_icons()
        self.renew()

    def renew(self) -> None:
        """From all that is known now."""
        counsel, words = self._counsel, self.search.text().lower().split()
        shown = [entry for entry in counsel.entries() if all(word in _searched(entry) for word in words)]
        rows = rows_of(
            shown,
            lambda entry: verdict_of(entry.network, counsel.machines.system),
            counsel.uses.roles_of,
            lambda id: counsel.downloads[id],
        )
        self.list.show_rows(rows)
        self._nothing.setVisible(not shown)
        standings = counsel.standings()
        if self.list.current is None:
            keys = [entry.key for entry in shown if counsel.uses.roles_of(entry)]
            keys += [standing.advice.entry.key for standing in standings.values() if standing.advice]
            next((key for key in (*keys, *(entry.key for entry in shown)) if self.list.choose(key)), None)
        self._show_detail()
        for role, standing in standings.items():
            self.cards[role].show_standing(standing)
        self._state.setText(self._said())
        self._state.setVisible(bool(self._state.text()))

    def look_at(self, key: str) -> None:
        """Shows this one, whatever was searched for."""
        self.search.clear()
        if self.list.choose(key):
            self.list.scrollTo(self.list.currentIndex())

    def _arrange(self) -> None:
        self._arrange_split()
        line = named(QWidget(self), style="line")
        line.setFixedHeight(1)
        line.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        content = named(QWidget(self), style="page")
        self._split.setParent(content)  # the first, as the keyboard goes
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(self._head())
        layout.addWidget(line)
        layout.addWidget(self._split, 1)
        scroll = named(QScrollArea(self, widgetResizable=True), "Models page")  # where the window is low
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(content)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)

    def _head(self) -> QVBoxLayout:
        deeds = QHBoxLayout()
        deeds.setSpacing(8)
        for button in (self._measure, self._add, self._again):
            deeds.addWidget(button)
        self._top.setSpacing(8)
        self._top.addWidget(label("Models", "title"))
        self._top.addStretch(1)
        self._top.addLayout(deeds)
        self._cards_row.setSpacing(_SPACING)
        for card in self.cards.values():
            self._cards_row.addWidget(card, 1)
        head = QVBoxLayout()
        head.setContentsMargins(_MARGIN, 20, _MARGIN, 16)
        head.setSpacing(12)
        head.addLayout(self._top)
        head.addLayout(self._cards_row)
        head.addWidget(self._state)
        return head

    def _arrange_split(self) -> None:
        left = self._left
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        finder = QVBoxLayout()
        finder.setContentsMargins(16, 12, 16, 4)
        finder.setSpacing(8)
        finder.addWidget(self.search)
        finder.addWidget(self._nothing)
        column.addLayout(finder)
        column.addWidget(self.list, 1)
        left.setMinimumWidth(self._theme.scaled(240))
        self.list.setMinimumHeight(self._theme.scaled(_LEAST_LIST))
        self.detail.setMinimumHeight(self._theme.scaled(_LEAST_DETAIL))
        self._split.addWidget(left)
        self._split.addWidget(self.detail)
        self._split.setStretchFactor(1, 1)
        self._split.setSizes(self._usual_sizes())
        self._split.setChildrenCollapsible(False)
        self._split.setHandleWidth(1)

    def _usual_sizes(self) -> list[int]:
        return [self._theme.scaled(360), self._theme.scaled(440)]

    def _connect(self) -> None:
        menu = QMenu(self._add)
        menu.addAction("Folder to Look In…", self.folder_requested.emit)
        menu.addAction("GGUF File…", self.file_requested.emit)
        menu.addAction("From the Hugging Face Hub…", lambda: self.download_requested.emit("", ""))
        self._add.setMenu(menu)
        self._again.clicked.connect(lambda _=False: self._shelf.look())
        self._measure.clicked.connect(lambda _=False: self.measure_requested.emit())
        self._counsel.changed.connect(self.renew)
        self.search.textChanged.connect(lambda _: self.renew())
        self.list.chosen.connect(lambda _: self._show_detail())
        self.list.opened.connect(lambda _: self.detail.go_into())
        self._watch.timeout.connect(self._counsel.look_at_memory)
        self._theme.changed.connect(self._draw_icons)
        for role, card in self.cards.items():
            card.use_requested.connect(lambda path, role=role: self.default_requested.emit(role, path))
            card.download_requested.connect(lambda id, role=role: self.download_requested.emit(id, role))
            card.looked_at.connect(self.look_at)
        detail = self.detail
        detail.use_requested.connect(self.default_requested)
        detail.load_requested.connect(self.load_requested)
        detail.unload_requested.connect(self.unload_requested)
        detail.download_requested.connect(lambda id: self.download_requested.emit(id, ""))
        detail.pause_requested.connect(self._downloads.pause)
        detail.discard_requested.connect(self.discard_requested)
        detail.convert_requested.connect(self.convert_requested)
        detail.train_requested.connect(self.train_requested)
        detail.delete_requested.connect(self.delete_requested)
        detail.reveal_requested.connect(self.reveal_requested)

    def _draw_icons(self) -> None:
        self._again.setIcon(self._theme.icon("refresh"))
        self._again.setToolTip("Look for Models Again")

    def _show_detail(self) -> None:
        entry, counsel = self.list.current, self._counsel
        self.detail.setVisible(entry is not None)
        if entry is not None:
            self.detail.show_entry(entry, counsel.machines, counsel.uses, counsel.downloads[entry.id])

    def _said(self) -> str:
        if self._shelf.is_looking and not self._shelf.has_looked:
            return "Looking at what is on this disk…"
        return "\n".join(self._shelf.problems)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width, down, across = event.size().width(), *_DIRECTIONS
        cards = sum(card.minimumSizeHint().width() for card in self.cards.values()) + _SPACING
        self._cards_row.setDirection(down if width - 2 * _MARGIN < cards else across)
        parts = (self._top.itemAt(place) for place in (0, 2))
        heads = sum(part.minimumSize().width() for part in parts if part is not None) + 4 * _SPACING
        self._top.setDirection(down if width - 2 * _MARGIN < heads else across)
        is_narrow = width < self._theme.scaled(_NARROW)
        wanted = Qt.Orientation.Vertical if is_narrow else Qt.Orientation.Horizontal
        if self._split.orientation() != wanted:
            self._split.setOrientation(wanted)
            for card in self.cards.values():
                card.set_compact(is_narrow)
            self._split.setStretchFactor(0, int(is_narrow))
            self._split.setSizes([1000, 1000] if is_narrow else self._usual_sizes())

    def minimumSizeHint(self) -> QSize:
        """Less than what stands beside each other, or in sight, while there is room."""
        return QSize(self._theme.scaled(_NARROWEST), super().minimumSizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._counsel.look_at_memory()
        self._watch.start()
        self._shelf.look()

    def hideEvent(self, event: QHideEvent) -> None:
        self._watch.stop()
        super().hideEvent(event)


def _searched(entry: Entry) -> str:
    return f"{entry.name} {entry.id} {' '.join(entry.facts)} {entry.family}".lower()
