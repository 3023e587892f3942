"""Prompting: the prompt page in the window, and where the code goes that is written there."""

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from app.documents.document_tabs import DocumentTabs
from app.documents.documents import Documents
from app.engines import RoleEngine
from app.prompt.alternative import Written
from app.prompt.kept_prompt import KeptPrompt
from app.prompt.presets import Presets
from app.prompt.prompt_page import PromptPage
from app.shell.commands import Commands
from app.shell.texts import Texts
from app.theme import Theme


class Prompting(QObject):
    """`failed`: a sentence for the person."""

    failed = Signal(str)

    def __init__(self, documents: Documents, tabs: DocumentTabs, texts: Texts, commands: Commands) -> None:
        super().__init__(documents)
        self._documents, self._tabs, self._texts, self._commands = documents, tabs, texts, commands
        self._page: PromptPage | None = None
        commands.on({"prompt.write": self._write, "prompt.stop": self._stop})

    def make_page(
        self, theme: Theme, engine: RoleEngine, start: Callable[[Coroutine[Any, Any, Any]], None]
    ) -> QWidget:
        presets = Presets()
        page = PromptPage(theme, engine, presets, start)
        page.insert_requested.connect(self.insert)
        page.open_requested.connect(self.open)
        page.model_requested.connect(self._commands["engine.choose"].trigger)
        page.failed.connect(self.failed)
        kept = KeptPrompt(page.prompt, lambda: self._texts.settings.safety.keep_unsaved)
        kept.failed.connect(self.failed)
        page.write_button.setToolTip(self._commands["prompt.write"].toolTip())
        page.stop_button.setToolTip(self._commands["prompt.stop"].toolTip())
        self._page = page
        self._commands.listen_in(page, "prompt")
        if presets.problem:
            self.failed.emit(presets.problem)
        return page

    def _write(self) -> None:
        if self._page is not None:
            self._page.write_button.click()

    def _stop(self) -> None:
        if self._page is not None:
            self._page.stop()

    def insert(self, written: Written) -> None:
        """At the cursor of the text in front, as one step of undo; where there is none, as a new file."""
        document = self._tabs.current()
        if document is None:
            self.open(written)
            return
        if document.editor.isReadOnly():
            self.failed.emit(f"{document.name} cannot be changed; open the code as a file instead.")
            return
        cursor = document.editor.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        code = written.code.rstrip("\n")
        if not before.strip():  # as deep as the line that it comes into
            code = code.replace("\n", f"\n{before}")
        cursor.insertText(code)
        document.editor.setTextCursor(cursor)
        self._documents.shown.emit(document)

    def open(self, written: Written) -> None:
        document = self._documents.new(written.code.rstrip("\n") + "\n")
        self._texts.set_language(document, written.language)
