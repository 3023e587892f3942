"""The status bar: where one is, whether suggestions come and why not, which model runs and where, memory.

It shows what it is told; each part can be pressed, and says what for.
"""

from PySide6.QtCore import QPoint, QSize, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSizePolicy, QToolButton

from app.documents.document import Document
from app.editor.code_editor import CodeEditor
from app.elided import Elided
from app.engine_client import EngineState, model_name
from app.memory.gauge import MemoryGauge
from app.memory.panel import MemoryPanel
from app.naming import named, set_role, tip
from app.shell.commands import Commands
from app.suggestions.completion_policy import CompletionState, Mood
from app.theme import Theme
from core.spec.messages import Done, ModelFacts, Reply

_MESSAGE_MS = 8000
_LEAST_MESSAGE = 24
_MOST_OF_REASONS = 0.35  # of the width
_FIRST_TO_GO = ("indentation", "form", "language", "speed", "place", "completion")
_FOR_A_MESSAGE = _FIRST_TO_GO[:4]  # go for a while, so that it can be read
_SIGNS: dict[Mood, tuple[str, str]] = {
    "shown": ("spark", "accent"),
    "off": ("spark-off", "muted"),
    "blocked": ("spark-off", "muted"),
    "failed": ("error", "danger"),
}
_ABOUT_SUGGESTIONS = (
    *("completion.trigger", "completion.toggle", "completion.toggle_language", "completion.toggle_file"),
)
# each part, and the action that pressing it does
_PARTS = {
    "place": "go.line",
    "indentation": "edit.indentation",
    "form": "file.encoding",
    "language": "edit.language",
    "completion": "",  # a menu
    "speed": "",
    "model": "engine.choose",
}


