"""RunChoices: what is taught, how, how long; plainly for everybody, and every setting for who wants it.

The plain choices and the form below "Advanced" are two sights of one TrainSpec.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import Qt, QTime, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QSpinBox,
    QTimeEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.form import Form, NoWheel
from app.naming import label, named, set_wrong
from app.runs.draft import Draft, TimeBox, TimeKind, name_problem
from app.theme import Theme
from core.spec.errors import UsageError
from core.spec.fields import settings_of
from trainer.spec.jobs import RecipeName, TrainSpec

_RECIPES: tuple[tuple[RecipeName, str, str], ...] = (
    ("lora", "An adapter beside the model", "Quick, small, and can be turned off again. The usual choice."),
    (
        "qlora",
        "An adapter beside a compressed model",
        "For models that hardly fit: less memory, a little slower.",
    ),
    ("full", "The whole model", "Learns most and forgets most; the result is a model of its own."),
)
_OTHERS = {
    "pretrain": "From nothing; see the settings below.",
    "distil": "Learns from a teacher; see the settings below.",
    "dpo": "Learns which of two answers is better; see the settings below.",
}
_TIMES: tuple[tuple[TimeKind, str], ...] = (
    ("whole", "As long as it needs"),
    ("minutes", "For some minutes"),
    ("until", "Until a time of day"),
)
_MOST_MINUTES = 7 * 24 * 60
_SET_ABOVE = ("data", "finish_minutes")  # of the form's rows: the folders, and the time box


@dataclass(frozen=True)
class BaseModel:
    path: str
    name: str
    about: str = ""


class RunChoices(QWidget):
    """`changed`: the Draft. `model_choice_requested`: a person looks for a model that is not in the list."""

    changed = Signal(object)
    model_choice_requested = Signal()

    def __init__(self, theme: Theme, draft: Draft, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self.draft = theme, draft
        self.touched: set[str] = set()  # fields that a person has set, and nothing else may
        self._form: Form | None = None
        self._is_showing = False
        self.name_field = named(QLineEdit(self), "Name of the run")
        self._name_problem = label("", "danger", wraps=True)
        self.model_box = named(QComboBox(self), "Model to teach")
        self.recipe_box = named(QComboBox(self), "How it is taught")
        self._about_recipe = label("", "muted", wraps=True)
        self.time_box = named(QComboBox(self), "How long")
        self.minutes_field = named(QSpinBox(self, minimum=1, maximum=_MOST_MINUTES), "Minutes")
        self.until_field = named(QTimeEdit(self), "Time of day")
        self._about_time = label("", "muted", wraps=True)
        self.advanced_button = named(QToolButton(self), "Advanced settings")
        self.words_field = named(QLineEdit(self), "Find a setting")
        self._advanced = QVBoxLayout()
        self._fill()
        self._connect()
        theme.changed.connect(self._draw_sign)
        self._draw_sign()
        self.show_draft(draft)

    def set_models(self, models: Sequence[BaseModel]) -> None:
        """In this order; the one that the draft names stays chosen, whether it is among them or not."""
        self._is_showing = True
        self.model_box.clear()
        known = {model.path for model in models}
        wanted = self.draft.spec.model
        extra = [] if wanted in known or not wanted else [BaseModel(wanted, wanted.rpartition("/")[2])]
        for model in (*models, *extra):
            self.model_box.addItem(
                f"{model.name}  ({model.about})" if model.about else model.name, model.path
            )
        self.model_box.addItem("Another Model…", None)
        self.model_box.setCurrentIndex(self.model_box.findData(wanted))
        self._is_showing = False

    def show_draft(self, draft: Draft) -> None:
        """Without telling that it has changed."""
        self._is_showing = True
        self.draft = draft
        if self.name_field.text() != draft.name:
            self.name_field.setText(draft.name)
        self.model_box.setCurrentIndex(self.model_box.findData(draft.spec.model))
        self._show_recipe(draft.spec.recipe)
        self.time_box.setCurrentIndex(self.time_box.findData(draft.box.kind))
        self.minutes_field.setValue(draft.box.minutes)
        self.until_field.setTime(QTime.fromString(draft.box.until, "HH:mm"))
        self._show_time()
        if self._form is not None:
            self._form.set_value(draft.spec)
        self._is_showing = False

    def set_model(self, path: str) -> None:
        """One that a person has chosen elsewhere."""
        if self.model_box.findData(path) < 0:
            self.model_box.insertItem(0, path.rstrip("/").rpartition("/")[2], path)
        self._change(model=path)
        self.show_draft(self.draft)

    def form(self) -> Form:
        """Made when it is first wanted: it has a row for each of some fifty settings."""
        if self._form is None:
            self._form = Form(self.draft.spec, self)
            self._form.changed.connect(self._take_form)
            self._advanced.addWidget(self._form)
            before: QWidget = self.words_field
            for item in settings_of(TrainSpec):  # what is made late would be reached last with Tab
                QWidget.setTabOrder(before, self._form.field(item.name))
                before = self._form.field(item.name)
            self._show_fitting("")
        return self._form

    def _fill(self) -> None:
        for recipe, text, _ in _RECIPES:
            self.recipe_box.addItem(text, recipe)
        for kind, text in _TIMES:
            self.time_box.addItem(text, kind)
        self.minutes_field.setSuffix(" min")
        self.until_field.setDisplayFormat("HH:mm")
        self.advanced_button.setCheckable(True)
        self.advanced_button.setText("Advanced")
        self.advanced_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._name_problem.hide()
        grid = QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        times = QHBoxLayout()
        times.setSpacing(8)
        for field in (self.time_box, self.minutes_field, self.until_field):
            times.addWidget(field)
        times.addStretch(1)
        rows: tuple[tuple[str, Any, QWidget | None], ...] = (
            ("Model", self.model_box, None),
            ("How", self.recipe_box, self._about_recipe),
            ("How long", times, self._about_time),
            ("Name", self.name_field, self._name_problem),
        )
        for number, (text, field, below) in enumerate(rows):
            grid.addWidget(label(text, "heading"), 2 * number, 0)
            if isinstance(field, QWidget):
                grid.addWidget(field, 2 * number, 1)
            else:
                grid.addLayout(field, 2 * number, 1)
            if below is not None:
                grid.addWidget(below, 2 * number + 1, 1)
        self.words_field.setPlaceholderText("Find a setting")
        self.words_field.setClearButtonEnabled(True)
        self.words_field.hide()
        self._advanced.setContentsMargins(0, 0, 0, 0)
        self._advanced.addWidget(self.words_field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(grid)
        layout.addWidget(self.advanced_button)
        layout.addLayout(self._advanced)

    def _connect(self) -> None:
        self.name_field.textChanged.connect(self._take_name)
        self.model_box.activated.connect(self._take_model)
        self.recipe_box.activated.connect(lambda _: self._change(recipe=self.recipe_box.currentData()))
        self.time_box.currentIndexChanged.connect(self._take_time)
        self.minutes_field.valueChanged.connect(self._take_time)
        self.until_field.timeChanged.connect(self._take_time)
        self.advanced_button.toggled.connect(self._show_advanced)
        self.words_field.textChanged.connect(self._show_fitting)
        no_wheel = NoWheel(self)
        for field in (self.model_box, self.recipe_box, self.time_box, self.minutes_field, self.until_field):
            field.installEventFilter(no_wheel)

    def _take_name(self, text: str) -> None:
        problem = name_problem(text)
        self._name_problem.setText(problem)
        self._name_problem.setVisible(bool(problem))
        set_wrong(self.name_field, bool(problem))
        self._tell(replace(self.draft, name=text))

    def _take_model(self) -> None:
        path = self.model_box.currentData()
        if path is None:
            self.model_box.setCurrentIndex(self.model_box.findData(self.draft.spec.model))
            self.model_choice_requested.emit()
        else:
            self._change(model=path)

    def _take_time(self) -> None:
        box = TimeBox(
            self.time_box.currentData(), self.minutes_field.value(), self.until_field.time().toString("HH:mm")
        )
        self._tell(replace(self.draft, box=box))
        self._show_time()

    def _take_form(self, spec: TrainSpec) -> None:
        before = self.draft.spec
        self.touched |= {
            name for name in spec.__dataclass_fields__ if getattr(spec, name) != getattr(before, name)
        }
        self._tell(replace(self.draft, spec=spec))
        self._is_showing = True
        self._show_recipe(spec.recipe)
        self._is_showing = False

    def _change(self, **changes: Any) -> None:
        """Of what contradicts the rest, the form says why; the rest stays as it was."""
        try:
            spec = replace(self.draft.spec, **changes)
        except UsageError as error:
            self._about_recipe.setText(str(error))
            return
        self.touched |= {*changes}
        self._tell(replace(self.draft, spec=spec))
        self.show_draft(self.draft)

    def _tell(self, draft: Draft) -> None:
        if not self._is_showing and draft != self.draft:
            self.draft = draft
            self.changed.emit(draft)

    def _show_recipe(self, recipe: str) -> None:
        place = self.recipe_box.findData(recipe)
        if place < 0:
            self.recipe_box.addItem(recipe, recipe)
            place = self.recipe_box.findData(recipe)
        self.recipe_box.setCurrentIndex(place)
        about = {name: text for name, _, text in _RECIPES} | _OTHERS
        self._about_recipe.setText(about[recipe])

    def _show_time(self) -> None:
        kind = self.time_box.currentData()
        self.minutes_field.setVisible(kind == "minutes")
        self.until_field.setVisible(kind == "until")
        self._about_time.setVisible(kind != "whole")
        self._about_time.setText("Or sooner, once it does not become better any more.")

    def _show_fitting(self, words: str) -> None:
        self.form().show_only(words)
        for name in _SET_ABOVE:
            self.form().row(name).hide()

    def _show_advanced(self, shown: bool) -> None:
        self.words_field.setVisible(shown)
        if shown:
            self.form().show()
        elif self._form is not None:
            self._form.hide()
        self._draw_sign()

    def _draw_sign(self) -> None:
        is_open = self.advanced_button.isChecked()
        self.advanced_button.setIcon(self._theme.icon("chevron-down" if is_open else "chevron-right"))
