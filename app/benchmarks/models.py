"""BenchModels: the list of models to measure, each with a box to tick."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from app.naming import named
from core.spec.config import ModelConfig
from core.spec.library import ModelFile
from core.spec.sizes import short_count, size_text

_PLACE = Qt.ItemDataRole.UserRole
_MOST_ROWS, _FEWEST_ROWS = 7, 2


class BenchModels(QListWidget):
    """`chosen_changed`: another set of them is ticked."""

    chosen_changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        named(self, "Models to measure", role="boxed")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._networks: dict[str, ModelConfig | None] = {}
        self.itemChanged.connect(lambda _: self.chosen_changed.emit())
        self.itemActivated.connect(_turn)
        self._set_height()

    @property
    def networks(self) -> dict[str, ModelConfig | None]:
        return self._networks

    def chosen(self) -> tuple[str, ...]:
        return tuple(
            item.data(_PLACE) for item in self._items() if item.checkState() == Qt.CheckState.Checked
        )

    def show_models(self, models: Sequence[ModelFile]) -> None:
        """What is on this disk; what was ticked or added stays."""
        self.blockSignals(True)
        for model in models:
            if model.problem is None:
                self._networks[str(model.path)] = model.network
                self._add(str(model.path), _title(model), str(model.path))
        self.blockSignals(False)
        self._set_height()
        self.chosen_changed.emit()

    def choose(self, names: Iterable[str], *, only: bool = False) -> None:
        """Paths, or names of runs, which stand for what they have learnt."""
        wanted = list(names)
        self.blockSignals(True)
        for name in wanted:
            self._add(name, Path(name).name or name, name)
        for item in self._items():
            if item.data(_PLACE) in wanted:
                item.setCheckState(Qt.CheckState.Checked)
                self.scrollToItem(item)
            elif only:
                item.setCheckState(Qt.CheckState.Unchecked)
        self.blockSignals(False)
        self._set_height()
        self.chosen_changed.emit()

    def _add(self, place: str, title: str, tip: str) -> None:
        if any(item.data(_PLACE) == place for item in self._items()):
            return
        item = QListWidgetItem(title)
        item.setData(_PLACE, place)
        item.setToolTip(tip)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Unchecked)
        self.addItem(item)

    def _items(self) -> list[QListWidgetItem]:
        return [self.item(row) for row in range(self.count())]

    def _set_height(self) -> None:
        """As many rows as there are, within reason."""
        rows = min(max(self.count(), _FEWEST_ROWS), _MOST_ROWS)
        row = self.sizeHintForRow(0) if self.count() else self.fontMetrics().height() + 8
        self.setFixedHeight(rows * row + 2 * self.frameWidth())


def _title(model: ModelFile) -> str:
    weights = f"{short_count(model.parameters)} weights, " if model.parameters else ""
    return f"{model.name}  ({weights}{size_text(model.size_bytes)})"


def _turn(item: QListWidgetItem) -> None:
    is_chosen = item.checkState() == Qt.CheckState.Checked
    item.setCheckState(Qt.CheckState.Unchecked if is_chosen else Qt.CheckState.Checked)
