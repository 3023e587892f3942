"""BenchSetup: what is to be measured, how long that takes, and the commands that do it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PySide6.QtCore import QSizeF, Qt, Signal, SignalInstance
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLayout,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.benchmarks.models import BenchModels
from app.benchmarks.plan import OWN_TASKS, PRECISIONS, BenchPlan, Part, estimate
from app.form import Form, NoWheel
from app.job_client import shown_command
from app.naming import label, named
from app.theme import Theme
from app.wording import counted
from trainer.spec.bench import QualitySettings, RepoSettings
from trainer.spec.results import Result
from trainer.spec.speed import SpeedSettings

_PARTS: tuple[tuple[Part, str, str], ...] = (
    (
        "speed",
        "Speed and memory",
        "How fast it reads and writes, how soon after a key, and the most it holds",
    ),
    (
        "tasks",
        f"SmallCoder's {OWN_TASKS} tasks",
        "Functions and classes to write, tried by running tests in a sandbox",
    ),
    ("repo", "My own code", "Lines and blocks cut out of a folder of yours, to be written again"),
    ("file", "A file of tasks", "In the format of HumanEval, MBPP or HumanEval-Infilling"),
)
_MOST_LINES = 8
_PRECISION_NAMES = {"auto": "Automatic"}
_PRECISION_TIPS = {
    "auto": "int8 on the processor, fp16 on a card",
    "int8": "A byte a weight: half of fp16, and as good as the same",
    "int4": "Half a byte a weight: the smallest and the fastest, a little less exact",
}


class BenchSetup(QWidget):
    """Wishes:
    start_requested: the BenchPlan.
    model_folder_requested, model_file_requested, code_folder_requested, tasks_file_requested: to be chosen.
    """

    start_requested = Signal(object)
    model_folder_requested = Signal()
    model_file_requested = Signal()
    code_folder_requested = Signal()
    tasks_file_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._past: Sequence[Result] = ()
        self._settings, self._is_running = BenchPlan(), False
        self.models = BenchModels(self)
        self.precisions = {name: QCheckBox(_PRECISION_NAMES.get(name, name), self) for name in PRECISIONS}
        self.parts = {part: QCheckBox(title, self) for part, title, _ in _PARTS}
        self.code_folder = named(QLineEdit(self), "Folder of your code")
        self.tasks_file = named(QLineEdit(self), "File of tasks")
        self.limit = named(QSpinBox(self), "Only so many tasks")
        self.commands = named(QPlainTextEdit(self, readOnly=True), "Commands that measure it", role="boxed")
        self.start = named(QPushButton("Measure", self), role="primary")
        self.foot = named(QWidget(), style="foot")
        self.foot.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._said = label("", "muted", wraps=True)
        self._copy = named(QToolButton(self), "Copy the commands")
        self._more = QPushButton("More Settings", self)
        self._forms = {
            "speed": Form(SpeedSettings()),
            "quality": Form(QualitySettings()),
            "repo": Form(RepoSettings()),
        }
        self._form_page = QWidget(self)
        self._arrange()
        self._connect()
        self._draw()
        self._show_plan()

    @property
    def plan(self) -> BenchPlan:
        folder = self.code_folder.text().strip()
        return replace(
            self._settings,
            models=self.models.chosen(),
            precisions=tuple(name for name, box in self.precisions.items() if box.isChecked()),
            parts=tuple(part for part, box in self.parts.items() if box.isChecked()),
            file=self.tasks_file.text().strip(),
            folders=(folder,) if folder else (),
            limit=self.limit.value(),
        )

    def take_past(self, past: Sequence[Result]) -> None:
        """What was measured before tells how long it takes."""
        self._past = past
        self._show_plan()

    def choose(self, model: str) -> None:
        """This one and no other."""
        self.models.choose([model], only=True)

    def choose_own_tasks(self, model: str, precision: str) -> None:
        """All of SmallCoder's tasks, and nothing else."""
        self.choose(model)
        for name, box in self.precisions.items():
            box.setChecked(name == precision)
        for part, box in self.parts.items():
            box.setChecked(part == "tasks")
        self.limit.setValue(0)

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(label("Models", "heading"))
        column.addWidget(self.models)
        column.addLayout(
            _row(
                self._button("Model Folder…", self.model_folder_requested),
                self._button("GGUF File…", self.model_file_requested),
            )
        )
        column.addSpacing(8)
        column.addWidget(label("Precisions", "heading"))
        precisions = _row(*self.precisions.values())
        precisions.setSpacing(16)
        column.addLayout(precisions)
        column.addSpacing(8)
        column.addWidget(label("What to measure", "heading"))
        column.addLayout(self._part_rows())
        column.addSpacing(8)
        column.addLayout(self._limit_row())
        column.addWidget(self._form_page)
        self._arrange_forms()
        column.addSpacing(8)
        top = QHBoxLayout()
        top.addWidget(label("The commands that do it", "heading"))
        top.addStretch(1)
        top.addWidget(self._copy)
        column.addLayout(top)
        column.addWidget(self.commands)
        column.addStretch(1)
        end = QHBoxLayout(self.foot)
        end.setContentsMargins(32, 12, 32, 12)
        end.setSpacing(16)
        end.addWidget(self.start)
        end.addWidget(self._said, 1)

    def _part_rows(self) -> QLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        row = 0
        for part, _, meaning in _PARTS:
            grid.addWidget(self.parts[part], row, 0)
            grid.addWidget(label(meaning, "muted", wraps=True), row, 1)
            row += 1
            for own, field, wish, hint in (
                ("repo", self.code_folder, self.code_folder_requested, "A folder of code"),
                ("file", self.tasks_file, self.tasks_file_requested, "A .jsonl or .jsonl.gz file"),
            ):
                if own == part:
                    field.setPlaceholderText(hint)
                    place = _row(field, self._button("Choose…", wish), stretches=False)
                    place.setStretch(0, 1)
                    grid.addLayout(place, row, 1)
                    row += 1
        self.parts["speed"].setChecked(True)
        self.parts["tasks"].setChecked(True)
        self.precisions["auto"].setChecked(True)
        for name, tip in _PRECISION_TIPS.items():
            self.precisions[name].setToolTip(tip)
        return grid

    def _limit_row(self) -> QLayout:
        self.limit.setRange(0, 100_000)
        self.limit.setSpecialValueText("all")
        self.limit.lineEdit().setTextMargins(6, 0, 0, 0)  # the style sheet's padding does not reach inside
        self.limit.setToolTip("A quick look: so many tasks of each part, drawn by the seed")
        self._more.setCheckable(True)
        name = label("Tasks of each part", "heading")
        name.setBuddy(self.limit)
        return _row(name, self.limit, label("fewer for a quick look", "muted"), None, self._more)

    def _arrange_forms(self) -> None:
        column = QVBoxLayout(self._form_page)
        column.setContentsMargins(0, 8, 0, 8)
        for name, title in (("speed", "Speed"), ("quality", "Tasks"), ("repo", "Your code")):
            column.addWidget(label(title, "heading"))
            form = self._forms[name]
            if name != "speed":
                form.row("limit").hide()  # it stands above
            if name == "quality":
                form.row("unconfined").hide()  # it is asked where it matters
            column.addWidget(form)
        self._form_page.hide()

    def _connect(self) -> None:
        self.models.chosen_changed.connect(self._show_plan)
        for box in (*self.precisions.values(), *self.parts.values()):
            box.toggled.connect(self._show_plan)
        for field, box in ((self.code_folder, self.parts["repo"]), (self.tasks_file, self.parts["file"])):
            field.textChanged.connect(self._show_plan)
            field.textEdited.connect(lambda text, box=box: box.setChecked(bool(text)))
        self.limit.valueChanged.connect(self._show_plan)
        self.limit.installEventFilter(NoWheel(self))
        self._more.toggled.connect(self._form_page.setVisible)
        for name, form in self._forms.items():
            form.changed.connect(lambda value, name=name: self._take_settings(name, value))
        self.commands.document().documentLayout().documentSizeChanged.connect(self._set_height)
        self._copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.commands.toPlainText()))
        self.start.clicked.connect(lambda: self.start_requested.emit(self.plan))
        self._theme.changed.connect(self._draw)

    def show_code_folder(self, path: str) -> None:
        self.code_folder.setText(path)
        self.parts["repo"].setChecked(True)

    def show_tasks_file(self, path: str) -> None:
        self.tasks_file.setText(path)
        self.parts["file"].setChecked(True)

    def set_running(self, running: bool) -> None:
        """One benchmark at a time: two would measure each other."""
        self._is_running = running
        self._show_plan()

    def _take_settings(self, name: str, value: Any) -> None:
        self._settings = replace(self._settings, **{name: value})
        self._show_plan()

    def _show_plan(self) -> None:
        plan = self.plan
        problem = "A benchmark is running." if self._is_running else plan.problem
        self.start.setEnabled(not problem)
        self._said.setText(problem or self._promise(plan))
        shown = "" if plan.problem else "\n".join(shown_command(words) for words in plan.commands())
        self.commands.setPlainText(shown)
        self.commands.setPlaceholderText("They are shown once something is chosen.")
        self._copy.setEnabled(bool(shown))

    def _set_height(self, size: QSizeF) -> None:
        """Of the commands: all of their lines, as they are broken here."""
        lines = max(2, min(_MOST_LINES, round(size.height())))
        self.commands.setFixedHeight(self.commands.fontMetrics().lineSpacing() * lines + 16)

    def _promise(self, plan: BenchPlan) -> str:
        what = counted(plan.ways * len(plan.parts), "measurement")
        return f"{what}. {estimate(plan, self._past, self.models.networks).sentence}"

    def _button(self, text: str, wish: SignalInstance) -> QPushButton:
        button = QPushButton(text, self)
        button.clicked.connect(wish)
        return button

    def _draw(self) -> None:
        self._copy.setIcon(self._theme.icon("copy"))
        self.commands.setFont(self._theme.fixed_font())


def _row(*widgets: QWidget | None, stretches: bool = True) -> QHBoxLayout:
    """None stands for the room that is left."""
    row = QHBoxLayout()
    row.setSpacing(8)
    for widget in widgets:
        if widget is None:
            row.addStretch(1)
        else:
            row.addWidget(widget)
    if stretches and None not in widgets:
        row.addStretch(1)
    return row
