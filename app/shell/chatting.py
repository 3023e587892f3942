"""Chatting: the chat panel joined to the window: what it may read, where code goes, what is asked first."""

import asyncio
import os
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit

from app.chat.archive import Archive
from app.chat.composer import Offer
from app.chat.conversation import Attachment, as_markdown
from app.documents.changes_view import ChangesView, Choices
from app.documents.document import Document
from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.documents.replace_file import CannotWrite, replace_file
from app.engines import Engines
from app.languages import Language
from app.questions import CANCEL, Choice, Questions
from app.settings import SettingsStore
from app.shell.commands import Commands
from app.shell.frame import Frame
from app.shell.texts import Texts
from app.theme import Theme
from core.spec.folders import chats_folder
from core.spec.secret_files import is_secret_file

if TYPE_CHECKING:
    from app.chat.panel import ChatPanel

_LARGEST_FILE = 200_000  # characters; no model of this size reads more
_KEPT_AWAY = "This file may hold secrets, so no model reads it"
_LINKS = ("http", "https", "mailto")


class Chatting(QObject):
    """`said`: for the person. `download_requested`: a model of the catalogue, by its id."""

    said = Signal(str)
    download_requested = Signal(str)

    def __init__(
        self, documents: Documents, tabs: DocumentTabs, texts: Texts, questions: Questions, frame: Frame
    ) -> None:
        super().__init__(documents)
        self._documents, self._tabs, self._texts = documents, tabs, texts
        self._questions, self._frame = questions, frame
        self._panel: ChatPanel | None = None
        self._archive = Archive(chats_folder())
        self._offer_later = QTimer(self, singleShot=True, interval=150)
        self._offer_later.timeout.connect(self._offer)

    def join(self, engines: Engines, store: SettingsStore, theme: Theme, commands: Commands) -> None:
        self._engines, self._store, self._theme, self._commands = engines, store, theme, commands
        self._frame.add_page("chat", self._make_panel)
        self._tabs.current_changed.connect(self._offer_soon)
        self._texts.moved.connect(self._offer_soon)
        commands.on(
            {
                "chat.new": lambda: self._in_sight().begin(),
                "chat.history": lambda: self._in_sight().show_history(),
                "chat.ask_selection": self._ask_about_selection,
                "chat.stop": self._stop_answer,
            }
        )

    def stop(self) -> None:
        self._offer_later.stop()
        if self._panel is not None:
            self._panel.stop()
        self._archive.forget_deleted()

    def _make_panel(self) -> "ChatPanel":
        from app.chat.panel import ChatPanel  # the window's first sight need not wait for it

        chat = self._engines.engine_for("chat")
        start = self._documents.errands.start
        panel = ChatPanel(self._theme, self._archive, chat, lambda: self._store.settings, start)
        panel.insert_requested.connect(self._insert)
        panel.replace_requested.connect(self._replace)
        panel.link_requested.connect(lambda link: self._documents.errands.start(self._open_link(link)))
        panel.export_requested.connect(lambda id: self._documents.errands.start(self._export(id)))
        panel.choice_requested.connect(self._commands["chat.choose_model"].trigger)
        panel.download_requested.connect(self.download_requested)
        panel.load_anyway_requested.connect(lambda: self._engines.load("chat", anyway=True))
        self._panel = panel
        self._offer()
        panel.restore()
        return panel

    def _in_sight(self) -> "ChatPanel":
        self._frame.set_shown(self._frame.chat, True)
        self._frame.made_page("chat")
        if self._panel is None:
            raise RuntimeError("the chat's page was made by somebody else")
        return self._panel

    def _ask_about_selection(self) -> None:
        panel = self._in_sight()
        self._offer()
        for offer in self._offers():
            if offer.refused:
                panel.say(f"{offer.refused}.")
            elif offer.attachment.kind == "selection" or not self._has_selection():
                panel.composer.take(offer.attachment)
        panel.composer.field.setFocus()

    def _stop_answer(self) -> None:
        if self._panel is not None:
            self._panel.talk.stop()

    def _offer_soon(self) -> None:
        if self._panel is not None and self._panel.isVisible():
            self._offer_later.start()

    def _offer(self) -> None:
        if self._panel is not None:
            self._panel.offer(self._offers())

    def _offers(self) -> list[Offer]:
        """The file in front, and what is selected in it."""
        document = self._tabs.current()
        if document is None:
            return []
        refused = _KEPT_AWAY if document.path is not None and is_secret_file(str(document.path)) else ""
        language = self._texts.editor_of(document).language
        offers = [_file_offer(document, language, refused)]
        cursor = document.editor.textCursor()
        if cursor.hasSelection():
            offers.insert(0, _selection_offer(document, language, cursor, refused))
        return offers

    def _has_selection(self) -> bool:
        document = self._tabs.current()
        return document is not None and document.editor.textCursor().hasSelection()

    def _editor(self) -> QPlainTextEdit | None:
        """That code can go into; said where there is none."""
        document = self._tabs.current()
        if document is None:
            self._documents.new()
            document = self._tabs.current()
        if document is None or document.editor.isReadOnly():
            self.said.emit("The text in front cannot be changed; open another one.")
            return None
        return document.editor

    def _insert(self, code: str) -> None:
        """One step of undo; lines are indented as the cursor's line is."""
        editor = self._editor()
        if editor is None:
            return
        cursor = editor.textCursor()
        cursor.clearSelection()
        cursor.insertText(_indented(code, cursor.block().text()[: cursor.positionInBlock()]))
        editor.setTextCursor(cursor)
        editor.setFocus()

    def _replace(self, code: str) -> None:
        """Shows first what would be lost and what would come."""
        document = self._tabs.current()
        if document is None or not document.editor.textCursor().hasSelection():
            self.said.emit("Select in the editor what is to be replaced, then press Replace again.")
            return
        if self._editor() is not None:
            self._documents.errands.start(self._replace_asked(document, code))

    async def _replace_asked(self, document: Document, code: str) -> None:
        editor, cursor = document.editor, QTextCursor(document.editor.textCursor())
        selected = _selected(cursor)
        start = QTextCursor(editor.document())
        start.setPosition(cursor.selectionStart())
        wanted = _fitted(code, selected, start.block().text()[: start.positionInBlock()])
        choices = Choices(
            f"{document.name}: replace the selection?",
            "- goes      + comes",
            (("replace", "Replace"),),
            usual="replace",
        )
        view = ChangesView(choices, self._theme, editor.font(), editor.window())
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        view.chosen.connect(answer.set_result)
        view.finished.connect(lambda _: None if answer.done() else answer.set_result("keep"))
        view.compare(selected, wanted)
        view.open()
        revision = editor.document().revision()
        try:
            chosen = await answer
        finally:
            view.deleteLater()
        if chosen == "replace" and document in self._tabs.documents():
            if editor.document().revision() != revision:
                self.said.emit("The text has changed meanwhile, so nothing was replaced; select it again.")
                return
            cursor.insertText(wanted)
            editor.setTextCursor(cursor)
            editor.setFocus()

    async def _open_link(self, link: str) -> None:
        url = QUrl(link)
        if url.scheme().lower() not in _LINKS:
            self.said.emit(f"The link {link[:200]} leads to no page on the web, and is not opened.")
            return
        answer = await self._questions.ask(
            "Open this link in the browser?", [Choice("open", "Open"), CANCEL], url.toString()[:500]
        )
        if answer == "open":
            QDesktopServices.openUrl(url)

    async def _export(self, id: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            talk, _ = await loop.run_in_executor(None, self._archive.read, id)
        except OSError as error:
            self.said.emit(f"The conversation cannot be read ({error.strerror}).")
            return
        name = "".join(letter if letter.isalnum() or letter in " -_" else "" for letter in talk.title)
        path = await self._questions.name_to_save(Path.home(), f"{name.strip() or 'Conversation'}.md")
        if path is None:
            return
        try:
            await loop.run_in_executor(None, lambda: _write(path, as_markdown(talk)))
        except CannotWrite as error:
            self.said.emit(str(error))
        else:
            self.said.emit(f"Exported to {path}")


def _write(path: Path, text: str) -> None:
    """As a text is saved: a file that is there keeps its links and permissions."""
    replace_file(Path(os.path.realpath(path)), text.encode("utf-8", "replace"))


def _file_offer(document: Document, language: Language, refused: str) -> Offer:
    letters = document.editor.document().characterCount()
    if letters > _LARGEST_FILE and not refused:
        refused = f"The file has {letters:,} characters, more than a model reads; select a part of it"
    if letters <= 1 and not refused:
        refused = "There is nothing in this file yet"
    text = "" if refused else document.text()
    return Offer(Attachment("file", document.name, text, _fence_name(language)), refused)


def _selection_offer(document: Document, language: Language, cursor: QTextCursor, refused: str) -> Offer:
    whole = cursor.document()
    first = whole.findBlock(cursor.selectionStart()).blockNumber() + 1
    last = whole.findBlock(max(cursor.selectionStart(), cursor.selectionEnd() - 1)).blockNumber() + 1
    lines = f"line {first}" if first == last else f"lines {first}–{last}"  # noqa: RUF001 (a range)
    if cursor.selectionEnd() - cursor.selectionStart() > _LARGEST_FILE and not refused:
        refused = "More is selected than a model reads"
    text = "" if refused else _selected(cursor)
    name = f"{document.name}, {lines}"
    return Offer(Attachment("selection", name, text, _fence_name(language)), refused)


def _fence_name(language: Language) -> str:
    return language.lexer


def _selected(cursor: QTextCursor) -> str:
    return cursor.selectedText().replace("\u2029", "\n")


def _indented(code: str, before: str) -> str:
    """As deep as the place it goes to, if nothing else stands before that in its line."""
    if before.strip() or not before:
        return code
    first, *rest = dedent(code).split("\n")
    return "\n".join([first, *(before + line if line.strip() else line for line in rest)])


def _fitted(code: str, selected: str, before: str) -> str:
    """As deep as what it takes the place of, and with a line's end where that had one."""
    own = selected[: len(selected) - len(selected.lstrip(" \t"))]
    fitted = own + _indented(code, before + own)
    return fitted + "\n" if selected.endswith("\n") and not fitted.endswith("\n") else fitted
