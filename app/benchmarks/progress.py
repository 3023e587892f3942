"""BenchProgress: how far a benchmark is, what became of the latest answer, how to stop it or go on."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.benchmarks.plan import Words
from app.benchmarks.run import BenchState
from app.naming import label, named
from app.theme import Theme
from core.spec.messages import Tried
from trainer.spec.durations import duration

_FINE = 1000  # steps of the bar
_MOST_NOTES = 4


class BenchProgress(QWidget):
    """Wishes: stop_requested; go_on_requested and forget_requested of what was interrupted."""

    stop_requested = Signal()
    go_on_requested = Signal()
    forget_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Progress of the benchmark", style="bench_progress")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._theme = theme
        self._notes: list[str] = []
        self._latest = ""
        self.title = label("", "heading")
        self.bar = named(QProgressBar(self), "Share that is done")
        self.bar.setRange(0, _FINE)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(theme.scaled(6))
        self.details = label("", "muted", wraps=True)
        self.notes = label("", "warning", wraps=True)
        self.stop = QPushButton("Stop", self)
        self.go_on = named(QPushButton("Go On", self), role="primary")
        self.forget = QPushButton("Forget It", self)
        self._arrange()
        self.stop.clicked.connect(self.stop_requested)
        self.go_on.clicked.connect(self.go_on_requested)
        self.forget.clicked.connect(self.forget_requested)
        self.hide()

    def begin(self) -> None:
        """A new one, or one that goes on."""
        self._notes.clear()
        self._latest = ""
        self.notes.hide()

    def show_state(self, state: BenchState) -> None:
        if state.phase == "idle":
            return
        self._show_buttons(is_running=True)
        self.stop.setEnabled(state.phase == "running")
        self.title.setText("Stopping…" if state.phase == "stopping" else f"{state.what}: {_done(state)}")
        self.bar.setValue(round(state.share * _FINE))
        self.bar.setAccessibleDescription(self.title.text())
        parts = [f"part {state.number} of {state.count}"] if state.count > 1 else []
        if state.seconds_left is not None and state.phase == "running":
            of_it = " of this part" if state.count > state.number else ""
            parts.append(f"about {duration(state.seconds_left)}{of_it} left")
        if state.passed is not None:
            parts.append(f"{state.passed} right")
        parts += [self._latest] if self._latest else []
        self.details.setText("; ".join(parts))
        self.show()

    def show_tried(self, tried: Tried) -> None:
        self._latest = f"{tried.trial.task}: {tried.trial.outcome}"

    def show_note(self, sentence: str) -> None:
        self._notes = [*self._notes, sentence][-_MOST_NOTES:]
        self.notes.setText("\n".join(self._notes))
        self.notes.show()

    def show_end(self, how: str, left: Sequence[Words]) -> None:
        self._show_buttons(is_running=False, is_left=bool(left))
        self.details.setText("What was answered is kept; it goes on there." if left else "")
        if left:
            self.show_interrupted(left)
        elif how == "finished" and not self._notes:
            self.hide()
        else:
            self.title.setText("Done, but not all went well." if self._notes else "Done.")
            self.bar.hide()

    def show_interrupted(self, left: Sequence[Words]) -> None:
        """Of another day, or of just now."""
        many = f"{len(left)} parts of it are" if len(left) > 1 else "One part of it is"
        self.title.setText(f"A benchmark was stopped. {many} still to be done.")
        self.details.setText("What was answered is kept; it goes on there.")
        self._show_buttons(is_running=False, is_left=True)
        self.show()

    def _show_buttons(self, *, is_running: bool, is_left: bool = False) -> None:
        self.stop.setVisible(is_running)
        self.bar.setVisible(is_running)
        self.go_on.setVisible(is_left and not is_running)
        self.forget.setVisible(not is_running)
        self.forget.setText("Forget It" if is_left else "Close")

    def _arrange(self) -> None:
        texts = QVBoxLayout()
        texts.setSpacing(4)
        parts: tuple[QLabel | QProgressBar, ...] = (self.title, self.bar, self.details, self.notes)
        for part in parts:
            texts.addWidget(part)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(16)
        row.addLayout(texts, 1)
        for button in (self.stop, self.go_on, self.forget):
            row.addWidget(button, 0, Qt.AlignmentFlag.AlignVCenter)


def _done(state: BenchState) -> str:
    if not state.total:
        return "beginning"
    if state.is_checking:
        return f"checking the tasks' own solutions, {state.step:,} of {state.total:,}"
    what = "ways to run" if state.words[1] == "speed" else "answers"
    return f"{state.step:,} of {state.total:,} {what}"
