"""DocumentTabs: the open documents as tabs, each with its text and a notice above it.

What a person wants of one is said with its name (`wished`); nothing is opened, saved or closed here.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QMenu, QTabBar, QTabWidget, QVBoxLayout, QWidget

from app.documents.document import Document
from app.documents.notice import Notice
from app.editor.code_editor import CodeEditor
from app.questions import Choice
from app.theme import Theme, icon_of_file

_CHANGED = "Another program has changed this file, and you have too."
_DELETED = "This file has been deleted; its text is only here."
_UNREADABLE = (
    "Another program has put something in the place of this file that is no text; yours is only here."
)
_CHANGED_CHOICES = (
    Choice("compare", "Compare"),
    Choice("load", "Load Theirs"),
    Choice("keep", "Keep Mine"),
)
_DELETED_CHOICES = (Choice("save", "Save Again"), Choice("save_as", "Save As…"), Choice("close", "Close"))
_UNREADABLE_CHOICES = _DELETED_CHOICES[1:]
_DISMISS = Choice("dismiss", "Close This Notice")
_READ_ONLY_CHOICES = (Choice("save_as", "Save As…"), _DISMISS)
_IN_PIECES_CHOICES = (Choice("edit_anyway", "Edit Anyway"), _DISMISS)
_NOT_PASTED_CHOICES = (Choice("paste_anyway", "Paste Anyway"), _DISMISS)
_OF_THE_PAGE = {choice.id for choice in (*_IN_PIECES_CHOICES, *_NOT_PASTED_CHOICES)}
_LEAST_LETTERS = 16
_MENU = (
    ("close", "Close"),
    ("close_others", "Close Others"),
    ("close_right", "Close to the Right"),
    ("close_saved", "Close Saved"),
    ("copy_path", "Copy Path"),
    ("reveal", "Show in File Tree"),
)


class DocumentPage(QWidget):
    """One document's part of the window; other bars may be put into its layout."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.document = document
        self.notice = Notice()
        self._dismissed: list[str] = []
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.notice)
        layout.addWidget(document.editor, 1)
        self.setFocusProxy(document.editor)
        document.changed.connect(self.show_state)
        if isinstance(document.editor, CodeEditor):
            document.editor.refused.connect(self._say_not_pasted)
        self.notice.chosen.connect(self._do)
        self.show_state()

    def show_state(self) -> None:
        document = self.document
        document.editor.setAccessibleName(f"Text of {document.name}")
        if document.fate == "changed":
            self.notice.say(_CHANGED, _CHANGED_CHOICES)
        elif document.fate == "deleted":
            self.notice.say(_DELETED, _DELETED_CHOICES)
        elif document.fate == "unreadable":
            self.notice.say(_UNREADABLE, _UNREADABLE_CHOICES)
        elif document.notes and document.notes != self._dismissed:
            self.notice.say(" ".join(document.notes), self._choices())
        else:
            self.notice.say("", [])

    def _choices(self) -> Sequence[Choice]:
        if self.document.may_be_edited_anyway:
            return _IN_PIECES_CHOICES
        return _READ_ONLY_CHOICES if self.document.editor.isReadOnly() else (_DISMISS,)

    def _say_not_pasted(self, why: str, may_be: bool) -> None:
        self.notice.say(why, _NOT_PASTED_CHOICES if may_be else (_DISMISS,))

    def _do(self, choice: str) -> None:
        """What concerns this text alone, and no file."""
        editor = self.document.editor
        if choice == "dismiss":
            self._dismissed = self.document.notes
        elif choice == "edit_anyway":
            self.document.edit_anyway()
        elif choice == "paste_anyway" and isinstance(editor, CodeEditor):
            self.document.edit_anyway()
            editor.paste_anyway()
        else:
            return
        self.show_state()
        editor.setFocus()


