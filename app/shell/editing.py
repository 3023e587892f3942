"""The actions of the editor: which of its slots each one calls, on the text that is in front."""

from functools import partial

from app.editor.document_tabs import DocumentTabs
from app.shell.commands import Commands

_SLOTS = {
    "edit.undo": "undo",
    "edit.redo": "redo",
    "edit.cut": "cut",
    "edit.copy": "copy",
    "edit.paste": "paste",
    "selection.all": "selectAll",
}


class Editing:
    def __init__(self, tabs: DocumentTabs, commands: Commands) -> None:
        self._tabs = tabs
        commands.on({action: partial(self._do, slot) for action, slot in _SLOTS.items()})
        commands.listen_in(tabs, "editor")

    def _do(self, slot: str) -> None:
        document = self._tabs.current()
        if document is not None:
            getattr(document.editor, slot)()
