"""RunList: the runs so far, beside the page; one is shown, two are compared."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named
from app.runs.words import COLOURS, ICONS, Entry
from app.theme import Theme

_WIDTH, _OF_THE_PAGE = 216, 4
_FOLDER = Qt.ItemDataRole.UserRole


class RunList(QFrame):
    """`new_requested`; `chosen`: a list with a run's folder, or with two."""

    new_requested = Signal()
    chosen = Signal(list)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Runs", style="run_list")
        self._theme = theme
        self._entries: tuple[Entry, ...] = ()
        self._room = 0
        self.new_button = QPushButton("New Run", self)
        self.new_button.clicked.connect(lambda _=False: self.new_requested.emit())
        self.view = named(QListWidget(self), "Runs so far")
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.view.setUniformItemSizes(True)
        self.view.itemSelectionChanged.connect(self._tell)
        self._hint = label(
            "Runs stand here, to be looked at again. Choose two to compare them.", "muted", wraps=True
        )
        self._hint.setAlignment(Qt.AlignmentFlag.AlignTop)  # where the list would begin, while there is none
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 16, 12, 12)
        layout.setSpacing(12)
        layout.addWidget(self.new_button)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._hint)
        theme.changed.connect(self._dress)
        self._dress()

    def fit_into(self, room: int) -> None:
        """Of a page that is so wide: what stands beside the list needs most of it."""
        self._room = room
        self._set_width()

    @property
    def selected(self) -> list[str]:
        return [str(item.data(_FOLDER)) for item in self.view.selectedItems()]

    def set_entries(self, entries: Sequence[Entry]) -> None:
        """The latest first; what is selected stays so."""
        if tuple(entries) == self._entries:
            return
        kept, self._entries = set(self.selected), tuple(entries)
        self.view.blockSignals(True)
        self.view.clear()
        for entry in entries:
            item = QListWidgetItem(self._sign(entry), "", self.view)
            item.setText(f"{entry.name}\n{entry.about}")
            item.setData(_FOLDER, entry.folder)
            item.setToolTip(f"{entry.name}: {entry.about}")
            item.setSelected(entry.folder in kept)
        self.view.blockSignals(False)
        self.view.setVisible(bool(entries))

    def select(self, folder: str | None) -> None:
        """Without telling; None: nothing."""
        self.view.blockSignals(True)
        self.view.clearSelection()
        for row in range(self.view.count()):
            item = self.view.item(row)
            if item.data(_FOLDER) == folder:
                item.setSelected(True)
                self.view.setCurrentItem(item)
        self.view.blockSignals(False)

    def _sign(self, entry: Entry) -> QIcon:
        """In its own colour where it is selected, too."""
        drawn = self._theme.icon(ICONS[entry.phase], COLOURS[entry.phase])
        icon = QIcon(drawn)
        icon.addPixmap(drawn.pixmap(self._theme.icon_size(16)), QIcon.Mode.Selected)
        return icon

    def _tell(self) -> None:
        if self.selected:
            self.chosen.emit(self.selected)

    def _set_width(self) -> None:
        usual = self._theme.scaled(_WIDTH)
        self.setFixedWidth(min(usual, max(usual // 2, self._room // _OF_THE_PAGE)) if self._room else usual)

    def _dress(self) -> None:
        self._set_width()
        self.new_button.setIcon(self._theme.icon("plus"))
        self.new_button.setIconSize(self._theme.icon_size(16))
        entries, self._entries = self._entries, ()
        self.set_entries(entries)
