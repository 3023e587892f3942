"""TrainPage: the runs so far, and beside them one that is looked at, two compared, or one to begin."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QHideEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QWidget

from app.naming import named
from app.runs.compare import RunComparison
from app.runs.draft import Draft
from app.runs.run_list import RunList
from app.runs.setup import RunSetup
from app.runs.view import RunView
from app.theme import Theme

_STILL_SHOWN_MS = 3000


class TrainPage(QWidget):
    """
    Signals:
        shown: the page comes into sight.
        still_shown: it is there after a while, and what it shows may not be true any more.
    What else is wished, its parts say.
    """

    shown = Signal()
    still_shown = Signal()

    def __init__(self, theme: Theme, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Train")
        self.setAcceptDrops(True)
        self.list = RunList(theme, self)
        self.setup = RunSetup(theme, draft, self)
        self.view = RunView(theme, self)
        self.comparison = RunComparison(theme, self)
        self._stack = QStackedWidget(self)
        for part in (self.setup, self.view, self.comparison):
            self._stack.addWidget(part)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.list)
        layout.addWidget(self._stack, 1)
        self.list.new_requested.connect(self.show_setup)
        self._while_shown = QTimer(self, interval=_STILL_SHOWN_MS)
        self._while_shown.timeout.connect(self.still_shown)

    @property
    def is_showing_run(self) -> bool:
        return self._stack.currentWidget() is self.view

    def show_setup(self) -> None:
        self.list.select(None)
        self._stack.setCurrentWidget(self.setup)

    def show_view(self, folder: str) -> None:
        self.list.select(folder)
        self._stack.setCurrentWidget(self.view)

    def show_comparison(self) -> None:
        self._stack.setCurrentWidget(self.comparison)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Anywhere on the page: a person need not aim."""
        if _paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.show_setup()
        self.setup.add_folders(_paths(event))
        event.acceptProposedAction()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.list.fit_into(self.width())

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self._while_shown.start()
        self.shown.emit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._while_shown.stop()


def _paths(event: QDropEvent) -> Sequence[Path]:
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