class StatusBar(QFrame):
    def __init__(self, theme: Theme, commands: Commands, gauge: MemoryGauge) -> None:
        super().__init__()
        named(self, "Status", style="status_bar")
        self._theme, self._commands = theme, commands
        self._mood: Mood = "idle"
        self._texts: dict[str, str] = {}
        self._message = Elided(parent=self)
        self._message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self._forget = QTimer(self, singleShot=True, interval=_MESSAGE_MS)
        self._forget.timeout.connect(self._end_message)
        self._fit_later = QTimer(self, singleShot=True, interval=0)  # once, whatever a key has changed
        self._fit_later.timeout.connect(self._fit)
        self._parts = {name: self._part(name, action) for name, action in _PARTS.items()}
        self._gauge = gauge
        self._parts["completion"].clicked.connect(self._open_suggestions)
        gauge.clicked.connect(self._open_memory)
        gauge.width_changed.connect(self._fit_later.start)
        commands.on({"view.memory": self._open_memory})
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(0)
        layout.setSizeConstraint(QHBoxLayout.SizeConstraint.SetNoConstraint)  # what does not fit makes room
        layout.addWidget(self._parts["completion"])
        layout.addWidget(self._message, 1)
        for name, part in self._parts.items():
            if name != "completion":
                layout.addWidget(part)
        layout.addWidget(gauge)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._draw)
        self.show_engine(EngineState())

    def text(self, part: str) -> str:
        """The whole of it, even where only its beginning is shown."""
        return self._message.whole if part == "message" else self._texts.get(part, "")

    def button(self, part: str) -> QToolButton:
        return self._parts[part]

    def say(self, sentence: str) -> None:
        """For a while."""
        self._message.show_text(sentence)
        self._forget.start()
        self._fit_later.start()

    def show_part(self, name: str, text: str, about: str = "") -> None:
        """An empty text hides the part."""
        part = self._parts[name]
        if text == self._texts.get(name, "") and tip(about) == part.toolTip():
            return
        self._texts[name] = text
        part.setText(text)
        part.setToolTip(tip(about))
        part.setAccessibleName(f"{about}: {text}" if about else text)
        self._fit_later.start()

    def show_completion(self, state: CompletionState | None) -> None:
        """Whether there is a suggestion, and why there is none. None where there is no text."""
        if state is None:
            self.show_part("completion", "")
            return
        self._mood = state.mood
        self.show_part(
            "completion", state.sentence or "Suggestions", "Suggestions: press to choose where they come"
        )
        if state.answer_ms is not None:
            self._parts["completion"].setToolTip(f"{state.sentence}\nAnswered in {state.answer_ms:.0f} ms")
        self._draw()

    def show_text(self, document: Document | None, editor: CodeEditor | None) -> None:
        if document is None or editor is None:
            for part in ("place", "indentation", "form", "language"):
                self.show_part(part, "")
            return
        cursor = editor.textCursor()
        line, column = cursor.blockNumber() + 1, cursor.positionInBlock() + 1
        selected = abs(cursor.position() - cursor.anchor())
        more = f" ({selected:,} selected)" if selected else ""
        self.show_part("place", f"Ln {line:,}, Col {column:,}{more}", "Where the cursor stands")
        indentation = editor.indentation
        spaces = "Tabs" if indentation.uses_tabs else f"Spaces: {indentation.width}"
        self.show_part("indentation", spaces, "Indentation")
        form = f"{document.form.encoding_name}  {document.form.line_end_name}"
        self.show_part("form", form, "Encoding and line ends")
        self.show_part("language", editor.language.name, "Language")

    def hear(self, reply: Reply) -> None:
        """How fast the last answer was written, once its first word was there."""
        if isinstance(reply, Done) and reply.statistics.new_tokens > 1:
            figures = reply.statistics
            about = f"Speed of the last answer; its first token came after {figures.first_token_ms:.0f} ms"
            self.show_part("speed", f"{figures.tokens_per_s:,.0f} tok/s", about)

    def show_engine(self, state: EngineState) -> None:
        text, about = described(state)
        self.show_part("model", text, about)
        set_role(self._parts["model"], "danger" if state.phase == "failed" else "")

    def _end_message(self) -> None:
        self._message.show_text("")
        self._fit_later.start()

    def _open_suggestions(self) -> None:
        """A press by mistake changes nothing."""
        menu = named(QMenu(self), "Suggestions")
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addActions([self._commands[id] for id in _ABOUT_SUGGESTIONS])
        menu.popup(self._parts["completion"].mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _open_memory(self) -> None:
        """A second time puts it away."""
        shown = self.window().findChild(MemoryPanel)
        if isinstance(shown, MemoryPanel):
            shown.close()
            return
        panel = MemoryPanel(self._theme, self._gauge, self.window())
        panel.action_requested.connect(self._commands.trigger)
        panel.open()

    def _part(self, name: str, action: str) -> QToolButton:
        button = QToolButton(self)
        button.hide()
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        if action:
            button.clicked.connect(lambda: self._commands.trigger(action))
        return button

    def _fit(self) -> None:
        """The parts that there is room for; the least important go first."""
        reasons = self._parts["completion"]
        most = int(self.width() * _MOST_OF_REASONS)
        elided = reasons.fontMetrics().elidedText(self.text("completion"), Qt.TextElideMode.ElideRight, most)
        reasons.setText(elided)
        shown = {name: part for name, part in self._parts.items() if self.text(name)}
        room = self.width() - self._gauge.sizeHint().width()
        least = self._theme.scaled(_LEAST_MESSAGE)
        wanted = max(least, self._message.sizeHint().width())
        widths = {name: part.sizeHint().width() for name, part in shown.items()}
        for name in _FIRST_TO_GO:
            for_message = wanted if name in _FOR_A_MESSAGE else least
            if sum(widths.values()) + for_message > room:
                widths.pop(name, None)
        for name, part in self._parts.items():
            part.setVisible(name in widths)

    def _draw(self) -> None:
        part = self._parts["completion"]
        sign, colour = _SIGNS.get(self._mood, ("spark", "muted"))
        part.setIcon(self._theme.icon(sign, colour))
        part.setIconSize(self._theme.icon_size(16))

    def sizeHint(self) -> QSize:
        return QSize(0, max(part.sizeHint().height() for part in self._parts.values()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()


def described(state: EngineState) -> tuple[str, str]:
    """The engine's state in a few words, and in a sentence."""
    name = model_name(state)
    said = {
        "starting": ("Starting the engine…", f"The engine is being started for {name}"),
        "loading": (
            f"Loading {name}{f', {state.share}' if state.share else '…'}",
            f"{name}: {state.step or 'is being loaded'}",
        ),
        "failed": ("The model is not running", state.problem),
    }
    if state.phase in said:
        return said[state.phase]
    if state.facts is not None:
        return _running(state.facts)
    if state.target is None:
        return "No model", "No model is chosen; press to choose one"
    if state.is_resting:
        return f"{name} (resting)", f"{name} was unloaded because nobody used it, and comes back as you type"
    return f"{name} (not loaded)", f"{name} is not loaded"


def _running(facts: ModelFacts) -> tuple[str, str]:
    about = [f"{facts.name} runs as {facts.precision} on {facts.device}, with {facts.threads} threads"]
    about += [f"Matrix products by {facts.kernel}"] if facts.kernel else []
    return f"{facts.name} · {facts.precision} · {facts.device}", "\n".join([*about, *facts.concessions])
