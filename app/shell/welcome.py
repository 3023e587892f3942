"""The welcome page: what a newcomer does first, and what one who comes back had open lately."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.actions import BY_ID, KeyMap
from app.engine_client import EngineState
from app.layouts import Column, empty
from app.naming import label, named
from app.theme import Theme
from app.wording import place_text

_WIDTH = 560
_RECENT = 6
_FIRST_STEPS = ("file.new", "file.open", "file.open_folder", "engine.choose", "view.palette")
_HABITS = (
    ("ghost.accept", "takes the grey suggestion"),
    ("ghost.accept_word", "takes a word of it"),
    ("ghost.dismiss", "sends it away"),
    ("view.palette", "finds every command"),
)


class WelcomePage(QScrollArea):
    """`action_requested`: an action's id. `path_requested`: a file or folder opened lately."""

    action_requested = Signal(str)
    path_requested = Signal(object)

    def __init__(self, theme: Theme, keys: KeyMap, parent: QWidget | None = None) -> None:
        super().__init__(parent, widgetResizable=True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        named(self, "Welcome", style="page")
        self._theme, self._keys = theme, keys
        self._column = QVBoxLayout()
        self._column.setSpacing(8)
        self._sign = label("")
        self._model = label("", "muted", wraps=True)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(4)
        self._recent_title = label("Lately open", "heading")
        self._habits: list[tuple[QLabel, str, str]] = []
        self._steps: list[tuple[QLabel, str]] = []
        self._fill()
        self.setWidget(Column(theme, self._column, _WIDTH, "middle"))
        theme.changed.connect(self._draw)
        keys.changed.connect(self._draw)
        self.show_recent([])
        self._draw()

    def show_engine(self, state: EngineState) -> None:
        """Whether suggestions will come, and what to do where they will not."""
        if state.phase == "ready" and state.facts is not None:
            self._model.setText(f"Ready: {state.facts.name} runs on this machine. Open a file and type.")
        elif state.phase in ("starting", "loading"):
            self._model.setText("The model is being loaded; you can write meanwhile.")
        elif state.phase == "failed":
            self._model.setText(f"No suggestions: {state.problem}")
        elif state.target is None:
            self._model.setText(
                "No suggestions yet, because no model is chosen. Choose one above: a folder of SmallCoder's "
                "or of Hugging Face, or a .gguf file, that lies on this disk."
            )
        else:
            self._model.setText("The model is not loaded; it is loaded as you type.")

    def show_recent(self, paths: Iterable[Path]) -> None:
        empty(self._recent)
        shown = [*paths][:_RECENT]
        self._recent_title.setVisible(bool(shown))
        for path in shown:
            button = _link(path.name, partial(self.path_requested.emit, path))
            button.setToolTip(str(path))
            row = QHBoxLayout()
            row.setSpacing(16)
            row.addWidget(button)
            row.addWidget(label(place_text(path.parent), "muted"))
            row.addStretch()
            holder = QWidget(self)
            row.setContentsMargins(0, 0, 0, 0)
            holder.setLayout(row)
            self._recent.addWidget(holder)

    def _fill(self) -> None:
        words = label(
            "Writes code with you, with a small language model that runs on this machine. "
            "Nothing you type leaves it.",
            "muted",
            wraps=True,
        )
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(self._sign)
        top.addWidget(label("SmallCoder", "title"), 1)
        self._column.addLayout(top)
        self._column.addWidget(words)
        self._column.addSpacing(16)
        self._column.addWidget(label("Begin", "heading"))
        for id in _FIRST_STEPS:
            button = _link(BY_ID[id].title, partial(self.action_requested.emit, id))
            keys = label("", "muted")
            self._steps.append((keys, id))
            step = QHBoxLayout()
            step.setSpacing(16)
            step.addWidget(button)
            step.addWidget(keys)
            step.addStretch()
            self._column.addLayout(step)
            self.setFocusProxy(self.focusProxy() or button)
        self._column.addSpacing(16)
        self._column.addWidget(label("Suggestions", "heading"))
        self._column.addWidget(self._model)
        for id, does in _HABITS:
            habit = label("", "muted")
            self._habits.append((habit, id, does))
            self._column.addWidget(habit)
        self._column.addSpacing(16)
        self._column.addWidget(self._recent_title)
        self._column.addLayout(self._recent)
        self._column.addStretch()

    def _draw(self) -> None:
        self._sign.setPixmap(self._theme.icon("smallcoder").pixmap(self._theme.icon_size(48)))
        for keys, id in self._steps:
            keys.setText(self._keys.shown(id))
        for habit, id, does in self._habits:
            habit.setText(f"{self._keys.shown(id)} {does}")


def _link(text: str, do: Callable[[], object]) -> QPushButton:
    button = named(QPushButton(text), role="link")
    button.clicked.connect(lambda _: do())
    return button
