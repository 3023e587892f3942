"""How code is written: the sampling as a form, the presets it can be taken from, and a seed that may change.

A form made from core.spec.sampling; stop texts have a field of their own, as they may hold anything.
"""

import secrets
from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QInputDialog,
    QPlainTextEdit,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.form import Form
from app.naming import label, named
from app.prompt.presets import GIVEN, USUAL, Presets
from app.theme import Theme
from core.spec.errors import UsageError
from core.spec.sampling import Sampling

_CHANGED = "Your own"
_STOP_LINES = 2
_SEEDS = 100_000  # short enough to be read aloud
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\t": "\\t"}


class SamplingForm(QWidget):
    """`failed`: a sentence for the person. `changed`: the sampling is another."""

    failed = Signal(str)
    changed = Signal()

    def __init__(self, theme: Theme, presets: Presets, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._presets, self._model = theme, presets, ""
        self._sampling = GIVEN[USUAL]
        self.preset = named(QComboBox(self), "Preset")
        self.preset.activated.connect(lambda: self._take_preset(self.preset.currentText()))
        self._save = self._button("Save as a preset for this model", self._ask_name)
        self._remove = self._button("Remove this preset", self._remove_preset)
        self.changes_seed = named(QCheckBox("A new seed each time", self), "A new seed each time")
        self.changes_seed.setChecked(True)
        self.form = Form(self._sampling, self, is_narrow=True, leave_out=("stop",))
        self.form.changed.connect(self._take_form)
        top_k = self.form.field("top_k")
        if isinstance(top_k, QSpinBox):
            top_k.setSpecialValueText("off")
        self.stop = named(QPlainTextEdit(self), "Stop texts", style="field")
        self.stop.setTabChangesFocus(True)
        self.stop.textChanged.connect(self._take_stop)
        self._arrange()
        theme.changed.connect(self._draw)
        self._draw()
        self._show()

    @property
    def sampling(self) -> Sampling:
        return self._sampling

    def next_sampling(self) -> Sampling:
        """For what is written now; a new seed is shown, so that it can be used again."""
        if self.changes_seed.isChecked():
            self.set_sampling(replace(self._sampling, seed=secrets.randbelow(_SEEDS)))
        try:
            self._presets.keep_last(self._model, self._sampling)
        except OSError as error:
            self.failed.emit(f"What was set could not be kept: {error.strerror}.")
        return self._sampling

    def use_seed(self, seed: int) -> None:
        """Again and again, until told otherwise."""
        self.changes_seed.setChecked(False)
        self.set_sampling(replace(self._sampling, seed=seed))

    def set_model(self, name: str) -> None:
        """Its presets, and what was used with it last."""
        if name != self._model:
            self._model = name
            self.set_sampling(self._presets.last(name))

    def set_sampling(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._show()
        self.changed.emit()

    def _arrange(self) -> None:
        presets = QHBoxLayout()
        presets.setSpacing(4)
        presets.addWidget(self.preset, 1)
        presets.addWidget(self._save)
        presets.addWidget(self._remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(presets)
        column.addWidget(self.form)
        column.addWidget(self.changes_seed)
        column.addWidget(label("Stop", "heading"))
        column.addWidget(
            label("End before one of these texts, one a line; \\n is a line's end.", "muted", wraps=True)
        )
        column.addWidget(self.stop)

    def _button(self, what: str, do: Callable[[], None]) -> QToolButton:
        button = named(QToolButton(self), what)
        button.setToolTip(what)
        button.clicked.connect(lambda _: do())
        return button

    def _take_form(self, sampling: Sampling) -> None:
        self._sampling = replace(sampling, stop=self._sampling.stop)
        self._show_presets()
        self.changed.emit()

    def _take_stop(self) -> None:
        stop = tuple(unescaped(line) for line in self.stop.toPlainText().split("\n") if line)
        self._sampling = replace(self._sampling, stop=stop)
        self._show_presets()
        self.changed.emit()

    def _take_preset(self, name: str) -> None:
        chosen = self._presets.get(self._model, name)
        if chosen is not None:
            self.set_sampling(replace(chosen, seed=self._sampling.seed))

    def _ask_name(self) -> None:
        asking = QInputDialog(self)
        asking.setWindowTitle("Save Preset")
        asking.setLabelText(f"A name for these settings{f', for {self._model}' if self._model else ''}:")
        asking.textValueSelected.connect(self.save_as)
        asking.finished.connect(asking.deleteLater)
        asking.open()

    def save_as(self, name: str) -> None:
        try:
            self._presets.save(self._model, name, self._sampling)
        except UsageError as error:
            self.failed.emit(str(error))
        except OSError as error:
            self.failed.emit(f"The preset could not be kept: {error.strerror}.")
        self._show_presets()

    def _remove_preset(self) -> None:
        try:
            self._presets.remove(self._model, self.preset.currentText())
        except OSError as error:
            self.failed.emit(f"The preset could not be removed: {error.strerror}.")
        self._show_presets()

    def _show(self) -> None:
        self.form.set_value(self._sampling)
        stop = "\n".join(escaped(text) for text in self._sampling.stop)
        if stop != self.stop.toPlainText():
            self.stop.blockSignals(True)
            self.stop.setPlainText(stop)
            self.stop.blockSignals(False)
        self._show_presets()

    def _show_presets(self) -> None:
        """The one that is used now; a seed is no part of it."""
        names = self._presets.names(self._model)
        used = [name for name in names if self._is_used(name)]
        self.preset.clear()
        self.preset.addItems(names if used else [*names, _CHANGED])
        self.preset.setCurrentText(used[-1] if used else _CHANGED)
        self._remove.setEnabled(bool(used) and self._presets.is_own(self._model, used[-1]))

    def _is_used(self, name: str) -> bool:
        preset = self._presets.get(self._model, name)
        return preset is not None and replace(preset, seed=self._sampling.seed) == self._sampling

    def _draw(self) -> None:
        lines = self.stop.fontMetrics().lineSpacing() * _STOP_LINES
        self.stop.setFixedHeight(lines + self._theme.scaled(16))
        self._save.setIcon(self._theme.icon("save"))
        self._remove.setIcon(self._theme.icon("trash"))


def escaped(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def unescaped(line: str) -> str:
    """A backslash in front of anything else stands for itself."""
    text, letters = "", iter(line)
    for letter in letters:
        if letter != "\\":
            text += letter
            continue
        after = next(letters, "")
        text += {"n": "\n", "t": "\t", "\\": "\\"}.get(after, letter + after)
    return text
