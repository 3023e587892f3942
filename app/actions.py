"""Everything the window can be told to do, in one table: id, title, default keys, where the keys count.

Menus, the command palette and the shortcuts dialog are made from it. What an action does is not here: whoever
does it connects to its id in main_window.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QKeyCombination, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence

from app.settings import BoundKeys

# where an action's keys count: anywhere; where code is edited; in the find bar; while grey text is shown,
# before anything else; in the file tree; on the prompt page
Context = Literal["window", "editor", "find", "ghost", "files", "prompt"]
Category = Literal["File", "Edit", "Selection", "View", "Go", "Run", "Completion", "Chat", "Help"]


@dataclass(frozen=True)
class Action:
    id: str
    title: str
    category: Category
    keys: tuple[str, ...] = ()
    context: Context = "window"

    @property
    def full_title(self) -> str:
        return f"{self.category}: {self.title}"


@dataclass(frozen=True)
class Conflict:
    """Several actions on one key, of which at most one can hear it."""

    keys: str
    actions: tuple[Action, ...]


ACTIONS: tuple[Action, ...] = (
    Action("file.new", "New File", "File", ("Ctrl+N",)),
    Action("file.open", "Open File…", "File", ("Ctrl+O",)),
    Action("file.open_folder", "Open Folder…", "File", ("Ctrl+K, Ctrl+O",)),
    Action("file.save", "Save", "File", ("Ctrl+S",)),
    Action("file.save_as", "Save As…", "File", ("Ctrl+Shift+S",)),
    Action("file.save_all", "Save All", "File", ("Ctrl+Alt+S",)),
    Action("file.close", "Close Tab", "File", ("Ctrl+W", "Ctrl+F4")),
    Action("file.close_others", "Close Other Tabs", "File"),
    Action("file.reopen_closed", "Reopen Closed Tab", "File", ("Ctrl+Shift+T",)),
    Action("file.copy_path", "Copy Path of File", "File", ("Ctrl+K, P",)),
    Action("file.encoding", "Encoding…", "File"),
    Action("file.line_ends", "Line Ends…", "File"),
    Action("file.close_folder", "Close Folder", "File", ("Ctrl+K, F",)),
    Action("app.quit", "Quit", "File", ("Ctrl+Q",)),
    Action("edit.undo", "Undo", "Edit", ("Ctrl+Z",), "editor"),
    Action("edit.redo", "Redo", "Edit", ("Ctrl+Y", "Ctrl+Shift+Z"), "editor"),
    Action("edit.cut", "Cut", "Edit", ("Ctrl+X",), "editor"),
    Action("edit.copy", "Copy", "Edit", ("Ctrl+C",), "editor"),
    Action("edit.paste", "Paste", "Edit", ("Ctrl+V",), "editor"),
    Action("edit.find", "Find", "Edit", ("Ctrl+F",)),
    Action("edit.replace", "Replace", "Edit", ("Ctrl+H",)),
    Action("edit.find_next", "Find Next", "Edit", ("F3",)),
    Action("edit.find_previous", "Find Previous", "Edit", ("Shift+F3",)),
    Action("edit.find_in_files", "Find in Files", "Edit", ("Ctrl+Shift+F",)),
    Action("edit.replace_in_files", "Replace in Files", "Edit", ("Ctrl+Shift+H",)),
    Action("find.match_case", "Match Case", "Edit", ("Alt+C",), "find"),
    Action("find.whole_word", "Match Whole Word", "Edit", ("Alt+W",), "find"),
    Action("find.regex", "Use Regular Expression", "Edit", ("Alt+R",), "find"),
    Action("find.in_selection", "Find in Selection", "Edit", ("Alt+L",), "find"),
    Action("edit.toggle_comment", "Toggle Comment", "Edit", ("Ctrl+/",), "editor"),
    Action("edit.indent", "Indent Lines", "Edit", ("Ctrl+]",), "editor"),
    Action("edit.outdent", "Outdent Lines", "Edit", ("Ctrl+[",), "editor"),
    Action("edit.line_below", "Insert Line Below", "Edit", ("Ctrl+Return",), "editor"),
    Action("edit.line_above", "Insert Line Above", "Edit", ("Ctrl+Shift+Return",), "editor"),
    Action("edit.join_lines", "Join Lines", "Edit", (), "editor"),
    Action("edit.trim_trailing", "Remove Blanks at Line Ends", "Edit", (), "editor"),
    Action("edit.tab_moves_focus", "Toggle Tab Moves the Focus", "Edit", ("Ctrl+M",), "editor"),
    Action("edit.language", "Language of This Text…", "Edit"),
    Action("edit.indentation", "Indentation of This Text…", "Edit"),
    Action("selection.all", "Select All", "Selection", ("Ctrl+A",), "editor"),
    Action("selection.move_lines_up", "Move Lines Up", "Selection", ("Alt+Up",), "editor"),
    Action("selection.move_lines_down", "Move Lines Down", "Selection", ("Alt+Down",), "editor"),
    Action("selection.copy_lines_up", "Copy Lines Up", "Selection", ("Shift+Alt+Up",), "editor"),
    Action("selection.copy_lines_down", "Copy Lines Down", "Selection", ("Shift+Alt+Down",), "editor"),
    Action("selection.next_occurrence", "Next Occurrence of Word", "Selection", ("Ctrl+D",), "editor"),
    Action("selection.duplicate", "Duplicate", "Selection", (), "editor"),
    Action("selection.delete_lines", "Delete Lines", "Selection", ("Ctrl+Shift+K",), "editor"),
    Action("view.palette", "Command Palette…", "View", ("Ctrl+Shift+P", "F1")),
    Action("view.files", "Files", "View", ("Ctrl+Shift+E",)),
    Action("view.chat", "Chat", "View", ("Ctrl+L",)),
    Action("view.prompt", "Prompt", "View", ("Ctrl+Shift+L",)),
    Action("view.models", "Models", "View", ("Ctrl+Shift+M",)),
    Action("view.train", "Train", "View"),
    Action("view.benchmark", "Benchmark", "View"),
    Action("view.settings", "Settings", "View", ("Ctrl+,",)),
    Action("view.side_bar", "Toggle Side Bar", "View", ("Ctrl+B",)),
    Action("view.output", "Toggle Output", "View", ("Ctrl+J",)),
    Action("view.memory", "Memory in Use", "View"),
    Action("view.memory_limit", "Limit of Memory…", "View"),
    Action("view.wrap", "Toggle Line Wrap", "View", ("Alt+Z",)),
    Action("view.blanks", "Toggle Spaces and Tabs", "View"),
    Action("view.zoom_in", "Larger Code", "View", ("Ctrl++", "Ctrl+=")),
    Action("view.zoom_out", "Smaller Code", "View", ("Ctrl+-",)),
    Action("view.zoom_reset", "Usual Size of Code", "View", ("Ctrl+0",)),
    Action("view.code_font", "Typeface of Code…", "View"),
    Action("view.theme", "Toggle Light and Dark", "View", ("Ctrl+K, Ctrl+T",)),
    Action("view.full_screen", "Toggle Full Screen", "View", ("F11",)),
    Action("go.file", "Go to File…", "Go", ("Ctrl+P",)),
    Action("go.line", "Go to Line…", "Go", ("Ctrl+G",)),
    Action("go.bracket", "Go to Matching Bracket", "Go", ("Ctrl+Shift+\\",), "editor"),
    Action("go.next_tab", "Next Tab", "Go", ("Ctrl+Tab", "Ctrl+PgDown")),
    Action("go.previous_tab", "Previous Tab", "Go", ("Ctrl+Shift+Tab", "Ctrl+PgUp")),
    Action("go.next_part", "Next Part of the Window", "Go", ("F6",)),
    Action("go.previous_part", "Previous Part of the Window", "Go", ("Shift+F6",)),
    Action("go.editor", "Into the Editor", "Go", ("Ctrl+1",)),
    Action("run.file", "Run This File", "Run", ("F5",)),
    Action("run.stop", "Stop What Runs", "Run", ("Shift+F5",)),
    Action("train.folder", "Teach a Model This Folder", "Run"),
    Action("train.begin", "Start Learning", "Run"),
    Action("train.stop", "Stop Learning and Save", "Run"),
    Action("train.resume", "Go On Learning", "Run"),
    Action("train.use", "Use What It Learnt", "Run"),
    Action("run.interpreter", "Choose the Python…", "Run"),
    Action("completion.trigger", "Suggest Here", "Completion", ("Ctrl+Space",), "editor"),
    Action("completion.toggle", "Toggle Suggestions", "Completion"),
    Action("completion.toggle_language", "Toggle Suggestions for This Language", "Completion"),
    Action("completion.toggle_file", "Toggle Suggestions for This File", "Completion"),
    Action("ghost.accept", "Take the Suggestion", "Completion", ("Tab",), "ghost"),
    Action("ghost.accept_word", "Take a Word of It", "Completion", ("Ctrl+Right",), "ghost"),
    Action("ghost.accept_line", "Take a Line of It", "Completion", ("Shift+Tab",), "ghost"),
    Action("ghost.dismiss", "Dismiss the Suggestion", "Completion", ("Esc",), "ghost"),
    Action("ghost.next", "Next Suggestion", "Completion", ("Alt+]",), "ghost"),
    Action("ghost.previous", "Previous Suggestion", "Completion", ("Alt+[",), "ghost"),
    Action("prompt.write", "Write Code from the Prompt", "Completion", ("Ctrl+Return",), "prompt"),
    Action("prompt.stop", "Stop Writing", "Completion", ("Esc",), "prompt"),
    Action("engine.choose", "Choose the Model…", "Completion", ("Ctrl+K, M",)),
    Action("engine.load", "Load the Model", "Completion"),
    Action("engine.unload", "Unload the Model", "Completion"),
    Action("engine.restart", "Restart the Engine", "Completion"),
    Action("chat.ask_selection", "Ask About the Selection", "Chat", ("Ctrl+Shift+I",)),
    Action("chat.new", "New Conversation", "Chat"),
    Action("chat.history", "Earlier Conversations", "Chat"),
    Action("chat.stop", "Stop the Answer", "Chat"),
    Action("chat.choose_model", "Choose the Model That Answers…", "Chat"),
    Action("help.welcome", "Welcome", "Help"),
    Action("help.shortcuts", "Keyboard Shortcuts", "Help", ("Ctrl+K, Ctrl+S",)),
    Action("help.log", "What Went Wrong", "Help"),
    Action("help.network", "Connections Tried", "Help"),
    Action("help.diagnostics", "Copy Diagnostics", "Help"),
    Action("help.about", "About SmallCoder", "Help"),
)
BY_ID: Mapping[str, Action] = {action.id: action for action in ACTIONS}


class KeyMap(QObject):
    """Which keys each action has now: the table's, unless a person gave it others."""

    changed = Signal()

    def __init__(self, bound: tuple[BoundKeys, ...] = (), parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._own: dict[str, tuple[str, ...]] = {}
        self.changed.connect(self._find_single_keys)
        self._find_single_keys()
        self.take(bound)

    def take(self, bound: tuple[BoundKeys, ...]) -> None:
        """From the settings. Ids that no action has are left out: an older version may have known them."""
        wanted = {entry.action: entry.keys for entry in bound if entry.action in BY_ID}
        if wanted != self._own:
            self._own = wanted
            self.changed.emit()

    def bound(self) -> tuple[BoundKeys, ...]:
        """For the settings."""
        return tuple(BoundKeys(action, keys) for action, keys in sorted(self._own.items()))

    def bind(self, action: str, keys: tuple[str, ...] | None) -> None:
        """None gives the action its usual keys back."""
        if keys is None or keys == BY_ID[action].keys:
            self._own.pop(action, None)
        else:
            self._own[action] = keys
        self.changed.emit()

    def keys(self, action: str) -> tuple[str, ...]:
        return self._own.get(action, BY_ID[action].keys)

    def sequences(self, action: str) -> list[QKeySequence]:
        return [QKeySequence(keys) for keys in self.keys(action)]

    def shown(self, action: str) -> str:
        """The first keys as the system writes them; empty where there are none."""
        for sequence in self.sequences(action):
            return sequence.toString(QKeySequence.SequenceFormat.NativeText)
        return ""

    def pressed(self, event: QKeyEvent, context: Context) -> str | None:
        """The action of this context whose single key was pressed."""
        return self._single_keys.get((context, _combination(event).toCombined()))

    def conflicts(self) -> list[Conflict]:
        """Grey text takes its keys before all others and only while it is shown: that is no conflict."""
        users: dict[str, dict[str, list[Action]]] = {}
        for action in ACTIONS:
            for place in _places(action.context):
                for sequence in self.sequences(action.id):
                    users.setdefault(place, {}).setdefault(sequence.toString(), []).append(action)
        found: dict[Conflict, None] = {}
        for by_keys in users.values():
            for keys, actions in by_keys.items():
                hidden = [
                    user for other in by_keys if other.startswith(f"{keys}, ") for user in by_keys[other]
                ]
                if len(actions) + len(hidden) > 1:
                    found[Conflict(keys, (*actions, *hidden))] = None
        return list(found)

    def _find_single_keys(self) -> None:
        self._single_keys: dict[tuple[Context, int], str] = {}
        for action in reversed(ACTIONS):
            for sequence in self.sequences(action.id):
                if sequence.count() == 1:
                    combined = sequence[0].toCombined()  # type: ignore[index]
                    self._single_keys[action.context, combined] = action.id


def _places(context: Context) -> Iterator[str]:
    if context == "window":
        yield from ("editor", "find", "files", "prompt")
    else:
        yield context


def _combination(event: QKeyEvent) -> QKeyCombination:
    """Shift+Tab arrives as Backtab, and keys of the number pad as the same keys with a mark."""
    modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    key = Qt.Key(event.key())
    return QKeyCombination(modifiers, Qt.Key.Key_Tab if key == Qt.Key.Key_Backtab else key)
