"""The table of actions as Qt has it: a QAction each, with the keys of the map, in menus by category.

What an action does is connected by whoever does it: `commands.on({"file.save": save})`.
"""

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QMenuBar, QWidget

from app.actions import ACTIONS, BY_ID, Category, Context, KeyMap
from app.palette.palette import Entry

# the letter after & opens the menu with Alt; those of the find bar (c, w, r) are left out
_MENUS: dict[Category, str] = {
    "File": "&File",
    "Edit": "&Edit",
    "Selection": "&Selection",
    "View": "&View",
    "Go": "&Go",
    "Run": "R&un",
    "Completion": "Comple&tion",
    "Chat": "Ch&at",
    "Help": "&Help",
}
_LINE_BEFORE = {
    *("file.save", "file.close", "file.copy_path", "app.quit", "edit.cut", "edit.find", "edit.find_in_files"),
    *("edit.toggle_comment", "selection.move_lines_up", "view.files", "view.side_bar", "view.wrap"),
    *("view.zoom_in", "view.theme", "go.next_tab", "completion.toggle", "ghost.accept", "engine.choose"),
    *("help.log", "help.about", "run.interpreter", "train.folder", "chat.stop"),
}
_ONLY_BY_KEY: set[Context] = {"find", "files", "prompt"}


class Commands(QObject):
    def __init__(self, window: QWidget, keys: KeyMap) -> None:
        super().__init__(window)
        self._keys = keys
        self._window = window
        self._actions = {action.id: QAction(action.title, self) for action in ACTIONS}
        for action in ACTIONS:
            made = self._actions[action.id]
            made.setObjectName(action.id)
            made.setEnabled(False)  # until somebody does it
            if action.context == "window":
                window.addAction(made)
        keys.changed.connect(self._set_keys)
        self._set_keys()

    def __getitem__(self, id: str) -> QAction:
        return self._actions[id]

    def on(self, doers: Mapping[str, Callable[[], object]]) -> None:
        """What is done about each of these, which can be done from now on."""
        for id, do in doers.items():
            self._actions[id].triggered.connect(lambda _=False, do=do: do())
            self._actions[id].setEnabled(True)

    def listen_in(self, widget: QWidget, context: Context) -> None:
        """Where the keys of this context count: in this widget and all it holds."""
        for action in ACTIONS:
            if action.context == context:
                made = self._actions[action.id]
                made.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                widget.addAction(made)

    def enable(self, ids: Iterable[str], enabled: bool) -> None:
        for id in ids:
            self._actions[id].setEnabled(enabled)

    def entries(self) -> list[Entry]:
        """For the palette: what can be done now."""
        return [
            Entry(action.id, action.full_title, keys=self._keys.shown(action.id))
            for action in ACTIONS
            if self._actions[action.id].isEnabled() and action.context not in _ONLY_BY_KEY
        ]

    def trigger(self, id: str) -> None:
        self._actions[id].trigger()

    def fill(self, bar: QMenuBar) -> dict[Category, QMenu]:
        menus: dict[Category, QMenu] = {}
        for category, name in _MENUS.items():
            menus[category] = bar.addMenu(name)
            for action in ACTIONS:
                if action.category == category and action.context not in _ONLY_BY_KEY:
                    if action.id in _LINE_BEFORE:
                        menus[category].addSeparator()
                    menus[category].addAction(self._actions[action.id])
        return menus

    def _set_keys(self) -> None:
        for id, made in self._actions.items():
            action = BY_ID[id]
            if action.context == "ghost":  # grey text hears its own keys; here they are only shown
                made.setText(f"{action.title}\t{self._keys.shown(id)}")
            else:
                made.setShortcuts(self._keys.sequences(id))
            shown = self._keys.shown(id)
            made.setToolTip(f"{action.title} ({shown})" if shown else action.title)
