"""Outlook: what a run would take of memory and time, whether it fits, what would instead, and its command."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.command_line import CommandLine
from app.job_client import shown_command
from app.naming import label, named, set_role
from app.runs.draft import Draft
from app.theme import Theme
from core.spec.errors import UsageError
from core.spec.sizes import in_mb
from trainer.spec.durations import duration
from trainer.spec.estimates import Estimate
from trainer.spec.memory import Plan, Smaller, arithmetic

_BAR_HEIGHT = 12


@dataclass(frozen=True)
class Share:
    """Of a bar: so many bytes, in the colour of that token."""

    name: str
    size_bytes: int
    colour: str


class Outlook(QWidget):
    """`smaller_requested`: fields that hold less, from a button."""

    smaller_requested = Signal(object)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._smaller: Smaller | None = None
        self.frees_engine = False
        self.fits = True
        self.bar = MemoryBar(theme, self)
        self.memory = label("", wraps=True)
        self.arithmetic = label("", "muted", wraps=True)
        self.engine = label("", "muted", wraps=True)
        self.instead_button = QPushButton(self)
        self.instead_button.clicked.connect(self._use_smaller)
        self.time = label("", wraps=True)
        self.command = CommandLine(theme, "The same as a command", self)
        instead = QHBoxLayout()
        instead.addWidget(self.instead_button)
        instead.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(label("Memory", "heading"))
        layout.addWidget(self.bar)
        for text in (self.memory, self.arithmetic, self.engine):
            layout.addWidget(text)
        layout.addLayout(instead)
        layout.addSpacing(8)
        layout.addWidget(label("Time", "heading"))
        layout.addWidget(self.time)
        layout.addSpacing(8)
        layout.addWidget(label("The same as a command", "heading"))
        layout.addWidget(self.command)
        self.wait("Choose folders first.")

    def wait(self, why: str) -> None:
        """Nothing is known yet."""
        self.fits, self.frees_engine = True, False
        self.bar.show_shares((), 0)
        for text in (self.arithmetic, self.engine, self.instead_button):
            text.hide()
        for text in (self.memory, self.time):
            set_role(text, "muted")
            text.setText(why)

    def show_command(self, draft: Draft) -> None:
        self.command.show_command(shown_command(draft.new_words()))

    def show_estimate(self, estimate: Estimate, draft: Draft, engine_bytes: int) -> None:
        """`engine_bytes`: what the models that run hold, which is counted with all that others do."""
        plan = estimate.plan(draft.chosen)
        alone = estimate.plan(draft.chosen, freed_bytes=engine_bytes)
        self.frees_engine = not plan.fits and alone.fits and engine_bytes > 0
        self.fits = plan.fits or self.frees_engine
        self._show_memory(alone if self.frees_engine else plan, engine_bytes)
        self._show_time(estimate, draft)

    def show_measuring(self) -> None:
        set_role(self.time, "muted")
        self.time.setText("Measuring a few steps on this machine…")
        if self.bar.isHidden():
            set_role(self.memory, "muted")
            self.memory.setText("Reckoning…")

    def show_problem(self, sentence: str) -> None:
        self.wait("")
        set_role(self.memory, "danger")
        self.memory.setText(sentence)

    def _show_memory(self, plan: Plan, engine_bytes: int) -> None:
        machine, budget = plan.machine, plan.budget()
        held = 0 if self.frees_engine else min(engine_bytes, machine.others_bytes)
        shares = (
            Share("other programs", machine.others_bytes - held, "faint"),
            Share("models in use", held, "muted"),
            Share("this run", budget.total_bytes, "accent" if plan.fits else "danger"),
        )
        self.bar.show_shares([share for share in shares if share.size_bytes > 0], machine.limit_bytes)
        set_role(self.memory, "" if plan.fits else "danger")
        wanted, free = in_mb(budget.total_bytes), in_mb(machine.free_bytes)
        self.memory.setText(
            f"It fits: {wanted} planned, {free} free."
            if plan.fits
            else f"It does not fit: {wanted} planned, {free} free of {in_mb(machine.limit_bytes)}."
        )
        self.arithmetic.setText(
            f"{arithmetic(budget)}. Others hold {in_mb(machine.others_bytes)}, and "
            f"{in_mb(machine.reserve_bytes)} stay in reserve."
        )
        self.arithmetic.show()
        self.engine.setText(
            "For this, the model that suggests is unloaded while the run goes on, and loaded again after it."
        )
        self.engine.setVisible(self.frees_engine)
        self._smaller = None if plan.fits else plan.smaller()
        self.instead_button.setVisible(self._smaller is not None)
        if self._smaller is not None:
            self.instead_button.setText(f"Use {_in_words(self._smaller)}")
        elif not plan.fits:
            self.memory.setText(f"{self.memory.text()} Choose a smaller model, or close other programs.")

    def _show_time(self, estimate: Estimate, draft: Draft) -> None:
        spec = draft.chosen
        box_minutes = draft.box.minutes_left(datetime.now())
        spec = replace(spec, finish_minutes=box_minutes) if box_minutes else spec
        steps, seconds = estimate.steps(spec), estimate.seconds(spec)
        set_role(self.time, "" if seconds is not None else "muted")
        if seconds is None or steps is None or not estimate.tokens_per_s:
            self.time.setText("How long it takes is not known: no step was measured.")
            return
        place = "the graphics card" if estimate.device == "cuda" else "the processor"
        speed = f"{estimate.tokens_per_s:,.0f} tokens/s on {place}, measured just now"
        if box_minutes and seconds >= box_minutes * 60 - 1:
            done = round(
                estimate.tokens_per_s * seconds / (spec.batch_size * spec.accumulation * spec.context_tokens)
            )
            self.time.setText(f"{duration(seconds)}, about {done:,} steps: {speed}.")
        else:
            self.time.setText(f"About {duration(seconds)} for {steps:,} steps: {speed}.")

    def _use_smaller(self) -> None:
        if self._smaller is not None:
            self.smaller_requested.emit(self._smaller.changes)


class MemoryBar(QWidget):
    """Who holds how much of a limit, side by side."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shares: Sequence[Share] = ()
        self._limit_bytes = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(
            self._theme.scaled(200), self._theme.scaled(_BAR_HEIGHT + 4) + self.fontMetrics().height()
        )

    def minimumSizeHint(self) -> QSize:
        return QSize(self._theme.scaled(80), self.sizeHint().height())

    def show_shares(self, shares: Sequence[Share], limit_bytes: int) -> None:
        self._shares, self._limit_bytes = tuple(shares), limit_bytes
        said = ", ".join(f"{share.name} {in_mb(share.size_bytes)}" for share in shares)
        named(self, f"Memory: {said} of {in_mb(limit_bytes)}" if shares else "Memory")
        self.setToolTip(self.accessibleName() if shares else "")
        self.setVisible(bool(shares))
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, height = self._theme.colours, self._theme.scaled(_BAR_HEIGHT)
        whole = QRectF(0, 0, self.width(), height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colours.colour("hover"))
        painter.drawRoundedRect(whole, 3, 3)
        largest = max(self._limit_bytes, sum(share.size_bytes for share in self._shares), 1)
        left, text_left, gap = 0.0, 0.0, self._theme.scaled(16)
        metrics = self.fontMetrics()
        base = height + self._theme.scaled(4) + metrics.ascent()
        for share in self._shares:
            wide = self.width() * share.size_bytes / largest
            painter.setBrush(colours.colour(share.colour))
            painter.drawRect(QRectF(left, 0, max(1.0, wide - 1), height))
            left += wide
            text_left = self._caption(painter, share, text_left, base) + gap
        painter.end()

    def _caption(self, painter: QPainter, share: Share, left: float, base: float) -> float:
        """A dot in its colour and its name; where the next begins."""
        dot, metrics = self._theme.scaled(8), self.fontMetrics()
        painter.setBrush(self._theme.colours.colour(share.colour))
        painter.drawEllipse(QRectF(left, base - metrics.ascent() / 2 - dot / 2, dot, dot))
        text = f"{share.name} {in_mb(share.size_bytes)}"
        painter.setPen(QColor(self._theme.colours.muted))
        painter.drawText(int(left + 1.5 * dot), int(base), text)
        painter.setPen(Qt.PenStyle.NoPen)
        return left + 1.5 * dot + metrics.horizontalAdvance(text)


def smaller_spec(draft: Draft, changes: dict[str, object]) -> Draft:
    """The draft with these; where they contradict what was set, unchanged."""
    try:
        return replace(draft, spec=replace(draft.spec, **changes))  # type: ignore[arg-type]
    except UsageError:
        return draft


def _in_words(smaller: Smaller) -> str:
    words = {
        "batch_size": "a batch of {}",
        "checkpoint_layers": "less memory for a third more time",
        "recipe": "{}",
    }
    said = [words[name].format(value) for name, value in smaller.changes.items() if name in words]
    return " and ".join(said)
