"""The prompt page: what the code should do on the left, with how it is written; the answers on the right.

Answers are asked for one after another, as one machine writes one at a time; which model answers, and what is
done with the code, is decided outside.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QMimeData, Qt, Signal
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.engine_client import EngineState
from app.engines import RoleEngine
from app.naming import label, named
from app.prompt.alternative import Alternative
from app.prompt.asking import Manner, asked, manner_for, sentence
from app.prompt.presets import Presets
from app.prompt.sampling_form import SamplingForm
from app.theme import Theme
from core.spec.messages import ModelFacts
from core.spec.sampling import Sampling

_LEFT_WIDTH, _ALTERNATIVE_WIDTH, _PROMPT_LINES = 312, 240, 7
_SPIN_MARGINS = (6, 0, 0, 0)  # the style sheet's padding does not reach inside
_MOST_ALTERNATIVES = 4
_LONGEST_PROMPT = 200_000  # letters; no model here reads as many
_MANNERS: dict[Manner, str] = {
    "auto": "Automatic",
    "chat": "Question",
    "comment": "Comment above code",
    "code": "Beginning of code",
}
_HINT = "What should the code do?\n\nFor example: a function that counts the words of a text file"
_ALL_ALIKE = "With temperature 0 there is one answer only; raise the temperature for more."
_SEEDS = 2**63

Start = Callable[[Coroutine[Any, Any, Any]], None]


class PromptEdit(QPlainTextEdit):
    """Text that is longer than any model reads is cut when it is pasted, and `shortened` says so."""

    shortened = Signal(str)

    def insertFromMimeData(self, source: QMimeData) -> None:
        room = max(0, _LONGEST_PROMPT - self.document().characterCount())
        text = source.text()
        self.insertPlainText(text[:room])
        if len(text) > room:
            self.shortened.emit(f"Only the first {room:,} letters were pasted; no model here reads more.")


class PromptPage(QWidget):
    """`insert_requested` and `open_requested`: Written code. `model_requested`: somebody wants another model.
    `failed`: a sentence for the person."""

    insert_requested = Signal(object)
    open_requested = Signal(object)
    model_requested = Signal()
    failed = Signal(str)

    def __init__(self, theme: Theme, engine: RoleEngine, presets: Presets, start: Start) -> None:
        super().__init__()
        named(self, "Prompt", style="page")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme, self._engine, self._start = theme, engine, start
        self._stopped = True
        self._id: int | None = None
        self.prompt = named(PromptEdit(self), "Prompt", style="field")
        self.prompt.setPlaceholderText(_HINT)
        self.prompt.setTabChangesFocus(True)
        self.manner = named(QComboBox(self), "How the model is asked")
        for name, shown in _MANNERS.items():
            self.manner.addItem(shown, name)
        self.how = label("", "muted", wraps=True)
        self.count = named(QSpinBox(self), "Alternatives", role="count")
        self.count.lineEdit().setTextMargins(*_SPIN_MARGINS)
        self.count.setRange(1, _MOST_ALTERNATIVES)
        self.write_button = named(QPushButton("Write Code", self), role="primary")
        self.stop_button = QPushButton("Stop", self)
        self.sampling = SamplingForm(theme, presets, self)
        self.alternatives = [Alternative(theme, number + 1, self) for number in range(_MOST_ALTERNATIVES)]
        self._empty = _Empty(theme, self)
        self._answers = QStackedWidget(self)
        self._arrange()
        self._connect()
        self._set_sizes()
        theme.changed.connect(self._set_sizes)
        self._show_engine(engine.state)
        self._show_running(False)

    async def write(self) -> None:
        """The whole of it: one answer after another, until all are there or somebody stops it."""
        text = self.prompt.toPlainText()
        if not self._stopped:
            return
        if not text.strip():
            self._say("Write first what the code should do.")
            self.prompt.setFocus()
            return
        self._show_running(True)
        try:
            facts = await self._ready_model()
            if facts is not None:
                await self._write_all(text, facts)
            elif not self._stopped:
                self._answers.setCurrentIndex(0)
                self._say(self._engine.state.problem or "No model is chosen; choose one first.")
        finally:
            self._show_running(False)

    def stop(self) -> None:
        self._stopped = True
        if self._id is not None:
            self._engine.cancel(self._id)
        self._changed.set()

    async def _write_all(self, text: str, facts: ModelFacts) -> None:
        sampling = self.sampling.next_sampling()
        alternatives = self._lay_out(sampling)
        manner = manner_for(text, self.manner.currentData(), facts)
        for alternative in alternatives:
            if self._stopped:
                alternative.show_waiting(alternative.seed, "Not written, because it was stopped.")
                continue
            self._id = self._engine.new_id()
            what = asked(self._id, text, manner, facts, replace(sampling, seed=alternative.seed))
            alternative.begin(what)
            async for reply in self._engine.answers(what.question):
                alternative.hear(reply)
        self._id = None

    def _lay_out(self, sampling: Sampling) -> list[Alternative]:
        """So many as are wanted, each with its seed."""
        count = self.count.value() if sampling.temperature > 0 else 1
        for place, alternative in enumerate(self.alternatives):
            alternative.setVisible(place < count)
            alternative.show_waiting((sampling.seed + place) % _SEEDS, "Its turn comes.")
        self._answers.setCurrentIndex(1)
        return self.alternatives[:count]

    async def _ready_model(self) -> ModelFacts | None:
        """Waits for a model that is being loaded. None where there will be none, which is said."""
        self._engine.make_ready()
        while self._engine.state.phase in ("starting", "loading") and not self._stopped:
            self._say(f"The model is being loaded: {self._engine.state.step or 'starting the engine'}…")
            self._changed.clear()
            await self._changed.wait()
        return None if self._stopped else self._engine.state.facts

    def _connect(self) -> None:
        self._changed = asyncio.Event()
        self.prompt.shortened.connect(self._say)
        self.prompt.textChanged.connect(self._show_manner)
        self.manner.currentIndexChanged.connect(self._show_manner)
        self.count.valueChanged.connect(self._show_manner)
        self.sampling.changed.connect(self._show_manner)
        self.sampling.failed.connect(self.failed)
        self.write_button.clicked.connect(lambda: self._start(self.write()))
        self.stop_button.clicked.connect(self.stop)
        self._empty.model_requested.connect(self.model_requested)
        self._engine.state_changed.connect(self._show_engine)
        for alternative in self.alternatives:
            alternative.insert_requested.connect(self.insert_requested)
            alternative.open_requested.connect(self.open_requested)
            alternative.seed_requested.connect(self.sampling.use_seed)

    def _show_engine(self, state: EngineState) -> None:
        self._changed.set()
        self._empty.show_engine(state)
        if state.facts is not None:
            self.sampling.set_model(state.facts.name)
        self._show_manner()

    def _show_manner(self) -> None:
        facts, text = self._engine.state.facts, self.prompt.toPlainText()
        choices = self.manner.model()
        if isinstance(choices, QStandardItemModel):  # only that one can be had which the model knows
            choices.item(self.manner.findData("chat")).setEnabled(facts is None or facts.has_chat)
        said = []
        if facts is not None and text.strip():
            said.append(sentence(manner_for(text, self.manner.currentData(), facts), facts))
        if self.count.value() > 1 and self.sampling.sampling.temperature == 0:
            said.append(_ALL_ALIKE)
        self._say(" ".join(said))

    def _say(self, text: str) -> None:
        self.how.setText(text)

    def _show_running(self, runs: bool) -> None:
        self._stopped = not runs
        self.write_button.setEnabled(not runs)
        self.stop_button.setEnabled(runs)

    def _arrange(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        self._side = self._left()
        row.addWidget(self._side)
        alternatives = QWidget(self)
        beside = QHBoxLayout(alternatives)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setSpacing(1)
        for alternative in self.alternatives:
            beside.addWidget(alternative, 1)
        scroll = _scroll(alternatives, "Answers")
        self._answers.addWidget(self._empty)
        self._answers.addWidget(scroll)
        row.addWidget(self._answers, 1)

    def _left(self) -> QScrollArea:
        self._inner = inner = QWidget(self)
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.write_button, 1)
        buttons.addWidget(self.stop_button)
        for part in (label("Prompt", "section"), self.prompt):
            column.addWidget(part)
        column.addLayout(_row("Ask as", self.manner))
        column.addLayout(_row("Alternatives", self.count))
        column.addLayout(buttons)
        column.addWidget(self.how)
        column.addSpacing(16)
        column.addWidget(label("How it is written", "section"))
        column.addWidget(self.sampling)
        column.addStretch()
        scroll = named(_scroll(inner, "Prompt and settings"), style="prompt_side")
        return scroll

    def _set_sizes(self) -> None:
        """At this scale."""
        scaled = self._theme.scaled
        needed = self._inner.minimumSizeHint().width() + self._side.verticalScrollBar().sizeHint().width()
        self._side.setFixedWidth(max(scaled(_LEFT_WIDTH), needed))
        self.prompt.setFixedHeight(self.prompt.fontMetrics().lineSpacing() * _PROMPT_LINES + scaled(16))
        for alternative in self.alternatives:
            alternative.setMinimumWidth(scaled(_ALTERNATIVE_WIDTH))


class _Empty(QWidget):
    """What stands there before the first answer: what this is for, and what is missing for it."""

    model_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._sign = label("")
        self._sign.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text = label("", "muted", wraps=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._choose = QPushButton("Choose a Model…", self)
        self._choose.clicked.connect(self.model_requested)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 32, 32, 32)
        column.setSpacing(16)
        column.addStretch()
        column.addWidget(self._sign)
        column.addWidget(self._text)
        column.addWidget(self._choose, 0, Qt.AlignmentFlag.AlignCenter)
        column.addStretch()
        theme.changed.connect(self._draw)
        self._draw()

    def show_engine(self, state: EngineState) -> None:
        if state.target is None:
            self._text.setText(
                "No model is chosen yet. Choose one, and it writes the code that you describe."
            )
        elif state.phase == "failed":
            self._text.setText(state.problem)
        elif state.phase in ("starting", "loading"):
            self._text.setText("The model is being loaded; you can write the prompt meanwhile.")
        else:
            self._text.setText("Say on the left what the code should do. What the model writes appears here.")
        self._choose.setVisible(state.target is None or state.phase == "failed")

    def _draw(self) -> None:
        self._sign.setPixmap(self._theme.icon("prompt", "faint").pixmap(self._theme.icon_size(48)))


def _row(title: str, field: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(16)
    name = label(title, "heading")
    name.setBuddy(field)
    row.addWidget(name, 1)
    row.addWidget(field)
    return row


def _scroll(content: QWidget, name: str) -> QScrollArea:
    area = named(QScrollArea(widgetResizable=True), name)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setWidget(content)
    return area
