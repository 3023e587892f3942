"""AdapterPanel: what a run has taught the model in use, with a slider for how much of it counts.

The engine merges it as it reads the weights, so another strength loads the model again: told once the slider
is let go.
"""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QSlider, QVBoxLayout, QWidget

from app.naming import label, named
from app.theme import Theme
from app.wording import place_text

_STEPS, _MOST = 100, 200  # of a strength of 1; twice as strong as it was learnt is as far as makes sense
_SNAP = 5


class AdapterPanel(QWidget):
    """`adapter_requested`: a folder, empty for none, and a strength. `choice_requested`: a person wants to
    choose a folder."""

    adapter_requested = Signal(str, float)
    choice_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._folder = ""
        self._kept = ""  # one that is turned off can be turned on again
        self._on = QCheckBox("Use what a run has taught it", self)
        self._on.toggled.connect(self._turn)
        self._where = label("", "muted", wraps=True)
        self._choose = named(QPushButton("Choose…", self), "Choose an adapter")
        self._choose.clicked.connect(lambda _=False: self.choice_requested.emit())
        self._slider = named(QSlider(Qt.Orientation.Horizontal, self), "Strength of the adapter")
        self._slider.setRange(0, _MOST)
        self._slider.setSingleStep(_SNAP)
        self._slider.setPageStep(5 * _SNAP)
        self._slider.valueChanged.connect(self._show_strength)
        self._slider.sliderReleased.connect(self._tell)
        self._slider.actionTriggered.connect(self._tell_by_key)
        self._strength = label("", "muted")
        self._strength.setMinimumWidth(theme.scaled(40))
        top = QHBoxLayout()
        top.addWidget(self._on, 1)
        top.addWidget(self._choose)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(label("Strength", "muted"))
        row.addWidget(self._slider, 1)
        row.addWidget(self._strength)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(label("Adapter", "heading"))
        layout.addLayout(top)
        layout.addWidget(self._where)
        layout.addLayout(row)
        self.show_adapter("", 1.0)

    def show_adapter(self, folder: str, strength: float) -> None:
        """As the settings have it."""
        self._folder = folder
        self._kept = folder or self._kept
        for widget in (self._on, self._slider):
            widget.blockSignals(True)
        self._on.setChecked(bool(folder))
        self._on.setEnabled(bool(self._kept))
        self._slider.setValue(round(strength * _STEPS))
        for widget in (self._on, self._slider):
            widget.blockSignals(False)
        self._slider.setEnabled(bool(folder))
        self._where.setText(
            place_text(self._kept)
            if self._kept
            else "None yet: Train makes one, or choose a folder in PEFT's format."
        )
        self._show_strength()

    @property
    def strength(self) -> float:
        return self._slider.value() / _STEPS

    def take(self, folder: Path) -> None:
        """One that a person has chosen."""
        self.adapter_requested.emit(str(folder), self.strength)

    def _turn(self, is_on: bool) -> None:
        self.adapter_requested.emit(self._kept if is_on else "", self.strength)

    def _show_strength(self) -> None:
        self._strength.setText(f"{self._slider.value()} %")

    def _tell(self) -> None:
        if self._folder:
            self.adapter_requested.emit(self._folder, self.strength)

    def _tell_by_key(self) -> None:
        """The value is the new one once Qt is done with the key; while it is dragged nothing is told."""
        if not self._slider.isSliderDown():
            self._slider.setValue(self._slider.sliderPosition())
            self._tell()
