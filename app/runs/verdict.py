"""VerdictCard: whether it became better, in a sentence and in numbers, and what can be done with it now."""

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.layouts import empty
from app.naming import label, named, set_role
from app.theme import Theme
from trainer.spec.verdict import Judgement, Score, Verdict

_COLOURS: dict[Judgement, str] = {
    "better": "success",
    "no different": "muted",
    "worse": "danger",
    "forgot": "warning",
    "new": "success",
}
_EXPORTS = (
    ("adapter", "The Adapter Alone…"),
    ("native", "A Whole Model…"),
    ("hf", "For Hugging Face…"),
    ("gguf", "One GGUF File…"),
)
_NEXT: dict[Judgement, str] = {
    "better": "Use it, and the next suggestions come with it; it can be turned off again at any time.",
    "no different": "More files or more steps may help. New Run begins another one.",
    "worse": "Fewer steps or a smaller learning rate may help. New Run begins another one.",
    "forgot": "Used with less strength it forgets less.",
}
_IN_USE = "It suggests now: go on writing, and see what it has learnt."
_STEPS, _MOST = 100, 200
_LESS, _MORE = "less is better", "more is better"
_HEADS = (
    ("Bits a byte", _LESS, "How hard the text is to foretell: what each byte of it costs the model."),
    ("Lines exact", _MORE, "Of lines that were hidden from it, how many it wrote letter for letter."),
    ("Alike", _MORE, "How much of what was hidden is in what it wrote in its place, on average."),
)
_PASSED = "Programs that it wrote, and how many of them passed their tests. More is better."
_ROWS = (
    ("Your files, kept apart", "held_out_before", "held_out_after"),
    ("Fixed benchmark", "fixed_before", "fixed_after"),
)


