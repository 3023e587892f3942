"""RunView: one run, while it goes on or long after: how far it is, its curves, its texts, what became of it.

What is heard live and what is read from its file come in by the same method.
"""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.layouts import Column
from app.naming import label, named
from app.runs.charts import RunCharts
from app.runs.header import RunHeader
from app.runs.record import Phase, RunRecord
from app.runs.verdict import VerdictCard
from app.theme import Theme
from core.spec.messages import Event
from trainer.spec.jobs import TrainSpec
from trainer.spec.runs import Run, WishName
from trainer.spec.verdict import Verdict

_TEXT_HEIGHT = 144


class RunView(QWidget):
    """`folder_requested`: a person wants to see the run's folder. Further wishes come from `header` and
    `verdict`."""

    folder_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.record = RunRecord()
        self.run: Run | None = None
        self._spec: TrainSpec | None = None
        self._is_alive = False
        self._wished: WishName | None = None
        self._reason = self._log = ""
        self._samples_shown: list[tuple[int, str]] = []
        self.header = RunHeader(theme, self)
        self.verdict = VerdictCard(theme, self)
        self.charts = RunCharts(theme, self)
        self.samples = self._text_field("What the model writes", theme)
        self.notes = self._text_field("What the run said", theme)
        self._samples_title = label("What it writes", "heading")
        self._arrange(theme)
        self._theme = theme
        theme.changed.connect(self._dress)

    @property
    def phase(self) -> Phase:
        if self.run is not None and not self._is_alive and not self.run.spec_file.exists():
            return "gone"
        return self.record.phase(is_alive=self._is_alive)

    @property
    def trains_adapter(self) -> bool:
        return self._spec is not None and self._spec.trains_adapter

    def show_run(self, run: Run, spec: TrainSpec, *, is_alive: bool, log: str = "") -> None:
        """Its events follow, from the first one on. `log`: as for `set_alive`."""
        self.record = RunRecord()
        self.run, self._spec, self._is_alive = run, spec, is_alive
        self._wished, self._reason, self._log = None, "", log
        self._samples_shown = []
        self.header.show_name(run.name)
        self.charts.clear()
        self.samples.clear()
        self.notes.clear()
        self.verdict.hide()
        self._show()

    def take(self, events: Sequence[Event]) -> None:
        self.record.take_all(events)
        self.charts.take(events)
        self._show()

    def set_alive(self, alive: bool, log: str = "") -> None:
        """`log`: the end of what its process said on the side, where it has ended."""
        if alive and not self._is_alive:
            self.record.begin_sitting()
        self._is_alive, self._log = alive, log
        if not alive:
            self._wished, self._reason = None, ""
            if self.run is not None and (saved := self.run.steps_saved()):
                self.record.saved_step = saved[-1]  # a kill comes between a checkpoint and its word, too
        self._show()

    def set_wished(self, wished: WishName | None, reason: str = "") -> None:
        """What it was told; and why, where it was no person who told it."""
        self._wished, self._reason = wished, reason
        self._show()

    def show_verdict(self, verdict: Verdict | None) -> None:
        """Of what there is while nothing works at it."""
        has_learnt = self.run is not None and bool(self.run.steps_saved()) and not self._is_alive
        self.verdict.show_verdict(verdict, is_adapter=self.trains_adapter, has_learnt=has_learnt)

    def _dress(self) -> None:
        for field in (self.samples, self.notes):
            field.setFont(self._theme.fixed_font())

    def _show(self) -> None:
        record = self.record
        self.header.show_record(record, self.phase, self._wished, self._reason, self._log)
        if self._is_alive:
            self.verdict.hide()
        if record.samples != self._samples_shown:
            self._samples_shown = list(record.samples)
            texts = (f"after step {step:,}:\n{text}" for step, text in reversed(record.samples))
            self.samples.setPlainText("\n\n".join(texts))
        for widget in (self._samples_title, self.samples):
            widget.setVisible(bool(record.samples))
        said = "\n".join(record.notes)
        if said != self.notes.toPlainText():
            self.notes.setPlainText(said)
            bar = self.notes.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _arrange(self, theme: Theme) -> None:
        column = QVBoxLayout()
        column.setSpacing(8)
        column.addWidget(self.header)
        column.addWidget(self.verdict)
        column.addSpacing(8)
        column.addWidget(self.charts)
        column.addSpacing(8)
        column.addWidget(self._samples_title)
        column.addWidget(self.samples)
        column.addSpacing(8)
        column.addLayout(self._notes_head())
        column.addWidget(self.notes)
        column.addStretch(1)
        scroll = named(QScrollArea(self, widgetResizable=True), "A run", style="page")
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidget(Column(theme, column))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scroll)

    def _notes_head(self) -> QHBoxLayout:
        button = named(QToolButton(self), "Open the run's folder")
        button.setText("Open Its Folder")
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        button.clicked.connect(lambda _=False: self.folder_requested.emit())
        row = QHBoxLayout()
        row.addWidget(label("What it said", "heading"), 1)
        row.addWidget(button)
        return row

    def _text_field(self, name: str, theme: Theme) -> QPlainTextEdit:
        field = named(QPlainTextEdit(self, readOnly=True), name, style="glimpse")
        field.setFont(theme.fixed_font())
        field.setFixedHeight(theme.scaled(_TEXT_HEIGHT))
        field.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        return field
