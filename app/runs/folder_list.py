"""FolderList: the folders that a run is to learn from; chosen, dropped on it, and taken off again."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from app.layouts import empty
from app.naming import label, named, set_role
from app.theme import Theme


class FolderList(QFrame):
    """`changed`: the folders, once they are others. `choice_requested`: a person wants to choose one.
    `refused`: a sentence about what was dropped and is none."""

    changed = Signal(tuple)
    choice_requested = Signal()
    refused = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Folders to learn from", style="drop_zone")
        self.setAcceptDrops(True)
        self._theme = theme
        self.folders: tuple[Path, ...] = ()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self._sign = label("")
        self._invitation = label("Drop folders with your code here, or choose one.", "muted", wraps=True)
        self.add_button = named(QPushButton("Choose a Folder…", self), "Choose a folder to learn from")
        self.add_button.clicked.connect(lambda _=False: self.choice_requested.emit())
        self.suggestion_button = QPushButton(self)
        self.suggestion_button.clicked.connect(lambda _=False: self._take_suggestion())
        self._suggested: Path | None = None
        foot = QHBoxLayout()
        foot.setSpacing(12)
        foot.addWidget(self._sign)
        foot.addWidget(self._invitation, 1)
        foot.addWidget(self.suggestion_button)
        foot.addWidget(self.add_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        layout.addLayout(self._rows)
        layout.addLayout(foot)
        theme.changed.connect(self._draw)
        self._draw()

    def suggest(self, folder: Path | None) -> None:
        """What is open anyway: one press, and no looking for it."""
        self._suggested = folder
        self._draw()

    def add(self, paths: Sequence[Path]) -> None:
        """Each once; a file is no folder, and what lies in a folder that is here already adds nothing."""
        found = list(self.folders)
        for path in paths:
            if not path.is_dir():
                self.refused.emit(f"{path.name} is no folder; drop or choose the folder that it lies in.")
            elif any(path == other or path.is_relative_to(other) for other in found):
                self.refused.emit(f"{path.name} is among these folders already.")
            else:
                found = [other for other in found if not other.is_relative_to(path)] + [path]
        self.set_folders(tuple(found))

    def set_folders(self, folders: tuple[Path, ...]) -> None:
        if folders != self.folders:
            self.folders = folders
            self._draw()
            self.changed.emit(folders)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            set_role(self, "inviting")

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        set_role(self, "")

    def dropEvent(self, event: QDropEvent) -> None:
        set_role(self, "")
        self.add([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

    def _draw(self) -> None:
        empty(self._rows)
        for folder in self.folders:
            self._rows.addWidget(self._row(folder))
        icon = self._theme.icon("folder-open" if not self.folders else "plus", "faint")
        self._sign.setPixmap(icon.pixmap(self._theme.icon_size(24 if not self.folders else 16)))
        suggested = self._suggested
        self.suggestion_button.setVisible(suggested is not None and not self.folders)
        if suggested is not None:
            self.suggestion_button.setText(f"Take {suggested.name}")
            self.suggestion_button.setToolTip(f"The folder that is open: {suggested}")
        few = "Drop folders with your code here, or choose one."
        self._invitation.setText("Another folder can be dropped here, too." if self.folders else few)

    def _take_suggestion(self) -> None:
        if self._suggested is not None:
            self.add_button.setFocus()  # which the button that goes away would give to whatever comes next
            self.add([self._suggested])

    def _row(self, folder: Path) -> QWidget:
        row = QWidget(self)
        sign = label("")
        sign.setPixmap(self._theme.icon("folder").pixmap(self._theme.icon_size(16)))
        name = label(_shown(folder))
        name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        name.setMinimumWidth(1)
        name.setToolTip(str(folder))
        remove = named(QToolButton(row), f"Do not learn from {folder.name}")
        remove.setIcon(self._theme.icon("close"))
        remove.setToolTip("Take it off the list; nothing happens to the folder")
        remove.clicked.connect(lambda _=False: self._remove(folder))
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(sign)
        layout.addWidget(name, 1)
        layout.addWidget(remove)
        return row

    def _remove(self, folder: Path) -> None:
        self.set_folders(tuple(other for other in self.folders if other != folder))


def _shown(folder: Path) -> str:
    """As a person writes it, on one line."""
    try:
        text = f"~/{folder.relative_to(Path.home())}"
    except ValueError:
        text = str(folder)
    return text if text.isprintable() else ascii(text)
