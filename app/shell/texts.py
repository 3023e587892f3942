"""Texts as they are worked on: each document's editor in this theme, with these settings and suggestions."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Qt, Signal
from PySide6.QtWidgets import QPlainTextEdit

from app.actions import KeyMap
from app.documents.document import Document
from app.documents.documents import Documents
from app.editor.code_editor import CodeEditor
from app.engine_client import EngineClient, EngineState
from app.languages import PLAIN, PYTHON, Language, language_of
from app.power import Power
from app.settings import Settings, SettingsStore
from app.suggestions.completion import Completion
from app.suggestions.completion_policy import CompletionState
from app.suggestions.ghost_text import GhostText
from app.suggestions.quoted import kind_at
from app.suggestions.surroundings import OpenText, open_text
from app.suggestions.wishes import Sources
from app.theme import Theme
from core.spec.messages import Reply


class Texts(QObject):
    """`completion_changed`: the CompletionState of a document. `zoom_requested`: so many steps larger.
    `language_changed`: of a document. `moved`: some cursor stands elsewhere. `menu_requested`: in an editor,
    at a place of its text. `said`: for the person."""

    completion_changed = Signal(object, object)
    zoom_requested = Signal(int)
    language_changed = Signal(object)
    moved = Signal()
    menu_requested = Signal(object, object)
    said = Signal(str)

    def __init__(self, store: SettingsStore, theme: Theme, keys: KeyMap, engine: EngineClient) -> None:
        super().__init__(engine)
        self._store, self._theme, self._keys, self._engine = store, theme, keys, engine
        self._documents: Documents | None = None
        self._power = Power()
        self._completions: dict[Document, Completion] = {}
        self._ghosts: dict[Document, GhostText] = {}
        self._described: dict[Document, tuple[str, str]] = {}
        self._chosen: dict[Document, Path | None] = {}  # a language by a person, and for which file
        theme.changed.connect(self._colour_all)
        store.changed.connect(self._set_all)
        engine.state_changed.connect(self._tell_engine)
        engine.replied.connect(self._pass_on)

    @property
    def settings(self) -> Settings:
        return self._store.settings

    def make_editor(self) -> QPlainTextEdit:
        editor = CodeEditor()
        self._dress(editor)
        editor.zoom_requested.connect(self.zoom_requested)
        editor.limited.connect(self.said)
        editor.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        editor.customContextMenuRequested.connect(self._ask_for_menu)
        return editor

    def _ask_for_menu(self, place: QPoint) -> None:
        self.menu_requested.emit(self.sender(), place)

    def follow(self, documents: Documents) -> None:
        self._documents = documents
        documents.opened.connect(self._begin)
        documents.closed.connect(self._end)
        documents.changed.connect(self._describe)
        documents.put_in_order(self._trim)

    def editor_of(self, document: Document) -> CodeEditor:
        editor = document.editor
        if not isinstance(editor, CodeEditor):
            raise TypeError(f"{document.name} has an editor of another make")
        return editor

    def set_language(self, document: Document, language: Language) -> None:
        """By a person, until the file has another name."""
        self._chosen[document] = document.path
        self.editor_of(document).set_language(language)
        self._tell_file(document)

    def completion_of(self, document: Document) -> Completion:
        return self._completions[document]

    def _begin(self, document: Document) -> None:
        editor = self.editor_of(document)
        ghost = GhostText(editor)
        ghost.set_colour(self._theme.colours.colour("ghost"))
        sources = Sources(
            new_id=self._engine.new_id,
            other_files=lambda: self._others(document),
            is_on_battery=self._power.is_on_battery,
            kind_at=lambda cursor: kind_at(cursor, editor.language, editor.highlighter.quoted),
        )
        completion = Completion(editor, ghost, self._keys, self._store.settings.completion, sources)
        completion.complete_requested.connect(self._engine.ask)
        completion.cancel_requested.connect(self._engine.cancel)
        completion.wake_requested.connect(self._engine.wake)
        completion.state_changed.connect(self._tell_completion)
        document.moved.connect(self.moved)
        document.moved.connect(partial(self._put_last, document))
        editor.indentation_changed.connect(self.moved)
        self._completions[document], self._ghosts[document] = completion, ghost
        self._describe(document)
        completion.set_engine(self._engine.state)

    def _end(self, document: Document) -> None:
        self._completions.pop(document).dismiss()
        del self._ghosts[document]
        self._described.pop(document, None)
        self._chosen.pop(document, None)

    def _describe(self, document: Document) -> None:
        """By its name and its first line, when either is another."""
        if document not in self._completions:
            return
        editor = self.editor_of(document)
        first_line = document.editor.document().firstBlock().text()[:200]
        known = (str(document.path or ""), first_line)
        if self._described.get(document) == known:
            return
        self._described[document] = known
        if document not in self._chosen or self._chosen[document] != document.path:
            language = language_of(document.path, first_line)
            if document.path is None and language is PLAIN:
                language = PYTHON  # what most begin with here, so that suggestions come at once
            if language != editor.language:
                editor.set_language(language)
        self._tell_file(document)

    def _tell_file(self, document: Document) -> None:
        language = self.editor_of(document).language
        folder = self._documents.folder if self._documents else None
        self._completions[document].set_file(
            str(document.path) if document.path else None,
            language.name,
            project=str(folder) if folder else None,
            line_comment=language.line_comment,
        )
        self.language_changed.emit(document)

    def _put_last(self, document: Document) -> None:
        if document in self._completions:
            self._completions[document] = self._completions.pop(document)

    def _trim(self, document: Document) -> None:
        if self._store.settings.editing.trim_on_save:
            self.editor_of(document).trim_trailing_blanks()

    def _others(self, document: Document) -> Iterator[OpenText]:
        """The one that was worked on last comes first."""
        for other in reversed(self._completions):
            if other is not document and other.path is not None:
                yield open_text(str(other.path), other.editor.textCursor())

    def _dress(self, editor: CodeEditor) -> None:
        appearance = self._store.settings.appearance
        editor.set_colours(self._theme.colours)
        editor.set_code_font(appearance.code_font, appearance.code_size)
        editor.set_editing(self._store.settings.editing)

    def _colour_all(self) -> None:
        for document, ghost in self._ghosts.items():
            self._dress(self.editor_of(document))  # the font too: a new style sheet sets it back
            ghost.set_colour(self._theme.colours.colour("ghost"))

    def _set_all(self, settings: Settings) -> None:
        for document, completion in self._completions.items():
            editor = self.editor_of(document)
            editor.set_code_font(settings.appearance.code_font, settings.appearance.code_size)
            editor.set_editing(settings.editing)
            completion.set_settings(settings.completion)

    def _tell_engine(self, state: EngineState) -> None:
        for completion in self._completions.values():
            completion.set_engine(state)

    def _pass_on(self, reply: Reply) -> None:
        for completion in self._completions.values():
            completion.engine_said(reply)

    def _tell_completion(self, state: CompletionState) -> None:
        for document, completion in self._completions.items():
            if completion is self.sender():
                self.completion_changed.emit(document, state)
