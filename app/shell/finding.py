"""Finding: the find bar below the texts, in whichever of them is in front."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs
from app.finding.find_bar import FindBar
from app.shell.commands import Commands
from app.shell.texts import Texts
from app.theme import Theme

_BY_THE_BAR = (
    *("edit.find_next", "edit.find_previous", "find.match_case", "find.whole_word", "find.regex"),
    "find.in_selection",
)


class Finding(QObject):
    """`wanted`: somebody is about to look for something, so that the texts must be in sight.

    `find_elsewhere`: looks among something else that is in front, and says whether there is such a thing.
    """

    wanted = Signal()

    def __init__(self, tabs: DocumentTabs, texts: Texts, commands: Commands, theme: Theme) -> None:
        super().__init__(tabs)
        self._texts = texts
        self.find_elsewhere: Callable[[], bool] = lambda: False
        self.page = QWidget()
        self.bar = FindBar(theme, self.page)
        column = QVBoxLayout(self.page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(tabs, 1)
        column.addWidget(self.bar)
        tabs.current_changed.connect(self._follow)
        commands.on({action: partial(self.bar.perform, action) for action in _BY_THE_BAR})
        commands.on({"edit.find": self._open, "edit.replace": partial(self._open, with_replace=True)})
        commands.listen_in(self.bar, "find")

    @property
    def is_typed_in(self) -> bool:
        focused = self.page.window().focusWidget()
        return focused is not None and self.bar.isAncestorOf(focused)

    def _open(self, *, with_replace: bool = False) -> None:
        if not with_replace and self.find_elsewhere():
            return
        self.wanted.emit()
        self.bar.open(with_replace)

    def _follow(self, document: Document | None) -> None:
        if document is None:
            self.bar.close_bar()
        self.bar.attach(self._texts.editor_of(document) if document else None)
