"""BenchAdvice: which model suits this machine, measured in a minute, with the reasons and the others."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.benchmarks.figure_table import FigureTable
from app.benchmarks.shelf import Kept
from app.benchmarks.ways import own_quality
from app.command_line import CommandLine
from app.job_client import shown_command
from app.naming import label, named, set_role
from app.theme import Theme
from core.spec.errors import DataError
from core.spec.folders import benchmarks_folder
from trainer.spec.results import Result, read_results

_COMMAND = ("bench", "recommend")
_MILLION = 1e6
_HEADS = ("Model", "Precision", "Writes, tokens/s", "Keystroke, ms", "Memory, MB", "Quality", "")
_NUMBERS = range(2, 6)
_EMPTY = (
    "Measures the models on this disk for a minute or two, and says which of them to run and how, with the "
    "reasons; and whether one of the catalogue would be worth its download."
)


class BenchAdvice(QWidget):
    """Wishes: start_requested; stop_requested; models_requested; use_requested: a model's place, and the
    precision that it is to run at; quality_requested: of the same, its quality is to be measured."""

    start_requested = Signal()
    stop_requested = Signal()
    models_requested = Signal()
    use_requested = Signal(str, str)
    quality_requested = Signal(str, str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Advice")
        self._theme = theme
        self._is_running = False
        self._advised: Result | None = None
        self._kept: Sequence[Kept] = ()
        self.title = label("What to run on this machine", "section", wraps=True)
        self.said = label(_EMPTY, "muted", wraps=True)
        self.quality = label("", wraps=True)
        self.worth = label("", wraps=True)
        self.start = named(QPushButton("Measure and Advise", self), role="primary")
        self.use = QPushButton("Use It", self)
        self.measure_quality = QPushButton("Measure Its Quality", self)
        self.models = QPushButton("Show the Catalogue", self)
        self.bar = named(QProgressBar(self), "Share that is measured")
        self.table = FigureTable("What was measured for it", _HEADS, _NUMBERS, self)
        self.command = CommandLine(theme, "The command that advises", self)
        self.show_models(())
        self._arrange()
        self.start.clicked.connect(self._turn)
        self.use.clicked.connect(self._use)
        self.measure_quality.clicked.connect(self._measure_quality)
        self.models.clicked.connect(self.models_requested)
        self._show_parts(has_results=False)
        self._show_deeds()
        self._show_quality()

    @property
    def words(self) -> tuple[str, ...]:
        """The command that advises."""
        return (*_COMMAND, *(word for model in self._models for word in ("--model", model)), "--events")

    def show_models(self, models: Sequence[str]) -> None:
        """Which it is to choose from; none said are those in the usual places."""
        self._models = tuple(models)
        self.command.show_command(shown_command(self.words))

    def show_kept(self, kept: Sequence[Kept]) -> None:
        """What has been measured by now, newest first: it may be more than the advice knew."""
        self._kept = kept
        self._show_quality()

    def recall(self) -> None:
        """What was advised last."""
        files = sorted(benchmarks_folder().glob("*-recommend*.json"), reverse=True)
        if files and not self._is_running:
            self.show_file(files[0])

    def show_running(self, step: int, total: int | None) -> None:
        self._is_running = True
        self.start.setText("Stop")
        self.bar.setRange(0, total or 0)
        self.bar.setValue(step)
        self.bar.show()

    def show_end(self, sentence: str) -> None:
        """`sentence`: why there is no advice; empty where there is."""
        self._is_running = False
        self.bar.hide()
        self._show_deeds()
        if sentence:
            self.said.setText(sentence)

    def show_file(self, path: Path) -> None:
        try:
            self._show(read_results(path, with_rows=False))
        except DataError as error:
            self.said.setText(str(error))

    def _show(self, results: Sequence[Result]) -> None:
        chosen = next((item for item in results if item.figures.get("is_recommended")), None)
        if chosen is None:
            return
        figures: Any = chosen.figures
        self._advised = chosen if figures.get("has_weights", True) else None
        self.title.setText(f"Run {chosen.name} as {chosen.precision}")
        self.said.setText(
            "\n".join(f"{reason[:1].upper()}{reason[1:]}." for reason in figures.get("reasons", []))
        )
        worth: Any = figures.get("worth_download")
        self.worth.setText(worth["sentence"] if isinstance(worth, dict) else "")
        self.table.setRowCount(len(results))
        for row, item in enumerate(results):
            self.table.show_row(row, _cells(item))
        self._show_parts(has_results=True)
        self._show_deeds()
        self._show_quality()

    def _show_quality(self) -> None:
        """An advice that goes by size alone says so, and what makes it a better one."""
        advised = self._advised
        is_asked = (
            advised is not None
            and advised.number("quality") is None
            and bool(advised.figures.get("is_pleasant"))
        )
        self.quality.setVisible(is_asked)
        self.measure_quality.setVisible(False)
        if advised is None or not is_asked:
            return
        place = str(Path(advised.place).absolute())
        known = own_quality(self._kept, place, advised.precision)
        self.measure_quality.setVisible(known is None)
        self.quality.setText(
            "Its quality on SmallCoder's tasks has not been measured here."
            if known is None
            else f"Its quality on SmallCoder's tasks has been measured since: {known:.1f} of 100. "
            "Measure Again takes it into account."
        )

    def _show_deeds(self) -> None:
        """What is advised comes before measuring it once more."""
        can_be_used = self._advised is not None
        self.use.setVisible(can_be_used)
        set_role(self.use, "primary" if can_be_used else "")
        set_role(self.start, "" if can_be_used else "primary")
        if not self._is_running:
            self.start.setText("Measure Again" if can_be_used else "Measure and Advise")

    def _show_parts(self, *, has_results: bool) -> None:
        self.table.setVisible(has_results)
        self.worth.setVisible(bool(self.worth.text()))
        self.models.setVisible(bool(self.worth.text()))

    def _arrange(self) -> None:
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(self._theme.scaled(6))
        self.bar.hide()
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        for button in (self.use, self.start, self.measure_quality, self.models):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 16, 0, 0)
        layout.setSpacing(12)
        for part in (self.title, self.said, self.quality, self.worth):
            layout.addWidget(part)
        layout.addWidget(self.bar)
        layout.addLayout(buttons)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.command)
        layout.addStretch(0)

    def _use(self) -> None:
        if self._advised is not None:
            self.use_requested.emit(self._advised.place, self._advised.precision)

    def _measure_quality(self) -> None:
        if self._advised is not None:
            self.quality_requested.emit(self._advised.place, self._advised.precision)

    def _turn(self) -> None:
        (self.stop_requested if self._is_running else self.start_requested).emit()


def _cells(item: Result) -> list[str]:
    """A row of the table; what was not measured says why."""
    figures: Any = item.figures
    problem = str(figures.get("problem", ""))
    word = "recommended" if figures.get("is_recommended") else problem
    if not word and figures.get("has_weights") is False:
        word = "random weights; it tells how fast this machine is"
    elif not word and not figures.get("is_pleasant"):
        word = "too slow to be pleasant"
    return [
        item.name,
        item.precision,
        *(
            "" if problem else shown
            for shown in (
                f"{item.number('decode_tokens_per_s') or 0:,.0f}",
                f"{item.number('keystroke_ms') or 0:,.1f}",
                f"{(item.number('peak_ram_bytes') or 0) / _MILLION:,.0f}",
            )
        ),
        f"{quality:.1f}" if (quality := item.number("quality")) is not None else "",
        word,
    ]
