"""A form from a settings dataclass: a row a field, with its help beside it, and its bounds kept.

Which dataclass, and what happens with what was set, is the caller's.
"""

import types
from collections.abc import Callable, Iterable
from typing import Any, Union, get_args, get_origin

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.naming import label, named
from core.spec.errors import UsageError
from core.spec.fields import Setting, from_json, settings_of, to_json

_ABBREVIATIONS = {
    "ui": "UI",
    "ram": "memory",
    "vram": "card memory",
    "mb": "(MB)",
    "ms": "(ms)",
    "fim": "FIM",
    "lora": "LoRA",
}
_FIELD_LETTERS, _NARROW_LETTERS = 26, 16
_SPIN_MARGINS = (6, 0, 0, 0)  # the style sheet's padding does not reach inside
_LARGEST_INT = 2**31 - 1  # of a spin box


class Form(QWidget):
    """`changed` tells the new instance, once all of its fields are within their bounds."""

    changed = Signal(object)

    def __init__(
        self,
        value: Any,
        parent: QWidget | None = None,
        *,
        is_narrow: bool = False,
        leave_out: Iterable[str] = (),
    ) -> None:
        """`is_narrow`: for a column in which the help stands below; what is left out keeps its value."""
        super().__init__(parent)
        self._kind, self._is_narrow = type(value), is_narrow
        self._settings = [item for item in settings_of(self._kind) if item.name not in {*leave_out}]
        self._values = to_json(value)
        self._fields: dict[str, QWidget] = {}
        self._problems: dict[str, QLabel] = {}
        self._rows: dict[str, QWidget] = {}
        self._names: dict[str, QLabel] = {}
        self._places: dict[str, QHBoxLayout] = {}
        self._wide_fields: list[QWidget] = []
        self._no_wheel = NoWheel(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        for item in self._settings:
            layout.addWidget(self._row(item))
        self.set_value(value)
        self._set_widths()

    def field(self, name: str) -> QWidget:
        return self._fields[name]

    def row(self, name: str) -> QWidget:
        return self._rows[name]

    def put_beside(self, name: str, widget: QWidget) -> None:
        """Something to help with a field, such as a button that chooses a file."""
        self._places[name].addWidget(widget, 0, Qt.AlignmentFlag.AlignTop)

    def set_value(self, value: Any) -> None:
        """Without telling that it has changed."""
        self._values = to_json(value)
        for item in self._settings:
            self._fields[item.name].blockSignals(True)
            _show(self._fields[item.name], self._values[item.name])
            self._fields[item.name].blockSignals(False)
            self._problems[item.name].hide()

    def show_only(self, words: str, of: str = "") -> bool:
        """Rows that hold all the words; whether there is any. `of`: what the form is about, which a row then
        says too, as it stands by itself."""
        wanted = words.lower().split()
        any_shown = False
        for item in self._settings:
            text = f"{of} {title(item.name)} {item.help}".lower()
            self._names[item.name].setText(f"{of}: {title(item.name)}" if of and wanted else title(item.name))
            is_shown = all(word in text for word in wanted)
            self._rows[item.name].setVisible(is_shown)
            any_shown = any_shown or is_shown
        return any_shown

    def _set_widths(self) -> None:
        for field in self._wide_fields:
            letters = _NARROW_LETTERS if self._is_narrow else _FIELD_LETTERS
            field.setFixedWidth(self.fontMetrics().averageCharWidth() * letters)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._set_widths()

    def _row(self, item: Setting) -> QWidget:
        row = QWidget(self)
        whole = QVBoxLayout(row)
        whole.setContentsMargins(0, 8, 0, 8)
        whole.setSpacing(2)
        layout = QHBoxLayout()
        layout.setSpacing(16)
        whole.addLayout(layout)
        field = _field(item, lambda value: self._take(item, value))
        if isinstance(field, QCheckBox):
            named(field, role="bare")
        else:
            self._wide_fields.append(field)
        field.setAccessibleName(title(item.name))
        field.setAccessibleDescription(item.help)
        field.installEventFilter(self._no_wheel)
        name = label(title(item.name), "heading")
        name.setBuddy(field)
        problem = label("", "danger", wraps=True)
        problem.hide()
        texts = QVBoxLayout()
        texts.setSpacing(2)
        if not self._is_narrow:
            texts.addWidget(name)
        for text in (label(f"{item.help}.", "muted", wraps=True), problem):
            texts.addWidget(text)
        if self._is_narrow:
            whole.addLayout(texts)
            layout.addWidget(name, 1)
        else:
            layout.addLayout(texts, 1)
        layout.addWidget(field, 0, Qt.AlignmentFlag.AlignTop)
        self._fields[item.name], self._problems[item.name] = field, problem
        self._names[item.name] = name
        self._rows[item.name], self._places[item.name] = row, layout
        return row

    def _take(self, item: Setting, value: Any) -> None:
        problem = self._problems[item.name]
        wanted = self._values | {item.name: value}
        try:
            instance = from_json(self._kind, wanted, "this form")
        except UsageError as error:
            problem.setText(str(error).replace(f"{item.name!r} in this form", "It"))
            problem.show()
            return
        problem.hide()
        if wanted != self._values:
            self._values = wanted
            self.changed.emit(instance)


class NoWheel(QObject):
    """The wheel moves the page, not a value that happens to lie under the pointer."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QAbstractSpinBox | QComboBox):
            event.ignore()
            return True
        return False


def title(name: str) -> str:
    """Of a field, as a person reads it: ram_mb is Memory (MB)."""
    words = [_ABBREVIATIONS.get(word, word) for word in name.split("_")]
    text = " ".join(words)
    return text[0].upper() + text[1:]


def _field(item: Setting, take: Callable[[Any], None]) -> QWidget:
    if item.type is bool:
        check = QCheckBox()
        check.toggled.connect(take)
        return check
    if item.choices:
        box = QComboBox()
        for choice in item.choices:
            box.addItem(choice.capitalize() if choice.isalpha() else choice, choice)
        box.currentIndexChanged.connect(lambda index: take(box.itemData(index)))
        return box
    if item.type is int and (item.high is None or item.high <= _LARGEST_INT):
        whole = QSpinBox()
        whole.setKeyboardTracking(False)
        whole.lineEdit().setTextMargins(*_SPIN_MARGINS)
        whole.setRange(int(item.low or 0), int(item.high if item.high is not None else _LARGEST_INT))
        whole.valueChanged.connect(take)
        return whole
    if item.type is float and item.low is not None and item.high is not None:
        return _number_field(item.low, item.high, take)
    line = QLineEdit()
    line.editingFinished.connect(lambda: take(_read(item.type, line.text())))
    return line


def _number_field(low: float, high: float, take: Callable[[Any], None]) -> QWidget:
    number = QDoubleSpinBox()
    number.setKeyboardTracking(False)
    number.lineEdit().setTextMargins(*_SPIN_MARGINS)
    number.setRange(low, high)
    span = high - low
    number.setDecimals(max(2, _decimals(low), _decimals(high)) if span <= 10 else 1)
    number.setSingleStep(0.05 if span <= 10 else 0.5)
    number.valueChanged.connect(take)
    return number


def _decimals(bound: float) -> int:
    """How many it takes to write it."""
    return len(f"{bound:.5f}".rstrip("0").partition(".")[2])


def _show(field: QWidget, value: Any) -> None:
    match field:
        case QCheckBox():
            field.setChecked(value)
        case QComboBox():
            field.setCurrentIndex(field.findData(value))
        case QSpinBox() | QDoubleSpinBox():
            field.setValue(value)
        case QLineEdit():
            field.setText(", ".join(map(str, value)) if isinstance(value, list) else str(value or ""))
            field.setCursorPosition(0)


def _read(kind: Any, text: str) -> Any:
    """What the JSON would hold. Text that cannot be read stays text, and is refused with a reason."""
    text = text.strip()
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read(arguments[0], text) if text else None
    if origin is tuple:
        return [_read(arguments[0], part.strip()) for part in text.split(",") if part.strip()]
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            return text
    return text