class VerdictCard(QFrame):
    """
    Signals, all wishes:
        use_requested: with how much of what it has learnt; 0 is not at all.
        export_requested: adapter, native, hf or gguf.
        benchmark_requested, judge_requested.
    """

    use_requested = Signal(float)
    export_requested = Signal(str)
    benchmark_requested = Signal()
    judge_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "What became of it", style="verdict_card")
        self._theme = theme
        self.title = label("", "section")
        self.sentence = label("", wraps=True)
        self._grid = QGridLayout()
        self.use_button = QPushButton("Use It Now", self)
        self.export_button = QPushButton("Export", self)
        self.benchmark_button = QPushButton("Benchmark This", self)
        self.judge_button = QPushButton("Compare", self)
        self.slider = named(QSlider(Qt.Orientation.Horizontal, self), "How much of it counts")
        self.strength = label("", "muted")
        self._slider_row = QWidget(self)
        self._is_adapter, self._is_used, self._advice = True, False, ""
        self._arrange()
        self._connect()

    def show_verdict(self, verdict: Verdict | None, *, is_adapter: bool, has_learnt: bool) -> None:
        """`has_learnt`: whether there is a checkpoint, judged or not."""
        self._is_adapter = is_adapter
        self.setVisible(has_learnt)
        empty(self._grid)
        if verdict is None:
            self._say("Not compared yet", "muted", "Whether it became better has not been looked at yet.")
        else:
            reason = verdict.reason
            self._say(verdict.title, _COLOURS[verdict.judgement], reason[:1].upper() + reason[1:])
            self._show_scores(verdict)
        self._advice = "" if verdict is None else _NEXT.get(verdict.judgement, "")
        self._show_next()
        is_good = verdict is not None and verdict.judgement in ("better", "new")
        self.use_button.setText("Use It Now" if is_good or verdict is None else "Use It All the Same")
        set_role(self.use_button, "primary" if is_good and not self._is_used else "")
        self.judge_button.setVisible(verdict is None)

    def show_use(self, strength: float | None) -> None:
        """None: it is not what suggests now."""
        self._is_used = strength is not None
        self._slider_row.setVisible(self._is_used and self._is_adapter)
        self.use_button.setVisible(not self._is_used)
        self._show_next()
        if strength is not None:
            self.slider.blockSignals(True)
            self.slider.setValue(round(strength * _STEPS))
            self.slider.blockSignals(False)
            self._show_strength()

    def _show_next(self) -> None:
        self._next.setText(_IN_USE if self._is_used else self._advice)
        self._next.setVisible(bool(self._next.text()))

    def set_busy(self, sentence: str) -> None:
        """While something is made of it; empty when that is over."""
        for button in (self.use_button, self.export_button, self.benchmark_button, self.judge_button):
            button.setEnabled(not sentence)
        self._busy.setText(sentence)
        self._busy.setVisible(bool(sentence))

    def _arrange(self) -> None:
        self._next = label("", "muted", wraps=True)
        self._busy = label("", "muted", wraps=True)
        self._busy.hide()
        menu = QMenu(self.export_button)
        for kind, text in _EXPORTS:
            menu.addAction(text, self._exporter(kind))
        self.export_button.setMenu(menu)
        self.slider.setRange(0, _MOST)
        self.slider.setSingleStep(5)
        self.slider.setPageStep(25)
        self.slider.setMaximumWidth(self._theme.scaled(240))
        self._off = QPushButton("Stop Using It", self)
        used = QHBoxLayout(self._slider_row)
        used.setContentsMargins(0, 0, 0, 0)
        used.setSpacing(12)
        for widget in (label("In use, with", "heading"), self.slider, self.strength):
            used.addWidget(widget)
        used.addStretch(1)
        used.addWidget(self._off)
        row = QHBoxLayout()
        row.setSpacing(8)
        for button in (self.use_button, self.export_button, self.benchmark_button, self.judge_button):
            row.addWidget(button)
        row.addWidget(self._busy, 1)
        row.addStretch(0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addWidget(self.sentence)
        layout.addLayout(self._grid)
        layout.addWidget(self._next)
        layout.addWidget(self._slider_row)
        layout.addSpacing(4)
        layout.addLayout(row)

    def _connect(self) -> None:
        self.use_button.clicked.connect(lambda _=False: self.use_requested.emit(1.0))
        self._off.clicked.connect(lambda _=False: self.use_requested.emit(0.0))
        self.benchmark_button.clicked.connect(lambda _=False: self.benchmark_requested.emit())
        self.judge_button.clicked.connect(lambda _=False: self.judge_requested.emit())
        self.slider.valueChanged.connect(self._show_strength)
        self.slider.sliderReleased.connect(self._tell_strength)
        self.slider.actionTriggered.connect(self._tell_by_key)

    def _exporter(self, kind: str) -> Callable[[], None]:
        return lambda: self.export_requested.emit(kind)

    def _say(self, title: str, colour: str, sentence: str) -> None:
        self.title.setText(title)
        self.title.setStyleSheet("")
        set_role(self.title, f"section_{colour}")
        self.sentence.setText(sentence)

    def _show_scores(self, verdict: Verdict) -> None:
        abouts = [f"{meaning} {which.capitalize()}." for _, which, meaning in _HEADS]
        heads = [head for head, _, _ in _HEADS]
        for column, (head, which, _) in enumerate(_HEADS, start=1):
            made = label(f"{head}\n{which}", "muted")
            self._put(0, column, _explained(made, f"{head}, {which}", abouts[column - 1]))
        row = 1
        for name, before, after in _ROWS:
            one, other = getattr(verdict, before), getattr(verdict, after)
            if other is None:
                continue
            self._put(row, 0, label(name))
            changes = _changes(one, other)
            for column, (text, head, about) in enumerate(zip(changes, heads, abouts, strict=True), start=1):
                self._put(row, column, _explained(label(text), f"{name}, {head}: {text}", about))
            row += 1
        if verdict.tasks_after is not None:
            text = _tasks(verdict)
            self._put(row, 0, label("Programming tasks"))
            self._put(row, 1, _explained(label(text), f"Programming tasks: {text}", _PASSED))
        self._grid.setColumnStretch(len(_HEADS) + 1, 1)

    def _put(self, row: int, column: int, widget: QLabel) -> None:
        self._grid.addWidget(widget, row, column)

    def _show_strength(self) -> None:
        self.strength.setText(f"{self.slider.value()} % of it")

    def _tell_strength(self) -> None:
        self.use_requested.emit(max(self.slider.value(), 1) / _STEPS)

    def _tell_by_key(self) -> None:
        """While it is dragged nothing is told: each strength loads the model again."""
        if not self.slider.isSliderDown():
            self.slider.setValue(self.slider.sliderPosition())
            self._tell_strength()


def _explained(figure: QLabel, name: str, about: str) -> QLabel:
    """With what it means, for who points at it and for who has it read aloud."""
    figure.setToolTip(about)
    figure.setAccessibleDescription(about)
    return named(figure, name)


def _tasks(verdict: Verdict) -> str:
    before, after = verdict.tasks_before, verdict.tasks_after
    began = "" if before is None else f"{before.passed} → "
    return "" if after is None else f"{began}{after.passed} of {after.asked} pass"


def _changes(before: Score | None, after: Score) -> tuple[str, str, str]:
    unit = "" if after.per == "byte" else f" a {after.per}"
    lines = f"{after.exact} of {after.lines}" if after.lines else "–"  # noqa: RUF001
    alike = f"{after.likeness:.0%}" if after.lines else "–"  # noqa: RUF001
    if before is None:
        return f"{after.bits:.3f}{unit}", lines, alike
    if not after.lines:
        return f"{before.bits:.3f} → {after.bits:.3f}{unit}", lines, alike
    return (
        f"{before.bits:.3f} → {after.bits:.3f}{unit}",
        f"{before.exact} → {lines}",
        f"{before.likeness:.0%} → {alike}",
    )
