"""RunHeader: how far a run is, in a sentence and in figures, and what can be done with it now."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named, set_role
from app.runs.record import Phase, RunRecord
from app.runs.words import COLOURS, STATES, in_window
from app.theme import Theme
from core.spec.messages import Failed
from trainer.spec.durations import duration
from trainer.spec.runs import WishName

_UNKNOWN = "–"  # noqa: RUF001 (a dash for a number that is not there)
_FIGURES = ("Step", "Loss", "On files kept apart", "Speed", "Time left")
_COLUMNS, _LEAST_WIDTH = (5, 3, 2), 360
_WORKING: frozenset[Phase] = frozenset({"starting", "running", "paused", "judging"})
_OWN = "smallcoder: "
_BUTTONS = {
    "pause": "Pause",
    "go_on": "Go On",
    "stop": "Stop and Save",
    "resume": "Resume",
    "again": "New Run Like This",
    "delete": "Delete",
}
_UNDOES = {"pause": "go_on", "go_on": "pause", "stop": "resume", "resume": "stop"}
_SHOWN: dict[str, frozenset[Phase]] = {
    "pause": frozenset({"running"}),
    "go_on": frozenset({"paused"}),
    "stop": _WORKING,
    "resume": frozenset({"new", "stopped", "broken", "failed"}),
    "again": frozenset({"stopped", "broken", "failed", "finished"}),
    "delete": frozenset({"new", "stopped", "broken", "failed", "finished"}),
}


class RunHeader(QWidget):
    """`wished`: pause, go_on, stop, resume, again or delete."""

    wished = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = label("", "title")
        self.title.setMinimumWidth(1)
        self.state = label("", "caption")
        self.sentence = label("", wraps=True)
        self.progress = named(QProgressBar(self, maximum=1000, textVisible=False), "How far it is")
        self.progress.setFixedHeight(theme.scaled(6))
        self.figures: dict[str, QLabel] = {}
        self._grid, self._columns = QGridLayout(), 0
        self._cells: list[QWidget] = []
        self.buttons: dict[str, QPushButton] = {}
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.state, 1)
        for id, text in _BUTTONS.items():
            self.buttons[id] = named(QPushButton(text, self), role="primary" if id == "resume" else "")
            self.buttons[id].clicked.connect(self._wisher(id))
            head.addWidget(self.buttons[id])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.title)
        layout.addLayout(head)
        layout.addWidget(self.sentence)
        layout.addWidget(self.progress)
        layout.addLayout(self._figure_grid())

    def can(self, wish: str) -> bool:
        """Whether it is offered now."""
        button = self.buttons[wish]
        return not button.isHidden() and button.isEnabled()

    def show_name(self, name: str) -> None:
        self.title.setText(name)
        self.title.setToolTip(name)

    def show_record(
        self, record: RunRecord, phase: Phase, wished: WishName | None, reason: str, log: str
    ) -> None:
        """`reason`: why it was told to wait, where no person has; `log`: what its process said at its end."""
        is_stopping = wished == "stop" and phase in _WORKING
        self.state.setText("Stopping" if is_stopping else STATES[phase].capitalize())
        set_role(self.state, f"caption_{COLOURS[phase]}")
        said = _said(record, phase, log)
        if is_stopping:
            said = "It ends the step that it is at, saves, and stops."
        elif wished == "pause" and phase == "running":
            said = reason or "It pauses after the step that it is at."
        elif phase == "paused":
            said = reason or "Paused. It holds its memory, and goes on where it is."
        self.sentence.setText(in_window(said))
        set_role(self.sentence, "danger" if phase in ("failed", "gone") else "")
        self._show_progress(record, phase)
        self._show_buttons(phase, is_stopping=is_stopping)
        self._show_figures(record, phase)

    def _show_progress(self, record: RunRecord, phase: Phase) -> None:
        """Of what it does now: learning, or being judged."""
        share = record.judged_share if phase == "judging" else record.share
        is_unknown = not record.step if phase == "starting" else phase == "judging" and not share
        self.progress.setMaximum(0 if is_unknown else 1000)
        self.progress.setValue(round(1000 * share))
        self.progress.setVisible(phase in _WORKING or 0 < record.share < 1)

    def _show_buttons(self, phase: Phase, *, is_stopping: bool) -> None:
        """Who has pressed one that goes away finds the keys at what undoes it, not at whatever is next."""
        pressed = next((id for id, button in self.buttons.items() if button.hasFocus()), "")
        for id, phases in _SHOWN.items():
            self.buttons[id].setEnabled(not is_stopping)
            if phase in phases:
                self.buttons[id].show()
        other = _UNDOES.get(pressed, "")
        if other and phase not in _SHOWN[pressed] and phase in _SHOWN[other]:
            self.buttons[other].setFocus()
        for id, phases in _SHOWN.items():
            self.buttons[id].setVisible(phase in phases)

    def _show_figures(self, record: RunRecord, phase: Phase) -> None:
        figures, is_going = record.figures, phase in ("running", "paused")
        loss, validation = figures.get("loss"), figures.get("validation_loss")
        left, speed = figures.get("seconds_left"), figures.get("tokens_per_s")
        total = f" of {record.total:,}" if record.total else ""
        values = {
            "Step": f"{record.step:,}{total}",
            "Loss": _UNKNOWN if loss is None else f"{loss:.3f}",
            "On files kept apart": _UNKNOWN if validation is None else f"{validation:.3f}",
            "Speed": _UNKNOWN if speed is None else f"{speed:,.0f} tokens/s",
            "Time left": _UNKNOWN if left is None or not is_going else duration(left),
        }
        for name, value in values.items():
            self.figures[name].setText(value)
        self._place_figures(may_widen=False)

    def minimumSizeHint(self) -> QSize:
        """As narrow as its buttons: the figures go into more rows where there is no room for one."""
        head = sum(button.sizeHint().width() for button in self.buttons.values() if not button.isHidden())
        return QSize(max(head, _LEAST_WIDTH), super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place_figures()

    def _figure_grid(self) -> QGridLayout:
        self._grid.setHorizontalSpacing(32)
        self._grid.setVerticalSpacing(8)
        self._grid.setContentsMargins(0, 8, 0, 8)
        for name in _FIGURES:
            cell = QWidget(self)
            column = QVBoxLayout(cell)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(0)
            self.figures[name] = named(label(_UNKNOWN, "section"), name)
            column.addWidget(label(name, "muted"))
            column.addWidget(self.figures[name])
            self._cells.append(cell)
        self._place_figures()
        return self._grid

    def _place_figures(self, *, may_widen: bool = True) -> None:
        """A figure that grows a digit makes more rows; one that loses it does not take them back, else they
        would jump while it learns."""
        widths = [cell.sizeHint().width() for cell in self._cells]
        space = self._grid.horizontalSpacing()
        counts = [count for count in _COLUMNS if may_widen or count <= (self._columns or count)]
        fitting = (count for count in counts if _width(widths, count, space) <= self.width())
        columns = next(fitting, counts[-1])
        if columns == self._columns:
            return
        self._columns = columns
        for number, cell in enumerate(self._cells):
            self._grid.addWidget(cell, number // columns, number % columns)
        for column in range(len(self._cells) + 1):
            self._grid.setColumnStretch(column, 1 if column == columns else 0)

    def _wisher(self, id: str) -> Callable[[], None]:
        return lambda: self.wished.emit(id)


def _width(widths: Sequence[int], columns: int, space: int) -> int:
    """Of a grid with so many columns, each as wide as its widest cell."""
    widest = [max(widths[column::columns], default=0) for column in range(columns)]
    return sum(widest) + space * (columns - 1)


def _said(record: RunRecord, phase: Phase, log: str) -> str:
    kept = f"step {record.saved_step:,}" if record.saved_step else ""
    if phase == "failed":
        failed = record.ended
        return failed.message if isinstance(failed, Failed) else last_words(log)
    place = "the graphics card" if record.device == "cuda" else "the processor"
    complaint = _complaint(log)
    broken = f"It was ended from outside at step {record.step:,}, perhaps for want of memory."
    if complaint:
        broken = f"It broke off at step {record.step:,}. {complaint}"
    goes_on = f"It goes on from {kept}." if kept else "Nothing was saved yet, so it begins anew."
    said: dict[Phase, str] = {
        "new": "It is made, and has not taken a step yet.",
        "starting": "Starting. It loads the model first, which takes a moment.",
        "running": f"It learns on {place}." + (f" {kept.capitalize()} is saved." if kept else ""),
        "judging": f"Comparing it with what it was before{record.judged}.",
        "stopped": f"Stopped, and saved at {kept or 'its beginning'}. It can go on at any time.",
        "broken": f"{broken} {goes_on}",
        "gone": "Its folder is gone, and with it all that it had saved.",
        "finished": f"Finished after {record.step:,} steps.",
    }
    return said.get(phase, "")


def _complaint(log: str) -> str:
    """What it could still say of itself before it broke off; what libraries print is none of it."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    own = [line.removeprefix(_OWN) for line in lines if line.startswith(_OWN)]
    is_mistake = any(line.startswith("Traceback ") for line in lines)
    return own[-1] if own else f"It met a mistake of SmallCoder's own: {lines[-1]}" if is_mistake else ""


def last_words(log: str) -> str:
    """Of a process that had no time to say it properly."""
    lines = [line for line in log.splitlines() if line.strip()]
    said = lines[-1].removeprefix(_OWN) if lines else "nothing"
    return f"It ended before it had begun; the last that it said is: {said}"