class DocumentTabs(QTabWidget):
    """`wished`: what a person wants of a document: close, close_others, close_right, close_saved, copy_path,
    reveal, compare, load, keep, save, save_as. `current_changed`: the document that is seen now, or None."""

    wished = Signal(str, object)
    current_changed = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._newest: DocumentPage | None = None  # since another came to the front
        bar = _TabBar()
        self.setTabBar(bar)
        self.setDocumentMode(True)
        self.setMovable(True)
        self.setTabsClosable(True)
        self.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.setUsesScrollButtons(True)
        self.setAccessibleName("Open files")
        bar.setAccessibleName("Open files")
        bar.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        bar.customContextMenuRequested.connect(self._show_menu)
        bar.close_requested.connect(self._wish_close)
        self.tabCloseRequested.connect(self._wish_close)
        self.currentChanged.connect(self._tell_current)
        theme.changed.connect(self.show_titles)

    def add(self, document: Document) -> DocumentPage:
        page = DocumentPage(document)
        page.notice.chosen.connect(self._wish_from_notice)
        # beside the one that is seen, as the person is there, and behind those that came with it
        last = self.indexOf(self._newest) if self._newest is not None else -1
        self.insertTab(max(last, self.currentIndex()) + 1, page, document.name)
        self._newest = page
        document.changed.connect(self.show_titles)
        self.show_titles()
        return page

    def remove(self, document: Document) -> None:
        page = self.page(document)
        if page is not None:
            document.changed.disconnect(self.show_titles)
            document.changed.disconnect(page.show_state)
            self.removeTab(self.indexOf(page))
            self._newest = None
            page.deleteLater()
            self.show_titles()

    def show_document(self, document: Document) -> None:
        page = self.page(document)
        if page is not None:
            self.setCurrentWidget(page)

    def page(self, document: Document) -> DocumentPage | None:
        return next((page for page in self.pages() if page.document is document), None)

    def pages(self) -> list[DocumentPage]:
        found = [self.widget(index) for index in range(self.count())]
        return [page for page in found if isinstance(page, DocumentPage)]

    def documents(self) -> list[Document]:
        """In the order that the person has put them in."""
        return [page.document for page in self.pages()]

    def current(self) -> Document | None:
        page = self.currentWidget()
        return page.document if isinstance(page, DocumentPage) else None

    def show_titles(self) -> None:
        documents = self.documents()
        titles = titles_of([document.path or Path(document.name) for document in documents])
        for index, (document, title) in enumerate(zip(documents, titles, strict=True)):
            # an ampersand would underline the letter behind it, and a name may have several lines
            self.setTabText(index, " ".join(title.splitlines()).replace("&", "&&"))
            state = _state(document)
            self.setTabToolTip(index, str(document.path or document.name) + (f"\n{state}" if state else ""))
            if (button := self.tabBar().tabButton(index, QTabBar.ButtonPosition.RightSide)) is not None:
                button.setAccessibleName(f"Close {title}")
            self.tabBar().setAccessibleTabName(index, f"{title}, {state.lower()}" if state else title)
            if document.fate != "same":
                icon = self._theme.icon("warning", "warning")
            elif document.is_modified:
                icon = self._theme.icon("dot", "accent")
            else:
                icon = self._theme.icon(icon_of_file(document.path or Path()))
            self.setTabIcon(index, icon)

    def _wish_close(self, index: int) -> None:
        page = self.widget(index)
        if isinstance(page, DocumentPage):
            self.wished.emit("close", page.document)

    def _wish_from_notice(self, choice: str) -> None:
        notice = self.sender()
        for page in self.pages():
            if page.notice is notice and choice not in _OF_THE_PAGE:
                self.wished.emit(choice, page.document)

    def _show_menu(self, place: QPoint) -> None:
        page = self.widget(self.tabBar().tabAt(place))
        if isinstance(page, DocumentPage):
            menu = QMenu(self)
            menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            for wish, title in _MENU:
                action = menu.addAction(title)
                action.setEnabled(page.document.path is not None or wish.startswith("close"))
                action.triggered.connect(
                    lambda _=False, wish=wish, document=page.document: self.wished.emit(wish, document)
                )
            menu.popup(self.tabBar().mapToGlobal(place))

    def _tell_current(self, _: int) -> None:
        self._newest = None
        self.current_changed.emit(self.current())


class _TabBar(QTabBar):
    """`close_requested`: the tab that was clicked with the middle button."""

    close_requested = Signal(int)

    def minimumTabSizeHint(self, index: int) -> QSize:
        """Enough of a name to know it by: where there is no room for that, the tabs are scrolled."""
        whole = self.tabSizeHint(index)
        spared = self.fontMetrics().horizontalAdvance(self.tabText(index))
        spared -= self.fontMetrics().averageCharWidth() * _LEAST_LETTERS
        return QSize(whole.width() - max(0, spared), whole.height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.MiddleButton and self.tabAt(event.pos()) >= 0:
            self.close_requested.emit(self.tabAt(event.pos()))
            return
        super().mouseReleaseEvent(event)


def titles_of(paths: Sequence[Path]) -> list[str]:
    """Names alone where they differ; else with as much of the folder as tells them apart."""
    counts = Counter(path.name for path in paths)
    titles = []
    for path in paths:
        others = [other for other in paths if other.name == path.name and other != path]
        if counts[path.name] == 1 or not others or len(path.parts) == 1:
            titles.append(path.name)
            continue
        parts = path.parts[:-1]
        length = next(
            (
                length
                for length in range(1, len(parts) + 1)
                if all(other.parts[:-1][-length:] != parts[-length:] for other in others)
            ),
            len(parts),
        )
        folder = parts[-length] if length == 1 else str(Path(*parts[-length:]))
        titles.append(f"{path.name} — {folder}")
    return titles


def _state(document: Document) -> str:
    if document.fate == "deleted":
        return "Deleted outside"
    if document.fate == "changed":
        return "Changed outside"
    if document.fate == "unreadable":
        return "Replaced outside"
    if document.editor.isReadOnly():
        return "Read-only"
    return "Not saved" if document.is_modified else ""
