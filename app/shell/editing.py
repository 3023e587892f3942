"""The actions of the editor and of its suggestions, done in the text that is in front."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QMenu

from app.actions import ACTIONS, BY_ID
from app.documents.document_tabs import DocumentTabs
from app.editor.code_editor import CodeEditor
from app.settings import SettingsStore
from app.shell.commands import Commands
from app.shell.texts import Texts
from app.suggestions.completion import Completion

_MENU = (  # of a text, in groups
    ("edit.undo", "edit.redo"),
    ("edit.cut", "edit.copy", "edit.paste", "selection.all"),
    ("edit.toggle_comment", "completion.trigger", "chat.ask_selection"),
    ("edit.find", "edit.find_in_files"),
    ("run.file",),
)
_FINDING = ("edit.find", "edit.replace", "edit.find_next", "edit.find_previous")
_SUGGESTIONS: dict[str, Callable[[Completion], None]] = {
    "completion.trigger": Completion.suggest,
    "ghost.accept": Completion.accept,
    "ghost.accept_word": Completion.accept_word,
    "ghost.accept_line": Completion.accept_line,
    "ghost.dismiss": Completion.dismiss,
    "ghost.next": Completion.show_next,
    "ghost.previous": Completion.show_previous,
}
OF_A_TEXT = (
    *(action.id for action in ACTIONS if action.context in ("editor", "ghost")),
    *("file.save", "file.save_as", "file.close", "file.close_others", "file.copy_path", "go.line"),
    *("completion.toggle_language", "completion.toggle_file", *_FINDING),
    *("file.encoding", "file.line_ends", "edit.language", "edit.indentation"),
)


class Editing:
    def __init__(self, tabs: DocumentTabs, texts: Texts, commands: Commands, store: SettingsStore) -> None:
        self._tabs, self._texts, self._store, self._commands = tabs, texts, store, commands
        of_editor = [action.id for action in ACTIONS if action.context == "editor"]
        ours = [id for id in of_editor if id not in _SUGGESTIONS]
        commands.on({id: partial(self._perform, id) for id in ours})
        commands.on({id: partial(self._suggest, do) for id, do in _SUGGESTIONS.items()})
        commands.on(
            {
                "completion.toggle": self._toggle,
                "completion.toggle_language": self._toggle_language,
                "completion.toggle_file": self._toggle_file,
            }
        )
        commands.listen_in(tabs, "editor")
        texts.menu_requested.connect(self._show_menu)

    def _show_menu(self, editor: CodeEditor, place: QPoint) -> None:
        """Of what is done to the text; below a mouse, the cursor goes there first."""
        viewport = editor.viewport()
        if viewport.mapFromGlobal(QCursor.pos()) == place:
            clicked, cursor = editor.cursorForPosition(place), editor.textCursor()
            if not cursor.selectionStart() <= clicked.position() <= cursor.selectionEnd():
                editor.setTextCursor(clicked)
        menu = QMenu(editor)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in _MENU:
            menu.addSeparator()
            menu.addActions([self._commands[id] for id in group])
        menu.popup(viewport.mapToGlobal(place))

    def _perform(self, action: str) -> None:
        document = self._tabs.current()
        if document is not None:
            self._texts.editor_of(document).perform(action)

    def _suggest(self, do: Callable[[Completion], None]) -> None:
        document = self._tabs.current()
        if document is not None:
            do(self._texts.completion_of(document))

    def _toggle(self) -> None:
        enabled = not self._store.settings.completion.enabled
        self._store.change("completion", enabled=enabled)
        again = f"{BY_ID['completion.toggle'].full_title} turns them {'off' if enabled else 'on'} again"
        self._texts.said.emit(f"Suggestions are {'on' if enabled else 'off'}; {again}.")

    def _toggle_language(self) -> None:
        document = self._tabs.current()
        if document is not None:
            name = self._texts.editor_of(document).language.name
            self._store.change(
                "completion", languages_off=_turned(self._store.settings.completion.languages_off, name)
            )

    def _toggle_file(self) -> None:
        document = self._tabs.current()
        if document is not None and document.path is not None:
            files = _turned(self._store.settings.completion.files_off, str(document.path))
            self._store.change("completion", files_off=files)


def _turned(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Without it where it was there, else with it."""
    return tuple(other for other in names if other != name) if name in names else (*names, name)
