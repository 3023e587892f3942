"""The frame: where each part of the window stands, and which of them are shown.

    activity bar | side bar | notice        | chat
                 |          | page or texts |
                 |          | output        |
    status bar

Side bar and output are about the texts, so that pages with work of their own have their room. The frame knows
the parts as widgets only.
"""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from app.naming import label, named
from app.shell.activity_bar import ActivityBar
from app.shell.notices import NoticeBar
from app.theme import Theme

_BESIDE_SIDE_BAR = ("texts", "welcome", "first_run")
_SIDE_WIDTH, _CHAT_WIDTH, _OUTPUT_HEIGHT = 256, 360, 200


class SideBar(QFrame):
    """A titled stack of panels beside the text, one shown at a time."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Side bar", style="side_bar")
        self._title = named(label(""), style="side_bar_title")
        self._title.setIndent(0)
        self._panels: dict[str, QWidget] = {}
        self._stack = QStackedWidget(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        top = QHBoxLayout()
        top.setContentsMargins(16, 8, 16, 8)
        top.addWidget(self._title)
        layout.addLayout(top)
        layout.addWidget(self._stack, 1)

    @property
    def shown(self) -> str:
        current = self._stack.currentWidget()
        return next((name for name, panel in self._panels.items() if panel is current), "")

    def add(self, name: str, title: str, panel: QWidget) -> None:
        panel.setAccessibleName(panel.accessibleName() or title)
        panel.setProperty("side_title", title)
        self._panels[name] = panel
        self._stack.addWidget(panel)
        self.show_panel(self.shown)

    def show_panel(self, name: str) -> None:
        panel = self._panels[name]
        self._stack.setCurrentWidget(panel)
        self._title.setText(panel.property("side_title"))


class Pages(QStackedWidget):
    """As wide as the page in sight needs: those out of sight push nothing off the screen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.currentChanged.connect(self.updateGeometry)

    def minimumSizeHint(self) -> QSize:
        page = self.currentWidget()
        return page.minimumSizeHint().expandedTo(page.minimumSize()) if page else super().minimumSizeHint()


class Frame(QWidget):
    """
    Signals:
        changed: another part is shown, or one is no longer.
        texts_wanted: something of the side bar is, which stands beside the texts only.
    """

    changed = Signal()
    texts_wanted = Signal()

    def __init__(self, theme: Theme, activity: ActivityBar, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        # beside and below the texts, whatever page is in sight
        self.has_side_bar, self.has_output = True, False
        self.activity = activity
        self.notices = NoticeBar(theme, self)
        self.side_bar = SideBar(self)
        self.output = QStackedWidget(self)
        self.chat = QStackedWidget(self)
        self._makers: dict[str, Callable[[], QWidget]] = {}
        self._pages: dict[str, QWidget] = {}
        self._stack = Pages(self)
        self._middle = QSplitter(Qt.Orientation.Vertical, self)
        self._across = QSplitter(Qt.Orientation.Horizontal, self)
        self._arrange()
        self.output.hide()
        self.chat.hide()

    @property
    def page(self) -> str:
        current = self._stack.currentWidget()
        return next((name for name, page in self._pages.items() if page is current), "")

    def add_page(self, name: str, make: Callable[[], QWidget]) -> None:
        """Made when it is first wanted, so that the window is seen sooner."""
        self._makers[name] = make

    def made_page(self, name: str) -> QWidget:
        if name not in self._pages:
            self._pages[name] = self._makers[name]()
            (self.chat if name == "chat" else self._stack).addWidget(self._pages[name])
        return self._pages[name]

    def show_page(self, name: str) -> None:
        self._stack.setCurrentWidget(self.made_page(name))
        self.side_bar.setVisible(self.has_side_bar and name in _BESIDE_SIDE_BAR)
        self.output.setVisible(self.has_output and name in _BESIDE_SIDE_BAR)
        self._tell()

    def show_side(self, panel: str) -> None:
        self.side_bar.show_panel(panel)
        self.set_shown(self.side_bar, True)

    def set_shown(self, part: QWidget, shown: bool) -> None:
        """Of side bar, output and chat."""
        if part is self.chat and shown:
            self.made_page("chat")
        if part in (self.side_bar, self.output):
            self.has_side_bar = shown if part is self.side_bar else self.has_side_bar
            self.has_output = shown if part is self.output else self.has_output
            if shown and self.page not in ("", *_BESIDE_SIDE_BAR):
                self.texts_wanted.emit()
        part.setVisible(shown)
        self._tell()

    def parts_in_sight(self) -> list[QWidget]:
        """In the order in which a person who has no mouse goes through them."""
        pages = [page for page in self._pages.values() if page is self._stack.currentWidget()]
        parts = (self.activity, self.side_bar, *pages, self.output, self.chat)
        return [part for part in parts if part.isVisible()]

    def sizes(self) -> tuple[list[int], list[int]]:
        """Widths and heights, for the next start."""
        return self._sizes_of(self._across), self._sizes_of(self._middle)

    def set_sizes(self, widths: Sequence[int], heights: Sequence[int]) -> None:
        for splitter, sizes in ((self._across, widths), (self._middle, heights)):
            if len(sizes) == splitter.count():
                usual = self._sizes_of(splitter)
                splitter.setSizes([size or known for size, known in zip(sizes, usual, strict=True)])

    def _sizes_of(self, splitter: QSplitter) -> list[int]:
        """Of what is hidden, as it was when it was seen last, or is at first."""
        parts = [part for place in range(splitter.count()) if (part := splitter.widget(place)) is not None]
        self._sizes |= {part: size for part, size in zip(parts, splitter.sizes(), strict=True) if size}
        return [self._sizes[part] for part in parts]

    def _arrange(self) -> None:
        middle = QWidget(self)
        column = QVBoxLayout(middle)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.notices)
        column.addWidget(self._middle, 1)
        self._middle.addWidget(self._stack)
        self._middle.addWidget(self.output)
        self._middle.setStretchFactor(0, 1)
        scaled = self._theme.scaled
        for part in (self.side_bar, middle, self.chat):
            self._across.addWidget(part)
        self._across.setStretchFactor(1, 1)
        self._sizes = {
            self.side_bar: scaled(_SIDE_WIDTH),
            middle: scaled(800),
            self.chat: scaled(_CHAT_WIDTH),
        }
        self._sizes |= {self._stack: scaled(600), self.output: scaled(_OUTPUT_HEIGHT)}
        self._across.setSizes([self._sizes[part] for part in (self.side_bar, middle, self.chat)])
        self._middle.setSizes([self._sizes[part] for part in (self._stack, self.output)])
        for splitter in (self._middle, self._across):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.activity)
        row.addWidget(self._across, 1)

    def _tell(self) -> None:
        shown = {self.page}
        if not self.side_bar.isHidden():
            shown.add("files")
        if not self.chat.isHidden():
            shown.add("chat")
        self.activity.show_open(shown)
        self.changed.emit()
